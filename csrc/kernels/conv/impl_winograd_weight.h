// Winograd's transforms with channels in the lanes, for the weight gradient: see winograd.h.
#pragma once
#include "kernels/conv/impl_winograd.h"
#include "simd/turn.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace conv {
namespace {

using pynn::conv::kLaneColumns;
using pynn::conv::LanePatchArgs;

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

// kSize: of the patches; tiles alone (the gradient's) do not overlap.
template <class T, int kSize>
void lane_patches(const LanePatchArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  T lines[kPatch][kLaneColumns][kWidth];  // B^T d: [row][column]
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
  for (int t = 0; t < run.count; ++t) {
    T* to = a.v + t * a.tile;
    for (int r = 0; r < kPatch; ++r, to += kPatch * a.place) {
      Vec<T> d[kSize], v[kPatch];
      PYNN_UNROLL
      for (int s = 0; s < kSize; ++s) d[s] = load(lines[r][kTile * t + s]);
      spread<T>(d, v);
      PYNN_UNROLL
      for (int s = 0; s < kPatch; ++s) store(to + s * a.place, v[s]);
    }
  }
}

}  // namespace
}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
