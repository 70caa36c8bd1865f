// Which way computes a product: by shape, strides, alignment and device.
#include "cuda/gpu.h"
#include "kernels/matmul/cuda_plan.h"

namespace pynn::cuda {
namespace {

size_t rounded(int64_t bytes) { return size_t(ceil_div(bytes, 256) * 256); }

// Batch dimensions that go through memory like one become one, dimensions of one element none, and a stack of
// matrices A against one B a taller A.
Gemm folded(Gemm g) {
  Batches& batch = g.batch;
  int dims = 0;
  for (int d = 0; d < batch.dims; ++d) {
    const int64_t size = batch.size[d], a = batch.a[d], b = batch.b[d];
    if (size == 1) continue;
    if (dims > 0 && batch.a[dims - 1] == a * size && batch.b[dims - 1] == b * size) {
      batch.size[dims - 1] *= size;
      batch.a[dims - 1] = a;
      batch.b[dims - 1] = b;
    } else {
      batch.size[dims] = size;
      batch.a[dims] = a;
      batch.b[dims] = b;
      ++dims;
    }
  }
  batch.dims = dims;
  if (dims > 0) {
    const int64_t size = batch.size[dims - 1], a = batch.a[dims - 1];
    if (batch.b[dims - 1] == 0 && (a == g.a_row * g.m || g.m == 1)) {
      if (g.m == 1) g.a_row = a;
      g.m *= size;
      --batch.dims;
    }
  }
  return g;
}

int64_t count_of(const Batches& batch) {
  int64_t count = 1;
  for (int d = 0; d < batch.dims; ++d) count *= batch.size[d];
  return count;
}

// The matrices of an operand that differ: where its step is 0, all are one.
int64_t count_of(const Batches& batch, const int64_t* steps) {
  int64_t count = 1;
  for (int d = 0; d < batch.dims; ++d) count *= steps[d] == 0 ? 1 : batch.size[d];
  return count;
}

}  // namespace

LinesAre lines(const void* data, int item, int64_t extent, int64_t k, int64_t step, int64_t k_step,
               const Batches& batch, const int64_t* batch_steps) {
  const int64_t chunk = 16 / item;
  if (reinterpret_cast<uintptr_t>(data) % 16 != 0) return LinesAre::nothing;
  for (int d = 0; d < batch.dims; ++d) {
    if (batch_steps[d] < 0 || batch_steps[d] % chunk != 0) return LinesAre::nothing;
  }
  const auto apart = [&](int64_t n, int64_t by) { return n == 1 || (by > 0 && by % chunk == 0); };
  if ((k_step == 1 || k == 1) && apart(extent, step)) return LinesAre::along_k;
  if ((step == 1 || extent == 1) && apart(k, k_step)) return LinesAre::across_k;
  return LinesAre::nothing;
}

bool hopper_is_there() {
#if defined(PYNN_CUDA_EMULATION)
  return path() == Path::hopper;  // emulated as any other, but slow
#else
  return this_gpu().major == 9 && this_gpu().minor == 0;
#endif
}

Plan plan(const Gemm& given) {
  Plan p = {};
  Gemm& g = p.g = folded(given);
  const int64_t batch = count_of(g.batch);
  const bool is_half = g.dtype == PYNN_FLOAT16 || g.dtype == PYNN_BFLOAT16;
  const bool tensor_cores = is_half || (g.dtype == PYNN_FLOAT32 && g.float32 != Float32::exact);
  const Path wanted = path();
  const bool small = g.m <= 16 || g.n <= 16 || double(g.m) * double(g.n) * double(g.k) <= 64. * 64 * 64;
  if (wanted == Path::simt || !tensor_cores || g.k == 0 || (small && wanted == Path::automatic)) {
    p.path = Path::simt;
    p.turned = g.n <= 16 && g.m > 16;
    const int64_t rows = p.turned ? g.n : g.m, columns = p.turned ? g.m : g.n;
    p.simt_tile = rows <= 16 ? SimtTile::flat : SimtTile::square;
    if (g.dtype == PYNN_FLOAT32 &&
        ceil_div(rows, 128) * ceil_div(columns, 128) * batch >= kNominalProcessors) {
      p.simt_tile = rows <= 16 ? SimtTile::flat : SimtTile::large;
    }
    const int tile_m = p.simt_tile == SimtTile::flat ? 16 : p.simt_tile == SimtTile::large ? 128 : 64;
    const int tile_n = p.simt_tile == SimtTile::square ? 64 : 128;
    p.parts = cut(ceil_div(rows, tile_m) * ceil_div(columns, tile_n) * batch, g.k, 16, 8, 2);
  } else {
    const bool fills = wanted == Path::hopper || (g.m > 64 && g.n > 64 && g.k >= 64);
    // The copy engine walks one batch dimension.
    const bool hopper = wanted != Path::mma && hopper_is_there() && fills && g.batch.dims <= 1;
    p.path = hopper ? Path::hopper : Path::mma;
    const int item = is_half ? 2 : 4;
    const int64_t chunk = 16 / item;
    LinesAre a = lines(g.a, item, g.m, g.k, g.a_row, g.a_col, g.batch, g.batch.a);
    LinesAre b = lines(g.b, item, g.n, g.k, g.b_col, g.b_row, g.batch, g.batch.b);
    if (p.path == Path::hopper) {
      // wgmma takes 32-bit words along K alone.
      if (p.split() || (item == 4 && a == LinesAre::across_k)) a = LinesAre::nothing;
      if (p.split() || (item == 4 && b == LinesAre::across_k)) b = LinesAre::nothing;
    }
    p.pack_a = a == LinesAre::nothing;
    p.pack_b = b == LinesAre::nothing;
    const int64_t line = ceil_div(g.k, chunk) * chunk, copies = p.path == Path::hopper && p.split() ? 2 : 1;
    if (p.pack_a) p.a_bytes = rounded(count_of(g.batch, g.batch.a) * g.m * line * item * copies);
    if (p.pack_b) p.b_bytes = rounded(count_of(g.batch, g.batch.b) * g.n * line * item * copies);
    const int64_t large_tiles = ceil_div(g.m, 128) * ceil_div(g.n, 128) * batch;
    if (p.path == Path::hopper) {
      p.large = !p.split() && ceil_div(g.m, 128) * ceil_div(g.n, 256) * batch >= kNominalProcessors * 3 / 4;
      p.parts = cut(p.large ? large_tiles / 2 : large_tiles, g.k, 128 / item, 8, 1);
    } else {
      // Sums of many parts cost less than tiles that read little.
      p.large = large_tiles >= kNominalProcessors / 2 || (g.k >= 2048 && g.m > 64 && g.n > 64);
      const int side = p.large ? 128 : 64;
      p.parts = cut(ceil_div(g.m, side) * ceil_div(g.n, side) * batch, g.k, 64 / item, 8, p.large ? 1 : 2);
    }
  }
  const int64_t sum = g.dtype == PYNN_FLOAT64 ? 8 : 4;
  if (p.parts.count > 1) p.parts_bytes = rounded(p.parts.count * batch * g.m * g.n * sum);
  return p;
}

size_t gemm_workspace(const Gemm& g) {
  return g.m == 0 || g.n == 0 || count_of(g.batch) == 0 ? 0 : plan(g).workspace();
}

}  // namespace pynn::cuda
