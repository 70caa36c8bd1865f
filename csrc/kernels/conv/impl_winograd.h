// Winograd's transforms: see winograd.h.
#pragma once
#include "simd/turn.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace conv {
namespace {

using pynn::conv::kPatch;
using pynn::conv::kRunColumns;
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
void winograd_weights(const T* const* g, int64_t n, T* u, int64_t u_step) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int64_t i = 0; i < n; i += kWidth) {
    const int count = int(n - i < kWidth ? n - i : kWidth);
    Vec<T> rows[kPatch][3];
    PYNN_UNROLL
    for (int s = 0; s < 3; ++s) {
      Vec<T> column[3], result[kPatch];
      PYNN_UNROLL
      for (int r = 0; r < 3; ++r) {
        const T* from = g[3 * r + s] + i;
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

inline void turn(const float* src, int64_t plane, int channels, int64_t columns, float* to) {
  constexpr int kWidth = Vec<float>::lanes;
  if (channels < kWidth || columns < 4) {
    for (int64_t x = 0; x < columns; ++x) {
      for (int c = 0; c < channels; ++c) to[x * kWidth + c] = src[c * plane + x];
    }
    return;
  }
  const TurnedRows planes(src, plane);
  for (int64_t x = 0; x < columns; x += 4) {
    const int64_t at = x + 4 <= columns ? x : columns - 4;
    Vec<float> q[4];
    planes.load(at, q);
    PYNN_UNROLL
    for (int i = 0; i < 4; ++i) store(to + (at + i) * kWidth, q[i]);
  }
}

// kSize: of the patches; tiles alone (a gradient's) do not overlap.
template <class T, int kSize>
void winograd_patches(const PatchArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  T lines[kPatch][kRunColumns][kWidth];  // B^T d: [row][column]
  const TileRun& run = *a.run;
  const int end = kTile * run.count + kSize - kTile;
  for (int x = 0; x < end; ++x) {
    if (x < run.left || x >= run.right) {
      PYNN_UNROLL
      for (int r = 0; r < kPatch; ++r) store(lines[r][x], zero<T>());
      continue;
    }
    Vec<T> d[kSize], v[kPatch];
    PYNN_UNROLL
    for (int r = 0; r < kSize; ++r) d[r] = load(a.rows[r] + x * kWidth);
    spread<T>(d, v);
    PYNN_UNROLL
    for (int r = 0; r < kPatch; ++r) store(lines[r][x], v[r]);
  }
  const int64_t place = a.place;
  for (int t = 0; t < run.count; ++t) {
    T* to = a.v + t * a.tile;
    for (int r = 0; r < kPatch; ++r, to += kPatch * place) {
      Vec<T> d[kSize], v[kPatch];
      PYNN_UNROLL
      for (int s = 0; s < kSize; ++s) d[s] = load(lines[r][kTile * t + s]);
      spread<T>(d, v);
      if (a.lanes == kWidth) {
        PYNN_UNROLL
        for (int s = 0; s < kPatch; ++s) store(to + s * place, v[s]);
      } else {
        PYNN_UNROLL
        for (int s = 0; s < kPatch; ++s) store_n(to + s * place, v[s], a.lanes);
      }
    }
  }
}

template <class T>
void winograd_pixels(const PixelArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  const TileRun& run = *a.run;
  const int64_t place = a.place;
  const Vec<T> bias = a.bias != nullptr ? load_n(a.bias, a.lanes) : zero<T>();
  for (int t = 0; t < run.count; ++t) {
    const T* m = a.m + t * a.tile;
    Vec<T> lines[kTile][kPatch];
    PYNN_UNROLL
    for (int s = 0; s < kPatch; ++s) {
      Vec<T> column[kPatch], y[kTile];
      PYNN_UNROLL
      for (int r = 0; r < kPatch; ++r) column[r] = load(m + (kPatch * r + s) * place);
      transform_tile<T>(column, y);
      PYNN_UNROLL
      for (int r = 0; r < kTile; ++r) lines[r][s] = y[r];
    }
    const int count = run.width - kTile * t < kTile ? run.width - kTile * t : kTile;
    T* to = a.to + kTile * t * kWidth;
    PYNN_UNROLL
    for (int r = 0; r < kTile; ++r, to += run.width * kWidth) {
      if (r >= run.height) break;
      Vec<T> y[kTile];
      transform_tile<T>(lines[r], y);
      PYNN_UNROLL
      for (int s = 0; s < kTile; ++s) {
        if (s >= count) break;
        y[s] = y[s] + bias;
        if (a.relu) y[s] = max(zero<T>(), y[s]);  // NaN in the second stays
        store(to + s * kWidth, y[s]);
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
