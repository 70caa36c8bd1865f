// Elements and rows by index: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace index {

// add: to[0..n) += from[0..n) * scale
template <class T>
struct Kernels {
  void (*add)(T* to, const T* from, int64_t n);
  void (*add_scaled)(T* to, const T* from, int64_t n, T scale);
  bool (*outside)(const int64_t* indices, int64_t n, int64_t low, int64_t high);  // any not low <= i < high
};

using Table = FloatTable<Kernels>;
const Table& table();  // of the ISA in use

// The first of n indices that is outside -count <= i < count (0 <= i < count unless wrap), or -1.
int64_t find_outside(const int64_t* indices, int64_t n, int64_t count, bool wrap);

void run_take(const pynn_rows& rows, const char* x, const int64_t* indices, char* out);
void run_put(const pynn_rows& rows, const int64_t* indices, const char* source, bool one, char* out);

template <class T>
struct Add {
  const int64_t* indices;
  const T* source;
  const T* scale;  // of each index, or null
  int64_t skip;    // an index whose rows are left out, or -1
  bool clear;      // out first becomes 0
};
template <class T>
void run_add(const pynn_rows& rows, const Add<T>& add, T* out);  // rows.bytes is that of a row of T

// Along one dimension of arrays of equal rank; strides in elements. The index is row-major.
struct Along {
  int ndim, dim;
  bool wrap;
  const int64_t* shape;    // of the index
  int64_t size;            // of the indexed array along dim
  const int64_t* strides;  // of the indexed array: x of gather, out of scatter
  const int64_t* other;    // of the source of scatter
  const int64_t* indices;
};
void run_gather(const Along& along, int64_t element_bytes, const char* x, char* out);
void run_scatter(const Along& along, int64_t element_bytes, const char* source, bool one, char* out);
template <class T>
void run_scatter_add(const Along& along, const T* source, T* out);

// The places of non-zero bytes; returns how many.
int64_t nonzero(int64_t n, const unsigned char* mask, int64_t* places);

}  // namespace index
}  // namespace pynn
