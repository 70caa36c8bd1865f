// The reduction kernels of one ISA: four accumulators, so that additions do not wait for each other.
#pragma once
#include "kernels/reduction/floats.h"
#include "kernels/reduction/integers.h"
#include "kernels/reduction/places.h"
#include "kernels/reduction/reduction.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace reduction {

using ::pynn::reduction::Table;

typedef Vec<float> V;
constexpr int kLanes = V::lanes;

// The sum of term(i, lanes) over vectors that start at element i; the last may have fewer lanes, others zero.
template <class Full, class Tail>
PYNN_INLINE float total(int64_t n, const Full& full, const Tail& tail) {
  V a = zero<float>(), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a = a + full(i);
    b = b + full(i + kLanes);
    c = c + full(i + 2 * kLanes);
    d = d + full(i + 3 * kLanes);
  }
  for (; i + kLanes <= n; i += kLanes) a = a + full(i);
  if (i < n) b = b + tail(i, int(n - i));
  return reduce_add((a + b) + (c + d));
}

float squared_error(int64_t n, const float* x, const float* y) {
  return total(
      n,
      [x, y](int64_t i) {
        const V d = load(x + i) - load(y + i);
        return d * d;
      },
      [x, y](int64_t i, int left) {
        const V d = load_n(x + i, left) - load_n(y + i, left);
        return d * d;
      });
}

void scaled_difference(int64_t n, const float* x, const float* y, float scale, float* out) {
  const V by = set1(scale);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, (load(x + i) - load(y + i)) * by);
  if (i < n) {
    const int left = int(n - i);
    store_n(out + i, (load_n(x + i, left) - load_n(y + i, left)) * by, left);
  }
}

extern const Table table;
const Table table = {PYNN_ISA_NAME,
                     squared_error,
                     scaled_difference,
                     float_panels<float>(),
                     float_panels<double>(),
                     integer_panels<uint8_t>(),
                     integer_panels<int8_t>(),
                     integer_panels<int16_t>(),
                     integer_panels<int32_t>(),
                     integer_panels<int64_t>(),
                     float_kernels<float>(),
                     float_kernels<double>()};

}  // namespace reduction
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
