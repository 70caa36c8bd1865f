// Reductions of any dimensions of arrays of any strides: what is added up and how is a Source's.
//
// Every result is made in one order that follows from the shape alone: a thread adds elements a fixed
// distance apart, threads join by a fixed tree, and where a result is cut among several blocks their parts go
// through a workspace and join in order. The same bits every time, no atomics.
//
// A Source has
//   Acc                                 what a thread accumulates: trivially copyable, whole words
//   Acc start() const
//   Values<N>                           what it loads for N elements
//   Values<N> load<N>(const int64_t (&at)[2]) const   from the byte offsets of its arrays
//   void add(Acc&, const Values<N>&, int j, uint32_t result, uint32_t element) const
//   static Acc join(const Acc&, const Acc&)
//   void finish(const Acc&, int64_t at, uint32_t result) const   `at`: the result's place, in elements
#pragma once
#include "cuda/launch.h"
#include "cuda/strided.h"
#include "cuda/warp.h"

namespace pynn::cuda {

// A walk over dimensions, innermost first; strides of kArrays arrays.
template <int kArrays>
struct Walk {
  int ndim = 0;
  Divider sizes[PYNN_MAX_DIMS];
  int64_t strides[PYNN_MAX_DIMS][kArrays] = {};
#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)
  PYNN_DEVICE void offsets(uint32_t i, int64_t (&out)[kArrays]) const {
#pragma unroll
    for (int k = 0; k < kArrays; ++k) out[k] = 0;
    for (int d = 0; d + 1 < ndim; ++d) {
      const uint32_t rows = sizes[d].divide(i), place = i - rows * sizes[d].divisor;
#pragma unroll
      for (int k = 0; k < kArrays; ++k) out[k] += int64_t(place) * strides[d][k];
      i = rows;
    }
    if (ndim > 0) {
#pragma unroll
      for (int k = 0; k < kArrays; ++k) out[k] += int64_t(i) * strides[ndim - 1][k];
    }
  }
#endif
  // Adds a dimension outside the others, merged with the outermost one where it continues it.
  void add(int64_t size, const int64_t (&step)[kArrays]) {
    if (size == 1) return;
    if (ndim > 0) {
      bool continues = true;
      for (int k = 0; k < kArrays; ++k)
        continues = continues && step[k] == strides[ndim - 1][k] * int64_t(sizes[ndim - 1].divisor);
      if (continues) {
        sizes[ndim - 1] = Divider(uint32_t(sizes[ndim - 1].divisor * size));
        return;
      }
    }
    sizes[ndim] = Divider(uint32_t(size));
    for (int k = 0; k < kArrays; ++k) strides[ndim][k] = step[k];
    ++ndim;
  }
};

struct Reduction {
  Walk<3> kept;     // the two arrays in bytes, the results in elements
  Walk<2> reduced;  // the two arrays
  uint32_t results = 1, elements = 1;
  bool columns = false;  // neighbouring results lie closer than neighbouring elements of one
  int width = 1;         // elements (of results where `columns`) that one access may take
  uint32_t parts = 1;    // blocks that share a result
  uint32_t part = 1;     // elements of one part
  size_t items = 0;      // of the workspace: accumulators
};

// The plan for arrays of itemsize `item` over a shape. `reduce[d]`: dimension d is reduced. strides[k]: of
// array k in bytes; the second may be the first. out_strides: of the results in elements, 0 where reduced.
// widths: what packs the source has. False where there are 2^31 results or elements or more, or none.
bool plan_reduction(int ndim, const int64_t* shape, const bool* reduce, const int64_t* const* strides,
                    int64_t item, const void* const* data, const int64_t* out_strides, int width,
                    Reduction* out);

#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)

constexpr int kReduceThreads = 256;
constexpr int kColumns = 32;                            // results (or packs of them) of a block of columns
constexpr int kColumnRows = kReduceThreads / kColumns;  // threads that share a column

// kGroup threads a result.
template <class Source, int kGroup, int N>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_rows(const Source source, const Reduction shape, typename Source::Acc* parts) {
  typedef typename Source::Acc Acc;
  const uint32_t result = blockIdx.x * (kReduceThreads / kGroup) + threadIdx.x / kGroup;
  const bool inside = result < shape.results;
  const uint32_t first = blockIdx.y * shape.part;
  const uint32_t end = first + shape.part < shape.elements ? first + shape.part : shape.elements;
  Acc sum = source.start();
  int64_t base[3];
  shape.kept.offsets(inside ? result : 0, base);
  if (inside) {
    const uint32_t whole = first + (end - first) / N * N;
#pragma unroll 4
    for (uint32_t i = first + (threadIdx.x % kGroup) * N; i < whole; i += kGroup * N) {
      int64_t at[2];
      shape.reduced.offsets(i, at);
      at[0] += base[0];
      at[1] += base[1];
      const typename Source::template Values<N> values = source.template load<N>(at);
#pragma unroll
      for (int j = 0; j < N; ++j) source.add(sum, values, j, result, i + j);
    }
    for (uint32_t i = whole + threadIdx.x % kGroup; i < end; i += kGroup) {
      int64_t at[2];
      shape.reduced.offsets(i, at);
      at[0] += base[0];
      at[1] += base[1];
      source.add(sum, source.template load<1>(at), 0, result, i);
    }
  }
  sum = group_reduce<kGroup>(sum, [](const Acc& a, const Acc& b) { return Source::join(a, b); });
  if (!inside || threadIdx.x % kGroup != 0) return;
  if (parts) {
    parts[size_t(blockIdx.y) * shape.results + result] = sum;
  } else {
    source.finish(sum, base[2], result);
  }
}

// A block takes 32 packs of neighbouring results; 8 threads share each.
template <class Source, int N>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_columns(const Source source, const Reduction shape, typename Source::Acc* parts) {
  typedef typename Source::Acc Acc;
  __shared__ __align__(16) unsigned char memory[kReduceThreads * N * sizeof(Acc)];
  Acc* shared = reinterpret_cast<Acc*>(memory);
  const uint32_t column = threadIdx.x % kColumns, row = threadIdx.x / kColumns;
  const uint32_t result = (blockIdx.x * kColumns + column) * N;
  const bool inside = result < shape.results;
  const uint32_t first = blockIdx.y * shape.part;
  const uint32_t end = first + shape.part < shape.elements ? first + shape.part : shape.elements;
  Acc sums[N];
#pragma unroll
  for (int j = 0; j < N; ++j) sums[j] = source.start();
  int64_t base[3];
  shape.kept.offsets(inside ? result : 0, base);
  if (inside) {
#pragma unroll 4
    for (uint32_t i = first + row; i < end; i += kColumnRows) {
      int64_t at[2];
      shape.reduced.offsets(i, at);
      at[0] += base[0];
      at[1] += base[1];
      const typename Source::template Values<N> values = source.template load<N>(at);
#pragma unroll
      for (int j = 0; j < N; ++j) source.add(sums[j], values, j, result + j, i);
    }
  }
#pragma unroll
  for (int j = 0; j < N; ++j) shared[(row * kColumns + column) * N + j] = sums[j];
  __syncthreads();
  // A thread a result: 32 N of them, threads in order.
  for (uint32_t i = threadIdx.x; i < kColumns * N; i += kReduceThreads) {
    const uint32_t own = blockIdx.x * kColumns * N + i;
    if (own >= shape.results) break;
    Acc sum = shared[i];
#pragma unroll
    for (int r = 1; r < kColumnRows; ++r) sum = Source::join(sum, shared[r * kColumns * N + i]);
    if (parts) {
      parts[size_t(blockIdx.y) * shape.results + own] = sum;
    } else {
      int64_t at[3];
      shape.kept.offsets(own, at);
      source.finish(sum, at[2], own);
    }
  }
}

// Joins the parts of each result in order.
template <class Source>
__global__ void __launch_bounds__(kReduceThreads)
    join_parts(const Source source, const Reduction shape, const typename Source::Acc* parts) {
  typedef typename Source::Acc Acc;
  const uint32_t result = blockIdx.x * (kReduceThreads / kWarpSize) + threadIdx.x / kWarpSize;
  const bool inside = result < shape.results;
  Acc sum = source.start();
  if (inside) {
    for (uint32_t p = threadIdx.x % kWarpSize; p < shape.parts; p += kWarpSize)
      sum = Source::join(sum, parts[size_t(p) * shape.results + result]);
  }
  sum = warp_reduce(sum, [](const Acc& a, const Acc& b) { return Source::join(a, b); });
  if (!inside || threadIdx.x % kWarpSize != 0) return;
  int64_t at[3];
  shape.kept.offsets(result, at);
  source.finish(sum, at[2], result);
}

// Runs a plan. workspace: items * sizeof(Source::Acc) bytes, aligned to 16. N: the source's packs, or 1.
template <int N, class Source>
Status reduce(const Source& source, const Reduction& shape, void* workspace, cudaStream_t stream) {
  typedef typename Source::Acc Acc;
  Acc* parts = shape.parts > 1 ? static_cast<Acc*>(workspace) : nullptr;
  const dim3 block(kReduceThreads);
  const bool packed = N > 1 && shape.width == N;
  if (shape.columns) {
    const int64_t at_once = kColumns * (packed ? N : 1);
    const dim3 grid(unsigned(ceil_div(shape.results, at_once)), shape.parts);
    if (packed) {
      PYNN_TRY(launch(&reduce_columns<Source, N>, grid, block, 0, stream, source, shape, parts));
    } else {
      PYNN_TRY(launch(&reduce_columns<Source, 1>, grid, block, 0, stream, source, shape, parts));
    }
  } else {
    // A warp a result where a block would have little to do.
    const bool small = shape.elements <= 1024 && shape.results > 1;
    const int64_t at_once = small ? kReduceThreads / kWarpSize : 1;
    const dim3 grid(unsigned(ceil_div(shape.results, at_once)), shape.parts);
    if (packed && small) {
      PYNN_TRY(launch(&reduce_rows<Source, kWarpSize, N>, grid, block, 0, stream, source, shape, parts));
    } else if (packed) {
      PYNN_TRY(launch(&reduce_rows<Source, kReduceThreads, N>, grid, block, 0, stream, source, shape, parts));
    } else if (small) {
      PYNN_TRY(launch(&reduce_rows<Source, kWarpSize, 1>, grid, block, 0, stream, source, shape, parts));
    } else {
      PYNN_TRY(launch(&reduce_rows<Source, kReduceThreads, 1>, grid, block, 0, stream, source, shape, parts));
    }
  }
  if (!parts) return Status();
  return launch(&join_parts<Source>, dim3(unsigned(ceil_div(shape.results, kReduceThreads / kWarpSize))),
                block, 0, stream, source, shape, static_cast<const Acc*>(parts));
}

#endif

}  // namespace pynn::cuda
