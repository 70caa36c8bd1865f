// exp, log, tanh, ... over Vec. float64 goes through the C library, lane by lane.
#pragma once
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

#define PYNN_PER_LANE(name)                                                            \
  PYNN_INLINE Vec<double> name(Vec<double> x) {                                        \
    for (int i = 0; i < Vec<double>::lanes; ++i) x.v[i] = __builtin_##name(x.v[i]);    \
    return x;                                                                          \
  }                                                                                    \
  PYNN_INLINE Vec<float> name(Vec<float> x) {                                          \
    for (int i = 0; i < Vec<float>::lanes; ++i) x.v[i] = __builtin_##name##f(x.v[i]);  \
    return x;                                                                          \
  }
PYNN_PER_LANE(exp)
PYNN_PER_LANE(expm1)
PYNN_PER_LANE(log)
PYNN_PER_LANE(log1p)
PYNN_PER_LANE(tanh)
PYNN_PER_LANE(erf)
#undef PYNN_PER_LANE

template <class T>
PYNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> one = set1(T(1)), e = exp(-abs(x));
  return select(x < zero<T>(), e, one) / (one + e);
}

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
