// The loops around the micro-kernels. A product is cut into chunks of whole rows or whole columns
// of C; the operand all chunks share is packed first, the other one by each chunk for itself.
#include "kernels/matmul/matmul.h"

#include <atomic>

#include "base/arena.h"
#include "base/isa.h"
#include "base/pool.h"
#include "base/status.h"

namespace pynn {

#define PYNN_VARIANT(isa)     \
  namespace isa {             \
  namespace matmul {          \
  extern const pynn::matmul::Table table; \
  }                           \
  }
#include "kernels/matmul/kernels.inc"
#undef PYNN_VARIANT

namespace matmul {

const Table& table() {
  const Isa isa = active_isa();
#define PYNN_VARIANT(name) \
  if (isa == Isa::name) return pynn::name::matmul::table;
#include "kernels/matmul/kernels.inc"
#undef PYNN_VARIANT
  return pynn::portable::matmul::table;
}

namespace {

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Multiply-adds under which a product stays on one thread (about 20 us of a slow core), and
// those a chunk should have at least.
constexpr int64_t kSerial = 1 << 20;
constexpr int64_t kChunk = 1 << 19;
constexpr int64_t kSharedBytes = 8 << 20;  // the shared operand is packed in parts of about this size
constexpr int64_t kChunkBytes = 320 << 10; // a chunk's own packed operand: stays in the L2 cache

pynn_status no_memory(size_t bytes) {
  return fail(PYNN_NO_MEMORY, "matmul: no memory for %zu bytes of scratch space", bytes);
}

// Rows [0, count) cut into tiles of at most `most` rows that differ by one at most.
struct Rows {
  int64_t tiles, base, longer;
  Rows(int64_t count, int64_t most) : tiles(ceil_div(count, most)), base(tiles ? count / tiles : 0), longer(tiles ? count % tiles : 0) {}
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
  explicit Product(const Gemm<T>& g) : g_(g), kernels_(kernels<T>()) {
    width_ = kernels_.width;
    vectors_ = g.m <= kernels_.max_rows[4] && g.n > 2 * width_ ? 4 : 2;
    panel_ = vectors_ * width_;
    max_rows_ = kernels_.max_rows[vectors_];
  }

  pynn_status run() {
    depth_ = depth_block<T>(g_.k);
    const int64_t tiles = ceil_div(g_.m, max_rows_), panels = ceil_div(g_.n, panel_);
    const int64_t macs = g_.m * g_.n * most(g_.k, 1);
    // An operand is used where it lies when its tiles are contiguous one way and it is read so few times,
    // or is so small and free of cache-set conflicts, that a copy would cost more than it saves.
    const bool a_fits = g_.a_col == 1 || g_.a_row == 1;
    const int64_t a_step = g_.a_col == 1 ? g_.a_row : g_.a_col, a_bytes = g_.m * g_.k * int64_t(sizeof(T));
    const int64_t b_bytes = g_.n * g_.k * int64_t(sizeof(T));
    pack_a_ = g_.k > 0 && !(a_fits && (panels <= 2 || a_bytes <= kDirectBytes || (g_.k <= 128 && !conflicts(a_step))));
    pack_b_ = g_.k > 0 && !(g_.b_col == 1 && (tiles <= 1 || (b_bytes <= kDirectBytes && !conflicts(g_.b_row))));
    if (macs <= kSerial || g_.k == 0) return serial();
    by_rows_ = g_.m >= g_.n;
    return by_rows_ ? by_rows() : by_columns();
  }

 private:
  static constexpr int64_t kDirectBytes = 128 << 10;

  // Steps that put successive rows into few sets of the L1 cache.
  static bool conflicts(int64_t step) { return (step * int64_t(sizeof(T))) % 1024 == 0; }

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
    for (int64_t j = 0; j < columns; j += panel_) {
      kernels_.pack(b_at(k, column + j), g_.b_col, g_.b_row, least(panel_, columns - j), depth, to + j * depth, panel_);
    }
  }

