// The kernels, for one ISA: see matmul.h for what each computes.
#pragma once
#include "kernels/matmul/matmul.h"
#include "simd/turn.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace matmul {
namespace {

using pynn::matmul::Kernels;
using pynn::matmul::Table;
using pynn::matmul::TileArgs;

// Tallest tiles by number of vectors across. 32 registers hold 14 x 2 or 6 x 4 sums beside B's
// vectors and one broadcast; 16 hold 6 x 2.
#if defined(__AVX512F__)
constexpr int kRows1 = 14, kRows2 = 14, kRows4 = 6;
constexpr int64_t kDepthBytes = 1792, kDirectBytes = 1 << 20;
#else
constexpr int kRows1 = 6, kRows2 = 6, kRows4 = 2;
constexpr int64_t kDepthBytes = 1024, kDirectBytes = 768 << 10;
#endif

template <class T, int kVectors, bool kMasked>
PYNN_INLINE void load_row(const T* p, int last, Vec<T> (&v)[kVectors]) {
  PYNN_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    v[j] = kMasked && j == kVectors - 1 ? load_n(p + j * Vec<T>::lanes, last) : load(p + j * Vec<T>::lanes);
  }
}

// Prefetches the vectors of one step of b, each cache line once.
template <class T, int kVectors>
PYNN_INLINE void prefetch_row(const T* b) {
  constexpr int kLine = Vec<T>::lanes * sizeof(T) < 64 ? 64 / (Vec<T>::lanes * sizeof(T)) : 1;  // vectors
  PYNN_UNROLL
  for (int j = 0; j < kVectors; j += kLine) __builtin_prefetch(b + j * Vec<T>::lanes);
}

// A's rows are contiguous along k. Rows are addressed from every third one, so that base, step
// and twice the step reach them all without a pointer a row.
template <class T, int kRows, int kVectors, bool kMasked>
PYNN_INLINE void multiply_rows(const TileArgs<T>& t, int last, Vec<T> (&acc)[kRows][kVectors]) {
  constexpr int kGroups = (kRows + 2) / 3;
  const int64_t step = t.a_step, b_step = t.b_step;
  const T* group[kGroups];
  PYNN_UNROLL
  for (int g = 0; g < kGroups; ++g) group[g] = t.a + 3 * g * step;
  const T* b = t.b;
  for (int64_t k = 0; k < t.k; ++k, b += b_step) {
    Vec<T> v[kVectors];
    load_row<T, kVectors, kMasked>(b, last, v);
    prefetch_row<T, kVectors>(b + 8 * b_step);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> a = set1(group[i / 3][k + (i % 3) * step]);
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = fma(a, v[j], acc[i][j]);
    }
  }
}

// A's columns are contiguous: packed, or transposed in memory.
template <class T, int kRows, int kVectors, bool kMasked>
PYNN_INLINE void multiply_columns(const TileArgs<T>& t, int last, Vec<T> (&acc)[kRows][kVectors]) {
  const int64_t a_step = t.a_step, b_step = t.b_step;
  const T* a = t.a;
  const T* b = t.b;
  for (int64_t k = 0; k < t.k; ++k, a += a_step, b += b_step) {
    Vec<T> v[kVectors];
    load_row<T, kVectors, kMasked>(b, last, v);
    prefetch_row<T, kVectors>(b + 8 * b_step);
    __builtin_prefetch(a + 16 * a_step);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> x = set1(a[i]);
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = fma(x, v[j], acc[i][j]);
    }
  }
}

