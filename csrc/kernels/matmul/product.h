// One product by packed tiles. It is cut into chunks of whole rows or whole columns of C; the operand
// all chunks share is packed first, the other one by each chunk for itself.
#pragma once
#include <atomic>

#include "base/arena.h"
#include "base/isa.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace matmul {

// Multiply-adds under which a product stays on one thread (about 5 us of a slow core), those that are worth waking
// threads for, and those a chunk should have at least.
constexpr int64_t kSerial = 1 << 18;
constexpr int64_t kWaking = 1 << 20;
constexpr int64_t kChunk = 1 << 19;
constexpr int64_t kSharedBytes = 8 << 20;   // the shared operand is packed in parts of about this size
constexpr int64_t kChunkBytes = 192 << 10;  // a chunk's own packed operand: stays in the L2 cache
constexpr int64_t kFewReads = 96;           // rows of C: a B read by fewer is not worth a copy
constexpr int64_t kFewTiles = 4;            // rows of tiles: nor is a large one by these
constexpr int64_t kCuts = 8;                // tiles or panels that are enough to share out
constexpr int64_t kBlockBytes = 128 << 10;  // rows of A that all panels of B pass by: beside it in the L2 cache

inline pynn_status no_memory(size_t bytes) {
  return fail(PYNN_NO_MEMORY, "matmul: no memory for %zu bytes of scratch space", bytes);
}

// Rows [0, count) cut into tiles of at most `most` rows that differ by one at most.
struct Rows {
  int64_t tiles, base, longer;
  Rows(int64_t count, int64_t most)
      : tiles(ceil_div(count, most)), base(tiles ? count / tiles : 0), longer(tiles ? count % tiles : 0) {}
  int64_t size(int64_t i) const { return base + (i < longer); }
  int64_t start(int64_t i) const { return i * base + least(i, longer); }
};

// What the tiles of a pass over a part of K read: each operand packed or as it lies in memory.
template <class T>
struct Pass {
  const T* a;  // packed: tile rows [r, r + h) start at a + r * depth; else element (0, 0)
  int64_t a_row, a_col;
  bool a_packed;
  const T* b;  // packed: panel p starts at b + p * panel * depth; else element (0, 0)
  int64_t b_row;
  bool b_packed;
  int64_t depth;
  bool first, last;  // of K
};

template <class T>
class Product {
 public:
  explicit Product(const Gemm<T>& g) : g_(g), kernels_(kernels<T>()), macs_(g.m * g.n * most(g.k, 1)) {
    width_ = kernels_.width;
    vectors_ = g.m <= kernels_.max_rows[4] && g.n > 2 * width_ ? 4 : 2;
    panel_ = vectors_ * width_;
    max_rows_ = kernels_.max_rows[vectors_];
  }

  pynn_status run() {
    prepare();
    if (macs_ <= kSerial || g_.k == 0) return serial();
    return cut_rows() ? by_rows() : by_columns();
  }

  pynn_status run_serially() {
    prepare();
    return serial();
  }

 private:
  void prepare() {
    depth_ = depth_block<T>(g_.k, kernels_.depth);
    const int64_t panels = ceil_div(g_.n, panel_);
    // An operand is used where it lies when its tiles are contiguous one way and it is read so few times,
    // or is so small (and A's rows so free of cache-set conflicts), that a copy would cost more than it saves.
    const bool a_fits = g_.a_col == 1 || g_.a_row == 1;
    const int64_t a_step = g_.a_col == 1 ? g_.a_row : g_.a_col, a_bytes = g_.m * g_.k * int64_t(sizeof(T));
    pack_a_ = g_.k > 0 && !(a_fits && (panels <= 2 || ((a_bytes <= kernels_.direct_bytes || g_.k <= 128) &&
                                                       !conflicts(a_step, max_rows_))));
    pack_b_ = g_.k > 0 && !(g_.b_col == 1 && reads_b());
  }

  // Whether B, its rows contiguous, is read where it lies. Where it streams from the L2 cache as fast as the tiles can
  // take it, vectors that span two lines and rows that meet in few sets of the L1 cost more than a copy.
  bool reads_b() const {
    const bool halved = width_ * sizeof(T) == 64 && halves_512_bits();
    if (g_.m <= (halved ? 1 : kFewTiles) * max_rows_) return true;
    if (g_.n * g_.k * int64_t(sizeof(T)) > kernels_.direct_bytes) return false;
    if (halved) return true;
    const int64_t row_bytes = g_.b_row * int64_t(sizeof(T));
    const bool whole_lines = (reinterpret_cast<uintptr_t>(g_.b) | uintptr_t(row_bytes)) % 64 == 0;
    return g_.m <= kFewReads || (whole_lines && (g_.m <= 2 * kFewReads || row_bytes % 1024 != 0));
  }

