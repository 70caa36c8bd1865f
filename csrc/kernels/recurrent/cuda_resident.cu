// Forward, all steps in one launch; and the plan for both directions.
#include "kernels/recurrent/cuda_resident.h"

#include "cuda/launch.h"
#include "cuda/memory.h"
#include "kernels/recurrent/cuda_cell.h"
#include "kernels/recurrent/cuda_meet.h"
#include "kernels/recurrent/cuda_variants.h"

namespace pynn::cuda {
namespace {

using namespace resident;

template <int kCell, int kLanes, int kEach, int kRows>
__global__ void __launch_bounds__(kThreads)
    forward_kernel(const ResidentPlan plan, const ForwardArrays<float> a, unsigned* counters) {
  constexpr int kGates = kGatesOf<kCell>, kDepth = kLanes * kEach;
  PYNN_DYNAMIC_SHARED(float, shared);
  float* const before = shared;                   // kRows rows of the state before
  float* const cells = shared + kRows * kDepth;   // lstm: of all the block's rows and units
  const Place at = place_of_thread<kLanes>(plan, a.steps.batch);
  Meeting meeting(plan, counters);
  const int64_t hidden = a.hidden;
  const bool real = at.unit < hidden;

  float w[kGates][kEach], bias[kGates] = {}, bias_below = 0;
#pragma unroll
  for (int g = 0; g < kGates; ++g) {
    const int64_t row = g * hidden + at.unit;
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int64_t k = 4 * (at.lane + kLanes * (i / 4)) + i % 4;
      w[g][i] = real && k < hidden ? a.w_hh[row * hidden + k] : 0.0f;
    }
    const bool apart = kCell == PYNN_CELL_GRU && g == 2;  // the state's bias is scaled by r
    if (real && a.b_ih) bias[g] = a.b_ih[row];
    if (real && a.b_hh && !apart) bias[g] += a.b_hh[row];
    if (real && a.b_hh && apart) bias_below = a.b_hh[row];
  }

  for (int64_t s = 0; s < a.steps.steps; ++s) {
    bool waits = s > 0;
    const int64_t t = a.steps.step(s), earlier = a.steps.before(t), later = a.steps.after(t);
    const int64_t start = a.steps.start(t), rows = a.steps.rows(t), end = at.end < rows ? at.end : rows;
    for (int64_t first = at.begin; first < end; first += kRows) {
      const int64_t row = first + row_of<kRows>(at.lane);
      const bool own = real && at.lane < kRows && row < end;
      // What does not depend on the other blocks is asked for before waiting for them.
      float input[kGates] = {}, c_before = 0;
      if (own) {
#pragma unroll
        for (int g = 0; g < kGates; ++g) {
          input[g] = a.sums[((start + row) * kGates + g) * hidden + at.unit] + bias[g];
        }
        if (kCell == PYNN_CELL_LSTM) {
          c_before = a.steps.has(earlier, row) ? cells[(row - at.begin) * plan.units + at.local]
                                               : a.c0[row * hidden + at.unit];
        }
      }
      if (waits) {
        meeting.wait(unsigned(s));
      } else {
        __syncthreads();
      }
      waits = false;
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int64_t i = first + r;
        const float* const from = i >= end                   ? nullptr
                                  : a.steps.has(earlier, i) ? a.y + (a.steps.start(earlier) + i) * hidden
                                                            : a.h0 + i * hidden;
        load_row(before + r * kDepth, kDepth, from, int(hidden), int(threadIdx.x), kThreads);
      }
      __syncthreads();
      float acc[kGates][kRows] = {};
      multiply<kLanes, kEach>(before, at.lane, w, acc);
      gather<kLanes>(at.lane, acc);
      if (!own) continue;
      float state[kGates];
#pragma unroll
      for (int g = 0; g < kGates; ++g) state[g] = acc[g][0];
      float h;
      if constexpr (kCell == PYNN_CELL_LSTM) {
        float held[5];
        h = lstm_forward(input, state, c_before, held);
        cells[(row - at.begin) * plan.units + at.local] = held[4];
        if (a.held) {
#pragma unroll
          for (int g = 0; g < 5; ++g) a.held[((start + row) * 5 + g) * hidden + at.unit] = held[g];
        }
        if (!a.steps.has(later, row)) a.c_n[row * hidden + at.unit] = held[4];
      } else if constexpr (kCell == PYNN_CELL_GRU) {
        float held[4];
        state[2] += bias_below;
        h = gru_forward(input, state, before[row_of<kRows>(at.lane) * kDepth + at.unit], held);
        if (a.held) {
#pragma unroll
          for (int g = 0; g < 4; ++g) a.held[((start + row) * 4 + g) * hidden + at.unit] = held[g];
        }
      } else {
        h = rnn_forward(a.relu, input[0], state[0]);
      }
      a.y[(start + row) * hidden + at.unit] = h;
      if (!a.steps.has(later, row)) a.h_n[row * hidden + at.unit] = h;
    }
    if (waits) meeting.wait(unsigned(s));  // no rows of these blocks are in this step
    if (s + 1 < a.steps.steps) meeting.arrive();
  }
}

}  // namespace

