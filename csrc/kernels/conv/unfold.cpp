// Sliding windows as columns (im2col) and their adjoint (col2im): copies and sums of rows, plane by plane.
#include <atomic>
#include <cstring>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/shared.h"

namespace pynn {
namespace conv {
namespace {

constexpr int64_t kChunkElements = 32 << 10;

// Windows [low, high) along dimension d whose tap reads the input, and the source of the first of them.
struct Reach {
  int64_t low, high, source;
  Reach(const Shape& s, int d, int64_t tap) {
    const int64_t at = tap * s.dilation[d] - s.before[d], step = s.stride[d];
    low = at >= 0 ? 0 : least(s.out[d], ceil_div(-at, step));
    high = at >= s.in[d] ? 0 : least(s.out[d], ceil_div(s.in[d] - at, step));
    if (high < low) high = low;
    source = low * step + at;
  }
};

}  // namespace

template <class T>
pynn_status unfold(const Shape& s, const View<T>& x, T* y) {
  const int64_t taps = s.taps(), pixels = s.out_size(), planes = s.images * s.channels;
  if (planes * pixels == 0) return PYNN_OK;
  const Kernels<T>& kernel = kernels<T>();
  const Scratch list(size_t(taps) * sizeof(Tap));
  if (!list) return no_memory(size_t(taps) * sizeof(Tap));
  list_taps(s, list.as<Tap>());
  Grid grid;
  for (int d = 0; d < 3; ++d) grid.out[d] = s.out[d], grid.step[d] = s.stride[d], grid.in[d] = s.in[d];
  grid.slab = x.at[0];
  grid.row = x.at[1];
  // A tap's pieces serve all planes of a chunk.
  const int64_t group = most(1, kChunkElements / (taps * pixels));
  const size_t bytes = size_t(pixels) * sizeof(Piece);
  std::atomic<bool> failed{false};
  parallel_ranges(planes, group, [&](int64_t first, int64_t last) {
    const Scratch own(bytes);
    if (!own) {
      failed.store(true);
      return;
    }
    for (int64_t t = 0; t < taps; ++t) {
      const int n = cut_pieces(grid, list.as<Tap>()[t], 0, pixels, kernel.width, own.as<Piece>());
      for (int64_t p = first; p < last; ++p) {
        kernel.pack(x.data + p / s.channels * x.image + p % s.channels * x.channel, 0, s.stride[2], 1,
                    own.as<Piece>(), n, y + (p * taps + t) * pixels, 0);
      }
    }
  });
  return failed.load() ? no_memory(bytes) : PYNN_OK;
}

template <class T>
pynn_status fold(const Shape& s, const T* y, T* x) {
  const int64_t taps = s.taps(), pixels = s.out_size(), planes = s.images * s.channels, size = s.in_size();
  if (planes * size == 0) return PYNN_OK;
  const Kernels<T>& kernel = kernels<T>();
  const int64_t group = most(1, kChunkElements / (taps * pixels + 1));
  parallel_ranges(planes, group, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      T* const plane = x + p * size;
      memset(plane, 0, size_t(size) * sizeof(T));
      for (int64_t t = 0; t < taps; ++t) {
        const Reach rz(s, 0, t / s.kernel[2] / s.kernel[1]), ry(s, 1, t / s.kernel[2] % s.kernel[1]),
            rx(s, 2, t % s.kernel[2]);
        if (ry.high == ry.low || rx.high == rx.low) continue;
        for (int64_t z = rz.low; z < rz.high; ++z) {
          const T* from = y + (p * taps + t) * pixels + (z * s.out[1] + ry.low) * s.out[2] + rx.low;
          T* to =
              plane + ((rz.source + (z - rz.low) * s.stride[0]) * s.in[1] + ry.source) * s.in[2] + rx.source;
          kernel.add(from, s.out[2], ry.high - ry.low, rx.high - rx.low, to, s.stride[1] * s.in[2],
                     s.stride[2]);
        }
      }
    }
  });
  return PYNN_OK;
}

#define PYNN_INSTANTIATE(T)                                         \
  template pynn_status unfold<T>(const Shape&, const View<T>&, T*); \
  template pynn_status fold<T>(const Shape&, const T*, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
