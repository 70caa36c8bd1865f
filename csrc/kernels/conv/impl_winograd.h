// Winograd's transforms: see winograd.h.
#pragma once
#include "simd/shuffle.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace conv {
namespace {

using pynn::conv::kPatch;
using pynn::conv::kPlaces;
using pynn::conv::kTile;
using pynn::conv::PatchArgs;
using pynn::conv::PixelArgs;
using pynn::conv::TapsArgs;
using pynn::conv::TileRun;
using pynn::conv::WinogradKernels;

// The points: 0, kNear, -kNear, kFar, -kFar, infinity. Their products are exact in float32.
constexpr double kNear = 0.6875, kFar = 1.5;
constexpr double kNear2 = kNear * kNear, kFar2 = kFar * kFar;

// B^T d.
template <class T>
PYNN_INLINE void transform_patch(const Vec<T> (&d)[kPatch], Vec<T> (&v)[kPatch]) {
  const Vec<T> both = set1(T(-(kNear2 + kFar2))), product = set1(T(kNear2 * kFar2));
  const Vec<T> near = set1(T(kNear)), far = set1(T(kFar)), near2 = set1(T(-kNear2)), far2 = set1(T(-kFar2));
  v[0] = fma(product, d[0], fma(both, d[2], d[4]));
  v[5] = fma(product, d[1], fma(both, d[3], d[5]));
  const Vec<T> even_near = fma(far2, d[2], d[4]), odd_near = near * fma(far2, d[1], d[3]);
  v[1] = even_near + odd_near;
  v[2] = even_near - odd_near;
  const Vec<T> even_far = fma(near2, d[2], d[4]), odd_far = far * fma(near2, d[1], d[3]);
  v[3] = even_far + odd_far;
  v[4] = even_far - odd_far;
}

// A y, the adjoint of transform_tile.
template <class T>
PYNN_INLINE void spread_tile(const Vec<T> (&y)[kTile], Vec<T> (&v)[kPatch]) {
  const Vec<T> near2 = set1(T(kNear2)), far2 = set1(T(kFar2));
  v[0] = y[0];
  v[5] = y[3];
  const Vec<T> even_near = fma(near2, y[2], y[0]), odd_near = set1(T(kNear)) * fma(near2, y[3], y[1]);
  v[1] = even_near + odd_near;
  v[2] = even_near - odd_near;
  const Vec<T> even_far = fma(far2, y[2], y[0]), odd_far = set1(T(kFar)) * fma(far2, y[3], y[1]);
  v[3] = even_far + odd_far;
  v[4] = even_far - odd_far;
}

template <class T>
PYNN_INLINE void spread(const Vec<T> (&d)[kPatch], Vec<T> (&v)[kPatch]) {
  transform_patch<T>(d, v);
}
template <class T>
PYNN_INLINE void spread(const Vec<T> (&d)[kTile], Vec<T> (&v)[kPatch]) {
  spread_tile<T>(d, v);
}

// A^T m.
template <class T>
PYNN_INLINE void transform_tile(const Vec<T> (&m)[kPatch], Vec<T> (&y)[kTile]) {
  const Vec<T> near_sum = m[1] + m[2], near_rest = m[1] - m[2], far_sum = m[3] + m[4], far_rest = m[3] - m[4];
  y[0] = m[0] + near_sum + far_sum;
  y[1] = fma(set1(T(kNear)), near_rest, set1(T(kFar)) * far_rest);
  y[2] = fma(set1(T(kNear2)), near_sum, set1(T(kFar2)) * far_sum);
  y[3] = fma(set1(T(kNear2 * kNear)), near_rest, fma(set1(T(kFar2 * kFar)), far_rest, m[5]));
}

// G g.
template <class T>
PYNN_INLINE void transform_taps(const Vec<T> (&g)[3], Vec<T> (&u)[kPatch]) {
  constexpr double kNearScale = 1 / (2 * kNear2 * (kNear2 - kFar2)),
                   kFarScale = 1 / (2 * kFar2 * (kFar2 - kNear2));
  u[0] = set1(T(1 / (kNear2 * kFar2))) * g[0];
  u[5] = g[2];
  const Vec<T> even_near = set1(T(kNearScale)) * fma(set1(T(kNear2)), g[2], g[0]),
               odd_near = set1(T(kNearScale * kNear)) * g[1];
  u[1] = even_near + odd_near;
  u[2] = even_near - odd_near;
  const Vec<T> even_far = set1(T(kFarScale)) * fma(set1(T(kFar2)), g[2], g[0]),
               odd_far = set1(T(kFarScale * kFar)) * g[1];
  u[3] = even_far + odd_far;
  u[4] = even_far - odd_far;
}

// G^T m, the adjoint of transform_taps.
template <class T>
PYNN_INLINE void gather_taps(const Vec<T> (&m)[kPatch], Vec<T> (&g)[3]) {
  constexpr double kNearScale = 1 / (2 * kNear2 * (kNear2 - kFar2)),
                   kFarScale = 1 / (2 * kFar2 * (kFar2 - kNear2));
  const Vec<T> near = set1(T(kNearScale)) * (m[1] + m[2]), far = set1(T(kFarScale)) * (m[3] + m[4]);
  g[0] = fma(set1(T(1 / (kNear2 * kFar2))), m[0], near + far);
  g[1] = fma(set1(T(kNearScale * kNear)), m[1] - m[2], set1(T(kFarScale * kFar)) * (m[3] - m[4]));
  g[2] = fma(set1(T(kNear2)), near, fma(set1(T(kFar2)), far, m[5]));
}

template <class T>
void winograd_weights(const T* g, int64_t g_step, int64_t n, T* u, int64_t u_step) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int64_t i = 0; i < n; i += kWidth) {
    const int count = int(n - i < kWidth ? n - i : kWidth);
    Vec<T> rows[kPatch][3];
    PYNN_UNROLL
    for (int s = 0; s < 3; ++s) {
      Vec<T> column[3], result[kPatch];
      PYNN_UNROLL
      for (int r = 0; r < 3; ++r) {
        const T* from = g + (3 * r + s) * g_step + i;
        column[r] = count == kWidth ? load(from) : load_n(from, count);
      }
      transform_taps<T>(column, result);
      PYNN_UNROLL
      for (int r = 0; r < kPatch; ++r) rows[r][s] = result[r];
    }
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) {
      Vec<T> result[kPatch];
      transform_taps<T>(rows[r], result);
      PYNN_UNROLL
      for (int s = 0; s < kPatch; ++s) {
        T* to = u + (kPatch * r + s) * u_step + i;
        if (count == kWidth) {
          store(to, result[s]);
        } else {
          store_n(to, result[s], count);
        }
      }
    }
  }
}

