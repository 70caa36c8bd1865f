// Pointwise kernels: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace elementwise {

// How a binary kernel reads its operands: each contiguous, or one value for all elements.
enum Mode { kBoth = 0, kScalarA = 1, kScalarB = 2, kModes = 3 };

template <class T>
struct Kernels {
  using Unary = void (*)(int64_t n, const T* x, T alpha, T beta, T* out);
  using Binary = void (*)(int64_t n, const T* a, const T* b, T alpha, T beta, T* out);
  Unary unary[PYNN_UNARY_COUNT];
  Binary binary[PYNN_BINARY_COUNT][kModes];
};

using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use
template <class T>
inline const Kernels<T>& kernels() {
  return table().of<T>();
}

// Elements a thread takes at a time, some 10 to 20 us of work. Less than two of them stay on one thread.
int64_t chunk_of(pynn_unary_op op);
int64_t chunk_of(pynn_binary_op op);

// n contiguous elements, cut into chunks when there are enough of them.
template <class T>
void unary_contiguous(pynn_unary_op op, int64_t n, const T* x, T alpha, T beta, T* out);
template <class T>
void binary_contiguous(pynn_binary_op op, int64_t n, const T* a, const T* b, T alpha, T beta, T* out);

// Any strides, in bytes, over one shape: the inputs, then the output.
// The output's strides are not 0 where its size is above 1; no size is 0.
struct Strided {
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  int64_t strides[4][PYNN_MAX_DIMS];
  char* data[4];
};
template <class T>
void unary_strided(pynn_unary_op op, const Strided& arrays, T alpha, T beta);
template <class T>
void binary_strided(pynn_binary_op op, const Strided& arrays, T alpha, T beta);

}  // namespace elementwise
}  // namespace pynn
