// The GPU's scans, emulated, against the CPU's.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/scan/cuda.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

const cuda::ScanShape kShapes[] = {{3, 40, 1}, {2, 1500, 1}, {1, 5001, 1}, {2, 37, 3},   {1, 300, 20}, {3, 65, 16},
                                   {1, 1, 1},  {0, 4, 2},    {2, 0, 3},    {300, 5, 1}, {1, 4097, 2}};

template <class T>
std::vector<T> filled(int64_t n, uint64_t seed, bool ties) {
  Random random(seed);
  std::vector<T> values(static_cast<size_t>(n));
  for (T& value : values) value = ties ? T(random.below(6)) : T(random.normal());
  return values;
}

template <class T>
struct Arrays {
  Arrays(const cuda::ScanShape& s) : shape{s.outer, s.n, s.inner} {}
  pynn_array of(const std::vector<T>& x) const { return {const_cast<T*>(x.data()), shape, nullptr, 3, dtype_of<T>}; }
  int64_t shape[3];
};

template <class T>
void check_close(const std::vector<T>& found, const std::vector<T>& expected, double relative) {
  bool close = true;
  for (size_t i = 0; i < found.size(); ++i) {
    const double a = double(found[i]), b = double(expected[i]);
    close = close && ((std::isnan(a) && std::isnan(b)) || a == b || std::fabs(a - b) <= relative * (1 + std::fabs(b)));
  }
  CHECK(close);
}

template <class T>
void test_shape(const cuda::ScanShape& s) {
  const double eps = sizeof(T) == 4 ? 1e-5 : 1e-12;
  const int64_t n = s.outer * s.n * s.inner;
  const Arrays<T> arrays(s);
  std::vector<T> x = filled<T>(n, 1, false);
  const std::vector<T> dy = filled<T>(n, 2, false);
  Guarded<char> scratch((cuda::scan_bytes(s) + 15) / 16 * 16);
  std::vector<T> expected(x.size()), found(x.size());
  const pynn_array grad = arrays.of(dy);
  for (const pynn_scan_op op : {PYNN_SCAN_SUM, PYNN_SCAN_PROD, PYNN_SCAN_LOGSUMEXP}) {
    for (T& value : x) {
      if (op == PYNN_SCAN_PROD) value = T(value < 0 ? -1 : 1) * (T(1) + T(0.001) * value);
    }
    if (op == PYNN_SCAN_PROD && n > 5) x[5] = 0;
    const pynn_array from = arrays.of(x);
    for (const bool reverse : {false, true}) {
      pynn_array to = arrays.of(expected);
      CHECK_EQ(pynn_scan(op, reverse, &from, 1, &to), PYNN_OK);
      CHECK_OK(cuda::scan<T>(op, reverse, s, x.data(), found.data(), scratch.data(), nullptr));
      check_close(found, expected, eps);
    }
    std::vector<T> out(x.size()), expected_dx(x.size()), dx(x.size());
    pynn_array result = arrays.of(out), back = arrays.of(expected_dx);
    CHECK_EQ(pynn_scan(op, 0, &from, 1, &result), PYNN_OK);
    CHECK_EQ(pynn_scan_backward(op, op == PYNN_SCAN_SUM ? nullptr : &from,
                                op == PYNN_SCAN_LOGSUMEXP ? &result : nullptr, &grad, 1, &back),
             PYNN_OK);
    if (op == PYNN_SCAN_SUM) {
      CHECK_OK(cuda::scan<T>(op, true, s, dy.data(), dx.data(), scratch.data(), nullptr));
    } else if (op == PYNN_SCAN_PROD) {
      CHECK_OK(cuda::scan_product_backward<T>(s, x.data(), dy.data(), dx.data(), scratch.data(), nullptr));
    } else {
      CHECK_OK(cuda::scan_logsumexp_backward<T>(s, x.data(), out.data(), dy.data(), dx.data(), scratch.data(), nullptr));
    }
    check_close(dx, expected_dx, 4 * eps);
  }
  for (const bool ties : {false, true}) {
    x = filled<T>(n, 3, ties);
    if (n > 30) x[20] = x[25] = T(NAN);
    const pynn_array from = arrays.of(x);
    for (const bool smallest : {false, true}) {
      std::vector<int64_t> expected_places(x.size()), places(x.size());
      pynn_array to = arrays.of(expected);
      CHECK_EQ(pynn_scan_extreme(smallest, &from, 1, &to, expected_places.data()), PYNN_OK);
      CHECK_OK(cuda::scan_extreme<T>(smallest, s, x.data(), found.data(), places.data(), scratch.data(), nullptr));
      check_close(found, expected, 0);
      CHECK(places == expected_places);
    }
  }
  CHECK(scratch.intact());
}

}  // namespace

int main() {
  for_each_order([] {
    for (const cuda::ScanShape& shape : kShapes) {
      test_shape<float>(shape);
      test_shape<double>(shape);
    }
  });
  return summary();
}
