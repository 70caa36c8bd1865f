// Backward, all steps in one launch, from the last to the first: W_hh by columns in registers, and the gradients of a
// step's sums read by all blocks that share its rows.
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "kernels/recurrent/cuda_cell.h"
#include "kernels/recurrent/cuda_meet.h"
#include "kernels/recurrent/cuda_resident.h"
#include "kernels/recurrent/cuda_variants.h"

namespace pynn::cuda {
namespace {

using namespace resident;

// What a thread reads of its unit and row before it waits.
template <int kCell>
struct Given {
  float dy = 0, h_before = 0, c_before = 0;
  float held[5] = {}, extra[5] = {};
};

template <int kCell, int kLanes, int kEach, int kRows>
__global__ void __launch_bounds__(kThreads)
    backward_kernel(const ResidentPlan plan, const BackwardArrays<float> a, unsigned* counters) {
  constexpr int kGates = kGatesOf<kCell>, kHeld = kHeldOf<kCell>, kShare = kEach * kGates;
  constexpr int kDepth = kLanes * kShare;
  PYNN_DYNAMIC_SHARED(float, shared);
  float* const after = shared;                    // kRows rows of the gradients of the step after
  float* const carried = shared + kRows * kDepth;  // of all rows and units: lstm dc, gru what passes by z
  const Place at = place_of_thread<kLanes>(plan, a.steps.batch);
  Meeting meeting(plan, counters);
  const int64_t hidden = a.hidden, sums = kGates * hidden;
  const bool real = at.unit < hidden;

  float w[1][kShare];
#pragma unroll
  for (int i = 0; i < kShare; ++i) {
    const int64_t k = 4 * (at.lane + kLanes * (i / 4)) + i % 4;
    w[0][i] = real && k < sums ? a.w_hh[k * hidden + at.unit] : 0.0f;
  }

  // The last pass, s = -1, has no step of its own: it makes the gradients of the initial states.
  const bool initial = a.dh0 || a.dc0;
  const int64_t last = initial ? -1 : 0;
  for (int64_t s = a.steps.steps - 1; s >= last; --s) {
    const int64_t done = a.steps.steps - 1 - s;
    bool waits = done > 0;
    const int64_t t = s < 0 ? -1 : a.steps.step(s), later = s < 0 ? -1 : a.steps.after(t);
    const int64_t earlier = s < 0 ? -1 : a.steps.before(t), start = s < 0 ? 0 : a.steps.start(t);
    const int64_t rows = s < 0 ? a.steps.batch : a.steps.rows(t), end = at.end < rows ? at.end : rows;
    for (int64_t first = at.begin; first < end; first += kRows) {
      const int64_t row = first + row_of<kRows>(at.lane);
      const bool own = real && at.lane < kRows && row < end;
      const int64_t place = (start + row) * hidden + at.unit;  // in y
      const int64_t cell = (row - at.begin) * plan.units + at.local;
      Given<kCell> given;
      const bool goes_on = s < 0 || a.steps.has(later, row);  // else the sequence ends here
      if (own && s >= 0) {
        if (a.dy) given.dy = a.dy[place];
        if constexpr (kHeld > 0) {
#pragma unroll
          for (int g = 0; g < kHeld; ++g) {
            const int64_t i = ((start + row) * kHeld + g) * hidden + at.unit;
            given.held[g] = a.held[i];
            if (a.dheld) given.extra[g] = a.dheld[i];
          }
        }
        const bool known = a.steps.has(earlier, row);
        const int64_t before = known ? a.steps.start(earlier) + row : row;
        if constexpr (kCell == PYNN_CELL_LSTM) {
          given.c_before = known ? a.held[(before * 5 + 4) * hidden + at.unit] : a.c0[before * hidden + at.unit];
        } else if constexpr (kCell == PYNN_CELL_GRU) {
          given.h_before = (known ? a.y : a.h0)[before * hidden + at.unit];
        } else {
          given.held[0] = a.y[place];
        }
      }
      if (waits) {
        meeting.wait(unsigned(done));
      } else {
        __syncthreads();
      }
      waits = false;
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int64_t i = first + r, step = s < 0 && i < end ? a.steps.first_step(i) : later;
        const float* const from = i < end && a.steps.has(step, i) ? a.d + (a.steps.start(step) + i) * sums : nullptr;
        load_row(after + r * kDepth, kDepth, from, int(sums), int(threadIdx.x), kThreads);
      }
      __syncthreads();
      float acc[1][kRows] = {};
      multiply<kLanes, kShare>(after, at.lane, w, acc);
      gather<kLanes>(at.lane, acc);
      if (!own) continue;
      float dh = acc[0][0];
      if (goes_on) {
        if (kCell == PYNN_CELL_GRU) dh += carried[cell];
      } else if (a.dh_n) {
        dh += a.dh_n[row * hidden + at.unit];
      }
      if (s < 0) {
        if (a.dh0) a.dh0[row * hidden + at.unit] = dh;
        if (kCell == PYNN_CELL_LSTM && a.dc0) a.dc0[row * hidden + at.unit] = carried[cell];
        continue;
      }
      dh += given.dy;
      float d[kGates];
      if constexpr (kCell == PYNN_CELL_LSTM) {
        float dc = goes_on ? carried[cell] : a.dc_n ? a.dc_n[row * hidden + at.unit] : 0.0f;
        lstm_backward(dh, given.held, given.c_before, given.extra, dc, d, static_cast<float*>(nullptr));
        carried[cell] = dc;
      } else if constexpr (kCell == PYNN_CELL_GRU) {
        float held[4], extra[4], input;
#pragma unroll
        for (int g = 0; g < 4; ++g) {
          held[g] = given.held[g];
          extra[g] = given.extra[g];
        }
        carried[cell] = gru_backward(dh, held, given.h_before, extra, d, &input);
        float* const to = a.d_input + (start + row) * sums + at.unit;
        to[0] = d[0];
        to[hidden] = d[1];
        to[2 * hidden] = input;
      } else {
        d[0] = rnn_backward(a.relu, dh, given.held[0]);
      }
#pragma unroll
      for (int g = 0; g < kGates; ++g) a.d[(start + row) * sums + g * hidden + at.unit] = d[g];
    }
    if (waits) meeting.wait(unsigned(done));  // no rows of these blocks are in this step
    if (s > last) meeting.arrive();
  }
}

}  // namespace

Status resident_backward(int cell, const ResidentPlan& plan, const BackwardArrays<float>& arrays, void* workspace,
                         cudaStream_t stream) {
  PYNN_TRY(fill_bytes(workspace, 0, resident_bytes(plan), stream));
  return by_variant(cell, plan, [&](auto variant) {
    typedef decltype(variant) V;
    return launch(backward_kernel<V::kCell, V::kLanes, V::kEach, V::kRows>, resident_launch(plan, stream), plan, arrays,
                  static_cast<unsigned*>(workspace));
  });
}

}  // namespace pynn::cuda
