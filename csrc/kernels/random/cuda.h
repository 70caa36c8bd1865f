// Random numbers on the GPU: those of random.h, bit for bit.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "kernels/random/random.h"

namespace pynn::cuda {

// out[i] = word i of the stream.
Status random_words(random::Stream from, int64_t n, uint32_t* out, cudaStream_t stream);
// float and double.
template <class T>
Status random_uniform(random::Stream from, int64_t n, double low, double high, T* out, cudaStream_t stream);
template <class T>
Status random_normal(random::Stream from, int64_t n, double mean, double std, T* out, cudaStream_t stream);
// float, double, and uint8_t for flags.
template <class T>
Status random_bernoulli(random::Stream from, int64_t n, double p, T* out, cudaStream_t stream);
// low <= out < high
Status random_integers(random::Stream from, int64_t n, int64_t low, int64_t high, int64_t* out,
                       cudaStream_t stream);
// out = x / (1 - p), or x * 0 where it is dropped; float, double and 16-bit floats. 0 <= p < 1.
template <class T>
Status random_dropout(random::Stream from, int64_t n, double p, const T* x, T* out, cudaStream_t stream);

// The order that sorts n words, n < 2^32. Scratch memory: random_permutation_bytes(n).
int64_t random_permutation_bytes(int64_t n);
Status random_permutation(random::Stream from, int64_t n, int64_t* out, void* scratch, cudaStream_t stream);

}  // namespace pynn::cuda
