// Elements by index along a dimension: a thread an index.
#include "cuda/grid.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "kernels/index/cuda.h"

namespace pynn::cuda {
namespace {

// Where element i of the index lies in the indexed array (but for dim) and in the source.
struct Offsets {
  int64_t base = 0, other = 0;
};
template <class I>
PYNN_DEVICE Offsets offsets_of(const AlongDim& a, I i) {
  Offsets at;
  for (int d = a.ndim - 1; d >= 0; --d) {
    const I size = I(a.shape[d]), next = i / size, own = i - next * size;
    if (d != a.dim) at.base += int64_t(own) * a.strides[d];
    at.other += int64_t(own) * a.other[d];
    i = next;
  }
  return at;
}

template <class I, class E>
__global__ void __launch_bounds__(kThreads) gather_kernel(AlongDim a, int64_t n, const E* x, E* out, Fault* fault) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    const int64_t place = place_of(a.index[i], a.size, false, fault);
    out[i] = place < 0 ? E(0) : x[offsets_of(a, I(i)).base + place * a.strides[a.dim]];
  }
}

template <class I>
__global__ void __launch_bounds__(kThreads) last_kernel(AlongDim a, int64_t n, int* last, Fault* fault) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    const int64_t place = place_of(a.index[i], a.size, false, fault);
    if (place >= 0) atomicMax(&last[offsets_of(a, I(i)).base + place * a.strides[a.dim]], int(i));
  }
}

template <class I, class E>
__global__ void __launch_bounds__(kThreads)
    scatter_kernel(AlongDim a, int64_t n, const int* last, const E* source, E* x) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    if (uint64_t(a.index[i]) >= uint64_t(a.size)) continue;
    const Offsets at = offsets_of(a, I(i));
    const int64_t to = at.base + a.index[i] * a.strides[a.dim];
    if (last[to] == int(i)) x[to] = source[at.other];
  }
}

template <class I, class T>
__global__ void __launch_bounds__(kThreads) add_kernel(AlongDim a, int64_t n, const T* source, T* x, Fault* fault) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) {
    const int64_t place = place_of(a.index[i], a.size, false, fault);
    if (place < 0) continue;
    const Offsets at = offsets_of(a, I(i));
    atomicAdd(&x[at.base + place * a.strides[a.dim]], source[at.other]);
  }
}

int64_t elements_of(const AlongDim& along) {
  int64_t n = 1;
  for (int d = 0; d < along.ndim; ++d) n *= along.shape[d];
  return n;
}

// f(a value of the unsigned type of so many bytes)
template <class F>
Status by_element(int64_t bytes, const F& f) {
  if (bytes == 1) return f(uint8_t());
  if (bytes == 2) return f(uint16_t());
  if (bytes == 4) return f(uint32_t());
  if (bytes == 8) return f(uint64_t());
  return Status(PYNN_UNSUPPORTED, "elements have %lld bytes: expected 1, 2, 4 or 8", (long long)bytes);
}

// f(a value of the type in which indices below n are divided)
template <class F>
Status by_count(int64_t n, const F& f) {
  return n < int64_t(1) << 31 ? f(uint32_t()) : f(int64_t());
}

}  // namespace

Status index_gather(const AlongDim& along, int64_t element_bytes, const void* x, void* out, Fault* fault,
                    cudaStream_t stream) {
  const int64_t n = elements_of(along);
  if (n == 0) return Status();
  return by_element(element_bytes, [&](auto element) {
    typedef decltype(element) E;
    return by_count(n, [&](auto count) {
      return launch(gather_kernel<decltype(count), E>, blocks_for(n), dim3(kThreads), 0, stream, along, n,
                    static_cast<const E*>(x), static_cast<E*>(out), fault);
    });
  });
}

int64_t index_scatter_bytes(int64_t elements) { return elements * int64_t(sizeof(int)); }

Status index_scatter(const AlongDim& along, int64_t element_bytes, const void* source, int64_t elements, void* x,
                     void* scratch, Fault* fault, cudaStream_t stream) {
  const int64_t n = elements_of(along);
  if (n == 0) return Status();
  if (n >= int64_t(1) << 31) {
    return Status(PYNN_UNSUPPORTED, "scatter: %lld indices: expected less than 2^31", (long long)n);
  }
  int* const last = static_cast<int*>(scratch);
  PYNN_TRY(fill_bytes(last, 0xff, index_scatter_bytes(elements), stream));
  PYNN_TRY(launch(last_kernel<uint32_t>, blocks_for(n), dim3(kThreads), 0, stream, along, n, last, fault));
  return by_element(element_bytes, [&](auto element) {
    typedef decltype(element) E;
    return launch(scatter_kernel<uint32_t, E>, blocks_for(n), dim3(kThreads), 0, stream, along, n,
                  static_cast<const int*>(last), static_cast<const E*>(source), static_cast<E*>(x));
  });
}

template <class T>
Status index_scatter_add(const AlongDim& along, const T* source, T* x, Fault* fault, cudaStream_t stream) {
  const int64_t n = elements_of(along);
  if (n == 0) return Status();
  return by_count(n, [&](auto count) {
    return launch(add_kernel<decltype(count), T>, blocks_for(n), dim3(kThreads), 0, stream, along, n, source, x, fault);
  });
}

template Status index_scatter_add<float>(const AlongDim&, const float*, float*, Fault*, cudaStream_t);
template Status index_scatter_add<double>(const AlongDim&, const double*, double*, Fault*, cudaStream_t);

}  // namespace pynn::cuda
