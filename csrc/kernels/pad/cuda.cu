// A thread an element: of y, which asks where it comes from, or of dx, which asks where it went to, so that nothing is
// added from two sides.
#include "kernels/pad/cuda.h"

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

// Dimensions that are not padded and lie together as one.
struct Shape {
  pynn_pad_mode mode;
  int ndim;
  int64_t in[PYNN_MAX_DIMS], before[PYNN_MAX_DIMS], out[PYNN_MAX_DIMS], step[PYNN_MAX_DIMS];

  explicit Shape(const PadShape& s) : mode(s.mode), ndim(0) {
    for (int d = 0; d < s.ndim; ++d) {
      const bool padded = s.before[d] != 0 || s.after[d] != 0;
      const int last = ndim - 1;
      if (!padded && ndim > 0 && before[last] == 0 && out[last] == in[last] && step[last] == s.step[d] * s.in[d]) {
        in[last] *= s.in[d];
        out[last] *= s.in[d];
        step[last] = s.step[d];
        continue;
      }
      in[ndim] = s.in[d];
      before[ndim] = s.before[d];
      out[ndim] = s.in[d] + s.before[d] + s.after[d];
      step[ndim] = s.step[d];
      ++ndim;
    }
  }
  int64_t elements(const int64_t (&sizes)[PYNN_MAX_DIMS]) const {
    int64_t n = 1;
    for (int d = 0; d < ndim; ++d) n *= sizes[d];
    return n;
  }
};

// The place of the input that place i - before of the output shows, or -1.
PYNN_DEVICE int64_t place_of(pynn_pad_mode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PYNN_PAD_REFLECT:
      return i < 0 ? -i : 2 * (n - 1) - i;
    case PYNN_PAD_REPLICATE:
      return i < 0 ? 0 : n - 1;
    case PYNN_PAD_CIRCULAR:
      return i < 0 ? i + n : i - n;
    default:
      return -1;
  }
}

template <class I, class E>
__global__ void __launch_bounds__(kThreads) pad_kernel(const Shape s, int64_t n, E value, const E* x, E* y) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    int64_t from = 0;
    bool outside = false;
    I rest = I(i);
    for (int d = s.ndim - 1; d >= 0; --d) {
      const I size = I(s.out[d]), next = rest / size;
      const int64_t place = place_of(s.mode, int64_t(rest - next * size) - s.before[d], s.in[d]);
      outside |= place < 0;
      from += place * s.step[d];
      rest = next;
    }
    y[i] = outside ? value : x[from];
  }
}

// Where place i of the input went to along one dimension: three runs of places of the output, in order.
struct Runs {
  int64_t first[3];
  int64_t length[3];
  PYNN_DEVICE int64_t count() const { return length[0] + length[1] + length[2]; }
  PYNN_DEVICE int64_t at(int64_t k) const {
    if (k < length[0]) return first[0] + k;
    k -= length[0];
    return k < length[1] ? first[1] + k : first[2] + k - length[1];
  }
};
PYNN_DEVICE Runs runs_of(const Shape& s, int d, int64_t i) {
  const int64_t n = s.in[d], before = s.before[d], out = s.out[d];
  int64_t left = 0, left_count = 0, right = 0, right_count = 0;
  if (s.mode == PYNN_PAD_REPLICATE) {
    if (i == 0 && before > 0) left_count = before;
    right = before + n > 0 ? before + n : 0;
    if (i == n - 1 && right < out) right_count = out - right;
  } else {
    const bool reflect = s.mode == PYNN_PAD_REFLECT;
    left = reflect ? before - i : before + i - n;
    left_count = left >= 0 && left < out && left < before ? 1 : 0;
    right = reflect ? before + 2 * (n - 1) - i : before + i + n;
    right_count = right >= before + n && right >= 0 && right < out ? 1 : 0;
  }
  const int64_t own = before + i;
  return {{left, own, right}, {left_count, own >= 0 && own < out ? 1 : 0, right_count}};
}

template <class T>
__global__ void __launch_bounds__(kThreads) backward_kernel(const Shape s, int64_t n, const T* dy, T* dx) {
  typedef Compute<T> C;
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    Runs runs[PYNN_MAX_DIMS];
    int64_t at[PYNN_MAX_DIMS], rest = i, count = 1;
    for (int d = s.ndim - 1; d >= 0; --d) {
      const int64_t next = rest / s.in[d];
      runs[d] = runs_of(s, d, rest - next * s.in[d]);
      count *= runs[d].count();
      at[d] = 0;
      rest = next;
    }
    C sum = 0;
    for (int64_t k = 0; k < count; ++k) {
      int64_t from = 0;
      for (int d = 0; d < s.ndim; ++d) from = from * s.out[d] + runs[d].at(at[d]);
      sum += widen(dy[from]);
      for (int d = s.ndim - 1; d >= 0 && ++at[d] == runs[d].count(); --d) at[d] = 0;
    }
    dx[i] = narrow<T>(sum);
  }
}

template <class E>
Status pad_elements(const Shape& s, const void* value, const void* x, void* y, cudaStream_t stream) {
  E fill = 0;
  if (value) memcpy(&fill, value, sizeof fill);
  const int64_t n = s.elements(s.out);
  if (n == 0) return Status();
  const E* const from = static_cast<const E*>(x);
  E* const to = static_cast<E*>(y);
  if (n < int64_t(1) << 31) {
    return launch(pad_kernel<uint32_t, E>, blocks_for(n), dim3(kThreads), 0, stream, s, n, fill, from, to);
  }
  return launch(pad_kernel<int64_t, E>, blocks_for(n), dim3(kThreads), 0, stream, s, n, fill, from, to);
}

}  // namespace

Status pad(const PadShape& shape, int64_t element_bytes, const void* value, const void* x, void* y,
           cudaStream_t stream) {
  const Shape s(shape);
  switch (element_bytes) {
    case 1:
      return pad_elements<uint8_t>(s, value, x, y, stream);
    case 2:
      return pad_elements<uint16_t>(s, value, x, y, stream);
    case 4:
      return pad_elements<uint32_t>(s, value, x, y, stream);
    case 8:
      return pad_elements<uint64_t>(s, value, x, y, stream);
    default:
      return Status(PYNN_UNSUPPORTED, "pad: elements have %lld bytes: expected 1, 2, 4 or 8", (long long)element_bytes);
  }
}

template <class T>
Status pad_backward(const PadShape& shape, const T* dy, T* dx, cudaStream_t stream) {
  PadShape dense = shape;
  int64_t step = 1;
  for (int d = shape.ndim - 1; d >= 0; --d) {
    dense.step[d] = step;
    step *= shape.in[d];
  }
  const Shape s(dense);
  const int64_t n = s.elements(s.in);
  if (n == 0) return Status();
  return launch(backward_kernel<T>, blocks_for(n), dim3(kThreads), 0, stream, s, n, dy, dx);
}

template Status pad_backward<float>(const PadShape&, const float*, float*, cudaStream_t);
template Status pad_backward<double>(const PadShape&, const double*, double*, cudaStream_t);
template Status pad_backward<__half>(const PadShape&, const __half*, __half*, cudaStream_t);
template Status pad_backward<__nv_bfloat16>(const PadShape&, const __nv_bfloat16*, __nv_bfloat16*, cudaStream_t);

}  // namespace pynn::cuda