ResidentPlan resident_plan(int cell, bool backward, int64_t hidden, int64_t batch, const Gpu& gpu) {
  ResidentPlan plan = {};
  if (hidden > 512 || batch < 1) return plan;
  plan.lanes = hidden <= 128 ? 8 : hidden <= 256 ? 16 : 32;
  plan.each = hidden <= 32 ? 4 : hidden <= 64 ? 8 : 16;
  plan.units = kThreads / plan.lanes;
  plan.blocks = ceil_div(hidden, plan.units);
  constexpr int kMostOfCluster = 8;  // that every device with clusters runs
  plan.cluster = gpu.major >= 9 && plan.blocks > 1 && plan.blocks <= kMostOfCluster;
  if (plan.blocks > gpu.processors) return plan;
  plan.group_rows = ceil_div(batch, gpu.processors / plan.blocks);
  plan.rows = plan.group_rows <= 4 ? 2 : 8;
  plan.group_rows = ceil_div(plan.group_rows, plan.rows) * plan.rows;
  plan.groups = ceil_div(batch, plan.group_rows);
  const int64_t depth = int64_t(plan.lanes) * plan.each * (backward ? gates_of(cell) : 1);
  const bool states = cell == PYNN_CELL_LSTM || (backward && cell == PYNN_CELL_GRU);
  plan.shared_bytes = 4 * (plan.rows * depth + (states ? plan.group_rows * plan.units : 0));
  constexpr int64_t kMostShared = 160 << 10;  // what a block may have on every GPU since sm_80, some left over
  plan.fits = plan.shared_bytes <= kMostShared;
  return plan;
}

Configuration resident_launch(const ResidentPlan& plan, cudaStream_t stream) {
  Configuration how;
  how.grid = dim3(unsigned(plan.blocks), unsigned(plan.groups));
  how.block = dim3(kThreads);
  how.shared_bytes = size_t(plan.shared_bytes);
  how.stream = stream;
  if (plan.cluster) {
    how.cluster = unsigned(plan.blocks);
  } else {
    how.cooperative = plan.blocks > 1;
  }
  return how;
}

int64_t resident_bytes(const ResidentPlan& plan) { return plan.groups * kCounterStep * int64_t(sizeof(unsigned)); }

Status resident_forward(int cell, const ResidentPlan& plan, const ForwardArrays<float>& arrays, void* workspace,
                        cudaStream_t stream) {
  PYNN_TRY(fill_bytes(workspace, 0, resident_bytes(plan), stream));
  return by_variant(cell, plan, [&](auto variant) {
    typedef decltype(variant) V;
    return launch(forward_kernel<V::kCell, V::kLanes, V::kEach, V::kRows>, resident_launch(plan, stream), plan, arrays,
                  static_cast<unsigned*>(workspace));
  });
}

}  // namespace pynn::cuda
