// Products of matrices on sm_90a: a block of three warpgroups stays on its multiprocessor and goes from tile
// to tile. One thread of the first group has panels of A and B copied by TMA, some stages ahead; the other
// two groups multiply, 64 rows of the tile each, by wgmma from shared memory. Barriers there tell full and
// empty stages.
#pragma once
#include "cuda/hopper.h"
#include "cuda/wgmma.h"
#include "kernels/matmul/cuda_plan.h"
#include "kernels/matmul/cuda_result.h"

namespace pynn::cuda {

constexpr int kHopperLine = 128;  // bytes of K (or of M or N) that a swizzled line has

// Lines of A and B along K or across it; kSplit: float32 as sums of two TF32 numbers, which lie in memory as
// twice as many matrices, the big parts first.
template <class T, int kN_, bool kA_, bool kB_, bool kSplit_>
struct HopperTile {
  using Element = T;
  static constexpr int kM = 128, kN = kN_, kGroups = 2, kThreads = 128 * (kGroups + 1);
  static constexpr bool kA = kA_, kB = kB_, kSplit = kSplit_;
  static constexpr int kDepth = kHopperLine / int(sizeof(T)), kJ = kN / 8;
  static constexpr int kCopies = kSplit ? 2 : 1;
  static constexpr int kABytes = kM * kHopperLine, kBBytes = kN * kHopperLine;
  static constexpr int kStageBytes = (kABytes + kBBytes) * kCopies;
  static constexpr int kStages = 200 * 1024 / kStageBytes < 6 ? 200 * 1024 / kStageBytes : 6;
  static constexpr int kSharedBytes = kStages * kStageBytes + kStages * 2 * int(sizeof(uint64_t));
  static constexpr int kLineElements = kHopperLine / int(sizeof(T));
};

template <class T>
struct HopperProduct {
  TensorMap a, b;
  int k, part;
  int tiles_m, tiles_n, parts;
  int a_batch, b_batch;        // 0 for an operand that is the same in all of the batch
  int a_matrices, b_matrices;  // where the small parts begin, if there are any
  Result<T, DenseColumns> result;
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDACC__)

// Panels of one operand, kExtent of its rows from `row` on, into a stage.
template <int kExtent, bool kAlongK, int kLineElements>
PYNN_DEVICE void load_panel(unsigned char* to, const TensorMap* map, Barrier* barrier, int k, int row,
                            int matrix) {
  if constexpr (kAlongK) {
    tma_load(to, map, barrier, k, row, matrix);
  } else {
#pragma unroll
    for (int i = 0; i < kExtent; i += kLineElements) {
      tma_load(to + i * kHopperLine, map, barrier, row + i, k, matrix);
    }
  }
}

// The steps of one stage: d = A B, or d += A B if `add`; 32 bytes of K a step.
template <class Tile>
PYNN_DEVICE void multiply_stage(const unsigned char* a, const unsigned char* b, float (&d)[Tile::kJ][4],
                                int add) {
  using T = typename Tile::Element;
  // Along K eight rows are 1024 bytes; across K eight k are, and a line's worth of rows is a block of its
  // own.
  constexpr int kBlock = Tile::kDepth * kHopperLine;
#pragma unroll
  for (int step = 0; step < kHopperLine / 32; ++step) {
    const unsigned char* left = a + (Tile::kA ? step * 32 : step * 2048);
    const unsigned char* right = b + (Tile::kB ? step * 32 : step * 2048);
    Wgmma<T, Tile::kN, !Tile::kA, !Tile::kB>::multiply(
        d, matrix_descriptor(left, kBlock, 1024), matrix_descriptor(right, kBlock, 1024), add || step > 0);
  }
}

template <class Tile>
PYNN_DEVICE void produce(const HopperProduct<typename Tile::Element>& p, unsigned char* stages, Barrier* full,
                         Barrier* empty) {
  int stage = 0, phase = 0;
  const int64_t tiles = int64_t(p.tiles_m) * p.tiles_n * p.parts * p.result.batch;
  for (int64_t index = blockIdx.x; index < tiles; index += gridDim.x) {
    const Place place = place_of_block(index, p.tiles_m, p.tiles_n, p.parts);
    const int end = min(p.k, (place.part + 1) * p.part);
    for (int k = place.part * p.part; k < end; k += Tile::kDepth) {
      barrier_wait(empty + stage, phase ^ 1);
      barrier_expect(full + stage, Tile::kStageBytes);
      unsigned char* to = stages + stage * Tile::kStageBytes;
#pragma unroll
      for (int copy = 0; copy < Tile::kCopies; ++copy) {
        load_panel<Tile::kM, Tile::kA, Tile::kLineElements>(to, &p.a, full + stage, k, place.row * Tile::kM,
                                                            place.batch * p.a_batch + copy * p.a_matrices);
        to += Tile::kABytes;
        load_panel<Tile::kN, Tile::kB, Tile::kLineElements>(to, &p.b, full + stage, k,
                                                            place.column * Tile::kN,
                                                            place.batch * p.b_batch + copy * p.b_matrices);
        to += Tile::kBBytes;
      }
      if (++stage == Tile::kStages) stage = 0, phase ^= 1;
    }
  }
}

template <class Tile, class Product>
PYNN_DEVICE void consume(const Product& p, unsigned char* stages, Barrier* full, Barrier* empty, int group) {
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) % 128 / 32;
  int stage = 0, phase = 0;
  const int64_t tiles = int64_t(p.tiles_m) * p.tiles_n * p.parts * p.result.batch;
  for (int64_t index = blockIdx.x; index < tiles; index += gridDim.x) {
    const Place place = place_of_block(index, p.tiles_m, p.tiles_n, p.parts);
    const int first = place.part * p.part, end = min(p.k, first + p.part);
    const int steps = (end - first + Tile::kDepth - 1) / Tile::kDepth;
    float sums[Tile::kJ][4];
    float total[Tile::kSplit ? Tile::kJ : 1][4];
    if constexpr (Tile::kSplit) {
#pragma unroll
      for (int j = 0; j < Tile::kJ; ++j) {
#pragma unroll
        for (int r = 0; r < 4; ++r) total[j][r] = 0;
      }
    }
    int last = -1;  // the stage before this one, which the tensor cores may still read
    for (int step = 0; step < steps; ++step) {
      barrier_wait(full + stage, phase);
      const unsigned char* panel = stages + stage * Tile::kStageBytes;
      // A group's 64 rows are 64 lines along K, or a block of their own across it: 8 KB either way.
      const unsigned char* a = panel + group * (64 * kHopperLine);
      wgmma_fence();
      if constexpr (Tile::kSplit) {
        // The tensor cores cut what does not fit where they add: every 128 of K are added up in float32.
        constexpr int kTogether = 4;
        constexpr int kSmall = Tile::kABytes + Tile::kBBytes;
        const unsigned char* b = panel + Tile::kABytes;
        multiply_stage<Tile>(a + kSmall, b, sums, step % kTogether > 0);
        multiply_stage<Tile>(a, b + kSmall, sums, 1);
        multiply_stage<Tile>(a, b, sums, 1);
        wgmma_commit();
        if (step % kTogether == kTogether - 1 || step == steps - 1) {
          wgmma_wait<0>();
#pragma unroll
          for (int j = 0; j < Tile::kJ; ++j) {
#pragma unroll
            for (int r = 0; r < 4; ++r) total[j][r] += sums[j][r];
          }
          if (lane == 0) {
            if (last >= 0) barrier_arrive(empty + last);
            barrier_arrive(empty + stage);
          }
          last = -1;
        } else {
          wgmma_wait<1>();
          if (lane == 0 && last >= 0) barrier_arrive(empty + last);
          last = stage;
        }
      } else {
        multiply_stage<Tile>(a, panel + Tile::kABytes, sums, step > 0);
        wgmma_commit();
        wgmma_wait<1>();
        if (lane == 0 && last >= 0) barrier_arrive(empty + last);
        last = stage;
      }
      if (++stage == Tile::kStages) stage = 0, phase ^= 1;
    }
    wgmma_wait<0>();
    if (lane == 0 && last >= 0) barrier_arrive(empty + last);
    const int row = place.row * Tile::kM + group * 64 + warp * 16 + lane / 4,
              column = place.column * Tile::kN;
    if constexpr (Tile::kSplit) {
      store_fragments(p.result, place.batch, place.part, row, column, total);
    } else {
      store_fragments(p.result, place.batch, place.part, row, column, sums);
    }
  }
}

