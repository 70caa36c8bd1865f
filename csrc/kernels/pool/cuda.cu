// Forward: a thread an output, or a warp where windows are large. Backward: a thread an element of dx, which looks at the
// windows it lies in, so that nothing is added from two sides and sums have one order.
#include "kernels/pool/cuda.h"

#include <cmath>

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

// Windows with more elements than this get a warp each.
constexpr int64_t kLarge = 64;

// Of one window along one dimension: its elements begin, begin + step, ... below end, and what it counts as in an
// average's divisor.
struct Range {
  int begin, end, count;
};

PYNN_DEVICE Range range_of(const PoolShape& s, int d, int o, bool count_padding) {
  const int in = s.in[d];
  if (s.bins) {
    const int64_t size = in, out = s.out[d];
    const int begin = int(o * size / out), end = int(((o + 1) * size + out - 1) / out);
    return {begin, end, end - begin};
  }
  const int64_t start = int64_t(o) * s.stride[d] - s.padding[d], step = s.dilation[d];
  const int64_t reach = start + (s.kernel[d] - 1) * step + 1;
  int64_t begin = start < 0 ? start + (-start + step - 1) / step * step : start, end = reach < in ? reach : in;
  const int64_t padded = reach < int64_t(in) + s.padding[d] ? reach : int64_t(in) + s.padding[d];
  const int64_t count = count_padding ? padded - start : end - begin;
  begin = begin < in ? begin : in;
  return {int(begin), int(end > begin ? end : begin), int(count)};
}
PYNN_DEVICE int step_of(const PoolShape& s, int d) { return s.bins ? 1 : s.dilation[d]; }
PYNN_DEVICE int length(const Range& r, int step) { return r.end > r.begin ? (r.end - r.begin + step - 1) / step : 0; }

// Places along the three dimensions of element i of planes of such sizes; returns which plane. I: 32 bits where they do.
template <class I>
PYNN_DEVICE int64_t unravel(I i, const int (&sizes)[3], int (&at)[3]) {
#pragma unroll
  for (int d = 2; d >= 0; --d) {
    const I next = i / I(sizes[d]);
    at[d] = int(i - next * I(sizes[d]));
    i = next;
  }
  return int64_t(i);
}

// Where output i lies, and its window.
struct Window {
  int64_t plane;  // the first element of its plane
  Range range[3];
};
template <class I>
PYNN_DEVICE Window window_of(const PoolShape& s, I i, bool count_padding) {
  Window w;
  int at[3];
  const int64_t plane = unravel(i, s.out, at);
  w.plane = plane * s.in[0] * s.in[1] * s.in[2];
#pragma unroll
  for (int d = 0; d < 3; ++d) w.range[d] = range_of(s, d, at[d], count_padding);
  return w;
}

// f(place in the plane) for elements first, first + stride, ... of a window, in order.
template <class F>
PYNN_DEVICE void over_window(const PoolShape& s, const Window& w, int first, int stride, const F& f) {
  const int steps[3] = {step_of(s, 0), step_of(s, 1), step_of(s, 2)};
  const int high = length(w.range[1], steps[1]), wide = length(w.range[2], steps[2]);
  if (stride == 1) {
    for (int d = w.range[0].begin; d < w.range[0].end; d += steps[0]) {
      for (int h = w.range[1].begin; h < w.range[1].end; h += steps[1]) {
        const int row = (d * s.in[1] + h) * s.in[2];
        for (int c = w.range[2].begin; c < w.range[2].end; c += steps[2]) f(row + c);
      }
    }
    return;
  }
  const int count = length(w.range[0], steps[0]) * high * wide;
  for (int i = first; i < count; i += stride) {
    const int row = i / wide, d = row / high;
    f(((w.range[0].begin + d * steps[0]) * s.in[1] + w.range[1].begin + (row - d * high) * steps[1]) * s.in[2] +
      w.range[2].begin + (i - row * wide) * steps[2]);
  }
}

// Whether x, at a later place, counts as the larger: the last NaN, the first of equal numbers.
template <class C>
PYNN_DEVICE bool larger(C x, C most) {
  return x > most || x != x;
}

// ---- maxima ----

template <class C>
struct Most {
  C value;
  int place;  // -1: none yet
  PYNN_DEVICE void meet(C x, int at) {
    if (place < 0 || larger(x, value)) {
      value = x;
      place = at;
    }
  }
  // The result over two sets of places: of NaNs the last, of equal numbers the first.
  PYNN_DEVICE void join(const Most& b) {
    if (b.place < 0) return;
    const bool here_nan = value != value, there_nan = b.value != b.value;
    const bool there = place < 0 || (there_nan ? !here_nan || b.place > place
                                               : !here_nan && (b.value > value || (b.value == value && b.place < place)));
    if (there) *this = b;
  }
};