template <class T, int kRows, int kVectors>
void tile(const TileArgs<T>& t) {
  constexpr int kWidth = Vec<T>::lanes;
  Vec<T> acc[kRows][kVectors];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    PYNN_UNROLL
    for (int j = 0; j < kVectors; ++j) acc[i][j] = zero<T>();
  }
  const int last = t.cols - (kVectors - 1) * kWidth;
  if (t.k >= 64) {  // C comes while the sums are made
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) __builtin_prefetch(t.c + i * t.c_step + j * kWidth, 1);
    }
  }
  if (last == kWidth) {
    if (t.a_rows) {
      multiply_rows<T, kRows, kVectors, false>(t, last, acc);
    } else {
      multiply_columns<T, kRows, kVectors, false>(t, last, acc);
    }
  } else if (t.a_rows) {
    multiply_rows<T, kRows, kVectors, true>(t, last, acc);
  } else {
    multiply_columns<T, kRows, kVectors, true>(t, last, acc);
  }

  if (t.alpha != T(1)) {
    const Vec<T> alpha = set1(t.alpha);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = acc[i][j] * alpha;
    }
  }
  if (t.beta != T(0)) {
    const Vec<T> beta = set1(t.beta);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      Vec<T> c[kVectors];
      load_row<T, kVectors, true>(t.c + i * t.c_step, last, c);
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = fma(beta, c[j], acc[i][j]);
    }
  }
  if (t.bias_col != nullptr) {
    Vec<T> bias[kVectors];
    load_row<T, kVectors, true>(t.bias_col, last, bias);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = acc[i][j] + bias[j];
    }
  }
  if (t.bias_row != nullptr) {
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> bias = set1(t.bias_row[i]);
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = acc[i][j] + bias;
    }
  }
  if (t.relu) {
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = max(zero<T>(), acc[i][j]);  // NaN in the second stays
    }
  }
  T* c = t.c;
  if (last == kWidth) {
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i, c += t.c_step) {
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) store(c + j * kWidth, acc[i][j]);
    }
  } else {
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i, c += t.c_step) {
      PYNN_UNROLL
      for (int j = 0; j < kVectors - 1; ++j) store(c + j * kWidth, acc[i][j]);
      store_n(c + (kVectors - 1) * kWidth, acc[i][kVectors - 1], last);
    }
  }
}

// ---- packing ----

#define PYNN_SHUFFLE(name, type, ...)                        \
  PYNN_INLINE Vec<type> name(Vec<type> a, Vec<type> b) {     \
    return {__builtin_shufflevector(a.v, b.v, __VA_ARGS__)}; \
  }
#if defined(__AVX512F__)
PYNN_SHUFFLE(zip_low, float, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
PYNN_SHUFFLE(zip_high, float, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
PYNN_SHUFFLE(zip_low, double, 0, 8, 1, 9, 2, 10, 3, 11)
PYNN_SHUFFLE(zip_high, double, 4, 12, 5, 13, 6, 14, 7, 15)
#elif defined(__AVX2__)
PYNN_SHUFFLE(zip_low, float, 0, 8, 1, 9, 2, 10, 3, 11)
PYNN_SHUFFLE(zip_high, float, 4, 12, 5, 13, 6, 14, 7, 15)
PYNN_SHUFFLE(zip_low, double, 0, 4, 1, 5)
PYNN_SHUFFLE(zip_high, double, 2, 6, 3, 7)
#else
PYNN_SHUFFLE(zip_low, float, 0, 4, 1, 5)
PYNN_SHUFFLE(zip_high, float, 2, 6, 3, 7)
PYNN_SHUFFLE(zip_low, double, 0, 2)
PYNN_SHUFFLE(zip_high, double, 1, 3)
#endif
#undef PYNN_SHUFFLE

// Rows become columns: log2(lanes) rounds of perfect shuffles.
template <class T>
PYNN_INLINE void transpose(Vec<T> (&r)[Vec<T>::lanes]) {
  constexpr int kWidth = Vec<T>::lanes;
  PYNN_UNROLL
  for (int round = 1; round < kWidth; round *= 2) {
    Vec<T> s[kWidth];
    PYNN_UNROLL
    for (int i = 0; i < kWidth / 2; ++i) {
      s[2 * i] = zip_low(r[i], r[i + kWidth / 2]);
      s[2 * i + 1] = zip_high(r[i], r[i + kWidth / 2]);
    }
    PYNN_UNROLL
    for (int i = 0; i < kWidth; ++i) r[i] = s[i];
  }
}

template <class T>
void pack_transposed(const T* src, int64_t step, int64_t rows, int64_t depth, T* dst, int64_t dst_step) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int64_t i = 0; i < rows; i += kWidth) {
    const int height = int(rows - i < kWidth ? rows - i : kWidth);
    for (int64_t k = 0; k < depth; k += kWidth) {
      const int columns = int(depth - k < kWidth ? depth - k : kWidth);
      const T* s = src + i * step + k;
      T* d = dst + k * dst_step + i;
      if constexpr (sizeof(T) == 4) {
        if (height == kWidth && columns % 4 == 0) {
          const TurnedRows source(s, step);
          for (int u = 0; u < columns; u += 4, d += 4 * dst_step) {
            Vec<T> q[4];
            source.load(u, q);
            PYNN_UNROLL
            for (int v = 0; v < 4; ++v) store(d + v * dst_step, q[v]);
          }
          continue;
        }
      }
      Vec<T> r[kWidth];
      // Of a tile by itself whole vectors are stored: the next row writes over what one has too much.
      const bool over = rows == dst_step && i == 0;
      if (columns == kWidth) {
        PYNN_UNROLL
        for (int u = 0; u < kWidth; ++u) r[u] = u < height ? load(s + u * step) : zero<T>();
        transpose<T>(r);
        PYNN_UNROLL
        for (int u = 0; u < kWidth; ++u) {
          if (height == kWidth || (over && (k + u) * dst_step + kWidth <= depth * dst_step)) {
            store(d + u * dst_step, r[u]);
          } else {
            store_n(d + u * dst_step, r[u], height);
          }
        }
      } else {
        PYNN_UNROLL
        for (int u = 0; u < kWidth; ++u) r[u] = u < height ? load_n(s + u * step, columns) : zero<T>();
        transpose<T>(r);
        PYNN_UNROLL
        for (int u = 0; u < kWidth; ++u) {
          if (u < columns) store_n(d + u * dst_step, r[u], height);
        }
      }
    }
  }
}

