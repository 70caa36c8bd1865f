// Radix sort, from the lowest digit: each pass counts the digits of every tile, adds up where each tile's share of each
// digit begins, and moves the pairs there in order. An even number of passes brings them back to where they were.
#include "kernels/sort/cuda.h"

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

constexpr int kDigits = 256, kWarps = 8, kTile = 4096, kScanThreads = 1024;

__global__ void __launch_bounds__(kThreads)
    count_kernel(int64_t n, int shift, unsigned mask, const uint32_t* keys, uint32_t* counts) {
  __shared__ uint32_t count[kDigits];
  count[threadIdx.x] = 0;
  __syncthreads();
  const int64_t begin = int64_t(blockIdx.x) * kTile, end = begin + kTile < n ? begin + kTile : n;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) atomicAdd(&count[keys[i] >> shift & mask], 1u);
  __syncthreads();
  counts[int64_t(threadIdx.x) * gridDim.x + blockIdx.x] = count[threadIdx.x];
}

// counts becomes its own sum before each element. One block.
__global__ void __launch_bounds__(kScanThreads) offsets_kernel(int64_t n, uint32_t* counts) {
  __shared__ uint32_t sums[kScanThreads / 32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  uint32_t before = 0;
  for (int64_t first = 0; first < n; first += kScanThreads) {
    const int64_t i = first + threadIdx.x;
    const uint32_t own = i < n ? counts[i] : 0;
    uint32_t sum = own;
    for (int step = 1; step < 32; step *= 2) {
      const uint32_t left = __shfl_up_sync(0xffffffffu, sum, step);
      if (lane >= step) sum += left;
    }
    if (lane == 31) sums[warp] = sum;
    __syncthreads();
    uint32_t total = 0, earlier = 0;
    for (int w = 0; w < kScanThreads / 32; ++w) {
      if (w == warp) earlier = total;
      total += sums[w];
    }
    if (i < n) counts[i] = before + earlier + sum - own;
    before += total;
    __syncthreads();  // before sums is written again
  }
}

__global__ void __launch_bounds__(kThreads)
    move_kernel(int64_t n, int shift, unsigned mask, const uint32_t* keys, const uint32_t* values,
                const uint32_t* offsets, uint32_t* to_keys, uint32_t* to_values) {
  __shared__ uint32_t next[kDigits];          // where the tile's next pair of each digit goes
  __shared__ uint32_t share[kWarps][kDigits];  // of each warp in this round: how many, then where they begin
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  next[threadIdx.x] = offsets[int64_t(threadIdx.x) * gridDim.x + blockIdx.x];
  const int64_t begin = int64_t(blockIdx.x) * kTile, end = begin + kTile < n ? begin + kTile : n;
  for (int64_t first = begin; first < end; first += kThreads) {
    const int64_t i = first + threadIdx.x;
    const bool there = i < end;
    const uint32_t key = there ? keys[i] : 0, digit = key >> shift & mask;
    unsigned same = __ballot_sync(0xffffffffu, there);  // the warp's lanes with this digit
#pragma unroll
    for (int bit = 0; bit < 8; ++bit) {
      const unsigned set = __ballot_sync(0xffffffffu, digit >> bit & 1);
      same &= digit >> bit & 1 ? set : ~set;
    }
    for (int w = 0; w < kWarps; ++w) share[w][threadIdx.x] = 0;
    __syncthreads();
    const unsigned rank = unsigned(__popc(same & ((1u << lane) - 1)));
    if (there && rank == 0) share[warp][digit] = unsigned(__popc(same));
    __syncthreads();
    uint32_t at = next[threadIdx.x];
    for (int w = 0; w < kWarps; ++w) {
      const uint32_t count = share[w][threadIdx.x];
      share[w][threadIdx.x] = at;
      at += count;
    }
    next[threadIdx.x] = at;
    __syncthreads();
    if (there) {
      const uint32_t place = share[warp][digit] + rank;
      to_keys[place] = key;
      to_values[place] = values[i];
    }
    __syncthreads();
  }
}

}  // namespace

int64_t sort_pairs_bytes(int64_t n) {
  return (2 * n + kDigits * ceil_div(n, kTile)) * int64_t(sizeof(uint32_t));
}

Status sort_pairs(int64_t n, int bits, uint32_t* keys, uint32_t* values, void* scratch, cudaStream_t stream) {
  if (n >= int64_t(1) << 31) {
    return Status(PYNN_UNSUPPORTED, "sort: %lld pairs: expected less than 2^31", (long long)n);
  }
  if (n == 0 || bits <= 0) return Status();
  const int passes = 2 * int(ceil_div(bits, 16)), width = int(ceil_div(bits, passes));
  const unsigned mask = (1u << width) - 1;
  const int64_t tiles = ceil_div(n, kTile);
  uint32_t *from_keys = keys, *from_values = values;
  uint32_t *to_keys = static_cast<uint32_t*>(scratch), *to_values = to_keys + n, *counts = to_values + n;
  for (int pass = 0; pass < passes; ++pass) {
    const int shift = pass * width;
    const dim3 grid = dim3(unsigned(tiles)), block(kThreads);
    PYNN_TRY(launch(count_kernel, grid, block, 0, stream, n, shift, mask, from_keys, counts));
    PYNN_TRY(launch(offsets_kernel, dim3(1), dim3(kScanThreads), 0, stream, kDigits * tiles, counts));
    PYNN_TRY(launch(move_kernel, grid, block, 0, stream, n, shift, mask, from_keys, from_values, counts, to_keys,
                    to_values));
    uint32_t* const other_keys = from_keys;
    from_keys = to_keys;
    to_keys = other_keys;
    uint32_t* const other_values = from_values;
    from_values = to_values;
    to_values = other_values;
  }
  return Status();
}

}  // namespace pynn::cuda