// kLanes threads an output: 1, or a warp.
template <int kLanes, class I, class T, class Index>
__global__ void __launch_bounds__(kThreads)
    max_kernel(const PoolShape s, int64_t n, const T* x, T* out, Index* indices) {
  typedef Compute<T> C;
  const int lane = int(threadIdx.x) % kLanes;
  for (int64_t i = first_of_thread() / kLanes; i < n; i += stride_of_grid() / kLanes) {
    const Window w = window_of(s, I(i), false);
    const T* const plane = x + w.plane;
    Most<C> most = {C(-INFINITY), -1};
    over_window(s, w, lane, kLanes, [&](int at) { most.meet(widen(plane[at]), at); });
    if (kLanes > 1) {
#pragma unroll
      for (int step = kLanes / 2; step > 0; step /= 2) {
        Most<C> other;
        other.value = __shfl_xor_sync(0xffffffffu, most.value, step);
        other.place = __shfl_xor_sync(0xffffffffu, most.place, step);
        most.join(other);
      }
    }
    if (lane == 0) {
      if (out) out[i] = narrow<T>(most.value);
      if (indices) indices[i] = Index(most.place);
    }
  }
}

// The outputs whose windows may reach place i along dimension d: first .. last.
struct Outputs {
  int first, last;
};
PYNN_DEVICE Outputs outputs_of(const PoolShape& s, int d, int i) {
  if (s.bins) {
    const int64_t in = s.in[d], out = s.out[d];
    return {int(i * out / in), int(((i + 1) * out + in - 1) / in) - 1};
  }
  const int64_t reach = int64_t(s.kernel[d] - 1) * s.dilation[d], at = int64_t(i) + s.padding[d];
  const int64_t first = at <= reach ? 0 : (at - reach + s.stride[d] - 1) / s.stride[d], last = at / s.stride[d];
  return {int(first), int(last < s.out[d] - 1 ? last : s.out[d] - 1)};
}
// Whether the window of output o has place i, which its span covers.
PYNN_DEVICE bool has(const PoolShape& s, int d, int o, int i) {
  return s.bins || s.dilation[d] == 1 || (i + s.padding[d] - o * s.stride[d]) % s.dilation[d] == 0;
}

// f(output, its place in each dimension) for the outputs, in order, whose windows have element i of dx.
template <class I, class F>
PYNN_DEVICE void over_outputs(const PoolShape& s, I i, const F& f) {
  int at[3];
  const int64_t plane = unravel(i, s.in, at);
  const Outputs deep = outputs_of(s, 0, at[0]), high = outputs_of(s, 1, at[1]), wide = outputs_of(s, 2, at[2]);
  const int place = (at[0] * s.in[1] + at[1]) * s.in[2] + at[2];
  for (int d = deep.first; d <= deep.last; ++d) {
    if (!has(s, 0, d, at[0])) continue;
    for (int h = high.first; h <= high.last; ++h) {
      if (!has(s, 1, h, at[1])) continue;
      const int64_t row = ((plane * s.out[0] + d) * s.out[1] + h) * s.out[2];
      for (int w = wide.first; w <= wide.last; ++w) {
        if (has(s, 2, w, at[2])) f(row + w, place, d, h, w);
      }
    }
  }
}

template <class I, class T, class Index>
__global__ void __launch_bounds__(kThreads)
    max_backward_kernel(const PoolShape s, int64_t n, const T* dy, const Index* indices, T* dx) {
  typedef Compute<T> C;
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    C sum = 0;
    over_outputs(s, I(i), [&](int64_t o, int place, int, int, int) {
      if (indices[o] == Index(place)) sum += widen(dy[o]);
    });
    dx[i] = narrow<T>(sum);
  }
}

// ---- averages ----

template <class C>
PYNN_DEVICE C divisor_of(const PoolAverage& how, int deep, int high, int wide) {
  return how.divisor != 0 ? C(how.divisor) : C(deep) * C(high) * C(wide);
}

template <int kLanes, class I, class T>
__global__ void __launch_bounds__(kThreads)
    average_kernel(const PoolShape s, const PoolAverage how, int64_t n, const T* x, T* out) {
  typedef Compute<T> C;
  const int lane = int(threadIdx.x) % kLanes;
  for (int64_t i = first_of_thread() / kLanes; i < n; i += stride_of_grid() / kLanes) {
    const Window w = window_of(s, I(i), how.count_include_pad);
    const T* const plane = x + w.plane;
    C sum = 0;
    over_window(s, w, lane, kLanes, [&](int at) { sum += widen(plane[at]); });
    if (kLanes > 1) {
#pragma unroll
      for (int step = kLanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    }
    if (lane == 0) {
      out[i] = narrow<T>(sum / divisor_of<C>(how, w.range[0].count, w.range[1].count, w.range[2].count));
    }
  }
}

template <class I, class T>
__global__ void __launch_bounds__(kThreads)
    average_backward_kernel(const PoolShape s, const PoolAverage how, int64_t n, const T* dy, T* dx) {
  typedef Compute<T> C;
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    C sum = 0;
    over_outputs(s, I(i), [&](int64_t o, int, int d, int h, int w) {
      const bool padding = how.count_include_pad;
      sum += widen(dy[o]) / divisor_of<C>(how, range_of(s, 0, d, padding).count, range_of(s, 1, h, padding).count,
                                          range_of(s, 2, w, padding).count);
    });
    dx[i] = narrow<T>(sum);
  }
}

