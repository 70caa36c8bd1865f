// A thread draws one counter's four words: four elements of one word, or two of two words.
#include "kernels/random/cuda.h"

#include "cuda/grid.h"
#include "cuda/launch.h"
#include "kernels/random/cuda_normal.h"
#include "kernels/sort/cuda.h"

namespace pynn::cuda {
namespace {

using random::Stream;

struct Words {
  uint32_t w[4];
};

// Philox 4x32-10 of one counter.
PYNN_DEVICE Words draw(uint64_t seed, uint64_t counter) {
  uint32_t a = uint32_t(counter), b = uint32_t(counter >> 32), c = 0, d = 0;
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const uint32_t high0 = __umulhi(0xD2511F53u, a), low0 = 0xD2511F53u * a;
    const uint32_t high1 = __umulhi(0xCD9E8D57u, c), low1 = 0xCD9E8D57u * c;
    a = high1 ^ b ^ k0;
    b = low1;
    c = high0 ^ d ^ k1;
    d = low0;
  }
  return {{a, b, c, d}};
}

// What becomes of a counter's words: kEach elements of type Out.
struct RawWords {
  typedef uint32_t Out;
  static constexpr int kEach = 4;
  PYNN_DEVICE void make(const Words& words, Out* out) const {
    for (int i = 0; i < 4; ++i) out[i] = words.w[i];
  }
};

template <class T>
struct Uniform;
template <>
struct Uniform<float> {
  typedef float Out;
  static constexpr int kEach = 4;
  float low, range;
  PYNN_DEVICE void make(const Words& words, Out* out) const {
    for (int i = 0; i < 4; ++i) out[i] = plus(low, times(range, times(float(words.w[i] >> 8), 0x1p-24f)));
  }
};
template <>
struct Uniform<double> {
  typedef double Out;
  static constexpr int kEach = 2;
  double low, range;
  PYNN_DEVICE void make(const Words& words, Out* out) const {
    for (int i = 0; i < 2; ++i) {  // 32 bits and 21
      const double bits = plus(times(double(words.w[2 * i]), 0x1p21), double(words.w[2 * i + 1] >> 11));
      out[i] = plus(low, times(range, times(bits, 0x1p-53)));
    }
  }
};

template <class T>
struct Normal {
  typedef T Out;
  static constexpr int kEach = 2;
  T mean, std;
  PYNN_DEVICE void make(const Words& words, Out* out) const {
    for (int i = 0; i < 2; ++i) {
      const T z = times(radius(words.w[2 * i], T()), cosine(words.w[2 * i + 1], T()));
      out[i] = plus(mean, times(std, plus(z, T(0))));  // -0 becomes 0
    }
  }
};

// u < p of the float32 uniform number u.
PYNN_DEVICE bool below(uint32_t word, uint32_t threshold) { return word >> 8 < threshold; }

template <class T>
struct Bernoulli {
  typedef T Out;
  static constexpr int kEach = 4;
  uint32_t threshold;
  PYNN_DEVICE void make(const Words& words, Out* out) const {
    for (int i = 0; i < 4; ++i) out[i] = T(below(words.w[i], threshold) ? 1 : 0);
  }
};

struct Integers {
  typedef int64_t Out;
  static constexpr int kEach = 2;
  int64_t low;
  uint64_t range;  // 0 stands for 2^64
  PYNN_DEVICE void make(const Words& words, Out* out) const {
    for (int i = 0; i < 2; ++i) {
      const uint64_t bits = uint64_t(words.w[2 * i]) << 32 | words.w[2 * i + 1];
      out[i] = int64_t(uint64_t(low) + (range == 0 ? bits : bits % range));
    }
  }
};

template <class Maker>
__global__ void __launch_bounds__(kThreads) fill_kernel(Stream from, int64_t n, Maker maker, typename Maker::Out* out) {
  constexpr int kEach = Maker::kEach;
  typedef typename Maker::Out Out;
  const bool aligned = is_run<Out, kEach>(out);
  for (int64_t i = first_of_thread(); i * kEach < n; i += stride_of_grid()) {
    Out made[kEach];
    maker.make(draw(from.seed, from.counter + uint64_t(i)), made);
    if (aligned && (i + 1) * kEach <= n) {
      store_run(out + i * kEach, made);
    } else {
#pragma unroll
      for (int j = 0; j < kEach; ++j) {
        if (i * kEach + j < n) out[i * kEach + j] = made[j];
      }
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(Stream from, int64_t n, uint32_t threshold, Compute<T> scale, const T* x, T* out) {
  const bool aligned = is_run<T, 4>(x) && is_run<T, 4>(out);
  for (int64_t i = first_of_thread(); i * 4 < n; i += stride_of_grid()) {
    const Words words = draw(from.seed, from.counter + uint64_t(i));
    const bool whole = aligned && (i + 1) * 4 <= n;
    T values[4];
    if (whole) {
      load_run(x + i * 4, values);
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) values[j] = i * 4 + j < n ? x[i * 4 + j] : T(0);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {  // a product with 0: NaN and infinities pass on as NaN
      values[j] = narrow<T>(widen(values[j]) * (below(words.w[j], threshold) ? Compute<T>(0) : scale));
    }
    if (whole) {
      store_run(out + i * 4, values);
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (i * 4 + j < n) out[i * 4 + j] = values[j];
      }
    }
  }
}

template <class Maker>
Status fill(Stream from, int64_t n, const Maker& maker, typename Maker::Out* out, cudaStream_t stream) {
  if (n == 0) return Status();
  return launch(fill_kernel<Maker>, blocks_for(ceil_div(n, Maker::kEach)), dim3(kThreads), 0, stream, from, n, maker,
                out);
}

__global__ void __launch_bounds__(kThreads) number_kernel(int64_t n, uint32_t* out) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) out[i] = uint32_t(i);
}

__global__ void __launch_bounds__(kThreads) widen_kernel(int64_t n, const uint32_t* x, int64_t* out) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) out[i] = int64_t(x[i]);
}

}  // namespace