// What a block does: produce() on one thread, consume() on the two groups that multiply.
template <class Tile, class Product, class Produce>
PYNN_DEVICE void run_block(const Product& p, const Produce& produce) {
  PYNN_DYNAMIC_SHARED(unsigned char, stages);
  Barrier* const full = reinterpret_cast<Barrier*>(stages + Tile::kStages * Tile::kStageBytes);
  Barrier* const empty = full + Tile::kStages;
  if (threadIdx.x == 0) {
    for (int i = 0; i < Tile::kStages; ++i) {
      barrier_init(full + i, 1);
      barrier_init(empty + i, Tile::kGroups * 4);  // a lane of each warp that reads
    }
    barrier_publish();
  }
  __syncthreads();
  const int group = int(threadIdx.x) / 128;
  if (group == 0) {
    give_registers<40>();
    if (threadIdx.x == 0) {
      tma_prefetch(&p.a);
      tma_prefetch(&p.b);
      produce(stages, full, empty);
    }
  } else {
    take_registers<232>();
    consume<Tile>(p, stages, full, empty, group - 1);
  }
}

#endif

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    hopper_product(const __grid_constant__ HopperProduct<typename Tile::Element> p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDACC__)
  run_block<Tile>(p, [&](unsigned char* stages, Barrier* full, Barrier* empty) {
    produce<Tile>(p, stages, full, empty);
  });
#endif
}

}  // namespace pynn::cuda
