// Windows as columns and back, a thread an element of the result; the sums of fold go through the taps in
// order.
#include <algorithm>

#include "cuda/launch.h"
#include "cuda/types.h"
#include "kernels/conv/cuda.h"

namespace pynn::cuda {
namespace {

template <class T>
struct Windows {
  const T* from;
  T* to;
  int64_t image, channel, at[3];  // steps of x, elements
  int64_t size;                   // elements of the result
  int channels, in[3], kernel[3], out[3], stride[3], before[3], dilation[3];
};

template <class T>
__global__ void __launch_bounds__(256) unfold_windows(const __grid_constant__ Windows<T> p) {
  const int pixels = p.out[0] * p.out[1] * p.out[2], taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  for (int64_t i = blockIdx.x * int64_t(256) + threadIdx.x; i < p.size; i += int64_t(gridDim.x) * 256) {
    const int pixel = int(i % pixels), tap = int(i / pixels % taps);
    const int64_t plane = i / pixels / taps;
    const int z = pixel / p.out[2] / p.out[1] * p.stride[0] - p.before[0] +
                  tap / p.kernel[2] / p.kernel[1] * p.dilation[0];
    const int y = pixel / p.out[2] % p.out[1] * p.stride[1] - p.before[1] +
                  tap / p.kernel[2] % p.kernel[1] * p.dilation[1];
    const int x = pixel % p.out[2] * p.stride[2] - p.before[2] + tap % p.kernel[2] * p.dilation[2];
    const bool there =
        unsigned(z) < unsigned(p.in[0]) && unsigned(y) < unsigned(p.in[1]) && unsigned(x) < unsigned(p.in[2]);
    p.to[i] = there ? p.from[plane / p.channels * p.image + plane % p.channels * p.channel + z * p.at[0] +
                             y * p.at[1] + x * p.at[2]]
                    : narrow<T>(0.f);
  }
}

// The place in dimension d of the window whose tap `tap` meets `at`; -1 where there is none.
template <class T>
PYNN_DEVICE int window_of(const Windows<T>& p, int d, int at, int tap) {
  const int reach = at + p.before[d] - tap * p.dilation[d], window = reach / p.stride[d];
  return reach >= 0 && window < p.out[d] && window * p.stride[d] == reach ? window : -1;
}

template <class T>
__global__ void __launch_bounds__(256) fold_windows(const __grid_constant__ Windows<T> p) {
  const int pixels = p.in[0] * p.in[1] * p.in[2], taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  const int windows = p.out[0] * p.out[1] * p.out[2];
  for (int64_t i = blockIdx.x * int64_t(256) + threadIdx.x; i < p.size; i += int64_t(gridDim.x) * 256) {
    const int pixel = int(i % pixels), x = pixel % p.in[2], y = pixel / p.in[2] % p.in[1];
    const int z = pixel / p.in[2] / p.in[1];
    const T* from = p.from + i / pixels * taps * windows;
    Compute<T> sum = 0;
    for (int tz = 0; tz < p.kernel[0]; ++tz) {
      const int oz = window_of(p, 0, z, tz);
      for (int ty = 0; ty < p.kernel[1]; ++ty) {
        const int oy = window_of(p, 1, y, ty);
        for (int tx = 0; tx < p.kernel[2]; ++tx, from += windows) {
          const int ox = window_of(p, 2, x, tx);
          if (oz >= 0 && oy >= 0 && ox >= 0) sum += widen(from[(oz * p.out[1] + oy) * p.out[2] + ox]);
        }
      }
    }
    p.to[i] = narrow<T>(sum);
  }
}

template <class T>
Windows<T> windows_of(const Conv& c, const Images& x, const void* from, void* to, int64_t size) {
  Windows<T> p = {};
  p.from = static_cast<const T*>(from), p.to = static_cast<T*>(to), p.size = size;
  p.image = x.image, p.channel = x.channel, p.channels = int(c.channels);
  for (int d = 0; d < 3; ++d) {
    p.at[d] = x.at[d];
    p.in[d] = int(c.in[d]), p.kernel[d] = int(c.kernel[d]), p.out[d] = int(c.out[d]);
    p.stride[d] = int(c.stride[d]), p.before[d] = int(c.before[d]), p.dilation[d] = int(c.dilation[d]);
  }
  return p;
}

unsigned blocks_of(int64_t size) { return unsigned(std::min<int64_t>(ceil_div(size, 256), 1 << 20)); }

}  // namespace

Status unfold(const Conv& c, const Images& x, void* y, cudaStream_t stream) {
  return dispatch_float(c.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const int64_t size = c.images * c.channels * c.taps() * c.out_size();
    return launch(unfold_windows<T>, dim3(blocks_of(size)), dim3(256), 0, stream,
                  windows_of<T>(c, x, x.data, y, size));
  });
}

Status fold(const Conv& c, const void* y, void* x, cudaStream_t stream) {
  return dispatch_float(c.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const int64_t size = c.images * c.channels * c.in_size();
    return launch(fold_windows<T>, dim3(blocks_of(size)), dim3(256), 0, stream,
                  windows_of<T>(c, {}, y, x, size));
  });
}

}  // namespace pynn::cuda