template <class T>
void pack(const T* src, int64_t step_i, int64_t step_k, int64_t rows, int64_t depth, T* dst,
          int64_t dst_step) {
  constexpr int kWidth = Vec<T>::lanes;
  if (step_i == 1) {
    const bool over = rows == dst_step;  // whole vectors: the next row writes over what one has too much
    for (int64_t k = 0; k < depth; ++k) {
      const T* s = src + k * step_k;
      T* d = dst + k * dst_step;
      int64_t i = 0;
      __builtin_prefetch(s + 8 * step_k);
      for (; i + kWidth <= rows; i += kWidth) store(d + i, load(s + i));
      if (i == rows) continue;
      const Vec<T> rest = load_n(s + i, int(rows - i));
      if (over && k * dst_step + i + kWidth <= depth * dst_step) {
        store(d + i, rest);
      } else {
        store_n(d + i, rest, int(rows - i));
      }
    }
  } else if (step_k == 1) {
    pack_transposed(src, step_i, rows, depth, dst, dst_step);
  } else {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t i = 0; i < rows; ++i) dst[k * dst_step + i] = src[i * step_i + k * step_k];
    }
  }
}

// All panels of a row before the next row: memory is read in long runs.
template <class T>
void pack_panels(const T* src, int64_t step, int64_t columns, int64_t depth, int64_t panel, T* dst) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t whole = columns / panel * panel;
  for (int64_t k = 0; k < depth; ++k, src += step) {
    for (int64_t j = 0; j < whole; j += panel) {
      T* d = dst + j * depth + k * panel;
      for (int64_t i = 0; i < panel; i += kWidth) store(d + i, load(src + j + i));
    }
  }
}

// ---- products of rows: both operands contiguous along k ----

// The sums of four vectors: zips fold them into one whose lanes repeat a, c, b, d.
template <class T>
PYNN_INLINE void reduce_four(Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d, T* out) {
  constexpr int kWidth = Vec<T>::lanes;
  if constexpr (kWidth >= 4) {
    const Vec<T> ab = zip_low(a, b) + zip_high(a, b), cd = zip_low(c, d) + zip_high(c, d);
    const Vec<T> all = zip_low(ab, cd) + zip_high(ab, cd);
    T lane[kWidth];
    store(lane, all);
    PYNN_UNROLL
    for (int half = kWidth / 2; half >= 4; half /= 2) {
      PYNN_UNROLL
      for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
    }
    out[0] = lane[0];
    out[1] = lane[2];
    out[2] = lane[1];
    out[3] = lane[3];
  } else {
    out[0] = reduce_add(a);
    out[1] = reduce_add(b);
    out[2] = reduce_add(c);
    out[3] = reduce_add(d);
  }
}

// kRows rows of a against four of b, out[i * 4 + j]. One vector of sums a pair: kRows * 4 chains.
template <class T, int kRows>
void dot_tile(const T* a, int64_t a_step, const T* b, int64_t b_step, int64_t k, T* out) {
  constexpr int kWidth = Vec<T>::lanes;
  Vec<T> acc[kRows][4];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    PYNN_UNROLL
    for (int j = 0; j < 4; ++j) acc[i][j] = zero<T>();
  }
  int64_t p = 0;
  for (; p + kWidth <= k; p += kWidth) {
    Vec<T> x[kRows];
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) x[i] = load(a + i * a_step + p);
    PYNN_UNROLL
    for (int j = 0; j < 4; ++j) {
      const Vec<T> y = load(b + j * b_step + p);
      PYNN_UNROLL
      for (int i = 0; i < kRows; ++i) acc[i][j] = fma(x[i], y, acc[i][j]);
    }
  }
  if (p < k) {
    const int n = int(k - p);
    Vec<T> x[kRows];
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) x[i] = load_n(a + i * a_step + p, n);
    PYNN_UNROLL
    for (int j = 0; j < 4; ++j) {
      const Vec<T> y = load_n(b + j * b_step + p, n);
      PYNN_UNROLL
      for (int i = 0; i < kRows; ++i) acc[i][j] = fma(x[i], y, acc[i][j]);
    }
  }
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) reduce_four(acc[i][0], acc[i][1], acc[i][2], acc[i][3], out + 4 * i);
}

