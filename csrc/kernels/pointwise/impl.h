// The pointwise kernels of one ISA: a loop for each operation and element type.
#pragma once
#include "kernels/pointwise/ops.h"
#include "kernels/pointwise/pointwise.h"

// An output may be one of the inputs, element for element, which keeps no loop from being vectorised.
#if defined(__clang__)
#define PYNN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define PYNN_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace pointwise {

using ::pynn::pointwise::Kernel;
using ::pynn::pointwise::Kinds;
using ::pynn::pointwise::kAll;
using ::pynn::pointwise::kBool;
using ::pynn::pointwise::kChooses;
using ::pynn::pointwise::kDivides;
using ::pynn::pointwise::kDtypes;
using ::pynn::pointwise::kFloats;
using ::pynn::pointwise::kInts;
using ::pynn::pointwise::kTests;
using ::pynn::pointwise::Table;

template <class T>
PYNN_INLINE const T* in(char* const* data, int k) {
  return reinterpret_cast<const T*>(data[k]);
}

template <class Op, class T, class Result>
void one(int64_t n, char* const* data, bool, double) {
  const T* a = in<T>(data, 0);
  Result* out = reinterpret_cast<Result*>(data[1]);
  PYNN_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = Op::template run<T>(a[i]);
}

template <class Op, class T, class Result>
void two(int64_t n, char* const* data, bool single, double) {
  const T *a = in<T>(data, 0), *b = in<T>(data, 1);
  Result* out = reinterpret_cast<Result*>(data[2]);
  if (single) {
    const T value = *b;
    PYNN_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template run<T>(a[i], value);
  } else {
    PYNN_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template run<T>(a[i], b[i]);
  }
}

template <class Op, class T>
void three(int64_t n, char* const* data, bool single, double alpha) {
  const T *a = in<T>(data, 0), *b = in<T>(data, 1), *c = in<T>(data, 2), scale = T(alpha);
  T* out = reinterpret_cast<T*>(data[3]);
  if (single) {
    const T value = *c;
    PYNN_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template run<T>(a[i], b[i], value, scale);
  } else {
    PYNN_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) out[i] = Op::template run<T>(a[i], b[i], c[i], scale);
  }
}

struct Where {};
template <class T>
void choose(int64_t n, char* const* data, bool single, double) {
  const uint8_t* condition = in<uint8_t>(data, 0);
  const T *a = in<T>(data, 1), *b = in<T>(data, 2);
  T* out = reinterpret_cast<T*>(data[3]);
  if (single) {
    const T value = *b;
    PYNN_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) out[i] = condition[i] != 0 ? a[i] : value;
  } else {
    PYNN_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) {
      const T x = a[i], y = b[i];
      out[i] = condition[i] != 0 ? x : y;
    }
  }
}

// g a s (1 - s) with s = sigmoid(b): the gradient of a gate.
struct GluBackward {};
template <class T>
void glu_backward(int64_t n, char* const* data, bool single, double) {
  const T *g = in<T>(data, 0), *a = in<T>(data, 1), *b = in<T>(data, 2);
  T* out = reinterpret_cast<T*>(data[3]);
  constexpr int lanes = Vec<T>::lanes;
  const auto gradient = [](Vec<T> gv, Vec<T> av, Vec<T> bv) {
    const Vec<T> s = sigmoid(bv);
    return gv * av * s * (set1(T(1)) - s);
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    store(out + i, gradient(load(g + i), load(a + i), single ? set1(*b) : load(b + i)));
  if (i < n) {
    const int rest = int(n - i);
    store_n(out + i, gradient(load_n(g + i, rest), load_n(a + i, rest), single ? set1(*b) : load_n(b + i, rest)), rest);
  }
}

// ---- the table ----

template <int kDtype>
struct Element;
#define PYNN_ELEMENT(dtype, T) \
  template <>                  \
  struct Element<dtype> {      \
    typedef T Type;            \
  };
PYNN_ELEMENT(PYNN_BOOL, bool)
PYNN_ELEMENT(PYNN_UINT8, uint8_t)
PYNN_ELEMENT(PYNN_INT8, int8_t)
PYNN_ELEMENT(PYNN_INT16, int16_t)
PYNN_ELEMENT(PYNN_INT32, int32_t)
PYNN_ELEMENT(PYNN_INT64, int64_t)
PYNN_ELEMENT(PYNN_FLOAT32, float)
PYNN_ELEMENT(PYNN_FLOAT64, double)
#undef PYNN_ELEMENT

// Bools are bytes of 0 and 1, and stay so under &, |, ^ and comparison; their ~ is a test.
template <class T>
struct Stored {
  typedef T Type;
};
template <>
struct Stored<bool> {
  typedef uint8_t Type;
};

template <class Op, int kInputs, unsigned kKinds, int kDtype>
constexpr Kernel kernel() {
  if constexpr ((kKinds & kAll) >> kDtype & 1) {
    typedef typename Stored<typename Element<kDtype>::Type>::Type T;
    if constexpr (kKinds & kChooses) {
      return &choose<T>;
    } else if constexpr (kInputs == 1 && kKinds & kTests) {
      return &one<Op, T, bool>;
    } else if constexpr (kInputs == 1) {
      return &one<Op, T, T>;
    } else if constexpr (kInputs == 2 && kKinds & kTests) {
      return &two<Op, T, bool>;
    } else if constexpr (kInputs == 2) {
      return &two<Op, T, T>;
    } else {
      return &three<Op, T>;
    }
  } else {
    return nullptr;
  }
}
template <>
constexpr Kernel kernel<BitwiseNot, 1, kInts | kBool, PYNN_BOOL>() {
  return &one<LogicalNot, uint8_t, bool>;
}
template <>
constexpr Kernel kernel<GluBackward, 3, kFloats, PYNN_FLOAT32>() {
  return &glu_backward<float>;
}
template <>
constexpr Kernel kernel<GluBackward, 3, kFloats, PYNN_FLOAT64>() {
  return &glu_backward<double>;
}

extern const Table table;
const Table table = {
    PYNN_ISA_NAME,
    {
#define PYNN_POINTWISE(name, Op, inputs, kinds)                                                             \
  {kernel<Op, inputs, kinds, 0>(), kernel<Op, inputs, kinds, 1>(), kernel<Op, inputs, kinds, 2>(),          \
   kernel<Op, inputs, kinds, 3>(), kernel<Op, inputs, kinds, 4>(), kernel<Op, inputs, kinds, 5>(), nullptr, \
   nullptr, kernel<Op, inputs, kinds, 8>(), kernel<Op, inputs, kinds, 9>()},
#include "kernels/pointwise/ops.inc"
#undef PYNN_POINTWISE
    }};

}  // namespace pointwise
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