  // C[row .. row + rows, column .. column + columns] for one part of K; pass.a and pass.b start at that block.
  void tiles(const Pass<T>& pass, int64_t row, int64_t rows, int64_t column, int64_t columns, bool panels_outside) const {
    TileArgs<T> t;
    t.k = pass.depth;
    t.alpha = g_.alpha;
    t.beta = pass.first ? g_.beta : T(1);
    t.relu = pass.last && g_.act == PYNN_ACT_RELU;
    t.a_rows = !pass.a_packed && pass.a_col == 1;
    t.c_step = g_.c_row;
    const Rows cut(rows, max_rows_);
    const int64_t panels = ceil_div(columns, panel_);
    const int64_t outer = panels_outside ? panels : cut.tiles, inner = panels_outside ? cut.tiles : panels;
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t tile = panels_outside ? i : o, panel = panels_outside ? o : i;
        const int64_t start = cut.start(tile), height = cut.size(tile);
        if (pass.a_packed) {
          t.a = pass.a + start * pass.depth;
          t.a_step = height;
        } else {
          t.a = pass.a + start * pass.a_row;
          t.a_step = t.a_rows ? pass.a_row : pass.a_col;
        }
        t.bias_row = pass.last && g_.bias_row ? g_.bias_row + row + start : nullptr;
        const T* b = pass.b_packed ? pass.b + panel * panel_ * pass.depth : pass.b + panel * panel_;
        t.b_step = pass.b_packed ? panel_ : pass.b_row;
        int64_t j = panel * panel_;
        int64_t left = least(panel_, columns - j);
        while (left > 0) {  // one tile, save at the right edge
          const int vectors = left > 3 * width_ ? 4 : left > width_ ? 2 : 1;
          t.cols = int(least(left, vectors * width_));
          t.b = b;
          t.c = g_.c + (row + start) * g_.c_row + column + j;
          t.bias_col = pass.last && g_.bias_col ? g_.bias_col + column + j : nullptr;
          kernels_.tile[vectors][height](t);
          left -= t.cols;
          j += t.cols;
          b += t.cols;
        }
      }
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
    const int64_t a_size = pack_a_ ? g_.m * depth_ : 0, b_size = pack_b_ ? round_up(g_.n, panel_) * depth_ : 0;
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
      tiles(pass, 0, g_.m, 0, g_.n, true);
      k += depth;
    } while (k < g_.k);
  }

  void use_a(Pass<T>& pass, int64_t row, int64_t rows, int64_t k, T* to) const {
    if (!pack_a_) return;
    pack_a(row, rows, k, pass.depth, to);
    pass.a = to;
    pass.a_packed = true;
  }

  // How many chunks for `count` rows (or columns) in units of `unit`: by shape alone, even where that costs nothing.
  int64_t chunks(int64_t count, int64_t unit, int64_t largest) const {
    const int64_t macs = g_.m * g_.n * most(g_.k, 1);
    int64_t n = most(ceil_div(count, largest), least(8, macs / kChunk));
    n = least(n, ceil_div(count, unit));
    if (n > 1 && n % 2 == 1 && n < ceil_div(count, unit)) ++n;
    return most(n, 1);
  }