// q[j] = p[j], p[4 + j], p[8 + j] ...: the columns of tiles side by side.
template <class T>
PYNN_INLINE void deal_four(const T* p, Vec<T> (&q)[4]) {
  constexpr int kWidth = Vec<T>::lanes;
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    __m256 tile[4];
    PYNN_UNROLL
    for (int i = 0; i < 4; ++i) {  // tiles i and 4 + i
      tile[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const float*)p + 4 * i)),
                                     _mm_loadu_ps((const float*)p + 16 + 4 * i), 1);
    }
    const __m256 a = _mm256_unpacklo_ps(tile[0], tile[1]), b = _mm256_unpacklo_ps(tile[2], tile[3]);
    const __m256 c = _mm256_unpackhi_ps(tile[0], tile[1]), d = _mm256_unpackhi_ps(tile[2], tile[3]);
    q[0].v = (typename Vec<T>::Native)_mm256_shuffle_ps(a, b, 0x44);
    q[1].v = (typename Vec<T>::Native)_mm256_shuffle_ps(a, b, 0xee);
    q[2].v = (typename Vec<T>::Native)_mm256_shuffle_ps(c, d, 0x44);
    q[3].v = (typename Vec<T>::Native)_mm256_shuffle_ps(c, d, 0xee);
    return;
  }
#endif
  const Pair<T> low = deinterleave(load(p), load(p + kWidth));
  const Pair<T> high = deinterleave(load(p + 2 * kWidth), load(p + 3 * kWidth));
  const Pair<T> even = deinterleave(low.first, high.first), odd = deinterleave(low.second, high.second);
  q[0] = even.first;
  q[1] = odd.first;
  q[2] = even.second;
  q[3] = odd.second;
}

