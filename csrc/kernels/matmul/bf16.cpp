// One product of bfloat16 matrices: both operands are packed in pairs, then blocks of C are made from them.
// K is not cut: an element of C is one float32 sum, rounded once.
#include "kernels/matmul/bf16.h"

#include <atomic>

#include "base/arena.h"
#include "base/isa.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"
#include "kernels/half/half.h"

namespace pynn {

#if defined(PYNN_X86)
namespace avx512bf16 {
namespace matmul {
extern const ::pynn::matmul::PairKernels table;
}
}  // namespace avx512bf16
#endif

namespace matmul {

#if defined(PYNN_X86)
const PairKernels* const pair_kernels = &::pynn::avx512bf16::matmul::table;
#else
const PairKernels* const pair_kernels = nullptr;
#endif

namespace {

constexpr int64_t kSerial = 1 << 21;        // multiply-adds under which a product stays on one thread
constexpr int64_t kGroupBytes = 8 << 20;    // B is packed in groups of columns of about this size
constexpr int64_t kBlockBytes = 384 << 10;  // the rows of A that a thread takes stay in its L2 cache
constexpr int64_t kFewRows = 4;

pynn_status no_memory(size_t bytes) {
  return fail(PYNN_NO_MEMORY, "matmul: no memory for %zu bytes of scratch space", bytes);
}

// f(0) ... f(count - 1), on the pool's threads unless `serial`.
template <class F>
void each(bool serial, int64_t count, const F& f) {
  if (serial) {
    for (int64_t i = 0; i < count; ++i) f(i);
  } else {
    parallel(count, f);
  }
}

pynn_status tiles(const Gemm<bfloat16>& g) {
  const PairKernels& kernels = *pair_kernels;
  const int64_t pairs = ceil_div(g.k, 2);
  const int64_t row_tiles = ceil_div(g.m, kPairRows), panels = ceil_div(g.n, kPairPanel);
  const int64_t base = g.m / row_tiles, longer = g.m % row_tiles;  // tiles of nearly equal height
  const auto height = [=](int64_t t) { return base + (t < longer); };
  const auto start = [=](int64_t t) { return t * base + least(t, longer); };
  const int64_t panel_size = most(pairs, 1) * kPairPanel;
  const int64_t group = most(1, least(panels, kGroupBytes / (panel_size * 4)));
  const size_t bytes = size_t(g.m * pairs + group * panel_size) * 4;
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  uint32_t* const b = scratch.as<uint32_t>();
  uint32_t* const a = b + group * panel_size;
  const bool serial = g.m * g.n * most(g.k, 1) <= kSerial;

  const int64_t pack_tiles = most(1, (32 << 10) / (most(pairs, 1) * kPairRows));
  each(serial, ceil_div(row_tiles, pack_tiles), [&](int64_t chunk) {
    for (int64_t t = chunk * pack_tiles; t < least((chunk + 1) * pack_tiles, row_tiles); ++t) {
      kernels.pack(&g.a[start(t) * g.a_row].bits, g.a_row, g.a_col, height(t), height(t), g.k,
                   a + start(t) * pairs, height(t));
    }
  });
  // Blocks of C: rows whose packed A stays in the L2 cache, times as many panels as make work for all
  // threads.
  const int64_t block_rows = most(1, least(row_tiles, kBlockBytes / (most(pairs, 1) * 4 * kPairRows)));
  const int64_t row_blocks = ceil_div(row_tiles, block_rows);
  for (int64_t p0 = 0; p0 < panels; p0 += group) {
    const int64_t count = least(group, panels - p0);
    each(serial, count, [&](int64_t p) {
      const int64_t column = (p0 + p) * kPairPanel;
      kernels.pack(&g.b[column * g.b_col].bits, g.b_col, g.b_row, least(kPairPanel, g.n - column), kPairPanel,
                   g.k, b + p * panel_size, kPairPanel);
    });
    const int64_t wanted = most(1, ceil_div(8, row_blocks)), block_panels = ceil_div(count, wanted);
    const int64_t panel_blocks = ceil_div(count, block_panels);
    each(serial, row_blocks * panel_blocks, [&](int64_t block) {
      const int64_t t0 = block / panel_blocks * block_rows, t1 = least(t0 + block_rows, row_tiles);
      const int64_t first = block % panel_blocks * block_panels, last = least(first + block_panels, count);
      PairTile tile;
      tile.pairs = pairs;
      tile.alpha = g.alpha;
      tile.beta = g.beta;
      tile.relu = g.act == PYNN_ACT_RELU;
      tile.c_step = g.c_row;
      for (int64_t p = first; p < last; ++p) {
        const int64_t column = (p0 + p) * kPairPanel;
        tile.b = b + p * panel_size;
        tile.cols = int(least(kPairPanel, g.n - column));
        tile.bias_col = g.bias_col ? &g.bias_col[column].bits : nullptr;
        for (int64_t t = t0; t < t1; ++t) {
          tile.a = a + start(t) * pairs;
          tile.c = &g.c[start(t) * g.c_row + column].bits;
          tile.bias_row = g.bias_row ? &g.bias_row[start(t)].bits : nullptr;
          kernels.tile[height(t)][tile.cols > 16](tile);
        }
      }
    });
  }
  return PYNN_OK;
}

// C[row, first ...] from its n sums.
void store_results(const Gemm<bfloat16>& g, int64_t row, int64_t first, int64_t n, float* sums) {
  const half::Table& cast = half::table();
  const auto wide = [&](const bfloat16* x) {
    float out;
    cast.from_bfloat16(1, &x->bits, &out);
    return out;
  };
  for (int64_t j = 0; j < n; ++j) {
    float value = g.alpha * sums[j];
    if (g.beta != 0) value += g.beta * wide(&g.c[row * g.c_row + (first + j) * g.c_col]);
    if (g.bias_col != nullptr) value += wide(&g.bias_col[first + j]);
    if (g.bias_row != nullptr) value += wide(&g.bias_row[row]);
    if (g.act == PYNN_ACT_RELU && value < 0) value = 0;
    sums[j] = value;
  }
  if (g.c_col == 1) {
    cast.to_bfloat16(n, sums, &g.c[row * g.c_row + first].bits);
  } else {
    for (int64_t j = 0; j < n; ++j) {
      cast.to_bfloat16(1, sums + j, &g.c[row * g.c_row + (first + j) * g.c_col].bits);
    }
  }
}

// A few rows of A against a B that lies transposed: bound by reading B, which is read once and not packed.
pynn_status few_rows(const Gemm<bfloat16>& g) {
  const size_t bytes = size_t(g.m * g.n) * sizeof(float);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  float* const sums = scratch.as<float>();
  const int64_t macs = g.n * g.k;
  const int64_t pieces = macs < (1 << 18) ? 1 : least(8, macs >> 17);
  const int64_t step = round_up(ceil_div(g.n, pieces), 16);
  parallel(ceil_div(g.n, step), [&](int64_t chunk) {
    const int64_t first = chunk * step, n = least(step, g.n - first);
    pair_kernels->dots(&g.a->bits, g.a_row, g.m, &g.b[first * g.b_col].bits, g.b_col, n, g.k, sums + first,
                       g.n);
    for (int64_t i = 0; i < g.m; ++i) store_results(g, i, first, n, sums + i * g.n + first);
  });
  return PYNN_OK;
}

Gemm<bfloat16> transposed(const Gemm<bfloat16>& g) {
  return {g.n, g.m,     g.k,     g.b,        g.b_col,    g.b_row, g.a,    g.a_col, g.a_row,
          g.c, g.c_col, g.c_row, g.bias_col, g.bias_row, g.alpha, g.beta, g.act};
}

// A copy of C with contiguous rows stands in for one that has none.
pynn_status scattered(const Gemm<bfloat16>& g) {
  const size_t bytes = size_t(g.m * g.n) * sizeof(bfloat16);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  Gemm<bfloat16> dense = g;
  dense.c = scratch.as<bfloat16>();
  dense.c_row = g.n;
  dense.c_col = 1;
  if (g.beta != 0) {
    for (int64_t i = 0; i < g.m; ++i) {
      for (int64_t j = 0; j < g.n; ++j) dense.c[i * g.n + j] = g.c[i * g.c_row + j * g.c_col];
    }
  }
  const pynn_status status = tiles(dense);
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) g.c[i * g.c_row + j * g.c_col] = dense.c[i * g.n + j];
  }
  return status;
}

}  // namespace

template <>
pynn_status gemm(const Gemm<bfloat16>& given) {
  Gemm<bfloat16> g = given;
  if (g.m == 0 || g.n == 0) return PYNN_OK;
  if (g.m == 1) g.a_row = g.k, g.c_row = g.n;
  if (g.n == 1) g.b_col = g.k, g.c_col = 1;
  if (g.k <= 1) g.a_col = 1, g.b_row = 1;
  if (g.k > 0 && g.m <= kFewRows && g.a_col == 1 && g.b_row == 1) return few_rows(g);
  if (g.k > 0 && g.n <= kFewRows && g.a_col == 1 && g.b_row == 1) return few_rows(transposed(g));
  if (g.c_col != 1 && g.c_row == 1) g = transposed(g);
  return g.c_col == 1 ? tiles(g) : scattered(g);
}

}  // namespace matmul
}  // namespace pynn
