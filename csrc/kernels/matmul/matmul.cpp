// Chooses the way a product is computed, by its shape and strides alone: tiles (product.h), or one of
// the ways below for shapes that no tile suits.
#include "kernels/matmul/matmul.h"

#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/half/half.h"
#include "kernels/matmul/product.h"

#define PYNN_FAMILY matmul
#define PYNN_KERNELS "kernels/matmul/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace matmul {

namespace {

// ---- shapes that no tile suits ----

// C[row, first ...] from its n sums.
template <class T>
void store_results(const Gemm<T>& g, int64_t row, int64_t first, int64_t n, const T* sums) {
  for (int64_t j = 0; j < n; ++j) {
    T* c = g.c + row * g.c_row + (first + j) * g.c_col;
    T value = g.alpha * sums[j];
    if (g.beta != T(0)) value += g.beta * *c;
    if (g.bias_col != nullptr) value += g.bias_col[first + j];
    if (g.bias_row != nullptr) value += g.bias_row[row];
    if (g.act == PYNN_ACT_RELU && value < T(0)) value = T(0);
    *c = value;
  }
}

constexpr int64_t kSerialBandwidth = 1 << 17;  // products bound by memory: multiply-adds for one thread
constexpr int64_t kChunkBandwidth = 1 << 16;
constexpr int64_t kMostParts = 8;

// c (1, n) = x (1, k) B (k, n), B contiguous one way.
template <class T>
pynn_status vector_matrix(const Gemm<T>& g) {
  const Kernels<T>& kernel = kernels<T>();
  const bool copy_x = g.a_col != 1 && g.k > 1;
  const int64_t macs = g.n * most(g.k, 1);
  const int64_t pieces = macs < kSerialBandwidth ? 1 : least(kMostParts, macs / kChunkBandwidth);
  // Rows of B stream best whole: cut k, and add the parts in order. Columns of B are cut apart.
  const int64_t parts = g.b_col == 1 && g.k >= 256 ? pieces : 1;
  const int64_t depth = parts == 1 ? g.k : round_up(ceil_div(g.k, parts), 8);
  const int64_t step = parts > 1 || pieces == 1 ? g.n : round_up(ceil_div(g.n, pieces), 64);
  const int64_t x_size = copy_x ? round_up(g.k, 16) : 0;
  const size_t bytes = size_t(x_size + parts * g.n) * sizeof(T);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  const T* x = g.a;
  if (copy_x) {
    for (int64_t k = 0; k < g.k; ++k) scratch.as<T>()[k] = g.a[k * g.a_col];
    x = scratch.as<T>();
  }
  T* const sums = scratch.as<T>() + x_size;
  if (parts > 1) {
    const int64_t used = ceil_div(g.k, depth);
    parallel(used, [&](int64_t part) {
      const int64_t k = part * depth;
      kernel.combine(g.b + k * g.b_row, g.b_row, g.n, least(depth, g.k - k), x + k, sums + part * g.n);
    });
    kernel.add_rows(sums, g.n, used, g.n, sums);
    store_results(g, 0, 0, g.n, sums);
    return PYNN_OK;
  }
  parallel(ceil_div(g.n, step), [&](int64_t chunk) {
    const int64_t first = chunk * step, n = least(step, g.n - first);
    if (g.b_col == 1) {
      kernel.combine(g.b + first, g.b_row, n, g.k, x, sums + first);
    } else {
      kernel.dot(g.b + first * g.b_col, g.b_col, n, g.k, x, sums + first);
    }
    store_results(g, 0, first, n, sums + first);
  });
  return PYNN_OK;
}

// Few rows of A against the columns of a B that lies transposed: turning B would cost more than the product.
template <class T>
bool few_rows(const Gemm<T>& g) {
  return g.m <= 16 && g.n >= 4 && g.k >= 64 && g.a_col == 1 && g.b_row == 1 && g.b_col != 1;
}

template <class T>
pynn_status rows_by_rows(const Gemm<T>& g) {
  const Kernels<T>& kernel = kernels<T>();
  const int64_t macs = g.m * g.n * g.k;
  const int64_t pieces =
      macs < kSerialBandwidth * 4 ? 1 : most(1, least(2 * kMostParts, macs / (4 * kChunkBandwidth)));
  const int64_t step = pieces == 1 ? g.n : round_up(ceil_div(g.n, pieces), 16);
  const size_t bytes = size_t(g.m * g.n) * sizeof(T);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  T* const sums = scratch.as<T>();
  parallel(ceil_div(g.n, step), [&](int64_t chunk) {
    const int64_t first = chunk * step, n = least(step, g.n - first);
    kernel.dots(g.a, g.a_row, g.m, g.b + first * g.b_col, g.b_col, n, g.k, sums + first, g.n);
    for (int64_t i = 0; i < g.m; ++i) store_results(g, i, first, n, sums + i * g.n + first);
  });
  return PYNN_OK;
}

// A small C from a long k (the weight gradient of a small layer): parts of k side by side, added in order.
template <class T>
bool long_depth(const Gemm<T>& g) {
  return most(g.m, g.n) <= 192 && g.k >= 2048 && g.m * g.n * g.k >= 4 * kWaking;
}

template <class T>
pynn_status split_depth(const Gemm<T>& g) {
  const int64_t parts = least(kMostParts, g.m * g.n * g.k / kWaking),
                depth = round_up(ceil_div(g.k, parts), 16);
  const int64_t used = ceil_div(g.k, depth), size = g.m * g.n;
  const size_t bytes = size_t(used * size) * sizeof(T);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  T* const sums = scratch.as<T>();
  std::atomic<bool> failed{false};
  parallel(used, [&](int64_t part) {
    Gemm<T> own = g;
    own.k = least(depth, g.k - part * depth);
    own.a += part * depth * g.a_col;
    own.b += part * depth * g.b_row;
    own.c = sums + part * size;
    own.c_row = g.n;
    own.c_col = 1;
    own.bias_row = own.bias_col = nullptr;
    own.alpha = T(1);
    own.beta = T(0);
    own.act = PYNN_ACT_NONE;
    if (Product<T>(own).run_serially() != PYNN_OK) failed.store(true);
  });
  if (failed.load()) return no_memory(bytes);
  kernels<T>().add_rows(sums, size, used, size, sums);
  for (int64_t i = 0; i < g.m; ++i) store_results(g, i, 0, g.n, sums + i * g.n);
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

// ---- few rows against a 16-bit matrix: bound by reading it ----

constexpr int64_t kFewest = 16;               // rows
constexpr int64_t kWidenedBytes = 128 << 10;  // of a widened block: stays in the L2 cache

// B transposed: blocks of its columns, each contiguous along k.
pynn_status few_by_columns(const Gemm<float>& g, half::Table::Widen widen, const uint16_t* b, int64_t pieces) {
  const Kernels<float>& kernel = kernels<float>();
  const int64_t step = round_up(ceil_div(g.n, pieces), 16);
  const int64_t block = least(step, most(4, kWidenedBytes / (4 * g.k) / 4 * 4));
  const size_t bytes = size_t(g.m * g.n) * sizeof(float);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  float* const sums = scratch.as<float>();
  std::atomic<bool> failed{false};
  parallel(ceil_div(g.n, step), [&](int64_t chunk) {
    const Scratch widened(size_t(block * g.k) * sizeof(float));
    if (!widened) return failed.store(true);
    const int64_t begin = chunk * step, end = least(g.n, begin + step);
    for (int64_t first = begin; first < end; first += block) {
      const int64_t n = least(block, end - first);
      float* const wide = widened.as<float>();
      for (int64_t j = 0; j < n; ++j) widen(g.k, b + (first + j) * g.b_col, wide + j * g.k);
      if (g.m == 1) {
        kernel.dot(wide, g.k, n, g.k, g.a, sums + first);
      } else {
        kernel.dots(g.a, g.a_row, g.m, wide, g.k, n, g.k, sums + first, g.n);
      }
      for (int64_t i = 0; i < g.m; ++i) store_results(g, i, first, n, sums + i * g.n + first);
    }
  });
  return failed.load() ? no_memory(size_t(block * g.k) * sizeof(float)) : PYNN_OK;
}

// c = x B (+ c if beta is 1) for one row x.
void combine_block(const Gemm<float>& g, float* sums) {
  const bool add = g.beta != 0;
  kernels<float>().combine(g.b, g.b_row, g.n, g.k, g.a, add ? sums : g.c);
  for (int64_t j = 0; add && j < g.n; ++j) g.c[j] += sums[j];
}

// B by rows: parts of k side by side, added in order; in each, blocks of a few rows and many columns.
pynn_status few_by_rows(const Gemm<float>& g, half::Table::Widen widen, const uint16_t* b, int64_t pieces) {
  const int64_t depth = round_up(ceil_div(g.k, pieces), 8), parts = ceil_div(g.k, depth), size = g.m * g.n;
  const int64_t columns = least(round_up(g.n, 16), 2048), rows = least(depth, kWidenedBytes / (4 * columns));
  const size_t bytes = size_t(parts * size) * sizeof(float);
  const Scratch scratch(bytes);
  if (!scratch) return no_memory(bytes);
  float* const sums = scratch.as<float>();
  std::atomic<bool> failed{false};
  parallel(parts, [&](int64_t part) {
    const Scratch widened(size_t((rows + 1) * columns) * sizeof(float));
    if (!widened) return failed.store(true);
    float* const block_sums = widened.as<float>() + rows * columns;
    const int64_t end = least(g.k, (part + 1) * depth);
    for (int64_t k = part * depth; k < end; k += rows) {
      Gemm<float> own = g;
      own.k = least(rows, end - k);
      own.a = g.a + k * g.a_col;
      own.b = widened.as<float>();
      own.b_row = columns;
      own.c_row = g.n;
      own.bias_col = own.bias_row = nullptr;
      own.alpha = 1;
      own.beta = k == part * depth ? 0 : 1;
      own.act = PYNN_ACT_NONE;
      for (int64_t first = 0; first < g.n; first += columns) {
        own.n = least(columns, g.n - first);
        own.c = sums + part * size + first;
        for (int64_t p = 0; p < own.k; ++p) {
          widen(own.n, b + (k + p) * g.b_row + first, widened.as<float>() + p * columns);
        }
        if (g.m == 1) {
          combine_block(own, block_sums);
        } else if (Product<float>(own).run_serially() != PYNN_OK) {
          failed.store(true);
        }
      }
    }
  });
  if (failed.load()) return no_memory(bytes);
  if (parts > 1) kernels<float>().add_rows(sums, size, parts, size, sums);
  for (int64_t i = 0; i < g.m; ++i) store_results(g, i, 0, g.n, sums + i * g.n);
  return PYNN_OK;
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
  if (long_depth(g)) return split_depth(g);
  if (few_rows(g)) return rows_by_rows(g);
  if (few_rows(transposed(g))) return rows_by_rows(transposed(g));
  if (g.c_col != 1) {
    if (g.c_row != 1 && g.m > 1) return gemm_scattered(g);
    if (g.c_row == 1) g = transposed(g);
  }
  if (g.c_col != 1) return gemm_scattered(g);
  return Product<T>(g).run();
}

bool few_enough(const Gemm<float>& given) {
  const Gemm<float> g = given.m <= kFewest ? given : transposed(given);
  return g.m >= 1 && g.m <= kFewest && g.k >= 16 && g.n >= 16 && g.n * g.k >= 2 * kSerialBandwidth &&
         (g.b_row == 1 ? g.a_col == 1 : g.b_col == 1);
}

pynn_status gemm_few(const Gemm<float>& given, int dtype, const uint16_t* narrow) {
  const Gemm<float> g = given.m <= kFewest ? given : transposed(given);
  const int64_t macs = g.n * g.k, pieces = macs < kSerialBandwidth ? 1 : least(kMostParts, macs / kChunkBandwidth);
  const half::Table::Widen widen = half::table().widen(dtype);
  return g.b_row == 1 ? few_by_columns(g, widen, narrow, pieces) : few_by_rows(g, widen, narrow, pieces);
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
  if (macs > 4 * kWaking || count * macs <= kSerial) {  // threads inside each product, or none at all
    for (int64_t i = 0; i < count; ++i) {
      const pynn_status s = one(i);
      if (s != PYNN_OK) return s;
    }
    return PYNN_OK;
  }
  const int64_t group = most(1, least(kChunk / macs, count / 8));
  const auto some = [&](int64_t chunk) {
    for (int64_t i = chunk * group; i < least((chunk + 1) * group, count); ++i) {
      const pynn_status s = one(i);
      if (s != PYNN_OK) status.store(s);
    }
  };
  parallel(ceil_div(count, group), some, count * macs > kWaking ? Wake::yes : Wake::no);
  // The message of another thread's failure is lost with it: say it again here.
  return status.load() == PYNN_OK ? PYNN_OK
                                  : fail(pynn_status(status.load()), "matmul: no memory for scratch space");
}

#define PYNN_INSTANTIATE(T)                     \
  template pynn_status gemm<T>(const Gemm<T>&); \
  template pynn_status gemm_batch<T>(const Gemm<T>&, int64_t, const int64_t*, const int64_t*, const int64_t*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE
template pynn_status gemm_batch<bfloat16>(const Gemm<bfloat16>&, int64_t, const int64_t*, const int64_t*,
                                          const int64_t*);

}  // namespace matmul
}  // namespace pynn
