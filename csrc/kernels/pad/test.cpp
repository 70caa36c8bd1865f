// Padding against its definition, element by element: every mode, dtype size, layout and rank.
#include <vector>

#include "base/pool.h"
#include "base/sizes.h"
#include "base/testing.h"
#include "kernels/pad/pad.h"

namespace {

using namespace pynn::testing;
using pynn::least;

struct Case {
  int ndim;
  int64_t in[5], before[5], after[5];
  pynn_pad_mode mode;
  int64_t out(int d) const { return in[d] + before[d] + after[d]; }
  int64_t in_count() const {
    int64_t n = 1;
    for (int d = 0; d < ndim; ++d) n *= in[d];
    return n;
  }
  int64_t out_count() const {
    int64_t n = 1;
    for (int d = 0; d < ndim; ++d) n *= out(d);
    return n;
  }
};

// The element of x that output i shows, -1 where none does.
int64_t source(const Case& k, int64_t i) {
  int64_t at[5], sum = 0;
  for (int d = k.ndim - 1; d >= 0; --d) {
    at[d] = i % k.out(d) - k.before[d];
    i /= k.out(d);
  }
  for (int d = 0; d < k.ndim; ++d) {
    const int64_t n = k.in[d];
    int64_t p = at[d];
    if (p < 0 || p >= n) {
      if (k.mode == PYNN_PAD_CONSTANT) return -1;
      if (k.mode == PYNN_PAD_REPLICATE) p = p < 0 ? 0 : n - 1;
      if (k.mode == PYNN_PAD_CIRCULAR) p = (p + n) % n;
      if (k.mode == PYNN_PAD_REFLECT) p = p < 0 ? -p : 2 * (n - 1) - p;
    }
    sum = sum * n + p;
  }
  return sum;
}

// layout: 0 contiguous, 1 the last two dimensions swapped in memory, 2 rows with gaps, 3 every second
// element.
template <class E>
void check_forward(const Case& k, int dtype, int layout) {
  int64_t steps[5] = {}, step = layout == 3 ? 2 : 1;
  for (int i = k.ndim - 1; i >= 0; --i) {
    const int d = layout == 1 && k.ndim >= 2 && i >= k.ndim - 2 ? 2 * k.ndim - 3 - i : i;
    steps[d] = step;
    step *= k.in[d] + (layout == 2 && i == k.ndim - 1 ? 3 : 0);
  }
  Guarded<E> x(step), y(k.out_count());
  std::vector<E> values(size_t(k.in_count()));
  int64_t bytes[5], shape[5];
  for (int d = 0; d < k.ndim; ++d) {
    bytes[d] = steps[d] * int64_t(sizeof(E));
    shape[d] = k.out(d);
  }
  for (int64_t i = 0; i < k.in_count(); ++i) {
    values[size_t(i)] = E(i * 7 + 1);
    int64_t at = 0, rest = i;
    for (int d = k.ndim - 1; d >= 0; --d) {
      at += rest % k.in[d] * steps[d];
      rest /= k.in[d];
    }
    x[at] = values[size_t(i)];
  }
  const E fill = E(99);
  const pynn_array xa = {x.data(), k.in, bytes, k.ndim, dtype};
  pynn_array ya = {y.data(), shape, nullptr, k.ndim, dtype};
  for (const void* value : {static_cast<const void*>(&fill), static_cast<const void*>(nullptr)}) {
    CHECK_EQ(int(pynn_pad(k.mode, k.before, k.after, value, &xa, &ya)), int(PYNN_OK));
    int64_t wrong = 0;
    for (int64_t i = 0; i < k.out_count(); ++i) {
      const int64_t from = source(k, i);
      wrong += y[i] != (from >= 0 ? values[size_t(from)] : value ? fill : E(0));
    }
    CHECK_EQ(wrong, 0);
    CHECK(y.intact() && x.intact());
  }
}

template <class T>
void check_backward(const Case& k) {
  Guarded<T> dy(k.out_count()), dx(k.in_count());
  std::vector<double> expected(size_t(k.in_count()));
  for (int64_t i = 0; i < k.out_count(); ++i) {
    dy[i] = T(i % 11) - T(4);  // sums of them are exact
    expected[size_t(source(k, i))] += double(dy[i]);
  }
  for (int64_t i = 0; i < k.in_count(); ++i) dx[i] = std::numeric_limits<T>::quiet_NaN();
  int64_t shape[5];
  for (int d = 0; d < k.ndim; ++d) shape[d] = k.out(d);
  const pynn_array dya = {dy.data(), shape, nullptr, k.ndim, dtype_of<T>};
  pynn_array dxa = {dx.data(), k.in, nullptr, k.ndim, dtype_of<T>};
  CHECK_EQ(int(pynn_pad_backward(k.mode, k.before, k.after, &dya, &dxa)), int(PYNN_OK));
  int64_t wrong = 0;
  for (int64_t i = 0; i < k.in_count(); ++i) wrong += double(dx[i]) != expected[size_t(i)];
  CHECK_EQ(wrong, 0);
  CHECK(dx.intact() && dy.intact());
}

void check_case(const Case& k) {
  for (int layout = 0; layout < 4; ++layout) {
    check_forward<float>(k, PYNN_FLOAT32, layout);
    check_forward<int64_t>(k, PYNN_INT64, layout);
    check_forward<int16_t>(k, PYNN_INT16, layout);
    check_forward<uint8_t>(k, PYNN_UINT8, layout);
  }
  if (k.mode != PYNN_PAD_CONSTANT) {
    check_backward<float>(k);
    check_backward<double>(k);
  }
}

Case random_case(Random& random) {
  Case k;
  k.ndim = int(random.below(6));
  k.mode = pynn_pad_mode(random.below(4));
  for (int d = 0; d < k.ndim; ++d) {
    const int64_t n = k.in[d] = 1 + random.below(9);
    const int64_t most = k.mode == PYNN_PAD_REFLECT ? n : k.mode == PYNN_PAD_CIRCULAR ? n + 1 : 6;
    k.before[d] = random.below(2) ? 0 : random.below(most);
    k.after[d] = random.below(2) ? 0 : random.below(most);
    if (random.below(6) == 0) k.before[d] = -random.below(n);
    if (k.before[d] + n > 1 && random.below(6) == 0) k.after[d] = -random.below(least(n, k.before[d] + n));
  }
  return k;
}

void test_errors() {
  float data[64] = {};
  const int64_t shape[] = {2, 3}, grown[] = {2, 6}, before[] = {0, 3}, none[] = {0, 0};
  const pynn_array x = {data, shape, nullptr, 2, PYNN_FLOAT32};
  pynn_array y = {data, grown, nullptr, 2, PYNN_FLOAT32}, ints = {data, grown, nullptr, 2, PYNN_INT32};
  CHECK_EQ(int(pynn_pad(PYNN_PAD_REFLECT, before, none, nullptr, &x, &y)), int(PYNN_INVALID));
  CHECK(says("(3, 0)") && says("(2, 3)"));
  CHECK_EQ(int(pynn_pad(PYNN_PAD_CIRCULAR, before, none, nullptr, &x, &ints)), int(PYNN_UNSUPPORTED));
  CHECK_EQ(int(pynn_pad(PYNN_PAD_CONSTANT, none, none, nullptr, &x, &y)), int(PYNN_INVALID));
  CHECK(says("(2, 6)"));
  CHECK_EQ(int(pynn_pad(PYNN_PAD_CONSTANT, nullptr, none, nullptr, &x, &y)), int(PYNN_INVALID));
  CHECK_EQ(int(pynn_pad(pynn_pad_mode(9), before, none, nullptr, &x, &y)), int(PYNN_INVALID));
  pynn_array dx = x;
  CHECK_EQ(int(pynn_pad_backward(PYNN_PAD_CONSTANT, before, none, &y, &dx)), int(PYNN_INVALID));
}

}  // namespace