// out[i * out_step + j] for all pairs of rows. A last group of fewer than four rows of b repeats its last
// row.
template <class T>
void dots(const T* a, int64_t a_step, int64_t rows, const T* b, int64_t b_step, int64_t cols, int64_t k,
          T* out, int64_t out_step) {
  for (int64_t j = 0; j < cols; j += 4) {
    const int64_t width = cols - j < 4 ? cols - j : 4;
    for (int64_t i = 0; i < rows;) {
      T sums[16];
      const T* x = a + i * a_step;
      const T* y = b + j * b_step;
      T repeated[4];
      int64_t height = rows - i < 4 ? rows - i : 4;
      if (width < 4) {  // one row of b at a time
        height = 1;
        for (int64_t c = 0; c < width; ++c) {
          dot_tile<T, 1>(x, a_step, y + c * b_step, 0, k, repeated);
          sums[c] = repeated[0];
        }
      } else if (height == 4) {
        dot_tile<T, 4>(x, a_step, y, b_step, k, sums);
      } else if (height == 3) {
        dot_tile<T, 3>(x, a_step, y, b_step, k, sums);
      } else if (height == 2) {
        dot_tile<T, 2>(x, a_step, y, b_step, k, sums);
      } else {
        dot_tile<T, 1>(x, a_step, y, b_step, k, sums);
      }
      for (int64_t r = 0; r < height; ++r) {
        for (int64_t c = 0; c < width; ++c) out[(i + r) * out_step + j + c] = sums[4 * r + c];
      }
      i += height;
    }
  }
}

// One row against many: two vectors of sums a pair hide the latency of fma.
template <class T, int kRows>
PYNN_INLINE void dot_block(const T* a, int64_t step, int64_t k, const T* x, T* out) {
  constexpr int kWidth = Vec<T>::lanes;
  Vec<T> acc[kRows][2];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) acc[i][0] = acc[i][1] = zero<T>();
  int64_t p = 0;
  for (; p + 2 * kWidth <= k; p += 2 * kWidth) {
    PYNN_UNROLL
    for (int s = 0; s < 2; ++s) {
      const Vec<T> v = load(x + p + s * kWidth);
      PYNN_UNROLL
      for (int i = 0; i < kRows; ++i) acc[i][s] = fma(load(a + i * step + p + s * kWidth), v, acc[i][s]);
    }
  }
  for (; p < k; p += kWidth) {
    const int n = int(k - p < kWidth ? k - p : kWidth);
    const Vec<T> v = load_n(x + p, n);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) acc[i][0] = fma(load_n(a + i * step + p, n), v, acc[i][0]);
  }
  if constexpr (kRows == 4) {
    reduce_four(acc[0][0] + acc[0][1], acc[1][0] + acc[1][1], acc[2][0] + acc[2][1], acc[3][0] + acc[3][1],
                out);
  } else {
    const Vec<T> sum = acc[0][0] + acc[0][1];  // through the same tree as a block of four
    T four[4];
    reduce_four(sum, sum, sum, sum, four);
    out[0] = four[0];
  }
}

template <class T>
void dot(const T* a, int64_t step, int64_t rows, int64_t k, const T* x, T* out) {
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) dot_block<T, 4>(a + i * step, step, k, x, out + i);
  for (; i < rows; ++i) dot_block<T, 1>(a + i * step, step, k, x, out + i);
}

// 8 rows of b a pass: y is loaded and stored once for 8 rows, b streams.
template <class T, int kRows, bool kFirst>
PYNN_INLINE void combine_rows(const T* b, int64_t step, int64_t n, const T* x, T* y) {
  constexpr int kWidth = Vec<T>::lanes;
  Vec<T> c[kRows];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) c[i] = set1(x[i]);
  int64_t j = 0;
  for (; j + kWidth <= n; j += kWidth) {
    Vec<T> sum = kFirst ? zero<T>() : load(y + j);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) sum = fma(c[i], load(b + i * step + j), sum);
    store(y + j, sum);
  }
  if (j < n) {
    const int rest = int(n - j);
    Vec<T> sum = kFirst ? zero<T>() : load_n(y + j, rest);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) sum = fma(c[i], load_n(b + i * step + j, rest), sum);
    store_n(y + j, sum, rest);
  }
}