// What deal_four takes apart.
template <class T>
PYNN_INLINE void join_four(const Vec<T> (&q)[4], T* p) {
  constexpr int kWidth = Vec<T>::lanes;
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const __m256 a = _mm256_unpacklo_ps((__m256)q[0].v, (__m256)q[1].v);
    const __m256 b = _mm256_unpackhi_ps((__m256)q[0].v, (__m256)q[1].v);
    const __m256 c = _mm256_unpacklo_ps((__m256)q[2].v, (__m256)q[3].v);
    const __m256 d = _mm256_unpackhi_ps((__m256)q[2].v, (__m256)q[3].v);
    const __m256 first = _mm256_shuffle_ps(a, c, 0x44), second = _mm256_shuffle_ps(a, c, 0xee);
    const __m256 third = _mm256_shuffle_ps(b, d, 0x44), fourth = _mm256_shuffle_ps(b, d, 0xee);
    _mm256_storeu_ps((float*)p, _mm256_permute2f128_ps(first, second, 0x20));
    _mm256_storeu_ps((float*)p + 8, _mm256_permute2f128_ps(third, fourth, 0x20));
    _mm256_storeu_ps((float*)p + 16, _mm256_permute2f128_ps(first, second, 0x31));
    _mm256_storeu_ps((float*)p + 24, _mm256_permute2f128_ps(third, fourth, 0x31));
    return;
  }
#endif
  const Pair<T> even = interleave(q[0], q[2]), odd = interleave(q[1], q[3]);
  const Pair<T> low = interleave(even.first, odd.first), high = interleave(even.second, odd.second);
  store(p, low.first);
  store(p + kWidth, low.second);
  store(p + 2 * kWidth, high.first);
  store(p + 3 * kWidth, high.second);
}

// B^T d of a run's rows, for all its columns at once: to[r * pitch + x], with zeros where the source
// has none.
template <class T>
PYNN_INLINE void transform_rows(const T* src, int64_t src_row, const TileRun& run, const T* zeros, T* to,
                                int64_t pitch) {
  constexpr int kWidth = Vec<T>::lanes;
  const T* rows[kPatch];
  PYNN_UNROLL
  for (int r = 0; r < kPatch; ++r)
    rows[r] = r >= run.top && r < run.bottom ? src + run.from + r * src_row : zeros;
  const int64_t end = kTile * run.count + kPatch - kTile;
  for (int64_t x = 0; x < run.left; x += kWidth) {
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) store(to + r * pitch + x, zero<T>());
  }
  Vec<T> d[kPatch], v[kPatch];
  int64_t x = run.left;
  for (; x + kWidth <= run.right; x += kWidth) {
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) d[r] = load(rows[r] + x);
    spread<T>(d, v);
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) store(to + r * pitch + x, v[r]);
  }
  if (x < run.right) {
    const int count = int(run.right - x);
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) d[r] = load_n(rows[r] + x, count);
    spread<T>(d, v);
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) store(to + r * pitch + x, v[r]);
    x += kWidth;
  }
  for (; x < end; x += kWidth) {
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) store(to + r * pitch + x, zero<T>());
  }
}

template <class T>
void winograd_patches(const PatchArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t pitch = pynn::conv::patch_pitch(a.tiles), long_pitch = pynn::conv::row_pitch(a.tiles);
  T* const columns = a.scratch;               // [place][tile]
  T* const rows = columns + kPlaces * pitch;  // [row of a patch][column of a run]
  T* const zeros = rows + kPatch * long_pitch;
  for (int64_t i = 0; i < long_pitch; ++i) zeros[i] = T(0);
  for (int64_t c = 0; c < a.channels; ++c) {
    for (int64_t i = 0; i < a.run_count; ++i) {
      const TileRun& run = a.runs[i];
      transform_rows(a.src + c * a.src_plane, a.src_row, run, zeros, rows, long_pitch);
      // A last vector's other lanes are overwritten by the next run's.
      for (int r = 0; r < kPatch; ++r) {
        T* to = columns + kPatch * r * pitch + run.tile;
        for (int64_t t = 0; t < run.count; t += kWidth) {
          Vec<T> own[kTile];
          deal_four<T>(rows + r * long_pitch + kTile * t, own);
          PYNN_UNROLL
          for (int s = 0; s < kTile; ++s) store(to + s * pitch + t, own[s]);
          Vec<T> next[kTile];
          deal_four<T>(rows + r * long_pitch + kTile * t + kTile, next);
          store(to + 4 * pitch + t, next[0]);
          store(to + 5 * pitch + t, next[1]);
        }
      }
    }
    for (int64_t t = 0; t < a.tiles; t += kWidth) {
      T* to = a.v + t / a.panel * a.panel_step + t % a.panel + c * a.channel;
      for (int r = 0; r < kPatch; ++r, to += kPatch * a.place) {
        Vec<T> d[kPatch], v[kPatch];
        PYNN_UNROLL
        for (int s = 0; s < kPatch; ++s) d[s] = load(columns + (kPatch * r + s) * pitch + t);
        spread<T>(d, v);
        PYNN_UNROLL
        for (int s = 0; s < kPatch; ++s) store(to + s * a.place, v[s]);
      }
    }
  }
}

