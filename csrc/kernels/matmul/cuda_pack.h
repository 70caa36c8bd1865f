// Copies of matrices whose strides the tensor-core kernels cannot read: to lines along K, aligned to 16
// bytes.
#pragma once
#include "cuda/mma.h"
#include "kernels/matmul/cuda_plan.h"

namespace pynn::cuda {

// Word is uint16_t or uint32_t. to[batch][row][k] = from[batch offset + row * row_step + k * k_step]; lines
// of `line` elements.
template <class Word>
struct PackJob {
  const Word* from;
  int64_t row_step, k_step;
  Word *to, *rest;  // rest: where float32 is split into big (to) and small parts, else nullptr
  int64_t line;
  int rows, k;
  int tiles_rows, tiles_k;
  BatchSteps batch;  // the steps of `a`
};

constexpr int kPackTile = 32, kPackThreads = 256;

// kRound: float32 is rounded to TF32, or split where there is a `rest`.
template <class Word, bool kRound>
__global__ void __launch_bounds__(kPackThreads) pack_lines(const __grid_constant__ PackJob<Word> job) {
  __shared__ Word tile[kPackTile][kPackTile + 1];  // [row][k]; a column more: no bank is met twice either way
  const int64_t index = blockIdx.x;
  const int k0 = int(index % job.tiles_k) * kPackTile;
  const int row0 = int(index / job.tiles_k % job.tiles_rows) * kPackTile;
  const int batch = int(index / job.tiles_k / job.tiles_rows);
  const int x = int(threadIdx.x) % kPackTile, y0 = int(threadIdx.x) / kPackTile;
  const Word* from = job.from + job.batch.a_offset(batch);
  const bool along_rows = job.row_step == 1;  // neighbouring threads read neighbouring rows
  for (int y = y0; y < kPackTile; y += kPackThreads / kPackTile) {
    const int row = along_rows ? x : y, k = along_rows ? y : x;
    if (row0 + row < job.rows && k0 + k < job.k) {
      tile[row][k] = from[(row0 + row) * job.row_step + (k0 + k) * job.k_step];
    }
  }
  __syncthreads();
  for (int y = y0; y < kPackTile; y += kPackThreads / kPackTile) {
    if (row0 + y >= job.rows || k0 + x >= job.k) continue;
    const int64_t place = (int64_t(batch) * job.rows + row0 + y) * job.line + k0 + x;
    Word word = tile[y][x];
    if constexpr (kRound) {
      if (job.rest) {
        uint32_t big, small;
        split_tf32(word, big, small);
        word = big;
        job.rest[place] = small;
      } else {
        word = round_tf32(word);
      }
    }
    job.to[place] = word;
  }
}

}  // namespace pynn::cuda
