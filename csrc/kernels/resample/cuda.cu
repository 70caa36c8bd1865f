// A first kernel fills tables: along each dimension, what each output is made of (places and weights, in double as on the
// CPU) and, backward, which outputs each tap of an element reaches: they lie side by side. Then a thread an element.
#include "kernels/resample/cuda.h"

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

constexpr int kMostTaps = 4;
constexpr double kCubic = -0.75;  // the free parameter of Keys' kernel, as torch sets it

// Output i along one dimension is the sum of weights[t * out + i] * input[places[t * out + i]] over the taps t; tap t of
// input j reaches outputs starts[t * (in + 1) + j] .. starts[t * (in + 1) + j + 1].
struct Axis {
  int in, out, taps;
  double scale;
  int *places, *starts;
  double* weights;
};
struct Axes {
  pynn_resample_mode mode;
  bool align_corners;
  Axis axis[3];
};

PYNN_DEVICE double cubic(double d) {  // Keys' convolution kernel at a distance of d
  d = fabs(d);
  if (d <= 1) return ((kCubic + 2) * d - (kCubic + 3)) * d * d + 1;
  return kCubic * (((d - 5) * d + 8) * d - 4);
}

struct Tap {
  int place;
  double weight;
};
PYNN_DEVICE int clamp(int64_t i, int size) { return int(i < 0 ? 0 : i < size ? i : size - 1); }
PYNN_DEVICE Tap tap_of(const Axes& axes, const Axis& a, int t, int i) {
  if (a.taps == 1) {
    const double shift = axes.mode == PYNN_RESAMPLE_NEAREST_EXACT ? 0.5 : 0.0;
    return {clamp(int64_t(floor((double(i) + shift) * a.scale)), a.in), 1.0};
  }
  double at = axes.align_corners ? (a.out > 1 ? double(i) * (double(a.in - 1) / double(a.out - 1)) : 0.0)
                                 : (double(i) + 0.5) * a.scale - 0.5;
  const bool linear = a.taps == 2;
  if (linear && !(at > 0)) at = 0;
  int64_t low = int64_t(floor(at));
  if (linear && low > a.in - 1) low = a.in - 1;
  double part = at - double(low);
  if (linear) return {clamp(low + t, a.in), t == 0 ? 1 - (part > 1 ? 1 : part) : part > 1 ? 1 : part};
  return {clamp(low + t - 1, a.in), cubic(part - (t - 1))};
}

