// Rows and elements by index on the GPU: what pynn/index.h says. An index out of range is reported in `fault`
// (cuda/fault.h) and left out: its rows are 0 where they are taken, and stay where they are written.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/fault.h"
#include "cuda/status.h"
#include "pynn/index.h"

namespace pynn::cuda {

// Index arrays that together name a place in `sizes`, dimension by dimension, as one: to[i] = (a[i] * sizes[1] + b[i]) ...
// Negative indices count from the end. 1 to kMostLists contiguous arrays of n elements each.
constexpr int kMostLists = 8;
struct IndexLists {
  int count;
  const void* data[kMostLists];
  bool wide[kMostLists];  // int64, else int32
  int64_t sizes[kMostLists];
};
Status index_join(const IndexLists& lists, int64_t n, int64_t* to, Fault* fault, cudaStream_t stream);

// int32 indices as int64.
Status index_widen(const int32_t* index, int64_t n, int64_t* to, cudaStream_t stream);

// out[o, j] = x[o, index[j]]
Status index_take(const pynn_rows& rows, const void* x, const int64_t* index, void* out, Fault* fault,
                  cudaStream_t stream);

// x[o, index[j]] = source[o, j], of equal indices the last. Scratch memory: index_put_bytes().
int64_t index_put_bytes(const pynn_rows& rows);
Status index_put(const pynn_rows& rows, const int64_t* index, const void* source, void* x, void* scratch, Fault* fault,
                 cudaStream_t stream);

struct AddOptions {
  int64_t skip = -1;          // an index whose rows are left out
  bool by_frequency = false;  // each row divided by how often its index is there
  bool clear = false;         // x is set to 0 first
};
// x[o, index[j]] += source[o, j], rows of float or double, rows.bytes of them; in an order that the indices alone decide:
// the same bits every time. Scratch memory: index_add_bytes<T>(). Counts below 2^31.
template <class T>
int64_t index_add_bytes(const pynn_rows& rows);
template <class T>
Status index_add(const pynn_rows& rows, const int64_t* index, const T* source, const AddOptions& options, T* x,
                 void* scratch, Fault* fault, cudaStream_t stream);

// Along one dimension of arrays of equal rank; strides in elements. The index is row-major.
struct AlongDim {
  int ndim, dim;
  int64_t shape[PYNN_MAX_DIMS];    // of the index
  int64_t size;                    // of the indexed array along dim
  int64_t strides[PYNN_MAX_DIMS];  // of the indexed array: x of gather, out of scatter
  int64_t other[PYNN_MAX_DIMS];    // of the source of scatter; all 0 for one element
  const int64_t* index;
};
// out = x[index], row-major; elements of 1, 2, 4 or 8 bytes.
Status index_gather(const AlongDim& along, int64_t element_bytes, const void* x, void* out, Fault* fault,
                    cudaStream_t stream);
// x[index] = source, of equal places the last. x is row-major of `elements` elements. Scratch memory:
// index_scatter_bytes().
int64_t index_scatter_bytes(int64_t elements);
Status index_scatter(const AlongDim& along, int64_t element_bytes, const void* source, int64_t elements, void* x,
                     void* scratch, Fault* fault, cudaStream_t stream);
// x[index] += source: by atomic additions, so sums of several come in any order. float and double.
template <class T>
Status index_scatter_add(const AlongDim& along, const T* source, T* x, Fault* fault, cudaStream_t stream);

}  // namespace pynn::cuda
