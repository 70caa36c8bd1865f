// What every pointwise operation does to one element; loops over them are left to the compiler's vectoriser.
#pragma once
#if !defined(PYNN_CUDA_MATH)  // on a GPU: cuda/math.h
#include "simd/math.h"
#endif

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace pointwise {

// Signed arithmetic that wraps around.
template <class T, bool kFloat = (T(0.5) != T(0))>
struct Arithmetic {
  typedef T Wide;
};
template <>
struct Arithmetic<uint8_t, false> {
  typedef uint32_t Wide;
};
template <>
struct Arithmetic<int8_t, false> {
  typedef uint32_t Wide;
};
template <>
struct Arithmetic<int16_t, false> {
  typedef uint32_t Wide;
};
template <>
struct Arithmetic<int32_t, false> {
  typedef uint32_t Wide;
};
template <>
struct Arithmetic<int64_t, false> {
  typedef uint64_t Wide;
};
#define PYNN_WRAP(x) typename Arithmetic<T>::Wide(x)

#define PYNN_ONE(Name, Result, ...)              \
  struct Name {                                  \
    template <class T>                           \
    static PYNN_INLINE Result run(T a) {         \
      return Result(__VA_ARGS__);                \
    }                                            \
  };
#define PYNN_TWO(Name, Result, ...)              \
  struct Name {                                  \
    template <class T>                           \
    static PYNN_INLINE Result run(T a, T b) {    \
      __VA_ARGS__;                               \
    }                                            \
  };

PYNN_ONE(Neg, T, PYNN_WRAP(0) - PYNN_WRAP(a))
PYNN_ONE(Abs, T, a < 0 ? PYNN_WRAP(0) - PYNN_WRAP(a) : PYNN_WRAP(a))
PYNN_ONE(Sign, T, (a > 0) - (a < 0))
PYNN_ONE(Square, T, PYNN_WRAP(a) * PYNN_WRAP(a))
PYNN_ONE(Copy, T, a)
PYNN_ONE(BitwiseNot, T, ~a)
PYNN_ONE(LogicalNot, bool, a == 0)
PYNN_ONE(IsNan, bool, a != a)
PYNN_ONE(IsInf, bool, (a < 0 ? -a : a) == T(__builtin_inf()))
PYNN_ONE(IsFinite, bool, (a < 0 ? -a : a) < T(__builtin_inf()))

PYNN_TWO(Add, T, return T(PYNN_WRAP(a) + PYNN_WRAP(b)))
PYNN_TWO(Sub, T, return T(PYNN_WRAP(a) - PYNN_WRAP(b)))
PYNN_TWO(Mul, T, return T(PYNN_WRAP(a) * PYNN_WRAP(b)))
PYNN_TWO(Maximum, T, return a > b ? a : b)
PYNN_TWO(Minimum, T, return a < b ? a : b)
PYNN_TWO(BitwiseAnd, T, return T(a & b))
PYNN_TWO(BitwiseOr, T, return T(a | b))
PYNN_TWO(BitwiseXor, T, return T(a ^ b))
PYNN_TWO(LogicalAnd, bool, return (a != 0) & (b != 0))
PYNN_TWO(LogicalOr, bool, return (a != 0) | (b != 0))
PYNN_TWO(Equal, bool, return a == b)
PYNN_TWO(NotEqual, bool, return a != b)
PYNN_TWO(Less, bool, return a < b)
PYNN_TWO(LessEqual, bool, return a <= b)
PYNN_TWO(Greater, bool, return a > b)
PYNN_TWO(GreaterEqual, bool, return a >= b)
// Division by -1 is taken apart: the least number has no opposite.
PYNN_TWO(Fmod, T, return b == T(-1) && T(-1) < 0 ? T(0) : T(a % b))
PYNN_TWO(Remainder, T, const T r = Fmod::run(a, b); return r != 0 && (r < 0) != (b < 0) ? T(r + b) : r)
PYNN_TWO(FloorDivide, T, if (b == T(-1) && T(-1) < 0) return Neg::run(a); const T q = T(a / b), r = T(a % b);
         return r != 0 && (r < 0) != (b < 0) ? T(q - 1) : q)
// By squaring, as torch: to a negative power 1 and -1 stay units, all else is 0.
struct Pow {
  template <class T>
  static PYNN_INLINE T run(T a, T b) {
    if (b < 0) return a == 1 ? T(1) : a == T(-1) ? (b % 2 != 0 ? T(-1) : T(1)) : T(0);
    T result = 1;
    for (;;) {
      if (b & 1) result = Mul::run(result, a);
      b = T(b / 2);
      if (b == 0) return result;
      a = Mul::run(a, a);
    }
  }
};

#define PYNN_THREE(Name, ...)                                                        \
  struct Name {                                                                      \
    template <class T>                                                               \
    static PYNN_INLINE T run(T a, T b, T c, [[maybe_unused]] T alpha) {              \
      return __VA_ARGS__;                                                            \
    }                                                                                \
  };
// Limits that are NaN make NaN, as an element that is.
PYNN_THREE(Clamp, [&] { const T low = (a < b) | (b != b) ? b : a; return (low > c) | (c != c) ? c : low; }())
PYNN_THREE(Lerp, (c < 0 ? -c : c) < T(0.5) ? a + c * (b - a) : b - (b - a) * (T(1) - c))
PYNN_THREE(Addcmul, a + alpha * b * c)
PYNN_THREE(Addcdiv, a + alpha * b / c)
PYNN_THREE(PreluBackward, b > 0 ? a : a * c)

#undef PYNN_ONE
#undef PYNN_TWO
#undef PYNN_THREE
#undef PYNN_WRAP

}  // namespace pointwise
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