  // B is packed for all; each chunk takes rows of C and packs its rows of A.
  pynn_status by_rows() const {
    const int64_t blocks = ceil_div(g_.k, depth_);
    const int64_t columns_step = least(g_.n, round_up(most(panel_, kSharedBytes / (depth_ * int64_t(sizeof(T)))), panel_));
    const int64_t padded = round_up(columns_step, panel_);
    const int64_t together = most(1, least(blocks, kSharedBytes / (depth_ * padded * int64_t(sizeof(T)))));
    const int64_t b_size = pack_b_ ? together * depth_ * padded : 0;
    const Scratch shared(size_t(b_size) * sizeof(T));
    if (!shared) return no_memory(size_t(b_size) * sizeof(T));
    T* const b = shared.as<T>();
    const int64_t largest = most(max_rows_, kChunkBytes / (depth_ * int64_t(sizeof(T))) / max_rows_ * max_rows_);
    const Rows cut(g_.m, ceil_div(g_.m, chunks(g_.m, max_rows_, largest)));
    std::atomic<bool> failed{false};
    for (int64_t column = 0; column < g_.n; column += columns_step) {
      const int64_t columns = least(columns_step, g_.n - column);
      for (int64_t k0 = 0; k0 < g_.k; k0 += together * depth_) {
        const int64_t k1 = least(k0 + together * depth_, g_.k);
        if (pack_b_) pack_shared_b(column, columns, k0, k1, b);
        parallel(cut.tiles, [&](int64_t chunk) {
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
            tiles(pass, row, rows, column, columns, true);
          }
        });
      }
    }
    return failed.load() ? no_memory(size_t(largest * depth_) * sizeof(T)) : PYNN_OK;
  }

  void pack_shared_b(int64_t column, int64_t columns, int64_t k0, int64_t k1, T* b) const {
    const int64_t padded = round_up(columns, panel_);
    const int64_t group = most(1, (32 << 10) / (panel_ * depth_)) * panel_;  // columns of one chunk of packing
    const int64_t groups = ceil_div(columns, group), blocks = ceil_div(k1 - k0, depth_);
    parallel(groups * blocks, [&](int64_t chunk) {
      const int64_t k = k0 + chunk / groups * depth_, j = chunk % groups * group;
      const int64_t depth = least(depth_, k1 - k);
      pack_b_panels(column + j, least(group, columns - j), k, depth, b + (k - k0) * padded + j * depth);
    });
  }

  // A is packed for all; each chunk takes columns of C and packs its columns of B.
  pynn_status by_columns() const {
    const int64_t blocks = ceil_div(g_.k, depth_);
    const int64_t rows_step = least(g_.m, most(max_rows_, kSharedBytes / (depth_ * int64_t(sizeof(T))) / max_rows_ * max_rows_));
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
        parallel(cut.tiles, [&](int64_t chunk) {
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
            tiles(pass, row, rows, column, columns, false);
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
    parallel(groups * blocks, [&](int64_t chunk) {
      const int64_t k = k0 + chunk / groups * depth_, depth = least(depth_, k1 - k);
      const int64_t first = chunk % groups * group;
      for (int64_t t = first; t < least(first + group, tiles.tiles); ++t) {
        const int64_t start = tiles.start(t), height = tiles.size(t);
        kernels_.pack(a_at(row + start, k), g_.a_row, g_.a_col, height, depth, a + (k - k0) * rows + start * depth,
                      height);
      }
    });
  }

  const Gemm<T> g_;
  const Kernels<T>& kernels_;
  int width_, vectors_;
  int64_t panel_, max_rows_, depth_ = 0;
  bool pack_a_ = false, pack_b_ = false, by_rows_ = false;
};

// ---- matrix times vector: m == 1 ----

template <class T>
void store_results(const Gemm<T>& g, int64_t first, int64_t n, const T* sums) {
  for (int64_t j = 0; j < n; ++j) {
    T* c = g.c + (first + j) * g.c_col;
    T value = g.alpha * sums[j];
    if (g.beta != T(0)) value += g.beta * *c;
    if (g.bias_col != nullptr) value += g.bias_col[first + j];
    if (g.bias_row != nullptr) value += g.bias_row[0];
    if (g.act == PYNN_ACT_RELU && value < T(0)) value = T(0);
    *c = value;
  }
}

// c (1, n) = x (1, k) B (k, n), B contiguous one way.
template <class T>
pynn_status vector_matrix(const Gemm<T>& g) {
  const Kernels<T>& kernel = kernels<T>();
  const bool copy_x = g.a_col != 1 && g.k > 1;
  // Bandwidth-bound: cut where a chunk still reads 256 KB or so.
  const int64_t macs = g.n * most(g.k, 1);
  const int64_t pieces = macs < (1 << 17) ? 1 : least(ceil_div(g.n, 64), macs >> 16);
  const int64_t step = pieces <= 1 ? g.n : round_up(ceil_div(g.n, pieces), 64);
  const int64_t x_size = copy_x ? round_up(g.k, 16) : 0;
  const Scratch scratch(size_t(x_size + g.n) * sizeof(T));
  if (!scratch) return no_memory(size_t(x_size + g.n) * sizeof(T));
  const T* x = g.a;
  if (copy_x) {
    for (int64_t k = 0; k < g.k; ++k) scratch.as<T>()[k] = g.a[k * g.a_col];
    x = scratch.as<T>();
  }
  T* const sums = scratch.as<T>() + x_size;
  parallel(ceil_div(g.n, step), [&](int64_t chunk) {
    const int64_t first = chunk * step, n = least(step, g.n - first);
    if (g.b_col == 1) {
      kernel.combine(g.b + first, g.b_row, n, g.k, x, sums + first);
    } else {
      kernel.dot(g.b + first * g.b_col, g.b_col, n, g.k, x, sums + first);
    }
    store_results(g, first, n, sums + first);
  });
  return PYNN_OK;
}

template <class T>
Gemm<T> transposed(const Gemm<T>& g) {
  Gemm<T> t = g;
  t.m = g.n;
  t.n = g.m;
  t.a = g.b;
  t.a_row = g.b_col;
  t.a_col = g.b_row;
  t.b = g.a;
  t.b_row = g.a_col;
  t.b_col = g.a_row;
  t.c_row = g.c_col;
  t.c_col = g.c_row;
  t.bias_row = g.bias_col;
  t.bias_col = g.bias_row;
  return t;
}

// A copy of C with contiguous rows stands in for one that has none.
template <class T>
pynn_status gemm_scattered(const Gemm<T>& g) {
  const size_t bytes = size_t(g.m * g.n) * sizeof(T);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  Gemm<T> dense = g;
  dense.c = scratch.as<T>();
  dense.c_row = g.n;
  dense.c_col = 1;
  if (g.beta != T(0)) {
    for (int64_t i = 0; i < g.m; ++i) {
      for (int64_t j = 0; j < g.n; ++j) dense.c[i * g.n + j] = g.c[i * g.c_row + j * g.c_col];
    }
  }
  const pynn_status status = gemm(dense);
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) g.c[i * g.c_row + j * g.c_col] = dense.c[i * g.n + j];
  }
  return status;
}

}  // namespace