// blockIdx.y: the dimension.
__global__ void __launch_bounds__(kThreads) table_kernel(const Axes axes) {
  const Axis& a = axes.axis[blockIdx.y];
  for (int64_t i = first_of_thread(); i < int64_t(a.taps) * a.out; i += stride_of_grid()) {
    const Tap tap = tap_of(axes, a, int(i / a.out), int(i % a.out));
    a.places[i] = tap.place;
    a.weights[i] = tap.weight;
  }
  if (!a.starts) return;
  for (int64_t i = first_of_thread(); i < int64_t(a.taps) * (a.in + 1); i += stride_of_grid()) {
    const int t = int(i / (a.in + 1)), place = int(i % (a.in + 1));
    int low = 0, high = a.out;  // the first output whose tap is not below this place; places never fall
    while (low < high) {
      const int middle = low + (high - low) / 2;
      if (tap_of(axes, a, t, middle).place < place) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    a.starts[i] = low;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) forward_kernel(const Axes axes, int64_t n, const T* x, T* out) {
  typedef Compute<T> C;
  const Axis &deep = axes.axis[0], &high = axes.axis[1], &wide = axes.axis[2];
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    const int64_t row = i / wide.out, slice = row / high.out, planes = slice / deep.out;
    const int w = int(i - row * wide.out), h = int(row - slice * high.out), d = int(slice - planes * deep.out);
    const T* const plane = x + planes * deep.in * high.in * wide.in;
    C sum = 0;
    for (int a = 0; a < deep.taps; ++a) {
      for (int b = 0; b < high.taps; ++b) {
        const int at_deep = a * deep.out + d, at_high = b * high.out + h;
        const T* const from = plane + (int64_t(deep.places[at_deep]) * high.in + high.places[at_high]) * wide.in;
        const C weight = C(deep.weights[at_deep]) * C(high.weights[at_high]);
        for (int c = 0; c < wide.taps; ++c) {
          const int at_wide = c * wide.out + w;
          sum += weight * C(wide.weights[at_wide]) * widen(from[wide.places[at_wide]]);
        }
      }
    }
    out[i] = narrow<T>(sum);
  }
}

// f(output, its weight) for the outputs along a dimension that have element i.
template <class C, class F>
PYNN_DEVICE void over_outputs(const Axis& a, int i, const F& f) {
  for (int t = 0; t < a.taps; ++t) {
    const int* const start = a.starts + t * (a.in + 1) + i;
    for (int o = start[0]; o < start[1]; ++o) f(o, C(a.weights[t * a.out + o]));
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) backward_kernel(const Axes axes, int64_t n, const T* dy, T* dx) {
  typedef Compute<T> C;
  const Axis &deep = axes.axis[0], &high = axes.axis[1], &wide = axes.axis[2];
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    const int64_t row = i / wide.in, slice = row / high.in, plane = slice / deep.in;
    const int w = int(i - row * wide.in), h = int(row - slice * high.in), d = int(slice - plane * deep.in);
    C sum = 0;
    over_outputs<C>(deep, d, [&](int od, C weight_deep) {
      over_outputs<C>(high, h, [&](int oh, C weight_high) {
        const T* const from = dy + ((plane * deep.out + od) * high.out + oh) * wide.out;
        const C weight = weight_deep * weight_high;
        over_outputs<C>(wide, w, [&](int ow, C weight_wide) { sum += weight * weight_wide * widen(from[ow]); });
      });
    });
    dx[i] = narrow<T>(sum);
  }
}

int taps_of(const ResampleShape& s, int d) {
  // A dimension that stays as it is takes one tap.
  if (s.in[d] == s.out[d] && !(s.scale[d] > 0 && s.scale[d] != 1)) return 1;
  return s.mode == PYNN_RESAMPLE_LINEAR ? 2 : s.mode == PYNN_RESAMPLE_CUBIC ? kMostTaps : 1;
}

// The tables in scratch memory, weights first.
Axes axes_of(const ResampleShape& s, bool backward, void* scratch) {
  Axes axes;
  axes.mode = s.mode;
  axes.align_corners = s.align_corners;
  double* weights = static_cast<double*>(scratch);
  int64_t entries = 0;
  for (int d = 0; d < 3; ++d) entries += taps_of(s, d) * s.out[d];
  int* places = reinterpret_cast<int*>(weights + entries);
  for (int d = 0; d < 3; ++d) {
    Axis& a = axes.axis[d];
    a.in = int(s.in[d]);
    a.out = int(s.out[d]);
    a.taps = taps_of(s, d);
    a.scale = s.scale[d] > 0 ? s.scale[d] : double(s.in[d]) / double(s.out[d]);
    a.weights = weights;
    a.places = places;
    weights += a.taps * s.out[d];
    places += a.taps * s.out[d];
    a.starts = backward ? places : nullptr;
    if (backward) places += a.taps * (s.in[d] + 1);
  }
  return axes;
}

Status fill_tables(const Axes& axes, cudaStream_t stream) {
  int64_t longest = 1;
  for (const Axis& a : axes.axis) {
    const int64_t size = int64_t(a.taps) * (a.out > a.in ? a.out : a.in + 1);
    if (size > longest) longest = size;
  }
  const dim3 blocks = blocks_for(longest);
  return launch(table_kernel, dim3(blocks.x, 3), dim3(kThreads), 0, stream, axes);
}

}  // namespace

int64_t resample_bytes(const ResampleShape& s) {
  int64_t bytes = 0;
  for (int d = 0; d < 3; ++d) bytes += taps_of(s, d) * (s.out[d] * 12 + (s.in[d] + 1) * 4);
  return bytes;
}

template <class T>
Status resample(const ResampleShape& s, const T* x, T* out, void* scratch, cudaStream_t stream) {
  const int64_t n = s.planes * s.out[0] * s.out[1] * s.out[2];
  if (n == 0) return Status();
  const Axes axes = axes_of(s, false, scratch);
  PYNN_TRY(fill_tables(axes, stream));
  return launch(forward_kernel<T>, blocks_for(n), dim3(kThreads), 0, stream, axes, n, x, out);
}

template <class T>
Status resample_backward(const ResampleShape& s, const T* dy, T* dx, void* scratch, cudaStream_t stream) {
  const int64_t n = s.planes * s.in[0] * s.in[1] * s.in[2];
  if (n == 0) return Status();
  const Axes axes = axes_of(s, true, scratch);
  PYNN_TRY(fill_tables(axes, stream));
  return launch(backward_kernel<T>, blocks_for(n), dim3(kThreads), 0, stream, axes, n, dy, dx);
}

#define PYNN_INSTANTIATE(T)                                                                  \
  template Status resample<T>(const ResampleShape&, const T*, T*, void*, cudaStream_t);      \
  template Status resample_backward<T>(const ResampleShape&, const T*, T*, void*, cudaStream_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
PYNN_INSTANTIATE(__half)
PYNN_INSTANTIATE(__nv_bfloat16)
#undef PYNN_INSTANTIATE

}  // namespace pynn::cuda
