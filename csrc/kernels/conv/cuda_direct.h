// Convolutions without tensor cores, a thread a place of the result: float64, exact float32, depthwise, first
// layers, groups of few filters. Neighbouring threads have neighbouring pixels; what they share comes from
// the caches.
#pragma once
#include "cuda/strided.h"
#include "cuda/types.h"
#include "kernels/conv/cuda_gather.h"
#include "kernels/matmul/cuda_result.h"

namespace pynn::cuda {

template <class T>
struct DirectConv {
  const T *x, *w, *bias;  // x: the input, or dy for the data gradient
  T* y;
  int64_t image, channel, at[3];  // steps of x, elements
  int group_channels, group_filters, groups, images;
  int in[3], kernel[3], out[3], stride[3], before[3], dilation[3];
  PixelGrid grid;  // of the result
  int pixels;      // of the result, of all images
  bool relu;
};

// y = act(conv(x, w) + bias); a thread has kFilters filters of a group at one pixel, a block those filters'
// weights.
template <class T, int kFilters>
__global__ void __launch_bounds__(256) direct_forward(const __grid_constant__ DirectConv<T> p) {
  using Sum = Compute<T>;
  const int blocks = (p.group_filters + kFilters - 1) / kFilters;
  const int group = int(blockIdx.y) / blocks, first = int(blockIdx.y) % blocks * kFilters;
  const int pixel = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (pixel >= p.pixels) return;
  int n, z, y, x;
  p.grid.place(pixel, n, z, y, x);
  z = z * p.stride[0] - p.before[0], y = y * p.stride[1] - p.before[1], x = x * p.stride[2] - p.before[2];
  Sum sums[kFilters] = {};
  const int taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  const int64_t filter_step = int64_t(p.group_channels) * taps;
  for (int c = 0; c < p.group_channels; ++c) {
    const T* from = p.x + n * p.image + (int64_t(group) * p.group_channels + c) * p.channel;
    const T* w = p.w + (int64_t(group) * p.group_filters + first) * filter_step + int64_t(c) * taps;
    for (int tz = 0; tz < p.kernel[0]; ++tz) {
      const int iz = z + tz * p.dilation[0];
      for (int ty = 0; ty < p.kernel[1]; ++ty) {
        const int iy = y + ty * p.dilation[1];
        for (int tx = 0; tx < p.kernel[2]; ++tx, ++w) {
          const int ix = x + tx * p.dilation[2];
          const bool there = unsigned(iz) < unsigned(p.in[0]) && unsigned(iy) < unsigned(p.in[1]) &&
                             unsigned(ix) < unsigned(p.in[2]);
          if (!there) continue;
          const Sum value = widen(from[iz * p.at[0] + iy * p.at[1] + ix * p.at[2]]);
#pragma unroll
          for (int f = 0; f < kFilters; ++f) {
            if (first + f < p.group_filters) sums[f] = fma(value, widen(w[f * filter_step]), sums[f]);
          }
        }
      }
    }
  }
  const int filters = p.groups * p.group_filters, size = int(p.grid.image.divisor);
#pragma unroll
  for (int f = 0; f < kFilters; ++f) {
    if (first + f >= p.group_filters) continue;
    const int filter = group * p.group_filters + first + f;
    const Sum bias = p.bias ? widen(p.bias[filter]) : Sum(0);
    p.y[(int64_t(n) * filters + filter) * size + (pixel - n * size)] =
        narrow<T>(activate(sums[f] + bias, p.relu));
  }
}

// The data gradient: x is dy, y is dx, whose grid p.grid is; p.in is dx's size, p.out dy's.
template <class T>
__global__ void __launch_bounds__(256) direct_data(const __grid_constant__ DirectConv<T> p) {
  using Sum = Compute<T>;
  const int channel = int(blockIdx.y), group = channel / p.group_channels, c = channel % p.group_channels;
  const int pixel = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (pixel >= p.pixels) return;
  int n, z, y, x;
  p.grid.place(pixel, n, z, y, x);
  z += p.before[0], y += p.before[1], x += p.before[2];
  Sum sum = 0;
  const int taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  for (int f = 0; f < p.group_filters; ++f) {
    const int64_t filter = int64_t(group) * p.group_filters + f;
    const T* from = p.x + n * p.image + filter * p.channel;
    const T* w = p.w + (filter * p.group_channels + c) * taps;
    for (int tz = 0; tz < p.kernel[0]; ++tz) {
      const int dz = z - tz * p.dilation[0], oz = dz / p.stride[0];
      for (int ty = 0; ty < p.kernel[1]; ++ty) {
        const int dy = y - ty * p.dilation[1], oy = dy / p.stride[1];
        for (int tx = 0; tx < p.kernel[2]; ++tx, ++w) {
          const int dx = x - tx * p.dilation[2], ox = dx / p.stride[2];
          const bool there = dz >= 0 && dy >= 0 && dx >= 0 && oz < p.out[0] && oy < p.out[1] &&
                             ox < p.out[2] && oz * p.stride[0] == dz && oy * p.stride[1] == dy &&
                             ox * p.stride[2] == dx;
          if (there) sum = fma(widen(from[oz * p.at[0] + oy * p.at[1] + ox * p.at[2]]), widen(*w), sum);
        }
      }
    }
  }
  const int channels = p.groups * p.group_channels, size = int(p.grid.image.divisor);
  p.y[(int64_t(n) * channels + channel) * size + (pixel - n * size)] = narrow<T>(sum);
}

// The sum over a block of 256 threads, on all of them; pairs are added in a fixed order.
template <class Sum>
PYNN_DEVICE Sum block_sum(Sum sum) {
  __shared__ Sum sums[256];
  __syncthreads();
  sums[threadIdx.x] = sum;
  for (int half = 128; half > 0; half /= 2) {
    __syncthreads();
    if (int(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  return sums[0];
}

template <class T>
struct DirectWeight {
  DirectConv<T> conv;  // x the input; y is not used
  const T* dy;
  int64_t dy_image, dy_channel, dy_at[3];
  Compute<T>* parts;  // [part][filter][channel of its group][tap], or nullptr: to dw
  T* dw;
  int part;  // pixels of dy
};

// A block sums one weight's gradient over a part of the pixels.
template <class T>
__global__ void __launch_bounds__(256) direct_weight(const __grid_constant__ DirectWeight<T> p) {
  using Sum = Compute<T>;
  const DirectConv<T>& c = p.conv;
  const int taps = c.kernel[0] * c.kernel[1] * c.kernel[2], weight = int(blockIdx.x);
  const int tap = weight % taps, channel = weight / taps % c.group_channels;
  const int filter = weight / taps / c.group_channels, group = filter / c.group_filters;
  const int tx = tap % c.kernel[2], ty = tap / c.kernel[2] % c.kernel[1],
            tz = tap / c.kernel[2] / c.kernel[1];
  const T* x = c.x + (int64_t(group) * c.group_channels + channel) * c.channel;
  const T* dy = p.dy + filter * p.dy_channel;
  const int first = int(blockIdx.y) * p.part, end = min(c.pixels, first + p.part);
  Sum sum = 0;
  for (int pixel = first + int(threadIdx.x); pixel < end; pixel += 256) {
    int n, oz, oy, ox;
    c.grid.place(pixel, n, oz, oy, ox);
    const int iz = oz * c.stride[0] - c.before[0] + tz * c.dilation[0];
    const int iy = oy * c.stride[1] - c.before[1] + ty * c.dilation[1];
    const int ix = ox * c.stride[2] - c.before[2] + tx * c.dilation[2];
    const bool there = unsigned(iz) < unsigned(c.in[0]) && unsigned(iy) < unsigned(c.in[1]) &&
                       unsigned(ix) < unsigned(c.in[2]);
    if (!there) continue;
    sum = fma(widen(x[n * c.image + iz * c.at[0] + iy * c.at[1] + ix * c.at[2]]),
              widen(dy[n * p.dy_image + oz * p.dy_at[0] + oy * p.dy_at[1] + ox * p.dy_at[2]]), sum);
  }
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  if (p.parts) {
    p.parts[int64_t(blockIdx.y) * gridDim.x + weight] = sum;
  } else {
    p.dw[weight] = narrow<T>(sum);
  }
}

// The sum of one channel of dy over a part of its pixels, into out[part][channel].
template <class T, class Out>
__global__ void __launch_bounds__(256)
    sum_channel(const T* dy, int64_t image, int64_t channel, int64_t step_z, int64_t step_y, int64_t step_x,
                PixelGrid grid, int pixels, int part, Out* out) {
  using Sum = Compute<T>;
  const T* from = dy + blockIdx.x * channel;
  const int first = int(blockIdx.y) * part, end = min(pixels, first + part);
  Sum sum = 0;
  for (int pixel = first + int(threadIdx.x); pixel < end; pixel += 256) {
    int n, z, y, x;
    grid.place(pixel, n, z, y, x);
    sum += widen(from[n * image + z * step_z + y * step_y + x * step_x]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) out[int64_t(blockIdx.y) * gridDim.x + blockIdx.x] = narrow<Out>(sum);
}

// out[i] = the sum of parts[p][i], first to last
template <class T>
__global__ void __launch_bounds__(256) add_parts(const Compute<T>* parts, int count, int size, T* out) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= size) return;
  Compute<T> sum = parts[i];
  for (int p = 1; p < count; ++p) sum += parts[int64_t(p) * size + i];
  out[i] = narrow<T>(sum);
}

}  // namespace pynn::cuda
