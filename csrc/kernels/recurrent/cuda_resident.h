// All steps of a float32 layer in one launch, its recurrent weights in registers.
//
// A block has some units of the layer, all their gates, and some rows of the batch. A unit's weights lie in `lanes` lanes
// of a warp, `each` of every gate to a lane. In each step a block reads the states before of its rows, all units of them,
// from the blocks that share the rows (through L2), and all of these wait for one another once a step: as a cluster
// (sm_90), or, where they are too many for one or the device has none, by a counter in memory, for which all blocks of the
// grid must be there at once. Blocks of other rows never meet.
#pragma once
#include <cstdint>

#include "cuda/gpu.h"
#include "cuda/launch.h"
#include "cuda/status.h"
#include "kernels/recurrent/cuda_layer.h"

namespace pynn::cuda {

struct ResidentPlan {
  bool fits;
  bool cluster;            // blocks that share rows are one
  int lanes, each;         // of a unit's weights
  int units;               // of a block
  int rows;                // of the batch that are multiplied at a time
  int64_t blocks, groups;  // grid: blocks that share rows, groups of rows
  int64_t group_rows;
  int64_t shared_bytes;
};
// hidden: the size of h, too.
ResidentPlan resident_plan(int cell, bool backward, int64_t hidden, int64_t batch, const Gpu& gpu);

// How its kernels are launched.
Configuration resident_launch(const ResidentPlan& plan, cudaStream_t stream);
// Workspace for the blocks' meetings.
int64_t resident_bytes(const ResidentPlan& plan);
Status resident_forward(int cell, const ResidentPlan& plan, const ForwardArrays<float>& arrays, void* workspace,
                        cudaStream_t stream);
Status resident_backward(int cell, const ResidentPlan& plan, const BackwardArrays<float>& arrays, void* workspace,
                         cudaStream_t stream);

}  // namespace pynn::cuda
