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
constexpr int64_t kDirectBytes = 1 << 20;    // an A up to here stays in the L2 cache while panels of B pass by
constexpr int64_t kSerialPacking = 8 << 10;  // pairs of B that one thread packs before another would have begun
constexpr int64_t kCuts = 8;                 // chunks that are enough to share out
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

// `count` things cut into parts that differ by one at most.
struct Parts {
  int64_t base, longer;
  Parts(int64_t count, int64_t parts) : base(count / parts), longer(count % parts) {}
  int64_t size(int64_t i) const { return base + (i < longer); }
  int64_t start(int64_t i) const { return i * base + least(i, longer); }
};

class Tiles {
 public:
  explicit Tiles(const Gemm<bfloat16>& g)
      : g_(g),
        pairs_(ceil_div(g.k, 2)),
        tiles_(ceil_div(g.m, kPairRows)),
        panels_(ceil_div(g.n, kPairPanel)),
        panel_size_(most(pairs_, 1) * kPairPanel),
        heights_(g.m, tiles_) {
    // Rows a multiple of 4 KB apart meet in one set of the L1 cache.
    direct_ = g.k > 0 && g.a_col == 1 && (panels_ <= 2 || tiles_ <= 1 || g.a_row % 2048 != 0);
    serial_ = g.m * g.n * most(g.k, 1) <= kSerial;
  }

  pynn_status run() const {
    const bool fits = g_.m * g_.k * 2 <= kDirectBytes;
    return direct_ && fits && (serial_ || panels_ >= kCuts) ? by_panels() : by_blocks();
  }

 private:
  // A is read where it lies. A chunk packs panels of B one by one, each for all tiles: no thread waits for another.
  pynn_status by_panels() const {
    const int64_t chunks = serial_ ? 1 : least(panels_, kCuts);
    const Parts cut(panels_, chunks);
    std::atomic<bool> failed{false};
    parallel(chunks, [&](int64_t chunk) {
      const Scratch b(size_t(panel_size_) * 4);
      if (!b) {
        failed.store(true);
        return;
      }
      for (int64_t p = cut.start(chunk); p < cut.start(chunk + 1); ++p) {
        pack_b(p, b.as<uint32_t>());
        panel(p, b.as<uint32_t>(), nullptr, 0, tiles_);
      }
    });
    return failed.load() ? no_memory(size_t(panel_size_) * 4) : PYNN_OK;
  }

  // B is packed by all threads, then blocks of C are shared out: rows whose A stays in the L2 cache, times as many
  // panels as make work for all threads. A block packs its rows of A (unless they are read where they lie); where
  // several blocks have the same rows, all of A is packed first.
  pynn_status by_blocks() const {
    const int64_t fitting = most(1, kBlockBytes / (most(pairs_, 1) * 4 * kPairRows));
    const int64_t row_blocks = most(ceil_div(tiles_, fitting), g_.m >= g_.n ? least(tiles_, kCuts) : 1);
    const Parts rows(tiles_, row_blocks);
    const bool own = !direct_ && row_blocks >= kCuts;
    const int64_t group = most(1, least(panels_, kGroupBytes / (panel_size_ * 4)));
    const int64_t a_size = direct_ || own ? 0 : g_.m * pairs_;
    const size_t bytes = size_t(a_size + group * panel_size_) * 4;
    const Scratch scratch(bytes);
    if (!scratch) return no_memory(bytes);
    uint32_t* const b = scratch.as<uint32_t>();
    uint32_t* const a = b + group * panel_size_;
    if (a_size != 0) {
      const int64_t some = most(1, (32 << 10) / (most(pairs_, 1) * kPairRows));
      each(serial_, ceil_div(tiles_, some), [&](int64_t chunk) {
        const int64_t first = chunk * some;
        pack_a(first, least(first + some, tiles_), a + heights_.start(first) * pairs_);
      });
    }
    std::atomic<bool> failed{false};
    for (int64_t p0 = 0; p0 < panels_; p0 += group) {
      const int64_t count = least(group, panels_ - p0);
      each(serial_ || count * panel_size_ <= kSerialPacking, count,
           [&](int64_t p) { pack_b(p0 + p, b + p * panel_size_); });
      const int64_t panel_blocks = least(count, ceil_div(kCuts, row_blocks));
      const Parts columns(count, panel_blocks);
      each(serial_, row_blocks * panel_blocks, [&](int64_t block) {
        const int64_t t0 = rows.start(block / panel_blocks), t1 = rows.start(block / panel_blocks + 1);
        const Scratch packed(own ? size_t((heights_.start(t1) - heights_.start(t0)) * pairs_) * 4 : 0);
        if (!packed) {
          failed.store(true);
          return;
        }
        const uint32_t* block_a = direct_ ? nullptr : a + heights_.start(t0) * pairs_;
        if (own) {
          pack_a(t0, t1, packed.as<uint32_t>());
          block_a = packed.as<uint32_t>();
        }
        const int64_t c = block % panel_blocks;
        for (int64_t p = columns.start(c); p < columns.start(c + 1); ++p) {
          panel(p0 + p, b + p * panel_size_, block_a, t0, t1);
        }
      });
    }
    return failed.load() ? no_memory(size_t(kBlockBytes)) : PYNN_OK;
  }

  void pack_a(int64_t t0, int64_t t1, uint32_t* to) const {
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t start = heights_.start(t), height = heights_.size(t);
      pair_kernels->pack(&g_.a[start * g_.a_row].bits, g_.a_row, g_.a_col, height, height, g_.k,
                         to + (start - heights_.start(t0)) * pairs_, height);
    }
  }

  void pack_b(int64_t p, uint32_t* to) const {
    const int64_t column = p * kPairPanel;
    pair_kernels->pack(&g_.b[column * g_.b_col].bits, g_.b_col, g_.b_row, least(kPairPanel, g_.n - column),
                       kPairPanel, g_.k, to, kPairPanel);
  }

  // Tiles t0 ... t1 of panel p; A packed from tile t0 on, or nullptr.
  void panel(int64_t p, const uint32_t* b, const uint32_t* a, int64_t t0, int64_t t1) const {
    const int64_t column = p * kPairPanel;
    PairTile tile;
    tile.k = g_.k;
    tile.alpha = g_.alpha;
    tile.beta = g_.beta;
    tile.relu = g_.act == PYNN_ACT_RELU;
    tile.c_step = g_.c_row;
    tile.b = b;
    tile.cols = int(least(kPairPanel, g_.n - column));
    tile.bias_col = g_.bias_col ? &g_.bias_col[column].bits : nullptr;
    tile.a_step = direct_ ? g_.a_row : 0;
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t start = heights_.start(t);
      tile.a = direct_ ? static_cast<const void*>(g_.a + start * g_.a_row) : a + (start - heights_.start(t0)) * pairs_;
      tile.c = &g_.c[start * g_.c_row + column].bits;
      tile.bias_row = g_.bias_row ? &g_.bias_row[start].bits : nullptr;
      pair_kernels->tile[heights_.size(t)][tile.cols > 16](tile);
    }
  }

  const Gemm<bfloat16> g_;
  const int64_t pairs_, tiles_, panels_, panel_size_;
  const Parts heights_;  // rows of the tiles
  bool direct_, serial_;
};

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
  const pynn_status status = Tiles(dense).run();
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
  return g.c_col == 1 ? Tiles(g).run() : scattered(g);
}

}  // namespace matmul
}  // namespace pynn
