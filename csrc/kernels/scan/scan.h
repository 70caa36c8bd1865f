// Running sums, products, extremes along a dimension: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace scan {

constexpr int64_t kWide = 128;  // columns whose running values stay in the cache

// Each works on n rows of `columns` elements that lie `width` apart from row to row, down each column.
template <class T>
struct Kernels {
  void (*scan[PYNN_SCAN_OPS])(bool reverse, int64_t n, int64_t width, int64_t columns, const T* x, T* out);
  void (*product_backward)(int64_t n, int64_t width, int64_t columns, const T* x, const T* grad, T* dx);
  void (*logsumexp_backward)(int64_t n, int64_t width, int64_t columns, const T* x, const T* out,
                             const T* grad, T* dx);
  void (*extreme)(bool smallest, int64_t n, int64_t width, int64_t columns, const T* x, T* values,
                  int64_t* places);
};

using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use

// Row-major (outer, n, inner), along n.
template <class T>
void run(pynn_scan_op op, bool reverse, int64_t outer, int64_t n, int64_t inner, const T* x, T* out);
template <class T>
void run_product_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* grad, T* dx);
template <class T>
void run_logsumexp_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* out, const T* grad,
                            T* dx);
template <class T>
void run_extreme(bool smallest, int64_t outer, int64_t n, int64_t inner, const T* x, T* values,
                 int64_t* places);

}  // namespace scan
}  // namespace pynn
