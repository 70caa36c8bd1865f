// Rows by index: a group of lanes copies a row, as wide as its alignment allows.
#include "kernels/index/cuda.h"

#include "cuda/grid.h"
#include "cuda/launch.h"
#include "cuda/memory.h"

namespace pynn::cuda {
namespace {

__global__ void __launch_bounds__(kThreads) join_kernel(IndexLists lists, int64_t n, int64_t* to, Fault* fault) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    int64_t all = 0;
    for (int k = 0; k < lists.count && all >= 0; ++k) {
      const int64_t given = lists.wide[k] ? static_cast<const int64_t*>(lists.data[k])[i]
                                          : int64_t(static_cast<const int32_t*>(lists.data[k])[i]);
      const int64_t place = place_of(given, lists.sizes[k], true, fault);
      all = place < 0 ? -1 : all * lists.sizes[k] + place;
    }
    to[i] = all;
  }
}

__global__ void __launch_bounds__(kThreads) widen_kernel(int64_t n, const int32_t* index, int64_t* to) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) to[i] = index[i];
}

// `width` units of type U in a row. A block is (lanes of a row, rows).
template <class U>
__global__ void take_kernel(pynn_rows rows, int64_t width, const U* x, const int64_t* index, U* out, Fault* fault) {
  const int64_t all = rows.outer * rows.indices;
  for (int64_t r = int64_t(blockIdx.x) * blockDim.y + threadIdx.y; r < all; r += int64_t(gridDim.x) * blockDim.y) {
    const int64_t o = r / rows.indices, place = place_of(index[r - o * rows.indices], rows.count, rows.wrap, fault);
    const U* const from = x + (o * rows.count + place) * width;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) out[r * width + i] = place < 0 ? U{} : from[i];
  }
}

// Of equal indices the last.
__global__ void __launch_bounds__(kThreads) last_kernel(pynn_rows rows, const int64_t* index, int* last, Fault* fault) {
  for (int64_t j = first_of_thread(); j < rows.indices; j += stride_of_grid()) {
    const int64_t place = place_of(index[j], rows.count, rows.wrap, fault);
    if (place >= 0) atomicMax(&last[place], int(j));
  }
}

template <class U>
__global__ void put_kernel(pynn_rows rows, int64_t width, const int64_t* index, const int* last, const U* source,
                           U* x) {
  const int64_t all = rows.outer * rows.indices;
  for (int64_t r = int64_t(blockIdx.x) * blockDim.y + threadIdx.y; r < all; r += int64_t(gridDim.x) * blockDim.y) {
    const int64_t o = r / rows.indices, j = r - o * rows.indices;
    const int64_t given = index[j], place = rows.wrap && given < 0 ? given + rows.count : given;
    if (uint64_t(place) >= uint64_t(rows.count) || last[place] != int(j)) continue;
    U* const to = x + (o * rows.count + place) * width;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) to[i] = source[r * width + i];
  }
}

// f(a value of the widest type that rows of `bytes` bytes at all of these addresses consist of)
template <class F>
Status by_unit(int64_t bytes, const void* a, const void* b, const F& f) {
  const uint64_t bits = uint64_t(bytes) | reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b);
  if (bits % 16 == 0) return f(uint4());
  if (bits % 8 == 0) return f(uint64_t());
  if (bits % 4 == 0) return f(uint32_t());
  if (bits % 2 == 0) return f(uint16_t());
  return f(uint8_t());
}

// Lanes of a row, and rows, of a block.
dim3 row_block(int64_t width) {
  const unsigned lanes = power_of_two(width, kThreads);
  return dim3(lanes, unsigned(kThreads) / lanes);
}

bool nothing(const pynn_rows& rows) { return rows.outer == 0 || rows.indices == 0 || rows.bytes == 0; }

}  // namespace

Status index_join(const IndexLists& lists, int64_t n, int64_t* to, Fault* fault, cudaStream_t stream) {
  if (n == 0) return Status();
  return launch(join_kernel, blocks_for(n), dim3(kThreads), 0, stream, lists, n, to, fault);
}

Status index_widen(const int32_t* index, int64_t n, int64_t* to, cudaStream_t stream) {
  if (n == 0) return Status();
  return launch(widen_kernel, blocks_for(n), dim3(kThreads), 0, stream, n, index, to);
}

Status index_take(const pynn_rows& rows, const void* x, const int64_t* index, void* out, Fault* fault,
                  cudaStream_t stream) {
  if (nothing(rows)) return Status();
  return by_unit(rows.bytes, x, out, [&](auto unit) {
    typedef decltype(unit) U;
    const int64_t width = rows.bytes / int64_t(sizeof(U));
    const dim3 block = row_block(width);
    return launch(take_kernel<U>, blocks_for(rows.outer * rows.indices, block.y), block, 0, stream, rows, width,
                  static_cast<const U*>(x), index, static_cast<U*>(out), fault);
  });
}

int64_t index_put_bytes(const pynn_rows& rows) { return rows.count * int64_t(sizeof(int)); }

Status index_put(const pynn_rows& rows, const int64_t* index, const void* source, void* x, void* scratch, Fault* fault,
                 cudaStream_t stream) {
  if (rows.indices >= int64_t(1) << 31) {
    return Status(PYNN_UNSUPPORTED, "index_put: %lld indices: expected less than 2^31", (long long)rows.indices);
  }
  if (nothing(rows)) return Status();
  int* const last = static_cast<int*>(scratch);
  PYNN_TRY(fill_bytes(last, 0xff, index_put_bytes(rows), stream));
  PYNN_TRY(launch(last_kernel, blocks_for(rows.indices), dim3(kThreads), 0, stream, rows, index, last, fault));
  return by_unit(rows.bytes, x, source, [&](auto unit) {
    typedef decltype(unit) U;
    const int64_t width = rows.bytes / int64_t(sizeof(U));
    const dim3 block = row_block(width);
    return launch(put_kernel<U>, blocks_for(rows.outer * rows.indices, block.y), block, 0, stream, rows, width, index,
                  static_cast<const int*>(last), static_cast<const U*>(source), static_cast<U*>(x));
  });
}

}  // namespace pynn::cuda