  // Whether C is cut into rows. An operand that is packed alone is cut with C: each chunk packs a part of it and none
  // waits for another.
  bool cut_rows() const {
    if (pack_a_ && !pack_b_ && ceil_div(g_.m, max_rows_) >= kCuts) return true;
    if (pack_b_ && !pack_a_ && ceil_div(g_.n, panel_) >= kCuts) return false;
    return g_.m >= g_.n;
  }

  // Whether `rows` rows a step apart meet in too few sets of the L1 cache to stay there: a way spans 4 KB, and 8
  // ways are what the smallest caches have.
  static bool conflicts(int64_t step, int64_t rows) {
    int64_t places = 4096 / 64;
    for (int64_t bytes = step * int64_t(sizeof(T)); places > 1 && bytes % (4096 / places * 2) == 0;) places /= 2;
    return rows > 8 * places;
  }

  const T* a_at(int64_t i, int64_t k) const { return g_.a + i * g_.a_row + k * g_.a_col; }
  const T* b_at(int64_t k, int64_t j) const { return g_.b + k * g_.b_row + j * g_.b_col; }

  void pack_a(int64_t row, int64_t rows, int64_t k, int64_t depth, T* to) const {
    const Rows tiles(rows, max_rows_);
    for (int64_t t = 0; t < tiles.tiles; ++t) {
      const int64_t start = tiles.start(t), height = tiles.size(t);
      kernels_.pack(a_at(row + start, k), g_.a_row, g_.a_col, height, depth, to + start * depth, height);
    }
  }

  void pack_b_panels(int64_t column, int64_t columns, int64_t k, int64_t depth, T* to) const {
    int64_t j = 0;
    if (g_.b_col == 1) {
      kernels_.pack_panels(b_at(k, column), g_.b_row, columns, depth, panel_, to);
      j = columns / panel_ * panel_;
    }
    for (; j < columns; j += panel_) {
      kernels_.pack(b_at(k, column + j), g_.b_col, g_.b_row, least(panel_, columns - j), depth,
                    to + j * depth, panel_);
    }
  }

