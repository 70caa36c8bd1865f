// The tile and packing kernels of bf16.h. See matmul.h for the frame they are used in.
#define PYNN_ISA_NAMESPACE avx512bf16
#include "kernels/matmul/bf16.h"
#include "simd/vec.h"

namespace pynn {
namespace avx512bf16 {
namespace matmul {
namespace {

using pynn::matmul::kPairPanel;
using pynn::matmul::kPairRows;
using pynn::matmul::PairKernels;
using pynn::matmul::PairTile;

typedef uint32_t Words __attribute__((vector_size(64)));

PYNN_INLINE __m512bh pairs_at(const void* p) { return (__m512bh)_mm512_loadu_si512(p); }
PYNN_INLINE __m512 widen(__m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
PYNN_INLINE __mmask16 first(int n) { return __mmask16((1u << n) - 1); }

// Rounded to nearest even; unlike vcvtneps2bf16 this keeps denormal results.
PYNN_INLINE __m256i narrow(__m512 x) {
  const __m512i w = _mm512_castps_si512(x), top = _mm512_srli_epi32(w, 16);
  const __m512i odd = _mm512_and_si512(top, _mm512_set1_epi32(1));
  const __m512i rounded =
      _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(w, _mm512_set1_epi32(0x7fff)), odd), 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, nan, top, _mm512_set1_epi32(0x40)));
}

template <int kVectors>
PYNN_INLINE void load_pairs(const uint32_t* b, __m512bh (&v)[kVectors]) {
  PYNN_UNROLL
  for (int j = 0; j < kVectors; ++j) v[j] = pairs_at(b + 16 * j);
  PYNN_UNROLL
  for (int j = 0; j < kVectors; ++j) __builtin_prefetch(b + 8 * kPairPanel + 16 * j);
}

template <int kRows, int kVectors>
PYNN_INLINE void multiply_packed(const PairTile& t, __m512 (&acc)[kRows][kVectors]) {
  const uint32_t* a = static_cast<const uint32_t*>(t.a);
  const uint32_t* b = t.b;
  for (int64_t k = 0; k < t.k; k += 2, a += kRows, b += kPairPanel) {
    __m512bh v[kVectors];
    load_pairs(b, v);
    __builtin_prefetch(a + 16 * kRows);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32(int(a[i]));
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x, v[j]);
    }
  }
}

PYNN_INLINE int pair_at(const uint16_t* p) {
  int pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return pair;
}

// A's rows as they lie: two elements side by side are a pair. Addressed from every third row, as in impl.h.
template <int kRows, int kVectors>
PYNN_INLINE void multiply_rows(const PairTile& t, __m512 (&acc)[kRows][kVectors]) {
  constexpr int kGroups = (kRows + 2) / 3;
  const int64_t step = t.a_step;
  const uint16_t* group[kGroups];
  PYNN_UNROLL
  for (int g = 0; g < kGroups; ++g) group[g] = static_cast<const uint16_t*>(t.a) + 3 * g * step;
  const uint32_t* b = t.b;
  int64_t k = 0;
  for (; k + 1 < t.k; k += 2, b += kPairPanel) {
    __m512bh v[kVectors];
    load_pairs(b, v);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32(pair_at(group[i / 3] + (i % 3) * step + k));
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x, v[j]);
    }
  }
  if (k < t.k) {  // half a pair: what follows in memory is not ours
    __m512bh v[kVectors];
    load_pairs(b, v);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32(group[i / 3][(i % 3) * step + k]);
      PYNN_UNROLL
      for (int j = 0; j < kVectors; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x, v[j]);
    }
  }
}