// One row of pixels; of to, `room` elements may be overwritten: those behind the row come later.
template <class T>
PYNN_INLINE void put_row(const T* from, int64_t count, T* to, int64_t room) {
  constexpr int kWidth = Vec<T>::lanes;
  int64_t x = 0;
  for (; x + kWidth <= count; x += kWidth) store(to + x, load(from + x));
  if (x == count) return;
  if (x + kWidth <= room) {
    store(to + x, load(from + x));
  } else if (count >= kWidth) {
    store(to + count - kWidth, load(from + count - kWidth));
  } else {
    store_n(to, load(from), int(count));
  }
}

template <class T>
PYNN_INLINE void add_row(const T* from, int64_t count, T* to, Vec<T> beta, bool relu) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int64_t x = 0; x < count; x += kWidth) {
    const int n = int(count - x < kWidth ? count - x : kWidth);
    Vec<T> sum = fma(beta, load_n(to + x, n), load(from + x));
    if (relu) sum = max(zero<T>(), sum);
    store_n(to + x, sum, n);
  }
}

template <class T>
void winograd_pixels(const PixelArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t pitch = pynn::conv::row_pitch(a.tiles);
  const bool plain = a.beta == T(0);
  for (int64_t i = 0; i < a.rows; ++i) {
    const Vec<T> bias = a.bias != nullptr ? set1(a.bias[i]) : zero<T>();
    for (int64_t t = 0; t < a.tiles; t += kWidth) {
      const T* m = a.m + i * a.row + t;
      Vec<T> lines[kTile][kPatch];
      PYNN_UNROLL
      for (int s = 0; s < kPatch; ++s) {
        Vec<T> column[kPatch], y[kTile];
        PYNN_UNROLL
        for (int r = 0; r < kPatch; ++r) column[r] = load(m + (kPatch * r + s) * a.place);
        transform_tile<T>(column, y);
        PYNN_UNROLL
        for (int r = 0; r < kTile; ++r) lines[r][s] = y[r];
      }
      PYNN_UNROLL
      for (int r = 0; r < kTile; ++r) {
        Vec<T> y[kTile];
        transform_tile<T>(lines[r], y);
        PYNN_UNROLL
        for (int s = 0; s < kTile; ++s) {
          y[s] = y[s] + bias;
          if (plain && a.relu) y[s] = max(zero<T>(), y[s]);  // NaN in the second stays
        }
        join_four<T>(y, a.scratch + r * pitch + 4 * t);
      }
    }
    T* const out = a.out + i * a.out_plane;
    for (int64_t j = 0; j < a.run_count; ++j) {
      const TileRun& run = a.runs[j];
      for (int r = 0; r < run.height; ++r) {
        const T* from = a.scratch + r * pitch + 4 * run.tile;
        T* to = out + run.to + r * a.out_row;
        if (plain) {
          put_row<T>(from, run.width, to, run.width + (run.whole ? (run.height - 1 - r) * a.out_row : 0));
        } else {
          add_row<T>(from, run.width, to, set1(a.beta), a.relu);
        }
      }
    }
  }
}

template <class T>
void winograd_taps(const TapsArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  const bool plain = a.beta == T(0);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t c = 0; c < a.channels; c += kWidth) {
      const T* m = a.m + i * a.row + c;
      Vec<T> lines[3][kPatch];
      PYNN_UNROLL
      for (int s = 0; s < kPatch; ++s) {
        Vec<T> column[kPatch], g[3];
        PYNN_UNROLL
        for (int r = 0; r < kPatch; ++r) column[r] = load(m + (kPatch * r + s) * a.place);
        gather_taps<T>(column, g);
        PYNN_UNROLL
        for (int r = 0; r < 3; ++r) lines[r][s] = g[r];
      }
      T taps[9][kWidth];
      PYNN_UNROLL
      for (int r = 0; r < 3; ++r) {
        Vec<T> g[3];
        gather_taps<T>(lines[r], g);
        PYNN_UNROLL
        for (int s = 0; s < 3; ++s) store(taps[3 * r + s], g[s]);
      }
      T* to = a.out + i * a.out_row + c * a.out_channel;
      const int64_t count = a.channels - c < kWidth ? a.channels - c : kWidth;
      for (int64_t j = 0; j < count; ++j, to += a.out_channel) {
        for (int t = 0; t < a.count; ++t) {
          T& tap = to[a.to[t]];
          tap = plain ? taps[a.from[t]][j] : taps[a.from[t]][j] + a.beta * tap;
        }
      }
    }
  }
}

}  // namespace
}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
