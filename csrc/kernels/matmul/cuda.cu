// Matrix products: from what was planned to launches. Also sums over rows.
#include "cuda/gpu.h"
#include "cuda/launch.h"
#include "kernels/matmul/cuda.h"
#include "kernels/matmul/cuda_pack.h"
#include "kernels/matmul/cuda_plan.h"
#include "kernels/matmul/cuda_result.h"

namespace pynn::cuda {
namespace {

// Packs one operand, whose strides and batch steps become those of the copy. `rest`: where its small parts
// go.
template <class Word, bool kRound>
Status pack(const Word* from, int64_t rows, int64_t k, int64_t* row_step, int64_t* k_step,
            const Batches& batch, int64_t* batch_steps, Word* to, bool split, cudaStream_t stream) {
  PackJob<Word> job = {};
  job.from = from;
  job.row_step = *row_step, job.k_step = *k_step;
  job.to = to;
  job.line = ceil_div(k, 16 / int(sizeof(Word))) * (16 / int(sizeof(Word)));
  job.rows = int(rows), job.k = int(k);
  job.tiles_rows = int(ceil_div(rows, kPackTile)), job.tiles_k = int(ceil_div(k, kPackTile));
  int64_t count = 1;  // matrices that differ
  for (int d = batch.dims - 1; d >= 0; --d) {
    if (batch_steps[d] == 0) continue;
    count *= batch.size[d];
  }
  int64_t step = rows * job.line;
  for (int d = 0; d < batch.dims; ++d) {
    if (batch_steps[d] == 0) continue;
    job.batch.size[job.batch.dims] = int(batch.size[d]);
    job.batch.a[job.batch.dims++] = batch_steps[d];
  }
  for (int d = batch.dims - 1; d >= 0; --d) {
    if (batch_steps[d] == 0) continue;
    batch_steps[d] = step;
    step *= batch.size[d];
  }
  if (split) job.rest = to + count * rows * job.line;
  *row_step = job.line;
  *k_step = 1;
  const int64_t blocks = count * job.tiles_rows * job.tiles_k;
  return launch(pack_lines<Word, kRound>, dim3(unsigned(blocks)), dim3(kPackThreads), 0, stream, job);
}

Status pack_operands(Plan* p, unsigned char* workspace, cudaStream_t stream) {
  Gemm& g = p->g;
  // The other paths round and split as they read.
  const bool rounds = p->path == Path::hopper && g.dtype == PYNN_FLOAT32;
  const auto one = [&](const void* from, int64_t rows, int64_t* row_step, int64_t* k_step,
                       int64_t* batch_steps, unsigned char* to) {
    if (g.dtype != PYNN_FLOAT32) {
      return pack<uint16_t, false>(static_cast<const uint16_t*>(from), rows, g.k, row_step, k_step, g.batch,
                                   batch_steps, reinterpret_cast<uint16_t*>(to), false, stream);
    }
    return rounds
               ? pack<uint32_t, true>(static_cast<const uint32_t*>(from), rows, g.k, row_step, k_step,
                                      g.batch, batch_steps, reinterpret_cast<uint32_t*>(to), p->split(),
                                      stream)
               : pack<uint32_t, false>(static_cast<const uint32_t*>(from), rows, g.k, row_step, k_step,
                                       g.batch, batch_steps, reinterpret_cast<uint32_t*>(to), false, stream);
  };
  if (p->pack_a) {
    PYNN_TRY(one(g.a, g.m, &g.a_row, &g.a_col, g.batch.a, workspace));
    g.a = workspace;
  }
  if (p->pack_b) {
    PYNN_TRY(one(g.b, g.n, &g.b_col, &g.b_row, g.batch.b, workspace + p->a_bytes));
    g.b = workspace + p->a_bytes;
  }
  return Status();
}

Status check(const Gemm& g) {
  constexpr int64_t kMost = (int64_t(1) << 31) - 1024;
  if (g.batch.dims < 0 || g.batch.dims > kBatchDims) {
    return Status(PYNN_UNSUPPORTED, "a product of %d batch dimensions; the kernels take up to %d",
                  g.batch.dims, kBatchDims);
  }
  int64_t batch = 1;
  for (int d = 0; d < g.batch.dims; ++d) batch *= g.batch.size[d];
  if (g.m > kMost || g.n > kMost || g.k > kMost || batch > kMost) {
    return Status(PYNN_UNSUPPORTED, "a product of %lld matrices of %lld x %lld x %lld; sizes are below 2^31",
                  (long long)batch, (long long)g.m, (long long)g.n, (long long)g.k);
  }
  if (path() == Path::hopper && !hopper_is_there()) {
    return Status(
        PYNN_INVALID,
        "PYNN_CUDA_PATH is hopper, but this device has compute capability %d.%d; choose auto, mma or simt",
        this_gpu().major, this_gpu().minor);
  }
  return Status();
}

constexpr int kSumThreads = 256, kSumColumns = 32;

// out[part][j] = sum of x[i][j] over the rows of a part; a block has 32 columns, its 8 warps take turns at
// the rows.
template <class T, class Out>
__global__ void __launch_bounds__(kSumThreads)
    sum_rows(const T* __restrict__ x, int64_t rows, int columns, int64_t part_rows, Out* __restrict__ out) {
  using Sum = Compute<T>;
  constexpr int kTurns = kSumThreads / kSumColumns;
  __shared__ Sum sums[kTurns][kSumColumns];
  const int turn = int(threadIdx.x) / kSumColumns, lane = int(threadIdx.x) % kSumColumns;
  const int column = int(blockIdx.x) * kSumColumns + lane;
  const int64_t first = blockIdx.y * part_rows, end = min(rows, first + part_rows);
  Sum sum = 0;
  if (column < columns) {
#pragma unroll 4
    for (int64_t i = first + turn; i < end; i += kTurns) sum += widen(x[i * columns + column]);
  }
  sums[turn][lane] = sum;
  __syncthreads();
  if (turn > 0 || column >= columns) return;
#pragma unroll
  for (int i = 1; i < kTurns; ++i) sum += sums[i][lane];
  out[int64_t(blockIdx.y) * columns + column] = narrow<Out>(sum);
}

Parts sum_parts(const ColumnSum& s) {
  const int64_t blocks = ceil_div(s.n, kSumColumns);
  int64_t count = 4 * kNominalProcessors / (blocks > 0 ? blocks : 1);
  if (count > s.m / 64) count = s.m / 64;
  if (count < 1) count = 1;
  const int64_t length = s.m > 0 ? ceil_div(s.m, count) : 1;
  return {s.m > 0 ? int(ceil_div(s.m, length)) : 1, int(length)};
}

}  // namespace

Status gemm(const Gemm& given, void* workspace, cudaStream_t stream) {
  PYNN_TRY(check(given));
  int64_t batch = 1;
  for (int d = 0; d < given.batch.dims; ++d) batch *= given.batch.size[d];
  if (given.m == 0 || given.n == 0 || batch == 0) return Status();
  Plan p = plan(given);
  unsigned char* const bytes = static_cast<unsigned char*>(workspace);
  void* const parts = p.parts.count > 1 ? bytes + p.a_bytes + p.b_bytes : nullptr;
  if (p.path == Path::simt) return launch_simt(p, parts, stream);
  PYNN_TRY(pack_operands(&p, bytes, stream));
  if (p.path == Path::hopper) return launch_hopper(p, parts, stream);
  return p.g.dtype == PYNN_FLOAT32 ? launch_mma_float(p, parts, stream) : launch_mma_half(p, parts, stream);
}

size_t column_sum_workspace(const ColumnSum& s) {
  const int parts = sum_parts(s).count;
  return parts > 1 ? size_t(parts) * size_t(s.n) * (s.dtype == PYNN_FLOAT64 ? 8 : 4) : 0;
}

Status column_sum(const ColumnSum& s, void* workspace, cudaStream_t stream) {
  return dispatch_float(s.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    using Sum = Compute<T>;
    const Parts parts = sum_parts(s);
    const T* x = static_cast<const T*>(s.x);
    const unsigned blocks = unsigned(ceil_div(s.n, kSumColumns));
    if (parts.count == 1) {
      return launch(sum_rows<T, T>, dim3(blocks), dim3(kSumThreads), 0, stream, x, s.m, int(s.n), s.m,
                    static_cast<T*>(s.out));
    }
    Sum* sums = static_cast<Sum*>(workspace);
    PYNN_TRY(launch(sum_rows<T, Sum>, dim3(blocks, unsigned(parts.count)), dim3(kSumThreads), 0, stream, x,
                    s.m, int(s.n), int64_t(parts.length), sums));
    return launch(sum_rows<Sum, T>, dim3(blocks), dim3(kSumThreads), 0, stream, sums, int64_t(parts.count),
                  int(s.n), int64_t(parts.count), static_cast<T*>(s.out));
  });
}

}  // namespace pynn::cuda