  // C[row .. row + rows, column .. column + columns] for one part of K; pass.a and pass.b start at that
  // block.
  void tiles(const Pass<T>& pass, int64_t row, int64_t rows, int64_t column, int64_t columns) const {
    TileArgs<T> t;
    t.k = pass.depth;
    t.alpha = g_.alpha;
    t.beta = pass.first ? g_.beta : T(1);
    t.relu = pass.last && g_.act == PYNN_ACT_RELU;
    t.a_rows = !pass.a_packed && pass.a_col == 1;
    t.c_step = g_.c_row;
    const Rows cut(rows, max_rows_);
    const int64_t panels = ceil_div(columns, panel_);
    // A block of A's tiles stays in the L2 cache while B's panels pass by; a panel stays in the L1 for the block.
    // Where all panels stay in the L2 themselves, C is what streams: a block of its rows is written whole, not in strips.
    const int64_t fitting = kBlockBytes / int64_t(sizeof(T));  // elements
    int64_t block_rows = fitting / most(pass.depth, 1);
    if (pass.depth * columns <= fitting) block_rows = least(block_rows, fitting / columns);
    const int64_t block = most(1, block_rows / max_rows_);
    for (int64_t first = 0; first < cut.tiles; first += block) {
      const int64_t end = least(first + block, cut.tiles);
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t left = least(panel_, columns - panel * panel_);
        for (int64_t tile = first; tile < end; ++tile) {
          const int64_t start = cut.start(tile), height = cut.size(tile);
          if (pass.a_packed) {
            t.a = pass.a + start * pass.depth;
            t.a_step = height;
          } else {
            t.a = pass.a + start * pass.a_row;
            t.a_step = t.a_rows ? pass.a_row : pass.a_col;
          }
          t.bias_row = pass.last && g_.bias_row ? g_.bias_row + row + start : nullptr;
          t.b = pass.b_packed ? pass.b + panel * panel_ * pass.depth : pass.b + panel * panel_;
          t.b_step = pass.b_packed ? panel_ : pass.b_row;
          t.c = g_.c + (row + start) * g_.c_row + column + panel * panel_;
          t.bias_col = pass.last && g_.bias_col ? g_.bias_col + column + panel * panel_ : nullptr;
          across(t, height, left);
        }
      }
    }
  }

  // A tile as wide as a panel, in several at the right edge.
  void across(TileArgs<T>& t, int64_t height, int64_t left) const {
    for (;;) {
      const int vectors = left > 3 * width_ ? 4 : left > width_ ? 2 : 1;
      t.cols = int(least(left, vectors * width_));
      kernels_.tile[vectors][height](t);
      left -= t.cols;
      if (left == 0) return;
      t.b += t.cols;
      t.c += t.cols;
      if (t.bias_col != nullptr) t.bias_col += t.cols;
    }
  }

  Pass<T> direct_pass(int64_t row, int64_t column, int64_t k, int64_t depth) const {
    Pass<T> pass;
    pass.a = a_at(row, k);
    pass.a_row = g_.a_row;
    pass.a_col = g_.a_col;
    pass.a_packed = false;
    pass.b = b_at(k, column);
    pass.b_row = g_.b_row;
    pass.b_packed = false;
    pass.depth = depth;
    pass.first = k == 0;
    pass.last = k + depth >= g_.k;
    return pass;
  }

  pynn_status serial() const {
    const int64_t a_size = pack_a_ ? g_.m * depth_ : 0,
                  b_size = pack_b_ ? round_up(g_.n, panel_) * depth_ : 0;
    if (a_size + b_size == 0) {
      serial_passes(nullptr, nullptr);
      return PYNN_OK;
    }
    const Scratch scratch(size_t(a_size + b_size) * sizeof(T));
    if (!scratch) return no_memory(size_t(a_size + b_size) * sizeof(T));
    serial_passes(scratch.as<T>() + b_size, scratch.as<T>());
    return PYNN_OK;
  }

  void serial_passes(T* a, T* b) const {
    int64_t k = 0;
    do {
      const int64_t depth = least(depth_, g_.k - k);
      Pass<T> pass = direct_pass(0, 0, k, depth);
      use_a(pass, 0, g_.m, k, a);
      if (pack_b_) {
        pack_b_panels(0, g_.n, k, depth, b);
        pass.b = b;
        pass.b_packed = true;
      }
      tiles(pass, 0, g_.m, 0, g_.n);
      k += depth;
    } while (k < g_.k);
  }

  void use_a(Pass<T>& pass, int64_t row, int64_t rows, int64_t k, T* to) const {
    if (!pack_a_) return;
    pack_a(row, rows, k, pass.depth, to);
    pass.a = to;
    pass.a_packed = true;
  }

  // How many chunks for `count` rows (or columns) in units of `unit`: by shape alone, even where that costs
  // nothing.
  int64_t chunks(int64_t count, int64_t unit, int64_t largest) const {
    int64_t n = most(ceil_div(count, largest), least(8, most(2, macs_ / kChunk)));
    n = least(n, ceil_div(count, unit));
    if (n > 1 && n % 2 == 1 && n < ceil_div(count, unit)) ++n;
    return most(n, 1);
  }

  // B is packed for all; each chunk takes rows of C and packs its rows of A.
  pynn_status by_rows() const {
    const int64_t blocks = ceil_div(g_.k, depth_);
    const int64_t columns_step =
        least(g_.n, round_up(most(panel_, kSharedBytes / (depth_ * int64_t(sizeof(T)))), panel_));
    const int64_t padded = round_up(columns_step, panel_);
    const int64_t together = most(1, least(blocks, kSharedBytes / (depth_ * padded * int64_t(sizeof(T)))));
    const int64_t b_size = pack_b_ ? together * depth_ * padded : 0;
    const Scratch shared(size_t(b_size) * sizeof(T));
    if (!shared) return no_memory(size_t(b_size) * sizeof(T));
    T* const b = shared.as<T>();
    const int64_t largest =
        most(max_rows_, kChunkBytes / (depth_ * int64_t(sizeof(T))) / max_rows_ * max_rows_);
    const Rows cut(g_.m, ceil_div(g_.m, chunks(g_.m, max_rows_, largest)));
    std::atomic<bool> failed{false};
    for (int64_t column = 0; column < g_.n; column += columns_step) {
      const int64_t columns = least(columns_step, g_.n - column);
      for (int64_t k0 = 0; k0 < g_.k; k0 += together * depth_) {
        const int64_t k1 = least(k0 + together * depth_, g_.k);
        if (pack_b_) pack_shared_b(column, columns, k0, k1, b);
        share(cut.tiles, [&](int64_t chunk) {
          const int64_t row = cut.start(chunk), rows = cut.size(chunk);
          const Scratch own(pack_a_ ? size_t(rows * depth_) * sizeof(T) : 0);
          if (!own) {
            failed.store(true);
            return;
          }
          for (int64_t k = k0; k < k1; k += depth_) {
            Pass<T> pass = direct_pass(row, column, k, least(depth_, g_.k - k));
            use_a(pass, row, rows, k, own.as<T>());
            if (pack_b_) {
              pass.b = b + (k - k0) * round_up(columns, panel_);
              pass.b_packed = true;
            }
            tiles(pass, row, rows, column, columns);
          }
        });
      }
    }
    return failed.load() ? no_memory(size_t(largest * depth_) * sizeof(T)) : PYNN_OK;
  }

  // f(chunk) on the pool's threads, and on those that sleep where the product is worth waking them.
  template <class F>
  void share(int64_t chunks, const F& f) const {
    parallel(chunks, f, macs_ > kWaking ? Wake::yes : Wake::no);
  }

  void pack_shared_b(int64_t column, int64_t columns, int64_t k0, int64_t k1, T* b) const {
    const int64_t padded = round_up(columns, panel_);
    const int64_t group =
        most(1, (32 << 10) / (panel_ * depth_)) * panel_;  // columns of one chunk of packing
    const int64_t groups = ceil_div(columns, group), blocks = ceil_div(k1 - k0, depth_);
    share(groups * blocks, [&](int64_t chunk) {
      const int64_t k = k0 + chunk / groups * depth_, j = chunk % groups * group;
      const int64_t depth = least(depth_, k1 - k);
      pack_b_panels(column + j, least(group, columns - j), k, depth, b + (k - k0) * padded + j * depth);
    });
  }

  // A is packed for all; each chunk takes columns of C and packs its columns of B.
  pynn_status by_columns() const {
    const int64_t blocks = ceil_div(g_.k, depth_);
    const int64_t rows_step =
        least(g_.m, most(max_rows_, kSharedBytes / (depth_ * int64_t(sizeof(T))) / max_rows_ * max_rows_));
    const int64_t together = most(1, least(blocks, kSharedBytes / (depth_ * rows_step * int64_t(sizeof(T)))));
    const int64_t a_size = pack_a_ ? together * depth_ * rows_step : 0;
    const Scratch shared(size_t(a_size) * sizeof(T));
    if (!shared) return no_memory(size_t(a_size) * sizeof(T));
    T* const a = shared.as<T>();
    const int64_t panels = ceil_div(g_.n, panel_);
    const int64_t largest = most(1, kChunkBytes / (depth_ * panel_ * int64_t(sizeof(T))));
    const Rows cut(panels, ceil_div(panels, chunks(panels, 1, largest)));
    std::atomic<bool> failed{false};
    for (int64_t row = 0; row < g_.m; row += rows_step) {
      const int64_t rows = least(rows_step, g_.m - row);
      for (int64_t k0 = 0; k0 < g_.k; k0 += together * depth_) {
        const int64_t k1 = least(k0 + together * depth_, g_.k);
        if (pack_a_) pack_shared_a(row, rows, k0, k1, a);
        share(cut.tiles, [&](int64_t chunk) {
          const int64_t column = cut.start(chunk) * panel_;
          const int64_t columns = least(cut.size(chunk) * panel_, g_.n - column);
          const Scratch own(pack_b_ ? size_t(round_up(columns, panel_) * depth_) * sizeof(T) : 0);
          if (!own) {
            failed.store(true);
            return;
          }
          for (int64_t k = k0; k < k1; k += depth_) {
            Pass<T> pass = direct_pass(row, column, k, least(depth_, g_.k - k));
            if (pack_a_) {
              pass.a = a + (k - k0) * rows;
              pass.a_packed = true;
            }
            if (pack_b_) {
              pack_b_panels(column, columns, k, pass.depth, own.as<T>());
              pass.b = own.as<T>();
              pass.b_packed = true;
            }
            tiles(pass, row, rows, column, columns);
          }
        });
      }
    }
    return failed.load() ? no_memory(size_t(largest * panel_ * depth_) * sizeof(T)) : PYNN_OK;
  }

  void pack_shared_a(int64_t row, int64_t rows, int64_t k0, int64_t k1, T* a) const {
    const Rows tiles(rows, max_rows_);
    const int64_t group = most(1, (32 << 10) / (max_rows_ * depth_));  // tiles of one chunk of packing
    const int64_t groups = ceil_div(tiles.tiles, group), blocks = ceil_div(k1 - k0, depth_);
    share(groups * blocks, [&](int64_t chunk) {
      const int64_t k = k0 + chunk / groups * depth_, depth = least(depth_, k1 - k);
      const int64_t first = chunk % groups * group;
      for (int64_t t = first; t < least(first + group, tiles.tiles); ++t) {
        const int64_t start = tiles.start(t), height = tiles.size(t);
        kernels_.pack(a_at(row + start, k), g_.a_row, g_.a_col, height, depth,
                      a + (k - k0) * rows + start * depth, height);
      }
    });
  }

  const Gemm<T> g_;
  const Kernels<T>& kernels_;
  const int64_t macs_;
  int width_, vectors_;
  int64_t panel_, max_rows_, depth_ = 0;
  bool pack_a_ = false, pack_b_ = false;
};

}  // namespace matmul
}  // namespace pynn