Status random_words(Stream from, int64_t n, uint32_t* out, cudaStream_t stream) {
  return fill(from, n, RawWords{}, out, stream);
}

template <class T>
Status random_uniform(Stream from, int64_t n, double low, double high, T* out, cudaStream_t stream) {
  return fill(from, n, Uniform<T>{T(low), T(high - low)}, out, stream);
}

template <class T>
Status random_normal(Stream from, int64_t n, double mean, double std, T* out, cudaStream_t stream) {
  return fill(from, n, Normal<T>{T(mean), T(std)}, out, stream);
}

template <class T>
Status random_bernoulli(Stream from, int64_t n, double p, T* out, cudaStream_t stream) {
  return fill(from, n, Bernoulli<T>{random::threshold(float(p))}, out, stream);
}

Status random_integers(Stream from, int64_t n, int64_t low, int64_t high, int64_t* out, cudaStream_t stream) {
  if (low >= high) {
    return Status(PYNN_INVALID, "randint: range is %lld to %lld: expected low < high", (long long)low, (long long)high);
  }
  return fill(from, n, Integers{low, uint64_t(high) - uint64_t(low)}, out, stream);
}

template <class T>
Status random_dropout(Stream from, int64_t n, double p, const T* x, T* out, cudaStream_t stream) {
  if (!(p >= 0 && p < 1)) return Status(PYNN_INVALID, "dropout: p is %g: expected 0 <= p < 1", p);
  if (n == 0) return Status();
  return launch(dropout_kernel<T>, blocks_for(ceil_div(n, 4)), dim3(kThreads), 0, stream, from, n,
                random::threshold(float(p)), Compute<T>(1 / (1 - p)), x, out);
}

int64_t random_permutation_bytes(int64_t n) { return sort_pairs_bytes(n) + 2 * n * int64_t(sizeof(uint32_t)); }

Status random_permutation(Stream from, int64_t n, int64_t* out, void* scratch, cudaStream_t stream) {
  if (n >= int64_t(1) << 32) {
    return Status(PYNN_UNSUPPORTED, "randperm: n is %lld: expected less than 2^32", (long long)n);
  }
  if (n == 0) return Status();
  uint32_t *keys = static_cast<uint32_t*>(scratch), *places = keys + n;
  PYNN_TRY(random_words(from, n, keys, stream));
  PYNN_TRY(launch(number_kernel, blocks_for(n), dim3(kThreads), 0, stream, n, places));
  PYNN_TRY(sort_pairs(n, 32, keys, places, places + n, stream));
  return launch(widen_kernel, blocks_for(n), dim3(kThreads), 0, stream, n, places, out);
}

#define PYNN_INSTANTIATE(T)                                                                               \
  template Status random_uniform<T>(Stream, int64_t, double, double, T*, cudaStream_t);                   \
  template Status random_normal<T>(Stream, int64_t, double, double, T*, cudaStream_t);                    \
  template Status random_bernoulli<T>(Stream, int64_t, double, T*, cudaStream_t);                         \
  template Status random_dropout<T>(Stream, int64_t, double, const T*, T*, cudaStream_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE
template Status random_bernoulli<uint8_t>(Stream, int64_t, double, uint8_t*, cudaStream_t);
template Status random_dropout<__half>(Stream, int64_t, double, const __half*, __half*, cudaStream_t);
template Status random_dropout<__nv_bfloat16>(Stream, int64_t, double, const __nv_bfloat16*, __nv_bfloat16*, cudaStream_t);

}  // namespace pynn::cuda
