// Element types on the device: what each is computed in, 16 bytes of them at once, and their dtypes.
#pragma once
#include <cstdint>
#include <type_traits>

#include "cuda/device.h"
#include "pynn/pynn.h"

namespace pynn::cuda {

// 16-bit floats are computed in float and rounded once; everything else as it is.
template <class T>
struct ComputeOf {
  typedef T Type;
};
template <>
struct ComputeOf<__half> {
  typedef float Type;
};
template <>
struct ComputeOf<__nv_bfloat16> {
  typedef float Type;
};
template <class T>
using Compute = typename ComputeOf<T>::Type;

template <class T>
PYNN_DEVICE Compute<T> widen(T x) {
  return Compute<T>(x);
}
template <>
PYNN_DEVICE float widen<__half>(__half x) {
  return __half2float(x);
}
template <>
PYNN_DEVICE float widen<__nv_bfloat16>(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
// float to a 16-bit float rounds to nearest even.
template <class T, class From>
PYNN_DEVICE T narrow(From x) {
  if constexpr (std::is_same_v<T, __half>) {
    return __float2half_rn(float(x));
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return __float2bfloat16_rn(float(x));
  } else {
    return T(x);
  }
}

// N elements that one instruction loads or stores: at most 16 bytes, aligned to their size.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  static_assert(sizeof(T) * N <= 16, "an access is 16 bytes at most");
  T at[N];
};
template <class T>
constexpr int kPack = int(16 / sizeof(T));

template <class T, int N>
PYNN_DEVICE Pack<T, N> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <class T, int N>
PYNN_DEVICE void store_pack(T* to, const Pack<T, N>& values) {
  *reinterpret_cast<Pack<T, N>*>(to) = values;
}
inline bool is_aligned(const void* pointer, size_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % bytes == 0;
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ---- from a pynn_dtype to a type: body(Tag<T>()) ----

template <class T>
struct Tag {
  typedef T Type;
};

constexpr size_t size_of(int dtype) {
  switch (dtype) {
    case PYNN_BOOL:
    case PYNN_UINT8:
    case PYNN_INT8:
      return 1;
    case PYNN_INT16:
    case PYNN_FLOAT16:
    case PYNN_BFLOAT16:
      return 2;
    case PYNN_INT32:
    case PYNN_FLOAT32:
      return 4;
    default:
      return 8;
  }
}
inline const char* name_of(int dtype) {
  constexpr const char* kNames[] = {"bool",  "uint8",   "int8",     "int16",   "int32",
                                    "int64", "float16", "bfloat16", "float32", "float64"};
  return dtype >= 0 && dtype < 10 ? kNames[dtype] : "an unknown dtype";
}

// PYNN_UNSUPPORTED where dtype is no floating-point type.
template <class Body>
auto dispatch_float(int dtype, const Body& body) -> decltype(body(Tag<float>())) {
  switch (dtype) {
    case PYNN_FLOAT32:
      return body(Tag<float>());
    case PYNN_FLOAT64:
      return body(Tag<double>());
    case PYNN_FLOAT16:
      return body(Tag<__half>());
    case PYNN_BFLOAT16:
      return body(Tag<__nv_bfloat16>());
    default:
      return decltype(body(Tag<float>()))(PYNN_UNSUPPORTED, "no kernel for %s", name_of(dtype));
  }
}

}  // namespace pynn::cuda
