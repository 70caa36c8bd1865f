// What both directions of the resident kernels share: how blocks meet, rows of states in shared memory, sums over lanes.
#pragma once
#include "cuda/cluster.h"
#include "cuda/grid.h"
#include "kernels/recurrent/cuda_resident.h"

namespace pynn::cuda::resident {

constexpr int kCounterStep = 32;  // unsigned numbers from one group's counter to the next: a line each

// The blocks that share rows, which wait for one another between steps.
class Meeting {
 public:
  PYNN_DEVICE Meeting(const ResidentPlan& plan, unsigned* counters)
      : blocks_(gridDim.x), cluster_(plan.cluster), counter_(counters + blockIdx.y * kCounterStep) {}

  // A step is done: its results are there for whoever waits for it.
  PYNN_DEVICE void arrive() {
    if (blocks_ == 1) return;
    if (cluster_) {
      cluster_arrive();
      return;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      atomicAdd(counter_, 1u);
    }
  }
  // Waits until all have arrived `times` times; also a barrier of the block.
  PYNN_DEVICE void wait(unsigned times) {
    if (blocks_ == 1) {
      __syncthreads();
      return;
    }
    if (cluster_) {
      cluster_wait();
      return;
    }
    if (threadIdx.x == 0) {
      while (*static_cast<const volatile unsigned*>(counter_) < times * blocks_) __nanosleep(20);
      __threadfence();
    }
    __syncthreads();
  }

 private:
  const unsigned blocks_;
  const bool cluster_;
  unsigned* const counter_;
};

// to[0 .. depth) = from[0 .. count), zeros behind; from null: zeros. By `threads` threads, of which this is `thread`.
// Read past the first-level cache: other blocks wrote it.
PYNN_DEVICE void load_row(float* to, int depth, const float* from, int count, int thread, int threads) {
  if (from && count % 4 == 0 && is_run<float, 4>(from)) {
    for (int k = thread * 4; k < depth; k += threads * 4) {
      const float4 zero = {0, 0, 0, 0};
      *reinterpret_cast<float4*>(to + k) = k < count ? __ldcg(reinterpret_cast<const float4*>(from + k)) : zero;
    }
    return;
  }
  for (int k = thread; k < depth; k += threads) to[k] = from && k < count ? __ldcg(from + k) : 0.0f;
}

// acc[m][r] += sum over this lane's share of row r in shared memory and of the weights: four elements of every 4 * kLanes.
template <int kLanes, int kEach, int kSums, int kRows>
PYNN_DEVICE void multiply(const float* rows, int lane, const float (&w)[kSums][kEach], float (&acc)[kSums][kRows]) {
  constexpr int kDepth = kLanes * kEach;
#pragma unroll
  for (int i = 0; i < kEach / 4; ++i) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const float4 x = *reinterpret_cast<const float4*>(rows + r * kDepth + 4 * (lane + kLanes * i));
#pragma unroll
      for (int m = 0; m < kSums; ++m) {
        acc[m][r] = fmaf(w[m][4 * i], x.x, acc[m][r]);
        acc[m][r] = fmaf(w[m][4 * i + 1], x.y, acc[m][r]);
        acc[m][r] = fmaf(w[m][4 * i + 2], x.z, acc[m][r]);
        acc[m][r] = fmaf(w[m][4 * i + 3], x.w, acc[m][r]);
      }
    }
  }
}

// The row whose sums gather() leaves in a lane.
template <int kRows>
PYNN_DEVICE int row_of(int lane) {
  int row = 0;
#pragma unroll
  for (int half = kRows / 2, bit = 1; half > 0; half /= 2, bit *= 2) row += lane & bit ? half : 0;
  return row;
}
// Sums over the lanes of a unit: each lane ends with those of row row_of(lane), in acc[m][0]. Lanes hand half of their
// rows over at every step, as long as they have more than one.
template <int kLanes, int kSums, int kRows>
PYNN_DEVICE void gather(int lane, float (&acc)[kSums][kRows]) {
#pragma unroll
  for (int half = kRows / 2, bit = 1; half > 0; half /= 2, bit *= 2) {
    const bool upper = lane & bit;
#pragma unroll
    for (int m = 0; m < kSums; ++m) {
#pragma unroll
      for (int r = 0; r < half; ++r) {
        const float given = upper ? acc[m][r] : acc[m][r + half], kept = upper ? acc[m][r + half] : acc[m][r];
        acc[m][r] = kept + __shfl_xor_sync(0xffffffffu, given, bit);
      }
    }
  }
#pragma unroll
  for (int bit = kRows; bit < kLanes; bit *= 2) {
#pragma unroll
    for (int m = 0; m < kSums; ++m) acc[m][0] += __shfl_xor_sync(0xffffffffu, acc[m][0], bit);
  }
}

// Where a block stands.
struct Place {
  int lane;           // of the unit
  int64_t unit;       // of the layer; may lie beyond the last
  int local;          // of the block
  int64_t begin, end;  // its rows
};
template <int kLanes>
PYNN_DEVICE Place place_of_thread(const ResidentPlan& plan, int64_t batch) {
  Place p;
  p.lane = int(threadIdx.x) % kLanes;
  p.local = int(threadIdx.x) / kLanes;
  p.unit = int64_t(blockIdx.x) * plan.units + p.local;
  p.begin = int64_t(blockIdx.y) * plan.group_rows;
  p.end = p.begin + plan.group_rows < batch ? p.begin + plan.group_rows : batch;
  return p;
}

}  // namespace pynn::cuda::resident