// ---- launching ----

int64_t outputs(const PoolShape& s) { return s.planes * s.out[0] * s.out[1] * s.out[2]; }
int64_t elements(const PoolShape& s) { return s.planes * s.in[0] * s.in[1] * s.in[2]; }

bool large(const PoolShape& s) {
  int64_t size = 1;
  for (int d = 0; d < 3; ++d) {
    if (s.out[d] == 0) return false;
    size *= s.bins ? ceil_div(s.in[d], s.out[d]) : s.kernel[d] < s.in[d] ? s.kernel[d] : s.in[d];
  }
  return size > kLarge;
}

Status check(const char* name, const PoolShape& s) {
  if (int64_t(s.in[0]) * s.in[1] < int64_t(1) << 31 && int64_t(s.in[0]) * s.in[1] * s.in[2] < int64_t(1) << 31) {
    return Status();
  }
  return Status(PYNN_UNSUPPORTED, "%s: planes of %d x %d x %d: expected less than 2^31 elements", name, s.in[0], s.in[1],
                s.in[2]);
}

// f(a value of the type in which n elements are counted)
template <class F>
Status by_count(int64_t n, const F& f) {
  return n < int64_t(1) << 31 ? f(uint32_t()) : f(int64_t());
}

template <class T, class Index>
Status find_max(const PoolShape& s, const T* x, T* out, Index* indices, cudaStream_t stream) {
  const int64_t n = outputs(s);
  if (n == 0) return Status();
  return by_count(n, [&](auto count) {
    typedef decltype(count) I;
    if (large(s)) {
      return launch(max_kernel<32, I, T, Index>, blocks_for(n * 32), dim3(kThreads), 0, stream, s, n, x, out, indices);
    }
    return launch(max_kernel<1, I, T, Index>, blocks_for(n), dim3(kThreads), 0, stream, s, n, x, out, indices);
  });
}

template <class T, class Index>
Status give_back(const PoolShape& s, const T* dy, const Index* indices, T* dx, cudaStream_t stream) {
  const int64_t n = elements(s);
  return by_count(n, [&](auto count) {
    return launch(max_backward_kernel<decltype(count), T, Index>, blocks_for(n), dim3(kThreads), 0, stream, s, n, dy,
                  indices, dx);
  });
}

}  // namespace

template <class T>
Status pool_max(const PoolShape& s, const T* x, T* out, int64_t* indices, cudaStream_t stream) {
  PYNN_TRY(check("max_pool", s));
  return find_max(s, x, out, indices, stream);
}

int64_t pool_max_backward_bytes(const PoolShape& s) { return outputs(s) * int64_t(sizeof(int)); }

template <class T>
Status pool_max_backward(const PoolShape& s, const T* dy, const T* x, const int64_t* indices, T* dx, void* scratch,
                         cudaStream_t stream) {
  PYNN_TRY(check("max_pool.backward", s));
  if (elements(s) == 0) return Status();
  if (indices) return give_back(s, dy, indices, dx, stream);
  int* const places = static_cast<int*>(scratch);
  PYNN_TRY(find_max<T>(s, x, nullptr, places, stream));
  return give_back<T, int>(s, dy, places, dx, stream);
}

template <class T>
Status pool_average(const PoolShape& s, const PoolAverage& how, const T* x, T* out, cudaStream_t stream) {
  PYNN_TRY(check("avg_pool", s));
  const int64_t n = outputs(s);
  if (n == 0) return Status();
  return by_count(n, [&](auto count) {
    typedef decltype(count) I;
    if (large(s)) {
      return launch(average_kernel<32, I, T>, blocks_for(n * 32), dim3(kThreads), 0, stream, s, how, n, x, out);
    }
    return launch(average_kernel<1, I, T>, blocks_for(n), dim3(kThreads), 0, stream, s, how, n, x, out);
  });
}

template <class T>
Status pool_average_backward(const PoolShape& s, const PoolAverage& how, const T* dy, T* dx, cudaStream_t stream) {
  PYNN_TRY(check("avg_pool.backward", s));
  const int64_t n = elements(s);
  if (n == 0) return Status();
  return by_count(n, [&](auto count) {
    return launch(average_backward_kernel<decltype(count), T>, blocks_for(n), dim3(kThreads), 0, stream, s, how, n, dy,
                  dx);
  });
}

#define PYNN_INSTANTIATE(T)                                                                                            \
  template Status pool_max<T>(const PoolShape&, const T*, T*, int64_t*, cudaStream_t);                                 \
  template Status pool_max_backward<T>(const PoolShape&, const T*, const T*, const int64_t*, T*, void*, cudaStream_t); \
  template Status pool_average<T>(const PoolShape&, const PoolAverage&, const T*, T*, cudaStream_t);                   \
  template Status pool_average_backward<T>(const PoolShape&, const PoolAverage&, const T*, T*, cudaStream_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
PYNN_INSTANTIATE(__half)
PYNN_INSTANTIATE(__nv_bfloat16)
#undef PYNN_INSTANTIATE

}  // namespace pynn::cuda
