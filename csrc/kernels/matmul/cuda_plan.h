// How blocks share a product: tiles, parts of K, batches. Chosen by shape alone.
#pragma once
#include "cuda/types.h"
#include "kernels/matmul/cuda.h"

namespace pynn::cuda {

// What the shape of a grid is chosen for; not asked of the device, so that every device computes the same
// bits.
constexpr int kNominalProcessors = 128;

#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)

// Batch dimensions on the device.
struct BatchSteps {
  int dims;
  int size[kBatchDims];
  int64_t a[kBatchDims], b[kBatchDims];

  PYNN_DEVICE int64_t offset(int batch, const int64_t* steps) const {
    int64_t offset = 0;
    for (int d = dims - 1; d >= 0; --d) {
      offset += batch % size[d] * steps[d];
      batch /= size[d];
    }
    return offset;
  }
  PYNN_DEVICE int64_t a_offset(int batch) const { return offset(batch, a); }
  PYNN_DEVICE int64_t b_offset(int batch) const { return offset(batch, b); }
};

struct Place {
  int row, column, part, batch;
};

// The tile of a block (or of a step of a persistent one). Eight rows of tiles are gone through column by
// column, so that blocks that run at the same time share panels in the L2 cache.
PYNN_DEVICE Place place_of_block(int64_t index, int tiles_m, int tiles_n, int parts) {
  constexpr int kGroup = 8;
  const int tiles = tiles_m * tiles_n, tile = int(index % tiles);
  const int outer = int(index / tiles), group = tile / (kGroup * tiles_n), within = tile % (kGroup * tiles_n);
  const int rows = min(tiles_m - group * kGroup, kGroup);
  return {group * kGroup + within % rows, within / rows, outer % parts, outer / parts};
}

#endif

// How many parts K is cut into where there are `tiles` tiles in all, and how long a part is: a multiple of
// `depth`, of which a part has at least `least`.
struct Parts {
  int count, length;
};
inline Parts cut(int64_t tiles, int64_t k, int depth, int least, int64_t per_processor) {
  const int64_t steps = ceil_div(k, depth), room = kNominalProcessors * per_processor;
  int64_t count = tiles >= room * 3 / 4 ? 1 : room / (tiles > 0 ? tiles : 1);
  if (count > steps / least) count = steps / least;
  if (count > 32) count = 32;
  if (count < 1) count = 1;
  const int64_t each = steps > count ? ceil_div(steps, count) : 1;
  return {steps > 0 ? int(ceil_div(steps, each)) : 1, int(each * depth)};
}

// A product as it is computed: its batches folded, its operands replaced by packed copies in the workspace.
enum class SimtTile { square, flat, large };
struct Plan {
  Gemm g;
  Path path;    // simt, mma or hopper
  bool turned;  // simt: computes C's transpose
  SimtTile simt_tile;
  bool large;  // mma, hopper: the larger tile
  Parts parts;
  bool pack_a, pack_b;
  size_t a_bytes, b_bytes, parts_bytes;  // of the workspace, in this order

  size_t workspace() const { return a_bytes + b_bytes + parts_bytes; }
  // float32 goes through the workspace as two matrices, one behind the other.
  bool split() const { return g.dtype == PYNN_FLOAT32 && g.float32 == Float32::split; }
};
Plan plan(const Gemm& g);

// Whether this device runs the Hopper path's kernels.
bool hopper_is_there();

// ---- the launching functions of each path; `parts`: where sums of parts go, nullptr where there is one part
// ----
Status launch_simt(const Plan& p, void* parts, cudaStream_t stream);
Status launch_mma_half(const Plan& p, void* parts, cudaStream_t stream);
Status launch_mma_float(const Plan& p, void* parts, cudaStream_t stream);
Status launch_hopper(const Plan& p, void* parts, cudaStream_t stream);

// Whether a matrix, extent x k, can be read as lines (see Lines in cuda_mma.h): along K, across it, or not at
// all.
enum class LinesAre { along_k, across_k, nothing };
LinesAre lines(const void* data, int item, int64_t extent, int64_t k, int64_t step, int64_t k_step,
               const Batches& batch, const int64_t* batch_steps);

}  // namespace pynn::cuda
