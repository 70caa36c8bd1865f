// The GPU's padding, emulated, against the CPU's.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "cuda/types.h"
#include "kernels/pad/cuda.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

struct Case {
  int ndim;
  int64_t in[4], before[4], after[4];
};
const Case kCases[] = {
    {1, {5}, {2}, {3}},
    {4, {2, 3, 6, 5}, {0, 0, 1, 2}, {0, 0, 3, 4}},
    {3, {2, 4, 3}, {1, 0, 2}, {1, 0, 1}},
    {2, {6, 7}, {-2, 3}, {1, -1}},
    {2, {4, 5}, {-1, -4}, {-2, 2}},
    {3, {0, 4, 3}, {0, 1, 1}, {0, 1, 1}},
    {4, {2, 3, 1, 4}, {0, 0, 0, 3}, {0, 0, 0, 0}},
    {2, {3, 1000}, {1, 0}, {0, 0}},
};

void lengths(const Case& c, int64_t* out, int64_t* elements, int64_t* padded) {
  *elements = *padded = 1;
  for (int d = 0; d < c.ndim; ++d) {
    out[d] = c.in[d] + c.before[d] + c.after[d];
    *elements *= c.in[d];
    *padded *= out[d];
  }
}

bool fits(const Case& c, pynn_pad_mode mode) {
  for (int d = 0; d < c.ndim; ++d) {
    for (const int64_t n : {c.before[d], c.after[d]}) {
      if (mode == PYNN_PAD_REFLECT && n >= c.in[d]) return false;
      if (mode == PYNN_PAD_CIRCULAR && n > c.in[d]) return false;
      if (mode != PYNN_PAD_CONSTANT && c.in[d] == 0 && n > 0) return false;
    }
  }
  return true;
}

// x's dimensions lie in memory in reverse order where `turned`.
template <class T>
void test_case(const Case& c, pynn_pad_mode mode, bool turned) {
  int64_t out[4], elements, padded, steps[4], bytes[4];
  lengths(c, out, &elements, &padded);
  Random random{uint64_t(mode) * 8 + uint64_t(c.ndim)};
  std::vector<T> x(static_cast<size_t>(elements)), dy(static_cast<size_t>(padded));
  for (T& value : x) value = T(random.normal() * 50);
  for (T& value : dy) value = T(random.normal() * 50);
  cuda::PadShape shape = {};
  shape.mode = mode;
  shape.ndim = c.ndim;
  int64_t step = 1;
  for (int i = 0; i < c.ndim; ++i) {
    const int d = turned ? i : c.ndim - 1 - i;
    steps[d] = step;
    bytes[d] = step * int64_t(sizeof(T));
    step *= c.in[d];
  }
  for (int d = 0; d < c.ndim; ++d) {
    shape.in[d] = c.in[d];
    shape.before[d] = c.before[d];
    shape.after[d] = c.after[d];
    shape.step[d] = steps[d];
  }
  const int dtype = sizeof(T) == 1 ? PYNN_UINT8 : sizeof(T) == 2 ? PYNN_INT16 : dtype_of<T>;
  const T value = T(7);
  std::vector<T> expected(dy.size()), found(dy.size());
  const pynn_array from = {x.data(), c.in, bytes, c.ndim, dtype};
  pynn_array to = {expected.data(), out, nullptr, c.ndim, dtype};
  for (const void* fill : {static_cast<const void*>(nullptr), static_cast<const void*>(&value)}) {
    CHECK_EQ(pynn_pad(mode, c.before, c.after, fill, &from, &to), PYNN_OK);
    CHECK_OK(cuda::pad(shape, sizeof(T), fill, x.data(), found.data(), nullptr));
    CHECK(found == expected);
  }
  if constexpr (sizeof(T) >= 4) {
    if (mode == PYNN_PAD_CONSTANT || turned) return;
    std::vector<T> expected_dx(x.size()), dx(x.size());
    const pynn_array grad = {dy.data(), out, nullptr, c.ndim, dtype};
    pynn_array back = {expected_dx.data(), c.in, nullptr, c.ndim, dtype};
    CHECK_EQ(pynn_pad_backward(mode, c.before, c.after, &grad, &back), PYNN_OK);
    CHECK_OK(cuda::pad_backward<T>(shape, dy.data(), dx.data(), nullptr));
    CHECK(dx == expected_dx);
  }
}

template <class T>
void test_all() {
  for (const Case& c : kCases) {
    for (int mode = 0; mode < PYNN_PAD_COUNT; ++mode) {
      if (!fits(c, pynn_pad_mode(mode))) continue;
      test_case<T>(c, pynn_pad_mode(mode), false);
      test_case<T>(c, pynn_pad_mode(mode), true);
    }
  }
}

void test_scalar() {
  const float x = 3;
  float y = 0;
  cuda::PadShape shape = {};
  CHECK_OK(cuda::pad(shape, 4, nullptr, &x, &y, nullptr));
  CHECK_EQ(y, 3);
}

}  // namespace

int main() {
  for_each_order([] {
    test_all<float>();
    test_all<double>();
    test_all<int16_t>();
    test_all<uint8_t>();
    test_scalar();
  });
  return summary();
}