template <class T>
void combine(const T* b, int64_t step, int64_t n, int64_t k, const T* x, T* y) {
  int64_t p = 0;
  if (k >= 8) {
    combine_rows<T, 8, true>(b, step, n, x, y);
    p = 8;
  } else {
    for (int64_t j = 0; j < n; ++j) y[j] = T(0);
  }
  for (; p + 8 <= k; p += 8) combine_rows<T, 8, false>(b + p * step, step, n, x + p, y);
  for (; p < k; ++p) combine_rows<T, 1, false>(b + p * step, step, n, x + p, y);
}

template <class T>
void add_rows(const T* x, int64_t step, int64_t rows, int64_t n, T* y) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int64_t j = 0; j < n; j += kWidth) {
    const int width = int(n - j < kWidth ? n - j : kWidth);
    const T* p = x + j;
    Vec<T> acc[4] = {zero<T>(), zero<T>(), zero<T>(), zero<T>()};
    int64_t i = 0;
    if (width == kWidth) {
      for (; i + 4 <= rows; i += 4) {
        PYNN_UNROLL
        for (int u = 0; u < 4; ++u) acc[u] = acc[u] + load(p + (i + u) * step);
      }
      for (; i < rows; ++i) acc[0] = acc[0] + load(p + i * step);
      store(y + j, (acc[0] + acc[1]) + (acc[2] + acc[3]));
    } else {
      for (; i + 4 <= rows; i += 4) {
        PYNN_UNROLL
        for (int u = 0; u < 4; ++u) acc[u] = acc[u] + load_n(p + (i + u) * step, width);
      }
      for (; i < rows; ++i) acc[0] = acc[0] + load_n(p + i * step, width);
      store_n(y + j, (acc[0] + acc[1]) + (acc[2] + acc[3]), width);
    }
  }
}

// ---- the table ----

#define PYNN_TILES_2(v) tile<T, 1, v>, tile<T, 2, v>
#define PYNN_TILES_6(v) PYNN_TILES_2(v), tile<T, 3, v>, tile<T, 4, v>, tile<T, 5, v>, tile<T, 6, v>
#define PYNN_TILES_14(v)                                                                        \
  PYNN_TILES_6(v), tile<T, 7, v>, tile<T, 8, v>, tile<T, 9, v>, tile<T, 10, v>, tile<T, 11, v>, \
      tile<T, 12, v>, tile<T, 13, v>, tile<T, 14, v>

template <class T>
struct Tiles {
  static const typename Kernels<T>::Tile one[kRows1 + 1], two[kRows2 + 1], four[kRows4 + 1];
};
#if defined(__AVX512F__)
template <class T>
const typename Kernels<T>::Tile Tiles<T>::one[kRows1 + 1] = {nullptr, PYNN_TILES_14(1)};
template <class T>
const typename Kernels<T>::Tile Tiles<T>::two[kRows2 + 1] = {nullptr, PYNN_TILES_14(2)};
template <class T>
const typename Kernels<T>::Tile Tiles<T>::four[kRows4 + 1] = {nullptr, PYNN_TILES_6(4)};
#else
template <class T>
const typename Kernels<T>::Tile Tiles<T>::one[kRows1 + 1] = {nullptr, PYNN_TILES_6(1)};
template <class T>
const typename Kernels<T>::Tile Tiles<T>::two[kRows2 + 1] = {nullptr, PYNN_TILES_6(2)};
template <class T>
const typename Kernels<T>::Tile Tiles<T>::four[kRows4 + 1] = {nullptr, PYNN_TILES_2(4)};
#endif
#undef PYNN_TILES_2
#undef PYNN_TILES_6
#undef PYNN_TILES_14

template <class T>
constexpr Kernels<T> all_kernels() {
  return {Vec<T>::lanes,
          {0, kRows1, kRows2, 0, kRows4},
          kDepthBytes / int64_t(sizeof(T)),
          kDirectBytes,
          {nullptr, Tiles<T>::one, Tiles<T>::two, nullptr, Tiles<T>::four},
          pack<T>,
          pack_panels<T>,
          dot<T>,
          dots<T>,
          combine<T>,
          add_rows<T>};
}

}  // namespace

extern const Table table;
const Table table = {PYNN_ISA_NAME, all_kernels<float>(), all_kernels<double>()};

}  // namespace matmul
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