int main() {
  const Case cases[] = {
      {0, {}, {}, {}, PYNN_PAD_CONSTANT},
      {1, {5}, {2}, {3}, PYNN_PAD_CONSTANT},
      {2, {3, 40}, {1, 2}, {0, 3}, PYNN_PAD_REFLECT},
      {3, {2, 3, 100}, {0, 1, 5}, {0, 2, 7}, PYNN_PAD_REPLICATE},
      {4, {2, 3, 20, 21}, {0, 0, 3, 21}, {0, 0, 4, 2}, PYNN_PAD_CIRCULAR},
      {4, {2, 3, 4, 5}, {0, 2, 0, 0}, {0, 1, 0, 0}, PYNN_PAD_CONSTANT},
      {3, {2, 3, 4}, {0, -1, 5}, {0, 2, -3}, PYNN_PAD_CONSTANT},
      {3, {2, 0, 4}, {0, 1, 0}, {0, 2, 0}, PYNN_PAD_CONSTANT},
      {5, {40, 20, 6, 7, 8}, {0, 0, 1, 1, 1}, {0, 0, 1, 1, 1}, PYNN_PAD_CONSTANT},
      {4, {30, 20, 9, 9}, {0, 0, 2, 2}, {0, 0, 2, 2}, PYNN_PAD_REFLECT},
  };
  for (const int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    for (const Case& k : cases) check_case(k);
  }
  fuzz([](Random& random) { check_case(random_case(random)); });
  test_errors();
  return summary();
}