template <class T>
pynn_status gemm(const Gemm<T>& given) {
  Gemm<T> g = given;
  if (g.m == 0 || g.n == 0) return PYNN_OK;
  // Steps along a dimension of one element (or none) mean nothing: make them the ones that suit.
  if (g.m == 1) g.a_row = g.k, g.c_row = g.n;
  if (g.n == 1) g.b_col = 1, g.c_col = g.m == 1 ? 1 : g.c_col;
  if (g.k <= 1) g.a_col = 1, g.b_row = g.n;
  if (g.n == 1 && g.m > 1) {
    g = transposed(g);
    g.a_row = g.k;
  }
  if (g.m == 1 && (g.b_col == 1 || g.b_row == 1)) return vector_matrix(g);
  if (g.c_col != 1) {
    if (g.c_row != 1 && g.m > 1) return gemm_scattered(g);
    if (g.c_row == 1) g = transposed(g);
  }
  if (g.c_col != 1) return gemm_scattered(g);
  return Product<T>(g).run();
}

template <class T>
pynn_status gemm_batch(const Gemm<T>& g, int64_t count, const int64_t* a_offset, const int64_t* b_offset,
                       const int64_t* c_offset) {
  auto one = [&](int64_t i) {
    Gemm<T> item = g;
    item.a += a_offset[i];
    item.b += b_offset[i];
    item.c += c_offset[i];
    return gemm(item);
  };
  const int64_t macs = g.m * g.n * most(g.k, 1);
  std::atomic<int> status{PYNN_OK};
  if (macs > 4 * kSerial || count * macs <= kSerial) {  // threads inside each product, or none at all
    for (int64_t i = 0; i < count; ++i) {
      const pynn_status s = one(i);
      if (s != PYNN_OK) return s;
    }
    return PYNN_OK;
  }
  const int64_t group = most(1, least(kChunk / macs, count / 8));
  parallel(ceil_div(count, group), [&](int64_t chunk) {
    for (int64_t i = chunk * group; i < least((chunk + 1) * group, count); ++i) {
      const pynn_status s = one(i);
      if (s != PYNN_OK) status.store(s);
    }
  });
  // The message of another thread's failure is lost with it: say it again here.
  return status.load() == PYNN_OK ? PYNN_OK : fail(pynn_status(status.load()), "matmul: no memory for scratch space");
}

