// The functions that csrc/kernels/{elementwise,pointwise}/ops.h are written in, over one element instead of a vector:
// one table of formulas serves the CPU and the GPU. Include it before ops.h.
//
// min, max, select and fma mean what simd/vec.h says; functions are CUDA's own, at most 2 ulp off but for those of
// its documentation that say more.
#pragma once
#include "cuda/types.h"

#define PYNN_CUDA_MATH
#define PYNN_ISA_NAMESPACE device
#define PYNN_INLINE PYNN_DEVICE

namespace pynn {
namespace device {

template <class T>
using Vec = T;

template <class T>
PYNN_DEVICE T set1(T x) {
  return x;
}
template <class T>
PYNN_DEVICE T zero() {
  return T(0);
}
template <class T>
PYNN_DEVICE T select(bool which, T yes, T no) {
  return which ? yes : no;
}
template <class T>
PYNN_DEVICE T min(T a, T b) {
  return a < b ? a : b;
}
template <class T>
PYNN_DEVICE T max(T a, T b) {
  return a > b ? a : b;
}

#define PYNN_MATH_1(name, single, whole)                     \
  PYNN_DEVICE float name(float x) { return ::single(x); }    \
  PYNN_DEVICE double name(double x) { return ::whole(x); }
#define PYNN_MATH_2(name, single, whole)                                      \
  PYNN_DEVICE float name(float x, float y) { return ::single(x, y); }         \
  PYNN_DEVICE double name(double x, double y) { return ::whole(x, y); }
PYNN_MATH_1(abs, fabsf, fabs)
PYNN_MATH_1(sqrt, sqrtf, sqrt)
PYNN_MATH_1(floor, floorf, floor)
PYNN_MATH_1(ceil, ceilf, ceil)
PYNN_MATH_1(trunc, truncf, trunc)
PYNN_MATH_1(round_even, rintf, rint)
PYNN_MATH_1(exp, expf, exp)
PYNN_MATH_1(exp2, exp2f, exp2)
PYNN_MATH_1(expm1, expm1f, expm1)
PYNN_MATH_1(expm1_negative, expm1f, expm1)
PYNN_MATH_1(log, logf, log)
PYNN_MATH_1(log2, log2f, log2)
PYNN_MATH_1(log10, log10f, log10)
PYNN_MATH_1(log1p, log1pf, log1p)
PYNN_MATH_1(log1p_unit, log1pf, log1p)
PYNN_MATH_1(sin, sinf, sin)
PYNN_MATH_1(cos, cosf, cos)
PYNN_MATH_1(tan, tanf, tan)
PYNN_MATH_1(asin, asinf, asin)
PYNN_MATH_1(acos, acosf, acos)
PYNN_MATH_1(atan, atanf, atan)
PYNN_MATH_1(sinh, sinhf, sinh)
PYNN_MATH_1(cosh, coshf, cosh)
PYNN_MATH_1(tanh, tanhf, tanh)
PYNN_MATH_1(erf, erff, erf)
PYNN_MATH_2(copysign, copysignf, copysign)
PYNN_MATH_2(fmod, fmodf, fmod)
PYNN_MATH_2(pow, powf, pow)
#undef PYNN_MATH_1
#undef PYNN_MATH_2
PYNN_DEVICE float fma(float x, float y, float z) { return ::fmaf(x, y, z); }
PYNN_DEVICE double fma(double x, double y, double z) { return ::fma(x, y, z); }

template <class T>
PYNN_DEVICE T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}
// log(1 + exp(x)), without overflow.
template <class T>
PYNN_DEVICE T softplus(T x) {
  return max(T(0), x) + log1p(exp(-abs(x)));
}
PYNN_DEVICE float exp_bounded(float x) { return ::expf(x); }
// exp(x^2 / 2) times the normal distribution's integral from x to infinity.
PYNN_DEVICE float normal_tail(float x) { return 0.5f * ::erfcxf(x * 0.707106781186547524f); }

}  // namespace device
}  // namespace pynn
