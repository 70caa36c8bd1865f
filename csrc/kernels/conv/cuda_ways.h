// Which way computes a convolution on a GPU, and what the ways take.
#pragma once
#include "kernels/conv/cuda.h"
#include "kernels/conv/cuda_gather.h"
#include "kernels/matmul/cuda_plan.h"
#include "kernels/matmul/cuda_result.h"

namespace pynn::cuda {

enum class Pass { forward, data, weight };

// Whether implicit products on tensor cores compute a pass; else a thread computes each place of the result.
bool by_products(const Conv& c, Pass pass);

inline int filled(int64_t channels, size_t item) {
  const int64_t chunk = int64_t(16 / item);
  return int(ceil_div(channels, chunk) * chunk);
}
inline size_t rounded(int64_t bytes) { return size_t(ceil_div(bytes, 256) * 256); }

inline PixelGrid grid_of(const int64_t* size) {
  PixelGrid grid;
  const auto least_one = [](int64_t n) { return Divider(uint32_t(n > 0 ? n : 1)); };
  grid.image = least_one(size[0] * size[1] * size[2]);
  grid.plane = least_one(size[1] * size[2]);
  grid.line = least_one(size[2]);
  return grid;
}

// Channels-last copies are left out where the images lie so already.
bool lies_packed(const Images& x, int64_t channels, int64_t groups, const int64_t* size, size_t item);

// The channels-last form of images: where they lie, or a copy at `to`.
struct PackedImages {
  const void* data;
  int64_t pixel;  // elements from pixel to pixel
  int filled;     // channels of a group
};
size_t packed_bytes(const Images& x, int64_t images, int64_t channels, int64_t groups, const int64_t* size,
                    size_t item);
Status pack(const Images& x, int64_t images, int64_t channels, int64_t groups, const int64_t* size,
            size_t item, void* to, cudaStream_t stream, PackedImages* out);

// One implicit product: the forward pass, or one phase of the data gradient: the pixels `phase`, `phase +
// stride`, ...
struct GatherJob {
  pynn_dtype dtype;
  Float32 float32;
  PackedImages source;
  int64_t source_pixels;                   // of an image
  const void* w;                           // as it was given
  bool turned;                             // rows are channels
  int64_t images, groups, rows, channels;  // of a group
  int64_t kernel[3];
  int64_t first[3], tap_apart[3];  // the taps taken
  Taps taps;
  int64_t grid[3];      // pixels of the result
  int64_t result_size;  // elements of a channel of it
  int64_t result_first, result_step[3];
  const void* bias;
  bool relu;
  void* to;
};
struct GatherPlan {
  bool hopper, large;
  Parts parts;
  size_t weights_bytes, parts_bytes;
};
GatherPlan plan_of(const GatherJob& job);
// Its rows and columns, K as the path counts it, and where they go.
template <class T>
Result<T, PixelColumns> result_of(const GatherJob& job, void* parts) {
  Result<T, PixelColumns> to = {};
  to.c = static_cast<T*>(job.to);
  to.row_step = job.result_size, to.batch_step = job.rows * job.result_size;
  to.columns.grid = grid_of(job.grid);
  to.columns.image = job.groups * job.rows * job.result_size;
  to.columns.first = job.result_first;
  to.columns.dense = job.result_size == job.grid[0] * job.grid[1] * job.grid[2];
  for (int d = 0; d < 3; ++d) to.columns.step[d] = job.result_step[d];
  to.bias = static_cast<const T*>(job.bias), to.bias_by_row = true, to.bias_batch = job.rows;
  to.relu = job.relu;
  to.m = int(job.rows), to.n = int(job.images * job.grid[0] * job.grid[1] * job.grid[2]),
  to.batch = int(job.groups);
  to.parts = static_cast<float*>(parts);
  return to;
}
size_t gather_workspace(const GatherJob& job);
Status gather(const GatherJob& job, void* workspace, cudaStream_t stream);

struct WeightJob {
  pynn_dtype dtype;
  Float32 float32;
  PackedImages x, dy;
  int64_t x_pixels;
  int64_t images, groups, channels, filters;  // of a group
  int64_t kernel[3], grid[3];
  Taps taps;
  void* dw;
};
struct WeightPlan {
  bool hopper, large;
  Parts parts;
};
WeightPlan plan_of(const WeightJob& job);
// `filled`: the columns of a tap.
template <class T>
Result<T, WeightColumns> result_of(const WeightJob& job, int filled, void* parts) {
  const int64_t taps = job.kernel[0] * job.kernel[1] * job.kernel[2];
  Result<T, WeightColumns> to = {};
  to.c = static_cast<T*>(job.dw);
  to.row_step = job.channels * taps, to.batch_step = job.filters * job.channels * taps;
  to.columns.filled = Divider(uint32_t(filled));
  to.columns.channels = int(job.channels), to.columns.taps = int(taps);
  to.m = int(job.filters), to.n = int(taps * filled), to.batch = int(job.groups);
  to.parts = static_cast<float*>(parts);
  return to;
}
size_t weight_workspace(const WeightJob& job);
Status weight(const WeightJob& job, void* workspace, cudaStream_t stream);

// ---- sm_90a ----
constexpr int kHopperChannels = 128;  // bytes of channels that a panel has
inline int channel_blocks(int filled, int64_t item) { return int(ceil_div(filled * item, kHopperChannels)); }
// Whether the copy engine can lay out the pixels of a job and the path in use wants it.
bool on_hopper(const GatherJob& job);
bool on_hopper(const WeightJob& job);
// `weights`: [row][tap][filled]
Status launch_hopper(const GatherJob& job, const GatherPlan& plan, const void* weights, void* parts,
                     cudaStream_t stream);
Status launch_hopper(const WeightJob& job, const WeightPlan& plan, void* parts, cudaStream_t stream);

// ---- a thread a place ----
Status direct_forward_pass(const Conv& c, const Images& x, const void* w, const void* bias, bool relu,
                           void* y, cudaStream_t stream);
Status direct_data_pass(const Conv& c, const Images& dy, const void* w, void* dx, cudaStream_t stream);
size_t direct_weight_workspace(const Conv& c);
Status direct_weight_pass(const Conv& c, const Images& x, const Images& dy, void* dw, void* workspace,
                          cudaStream_t stream);

}  // namespace pynn::cuda
