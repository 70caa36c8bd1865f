// Panels of bool (as uint8) and the integers, accumulated in int64, which wraps around. Plain loops that
// compilers vectorise: sums of small types in int32 over blocks that cannot overflow it.
#pragma once
#include "kernels/reduction/reduction.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace reduction {

template <class T>
constexpr int64_t lowest() {
  return T(-1) > T(0) ? 0 : -(int64_t(1) << (8 * sizeof(T) - 2)) * 2;
}
template <class T>
constexpr int64_t highest() {
  return T(-1) > T(0) ? (int64_t(1) << (8 * sizeof(T) % 64)) - 1 : -(lowest<T>() + 1);
}

inline int64_t wrapping_add(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
inline int64_t wrapping_multiply(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

template <class T>
struct IntegerSum {
  static constexpr int64_t kFirst = 0;
  static constexpr bool kAdds = true;
  static PYNN_INLINE int64_t value(T x) { return int64_t(x); }
  static int64_t join(int64_t a, int64_t b) { return wrapping_add(a, b); }
};
template <class T>
struct IntegerNonzero : IntegerSum<T> {
  static PYNN_INLINE int64_t value(T x) { return x != 0; }
};
template <class T>
struct IntegerProduct {
  static constexpr int64_t kFirst = 1;
  static constexpr bool kAdds = false;
  static PYNN_INLINE int64_t value(T x) { return int64_t(x); }
  static int64_t join(int64_t a, int64_t b) { return wrapping_multiply(a, b); }
};
template <class T, bool kLargest>
struct IntegerExtreme {
  static constexpr int64_t kFirst = kLargest ? lowest<T>() : highest<T>();
  static constexpr bool kAdds = false;
  static PYNN_INLINE int64_t value(T x) { return int64_t(x); }
  static int64_t join(int64_t a, int64_t b) { return kLargest ? larger(a, b) : smaller(a, b); }
};

template <class O, class T>
void integer_rows(int64_t rows, int64_t row_stride, int64_t n, int64_t stride, const T* x, double,
                  int64_t* out) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = x + r * row_stride;
    int64_t total = O::kFirst;
    if (stride != 1) {
      for (int64_t i = 0; i < n; ++i) total = O::join(total, O::value(row[i * stride]));
    } else if constexpr (O::kAdds && sizeof(T) <= 2) {
      for (int64_t at = 0; at < n; at += kBlock) {
        const int count = n - at < kBlock ? int(n - at) : int(kBlock);
        int32_t part = 0;
        for (int i = 0; i < count; ++i) part += int32_t(O::value(row[at + i]));
        total += part;
      }
    } else {
      for (int64_t i = 0; i < n; ++i) total = O::join(total, O::value(row[i]));
    }
    out[r] = total;
  }
}

template <class O, class T>
void integer_columns(int64_t rows, int64_t row_stride, int64_t columns, int64_t stride, const T* x, double,
                     int64_t* acc) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* row = x + i * row_stride;
    if (stride == 1) {
      for (int64_t j = 0; j < columns; ++j) acc[j] = O::join(acc[j], O::value(row[j]));
    } else {
      for (int64_t j = 0; j < columns; ++j) acc[j] = O::join(acc[j], O::value(row[j * stride]));
    }
  }
}

template <class O, class T>
constexpr Panel<T> integer_panel() {
  return {&O::join, O::kFirst, &integer_rows<O, T>, &integer_columns<O, T>};
}
template <class T>
constexpr Kernels<T> integer_panels() {
  constexpr Panel<T> none = {nullptr, 0, nullptr, nullptr};
  return {{integer_panel<IntegerSum<T>, T>(), none, none, none, integer_panel<IntegerNonzero<T>, T>(),
           integer_panel<IntegerProduct<T>, T>(), integer_panel<IntegerExtreme<T, true>, T>(),
           integer_panel<IntegerExtreme<T, false>, T>(), none, none}};
}

}  // namespace reduction
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
