// Pointers travel in the kernel's parameters; a block takes kBlock elements of one tensor.
#include "kernels/reduction/cuda_many.h"

#include <cmath>

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

constexpr int kTensors = 128, kBlock = 16384;

template <class T>
struct Table {
  int count;
  int first_block[kTensors + 1];  // of each tensor, and the end
  int64_t size[kTensors];
  T* data[kTensors];
};
static_assert(sizeof(Table<float>) < 4000, "kernel parameters");

struct Piece {
  int tensor;
  int64_t begin, end;
};
template <class T>
PYNN_DEVICE Piece piece_of_block(const Table<T>& table) {
  int low = 0, high = table.count;  // the last tensor that begins at or before this block
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.first_block[middle] <= int(blockIdx.x)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const int64_t begin = int64_t(int(blockIdx.x) - table.first_block[low]) * kBlock, end = begin + kBlock;
  return {low, begin, end < table.size[low] ? end : table.size[low]};
}

enum class Norm { most, sum, squares, powers };

template <Norm kNorm>
PYNN_DEVICE double term(double x, double p) {
  if (kNorm == Norm::squares) return x * x;
  if (kNorm == Norm::powers) return pow(fabs(x), p);
  return fabs(x);
}
template <Norm kNorm>
PYNN_DEVICE double both(double a, double b) {
  if (kNorm == Norm::most) return a != a || a > b ? a : b;  // NaN stays
  return a + b;
}

// The result of all threads, in thread 0. `shared`: a number a warp.
template <Norm kNorm>
PYNN_DEVICE double of_block(double own, double* shared) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) own = both<kNorm>(own, __shfl_xor_sync(0xffffffffu, own, step));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = own;
  __syncthreads();
  double all = shared[0];
  for (int w = 1; w < kThreads / 32; ++w) all = both<kNorm>(all, shared[w]);
  return all;
}

template <Norm kNorm, class T>
__global__ void __launch_bounds__(kThreads) partial_kernel(const Table<const T> table, double p, double* partial) {
  __shared__ double shared[kThreads / 32];
  const Piece piece = piece_of_block(table);
  const T* const x = table.data[piece.tensor];
  double own = 0;
  for (int64_t i = piece.begin + threadIdx.x; i < piece.end; i += kThreads) {
    own = both<kNorm>(own, term<kNorm>(double(x[i]), p));
  }
  own = of_block<kNorm>(own, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = own;
}

template <Norm kNorm, class T>
__global__ void __launch_bounds__(kThreads) whole_kernel(int64_t n, const double* partial, double p, T* norm) {
  __shared__ double shared[kThreads / 32];
  double own = 0;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) own = both<kNorm>(own, partial[i]);
  own = of_block<kNorm>(own, shared);
  if (threadIdx.x > 0) return;
  if (kNorm == Norm::squares) own = sqrt(own);
  if (kNorm == Norm::powers) own = pow(own, 1 / p);
  *norm = T(own);
}

template <class T>
__global__ void __launch_bounds__(kThreads) scale_kernel(const Table<T> table, const T* norm, T largest) {
  const T factor = largest / (*norm + T(1e-6));
  if (factor >= T(1)) return;
  const Piece piece = piece_of_block(table);
  T* const x = table.data[piece.tensor];
  for (int64_t i = piece.begin + threadIdx.x; i < piece.end; i += kThreads) x[i] *= factor;
}

int64_t blocks_of(int64_t count, const int64_t* sizes) {
  int64_t blocks = 0;
  for (int64_t i = 0; i < count; ++i) blocks += ceil_div(sizes[i], kBlock);
  return blocks;
}

// f(table, blocks before its first) for all tensors that have elements, as many to a table as it holds.
template <class T, class F>
Status over_tensors(int64_t count, const int64_t* sizes, T* const* x, const F& f) {
  Table<T> table;
  table.count = 0;
  table.first_block[0] = 0;
  int64_t before = 0;
  const auto flush = [&]() -> Status {
    const int blocks = table.first_block[table.count];
    const Status status = blocks == 0 ? Status() : f(table, before, dim3(unsigned(blocks)));
    before += blocks;
    table.count = 0;
    return status;
  };
  for (int64_t i = 0; i < count; ++i) {
    if (sizes[i] == 0) continue;
    const int64_t blocks = ceil_div(sizes[i], kBlock);
    if (table.count == kTensors || table.first_block[table.count] + blocks > INT32_MAX) PYNN_TRY(flush());
    const int t = table.count++;
    table.first_block[t + 1] = int(table.first_block[t] + blocks);
    table.size[t] = sizes[i];
    table.data[t] = x[i];
  }
  return flush();
}

template <Norm kNorm, class T>
Status norm_of(int64_t count, const int64_t* sizes, const T* const* x, double p, T* norm, double* partial,
               cudaStream_t stream) {
  PYNN_TRY(over_tensors<const T>(count, sizes, x, [&](const Table<const T>& table, int64_t before, dim3 grid) {
    return launch(partial_kernel<kNorm, T>, grid, dim3(kThreads), 0, stream, table, p, partial + before);
  }));
  return launch(whole_kernel<kNorm, T>, dim3(1), dim3(kThreads), 0, stream, blocks_of(count, sizes), partial, p, norm);
}

}  // namespace

int64_t total_norm_bytes(int64_t count, const int64_t* sizes) {
  return blocks_of(count, sizes) * int64_t(sizeof(double));
}

template <class T>
Status total_norm(int64_t count, const int64_t* sizes, const T* const* x, double p, T* norm, void* scratch,
                  cudaStream_t stream) {
  if (!(p > 0)) return Status(PYNN_UNSUPPORTED, "total_norm: p is %g: expected more than 0", p);
  double* const partial = static_cast<double*>(scratch);
  if (std::isinf(p)) return norm_of<Norm::most>(count, sizes, x, p, norm, partial, stream);
  if (p == 1) return norm_of<Norm::sum>(count, sizes, x, p, norm, partial, stream);
  if (p == 2) return norm_of<Norm::squares>(count, sizes, x, p, norm, partial, stream);
  return norm_of<Norm::powers>(count, sizes, x, p, norm, partial, stream);
}

template <class T>
Status clip_by_norm(int64_t count, const int64_t* sizes, T* const* x, const T* norm, double largest,
                    cudaStream_t stream) {
  return over_tensors<T>(count, sizes, x, [&](const Table<T>& table, int64_t, dim3 grid) {
    return launch(scale_kernel<T>, grid, dim3(kThreads), 0, stream, table, norm, T(largest));
  });
}

#define PYNN_INSTANTIATE(T)                                                                                         \
  template Status total_norm<T>(int64_t, const int64_t*, const T* const*, double, T*, void*, cudaStream_t);         \
  template Status clip_by_norm<T>(int64_t, const int64_t*, T* const*, const T*, double, cudaStream_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace pynn::cuda