template <int kRows, int kVectors>
void tile(const PairTile& t) {
  __m512 acc[kRows][kVectors];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    PYNN_UNROLL
    for (int j = 0; j < kVectors; ++j) acc[i][j] = _mm512_setzero_ps();
  }
  if (t.a_step != 0) {
    multiply_rows<kRows, kVectors>(t, acc);
  } else {
    multiply_packed<kRows, kVectors>(t, acc);
  }

  const int last = t.cols - 16 * (kVectors - 1);
  const __m512 alpha = _mm512_set1_ps(t.alpha), beta = _mm512_set1_ps(t.beta);
  PYNN_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const __mmask16 mask = first(j == kVectors - 1 ? last : 16);
    const __m512 bias =
        t.bias_col ? widen(_mm256_maskz_loadu_epi16(mask, t.bias_col + 16 * j)) : _mm512_setzero_ps();
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      uint16_t* c = t.c + i * t.c_step + 16 * j;
      __m512 x = acc[i][j];
      if (t.alpha != 1.0f) x = _mm512_mul_ps(x, alpha);
      if (t.beta != 0.0f) x = _mm512_fmadd_ps(beta, widen(_mm256_maskz_loadu_epi16(mask, c)), x);
      if (t.bias_col) x = _mm512_add_ps(x, bias);
      if (t.bias_row) x = _mm512_add_ps(x, widen(_mm256_set1_epi16(short(t.bias_row[i]))));
      if (t.relu) x = _mm512_max_ps(_mm512_setzero_ps(), x);  // NaN in the second stays
      if (mask == 0xffff) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), narrow(x));
      } else {
        _mm256_mask_storeu_epi16(c, mask, narrow(x));
      }
    }
  }
}

// ---- packing ----

PYNN_INLINE Words zip_low(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
PYNN_INLINE Words zip_high(Words a, Words b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// Rows become columns: four rounds of perfect shuffles.
PYNN_INLINE void transpose(Words (&r)[16]) {
  PYNN_UNROLL
  for (int round = 0; round < 4; ++round) {
    Words s[16];
    PYNN_UNROLL
    for (int i = 0; i < 8; ++i) {
      s[2 * i] = zip_low(r[i], r[i + 8]);
      s[2 * i + 1] = zip_high(r[i], r[i + 8]);
    }
    PYNN_UNROLL
    for (int i = 0; i < 16; ++i) r[i] = s[i];
  }
}

// k is contiguous: pairs lie side by side, and are turned 16 x 16.
void pack_transposed(const uint16_t* src, int64_t step, int64_t rows, int64_t padded, int64_t depth,
                     uint32_t* dst, int64_t dst_step) {
  const int64_t pairs = (depth + 1) / 2;
  // A narrow tile's vectors are stored whole: what spills over is the next pair's place, which comes later.
  const bool spills = padded < 16 && dst_step == padded;
  for (int64_t i = 0; i < padded; i += 16) {
    const int width = int(padded - i < 16 ? padded - i : 16);
    const __mmask16 wide = first(width);
    for (int64_t p = 0; p < pairs; p += 16) {
      const int64_t left = depth - 2 * p;
      const __mmask32 deep = left >= 32 ? ~__mmask32(0) : __mmask32((1u << left) - 1);
      Words r[16];
      if (left >= 32 && i + 16 <= rows) {
        PYNN_UNROLL
        for (int u = 0; u < 16; ++u) r[u] = Words(_mm512_loadu_si512(src + (i + u) * step + 2 * p));
      } else {
        PYNN_UNROLL
        for (int u = 0; u < 16; ++u) {
          r[u] = i + u < rows ? Words(_mm512_maskz_loadu_epi16(deep, src + (i + u) * step + 2 * p)) : Words{};
        }
      }
      transpose(r);
      const int64_t count = pairs - p < 16 ? pairs - p : 16;
      if (width == 16 || (spills && p + 18 < pairs)) {
        PYNN_UNROLL
        for (int u = 0; u < 16; ++u) {
          if (u < count) _mm512_storeu_si512(dst + (p + u) * dst_step + i, __m512i(r[u]));
        }
        continue;
      }
      PYNN_UNROLL
      for (int u = 0; u < 16; ++u) {
        if (u < count) _mm512_mask_storeu_epi32(dst + (p + u) * dst_step + i, wide, __m512i(r[u]));
      }
    }
  }
}

// i is contiguous: two rows are zipped.
void pack_zipped(const uint16_t* src, int64_t step, int64_t rows, int64_t padded, int64_t depth,
                 uint32_t* dst, int64_t dst_step) {
  for (int64_t k = 0; k < depth; k += 2) {
    const uint16_t* low = src + k * step;
    const uint16_t* high = low + step;
    uint32_t* d = dst + k / 2 * dst_step;
    for (int64_t i = 0; i < padded; i += 16) {
      const int64_t left = rows - i;
      const __mmask16 here = left >= 16 ? __mmask16(0xffff) : left > 0 ? first(int(left)) : __mmask16(0);
      const __m512i x = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(here, low + i));
      const __m512i y = k + 1 < depth ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(here, high + i))
                                      : _mm512_setzero_si512();
      const int64_t width = padded - i;
      _mm512_mask_storeu_epi32(d + i, width >= 16 ? __mmask16(0xffff) : first(int(width)),
                               _mm512_or_si512(x, _mm512_slli_epi32(y, 16)));
    }
  }
}

