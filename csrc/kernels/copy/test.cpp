// Copies of random shapes, permuted, reversed, spread out and broadcast, and joined rows, against one element at a time.
#include <algorithm>
#include <vector>

#include "base/testing.h"

using namespace pynn::testing;

namespace {

template <class T>
void check(Random& random, int dtype, int64_t longest) {
  const int ndim = int(random.below(5));
  int64_t shape[5], strides[5], order[5] = {0, 1, 2, 3, 4}, size = 1, room = 1, first = 0;
  for (int i = 0; i < ndim; ++i) {
    shape[i] = random.below(12) == 0 ? random.below(2) : 1 + random.below(longest);
    size *= shape[i];
    std::swap(order[i], order[random.below(i + 1)]);
  }
  for (int i = 0; i < ndim; ++i) {  // in the order of memory, innermost first
    const int d = int(order[i]);
    const bool reversed = random.below(4) == 0, spread = random.below(6) == 0;
    if (random.below(8) == 0) {
      strides[d] = 0;
      continue;
    }
    room *= spread ? 2 : 1;
    strides[d] = room * int64_t(sizeof(T));
    if (reversed && shape[d] > 0) {
      first += (shape[d] - 1) * room;
      strides[d] = -strides[d];
    }
    room *= std::max<int64_t>(shape[d], 1);
  }
  Guarded<T> x(room), out(size);
  for (int64_t i = 0; i < room; ++i) x[i] = T(random.bits());
  const pynn_array a = {x.data() + first, shape, strides, int32_t(ndim), int32_t(dtype)};
  pynn_array y = {out.data(), shape, nullptr, int32_t(ndim), int32_t(dtype)};
  CHECK_EQ(pynn_copy(&a, &y), PYNN_OK);
  bool same = true;
  for (int64_t i = 0; i < size; ++i) {
    int64_t rest = i, at = first;
    for (int d = ndim - 1; d >= 0; --d) {
      at += rest % shape[d] * (strides[d] / int64_t(sizeof(T)));
      rest /= shape[d];
    }
    same = same && out[i] == x[at];
  }
  CHECK(same);
  CHECK(x.intact() && out.intact());
}

void check_join(Random& random, int64_t longest) {
  const int64_t rows = random.below(9), parts = random.below(6);
  std::vector<std::vector<uint8_t>> x;
  std::vector<const void*> data;
  std::vector<int64_t> bytes, steps;
  int64_t width = 0;
  for (int64_t i = 0; i < parts; ++i) {
    bytes.push_back(random.below(3) == 0 ? int64_t(1) << random.below(5) : random.below(longest));
    steps.push_back(bytes.back() + random.below(3) * random.below(40));
    x.emplace_back(size_t(rows * steps.back()));
    for (uint8_t& v : x.back()) v = uint8_t(random.bits());
    data.push_back(x.back().data());
    width += bytes.back();
  }
  Guarded<uint8_t> out(rows * width);
  CHECK_EQ(pynn_join(rows, parts, data.data(), bytes.data(), steps.data(), out.data()), PYNN_OK);
  bool same = true;
  for (int64_t r = 0, at = 0; r < rows; ++r) {
    for (int64_t i = 0; i < parts; ++i) {
      for (int64_t b = 0; b < bytes[size_t(i)]; ++b, ++at) {
        same = same && out[at] == x[size_t(i)][size_t(r * steps[size_t(i)] + b)];
      }
    }
  }
  CHECK(same);
  CHECK(out.intact());
}

}  // namespace

int main() {
  fuzz([](Random& random) {
    check_join(random, 60);
    check_join(random, 90000);
    check<uint32_t>(random, PYNN_FLOAT32, 40);
    check<uint64_t>(random, PYNN_INT64, 9);
    check<uint16_t>(random, PYNN_INT16, 9);
    check<uint8_t>(random, PYNN_BOOL, 9);
  });
  const int64_t shape[] = {2}, other[] = {3}, gap[] = {8};
  float x[2] = {1, 2}, out[4];
  pynn_array a = {x, shape, nullptr, 1, PYNN_FLOAT32}, y = {out, other, nullptr, 1, PYNN_FLOAT32};
  CHECK_EQ(pynn_copy(&a, &y), PYNN_INVALID);
  CHECK(says("shape (2,)"));
  y.shape = shape;
  y.strides = gap;
  CHECK_EQ(pynn_copy(&a, &y), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_copy(nullptr, &y), PYNN_INVALID);
  const void* parts[] = {x, nullptr};
  const int64_t bytes[] = {4, 4}, negative[] = {4, -4};
  CHECK_EQ(pynn_join(1, 2, parts, bytes, bytes, out), PYNN_INVALID);
  CHECK_EQ(pynn_join(1, 2, parts, negative, bytes, out), PYNN_INVALID);
  CHECK(says("-4 bytes"));
  CHECK_EQ(pynn_join(-1, 2, parts, bytes, bytes, out), PYNN_INVALID);
  return summary();
}