// ---- column sums ----

namespace {
constexpr int64_t kSumRows = 128;
}

template <class T>
pynn_status column_sum(int64_t rows, int64_t n, const T* x, int64_t x_row, int64_t x_col, T beta, T* out,
                       int64_t out_step) {
  if (n == 0) return PYNN_OK;
  const Kernels<T>& kernel = kernels<T>();
  const int64_t blocks = most(1, ceil_div(rows, kSumRows));
  const Scratch scratch(size_t(blocks * n) * sizeof(T));
  if (!scratch) return no_memory(size_t(blocks * n) * sizeof(T));
  T* const partial = scratch.as<T>();
  const int64_t group = most(1, (1 << 16) / (kSumRows * n + 1));  // blocks of one chunk: 64k elements
  auto add_block = [&](int64_t block) {
    const int64_t first = block * kSumRows, count = least(kSumRows, rows - first);
    T* to = partial + block * n;
    if (x_row == 1) {
      T ones[kSumRows];
      for (T& one : ones) one = T(1);
      kernel.dot(x + first, x_col, n, count, ones, to);
    } else if (x_col == 1) {
      kernel.add_rows(x + first * x_row, x_row, count, n, to);
    } else {
      for (int64_t j = 0; j < n; ++j) {
        T sum = T(0);
        for (int64_t i = 0; i < count; ++i) sum += x[(first + i) * x_row + j * x_col];
        to[j] = sum;
      }
    }
  };
  const int64_t chunks = rows * n <= (1 << 16) ? 1 : ceil_div(blocks, group);
  parallel(chunks, [&](int64_t chunk) {
    const int64_t from = chunks == 1 ? 0 : chunk * group, to = chunks == 1 ? blocks : least(from + group, blocks);
    for (int64_t block = from; block < to; ++block) add_block(block);
  });
  // Pairwise over the blocks.
  for (int64_t width = 1; width < blocks; width *= 2) {
    for (int64_t block = 0; block + width < blocks; block += 2 * width) {
      T* a = partial + block * n;
      const T* b = a + width * n;
      for (int64_t j = 0; j < n; ++j) a[j] += b[j];
    }
  }
  for (int64_t j = 0; j < n; ++j) {
    T* o = out + j * out_step;
    *o = beta == T(0) ? partial[j] : partial[j] + beta * *o;
  }
  return PYNN_OK;
}

#define PYNN_INSTANTIATE(T)                                                                              \
  template pynn_status gemm<T>(const Gemm<T>&);                                                          \
  template pynn_status gemm_batch<T>(const Gemm<T>&, int64_t, const int64_t*, const int64_t*, const int64_t*); \
  template pynn_status column_sum<T>(int64_t, int64_t, const T*, int64_t, int64_t, T, T*, int64_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace matmul
}  // namespace pynn