void pack(const uint16_t* src, int64_t step_i, int64_t step_k, int64_t rows, int64_t padded, int64_t depth,
          uint32_t* dst, int64_t dst_step) {
  if (step_k == 1) return pack_transposed(src, step_i, rows, padded, depth, dst, dst_step);
  if (step_i == 1) return pack_zipped(src, step_k, rows, padded, depth, dst, dst_step);
  for (int64_t k = 0; k < depth; k += 2) {
    for (int64_t i = 0; i < padded; ++i) {
      const uint16_t* s = src + i * step_i + k * step_k;
      const uint32_t low = i < rows ? s[0] : 0, high = i < rows && k + 1 < depth ? s[step_k] : 0;
      dst[k / 2 * dst_step + i] = low | high << 16;
    }
  }
}

// ---- few rows of A, both operands contiguous along k: nothing is packed ----

template <int kRows, int kCols>
PYNN_INLINE void dot_block(const uint16_t* a, int64_t a_step, const uint16_t* b, int64_t b_step, int64_t k,
                           float* out, int64_t out_step) {
  __m512 acc[kRows][kCols];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    PYNN_UNROLL
    for (int j = 0; j < kCols; ++j) acc[i][j] = _mm512_setzero_ps();
  }
  for (int64_t p = 0; p < k; p += 32) {
    const __mmask32 mask = k - p >= 32 ? ~__mmask32(0) : __mmask32((1u << (k - p)) - 1);
    __m512bh x[kRows];
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) x[i] = (__m512bh)_mm512_maskz_loadu_epi16(mask, a + i * a_step + p);
    PYNN_UNROLL
    for (int j = 0; j < kCols; ++j) {
      const __m512bh y = (__m512bh)_mm512_maskz_loadu_epi16(mask, b + j * b_step + p);
      PYNN_UNROLL
      for (int i = 0; i < kRows; ++i) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x[i], y);
    }
  }
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    PYNN_UNROLL
    for (int j = 0; j < kCols; ++j) out[i * out_step + j] = _mm512_reduce_add_ps(acc[i][j]);
  }
}

template <int kRows>
void dot_rows(const uint16_t* a, int64_t a_step, const uint16_t* b, int64_t b_step, int64_t cols, int64_t k,
              float* out, int64_t out_step) {
  int64_t j = 0;
  for (; j + 4 <= cols; j += 4) dot_block<kRows, 4>(a, a_step, b + j * b_step, b_step, k, out + j, out_step);
  for (; j < cols; ++j) dot_block<kRows, 1>(a, a_step, b + j * b_step, b_step, k, out + j, out_step);
}

void dots(const uint16_t* a, int64_t a_step, int64_t rows, const uint16_t* b, int64_t b_step, int64_t cols,
          int64_t k, float* out, int64_t out_step) {
  switch (rows) {
    case 1:
      return dot_rows<1>(a, a_step, b, b_step, cols, k, out, out_step);
    case 2:
      return dot_rows<2>(a, a_step, b, b_step, cols, k, out, out_step);
    case 3:
      return dot_rows<3>(a, a_step, b, b_step, cols, k, out, out_step);
    default:
      return dot_rows<4>(a, a_step, b, b_step, cols, k, out, out_step);
  }
}

#define PYNN_TILE(r) {tile<r, 1>, tile<r, 2>}
constexpr PairKernels kernels = {{{nullptr, nullptr},
                                  PYNN_TILE(1),
                                  PYNN_TILE(2),
                                  PYNN_TILE(3),
                                  PYNN_TILE(4),
                                  PYNN_TILE(5),
                                  PYNN_TILE(6),
                                  PYNN_TILE(7),
                                  PYNN_TILE(8),
                                  PYNN_TILE(9),
                                  PYNN_TILE(10),
                                  PYNN_TILE(11),
                                  PYNN_TILE(12),
                                  PYNN_TILE(13),
                                  PYNN_TILE(14)},
                                 pack,
                                 dots};
#undef PYNN_TILE

}  // namespace

extern const PairKernels table;
const PairKernels table = kernels;

}  // namespace matmul
}  // namespace avx512bf16
}  // namespace pynn
