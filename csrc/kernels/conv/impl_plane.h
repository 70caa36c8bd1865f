// Depthwise kernels: a vector of the input is loaded once for all rows of the output that it reaches.
#pragma once

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace conv {
namespace {

template <class T>
PYNN_INLINE void fill_frame(const T* src, int64_t src_row, int64_t rows, int64_t columns, T* to,
                            int64_t pitch) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t whole = columns / kWidth * kWidth;
  const int rest = int(columns - whole);
  for (int64_t y = 0; y < rows; ++y, src += src_row, to += pitch) {
    for (int64_t x = 0; x < whole; x += kWidth) store(to + x, load(src + x));
    if (rest > 0) store_n(to + whole, load_n(src + whole, rest), rest);
  }
}

template <class T>
void spread_frame(const PlaneArgs<T>& a, const T* src, T* to) {
  for (int64_t y = 0; y < a.rows; ++y, src += a.src_row, to += a.spread_y * a.pitch) {
    for (int64_t x = 0; x < a.columns; ++x) to[x * a.spread_x] = src[x];
  }
}

// kRows rows of the output, a vector wide.
template <class T, int kSize, int kRows>
PYNN_INLINE void plane_rows(const PlaneArgs<T>& a, const T* frame, const T* w, T bias, T* out, int lanes) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t pitch = a.pitch, width = a.width;
  Vec<T> acc[kRows];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) acc[i] = set1(bias);
  PYNN_UNROLL
  for (int s = 0; s < kSize; ++s) {
    Vec<T> weight[kSize];
    PYNN_UNROLL
    for (int r = 0; r < kSize; ++r) weight[r] = set1(w[r * kSize + s]);
    PYNN_UNROLL
    for (int y = 0; y < kRows + kSize - 1; ++y) {
      const Vec<T> v = load(frame + y * pitch + s);
      PYNN_UNROLL
      for (int i = 0; i < kRows; ++i) {
        if (y - i >= 0 && y - i < kSize) acc[i] = fma(weight[y - i], v, acc[i]);
      }
    }
  }
  const bool plain = a.beta == T(0) && !a.relu;
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    T* o = out + i * width;
    if (!plain) {
      if (a.beta != T(0)) acc[i] = fma(set1(a.beta), lanes == kWidth ? load(o) : load_n(o, lanes), acc[i]);
      if (a.relu) acc[i] = max(zero<T>(), acc[i]);
    }
    if (lanes == kWidth) {
      store(o, acc[i]);
    } else {
      store_n(o, acc[i], lanes);
    }
  }
}

template <class T, int kSize>
void plane(const PlaneArgs<T>& args) {
  constexpr int kWidth = Vec<T>::lanes;
#if defined(__AVX512F__)
  constexpr int kTall = kPlaneRows;
#else
  constexpr int kTall = 4;
#endif
  const PlaneArgs<T> a = args;
  T weights[kSize * kSize];
  for (int64_t p = 0; p < a.planes; ++p) {
    T* const inner = a.frame + a.top * a.pitch + a.left;
    if (a.spread_x == 1) {
      fill_frame(a.src + p * a.src_step, a.src_row, a.rows, a.columns, inner, a.spread_y * a.pitch);
    } else {
      spread_frame(a, a.src + p * a.src_step, inner);
    }
    const T* w = a.w + p * a.w_step;
    for (int i = 0; i < kSize * kSize; ++i) weights[i] = w[a.turned ? kSize * kSize - 1 - i : i];
    const T bias = a.bias != nullptr ? a.bias[p] : T(0);
    for (int64_t x = 0; x < a.width; x += kWidth) {
      const int lanes = int(a.width - x < kWidth ? a.width - x : kWidth);
      const T* frame = a.frame + x;
      T* out = a.out + p * a.out_step + x;
      int64_t y = 0;
      for (; y + kTall <= a.height; y += kTall) {
        plane_rows<T, kSize, kTall>(a, frame + y * a.pitch, weights, bias, out + y * a.width, lanes);
      }
      for (; y + 2 <= a.height; y += 2) {
        plane_rows<T, kSize, 2>(a, frame + y * a.pitch, weights, bias, out + y * a.width, lanes);
      }
      if (y < a.height)
        plane_rows<T, kSize, 1>(a, frame + y * a.pitch, weights, bias, out + y * a.width, lanes);
    }
  }
}

template <class T, int kSize>
void plane_grad(const PlaneGradArgs<T>& args) {
  constexpr int kWidth = Vec<T>::lanes;
  const PlaneGradArgs<T> a = args;
  Vec<T> acc[kSize][kSize];
  PYNN_UNROLL
  for (int r = 0; r < kSize; ++r) {
    PYNN_UNROLL
    for (int s = 0; s < kSize; ++s) acc[r][s] = zero<T>();
  }
  for (int64_t p = 0; p < a.images; ++p) {
    fill_frame(a.src + p * a.src_step, a.src_row, a.rows, a.columns, a.frame + a.top * a.pitch + a.left,
               a.pitch);
    for (int64_t x = 0; x < a.width; x += kWidth) {
      const int lanes = int(a.width - x < kWidth ? a.width - x : kWidth);
      const T* dy = a.dy + p * a.dy_step + x;
      const T* frame = a.frame + x;
      // Row y of the frame meets the rows y, y - 1, ... of dy.
      Vec<T> d[kSize];
      PYNN_UNROLL
      for (int r = 0; r < kSize; ++r) d[r] = zero<T>();
      for (int64_t y = 0; y < a.height + kSize - 1; ++y, frame += a.pitch, dy += a.dy_row) {
        PYNN_UNROLL
        for (int r = kSize - 1; r > 0; --r) d[r] = d[r - 1];
        d[0] = y >= a.height ? zero<T>() : lanes == kWidth ? load(dy) : load_n(dy, lanes);
        PYNN_UNROLL
        for (int s = 0; s < kSize; ++s) {
          const Vec<T> v = load(frame + s);
          PYNN_UNROLL
          for (int r = 0; r < kSize; ++r) acc[r][s] = fma(d[r], v, acc[r][s]);
        }
      }
    }
  }
  PYNN_UNROLL
  for (int r = 0; r < kSize; ++r) {
    PYNN_UNROLL
    for (int s = 0; s < kSize; ++s) a.sums[r * kSize + s] += reduce_add(acc[r][s]);
  }
}

}  // namespace
}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
