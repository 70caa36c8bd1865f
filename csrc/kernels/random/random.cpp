// Cuts a draw into runs of elements that start at a counter of their own.
#include "kernels/random/random.h"

#include <algorithm>

#include "base/arena.h"
#include "base/pool.h"

#define PYNN_FAMILY random
#define PYNN_KERNELS "kernels/random/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace random {
namespace {

// Elements of one chunk, some 20 us of work; a multiple of 4, so that a chunk starts with a counter.
constexpr int64_t kChunk = 1 << 14;

// f(stream, first, count) over chunks; `each` elements come out of one counter.
template <class F>
void over_chunks(Stream s, int64_t n, int64_t each, const F& f) {
  parallel_ranges(n, kChunk, [&](int64_t first, int64_t last) {
    f(Stream{s.seed, s.counter + uint64_t(first / each)}, first, last - first);
  });
}

// Sorts by the upper half of each key, stably: 11 bits a pass from the lowest on. The result is in `to`.
void sort_by_upper_half(int64_t n, uint64_t* from, uint64_t* to) {
  constexpr int kBits = 11, kBuckets = 1 << kBits;
  for (int pass = 0; pass < 3; ++pass) {
    const int shift = 32 + pass * kBits;
    int64_t starts[kBuckets] = {};
    for (int64_t i = 0; i < n; ++i) ++starts[from[i] >> shift & (kBuckets - 1)];
    int64_t total = 0;
    for (int64_t& start : starts) {
      const int64_t count = start;
      start = total;
      total += count;
    }
    for (int64_t i = 0; i < n; ++i) to[starts[from[i] >> shift & (kBuckets - 1)]++] = from[i];
    std::swap(from, to);
  }
}

}  // namespace

void words(Stream s, int64_t n, uint32_t* out) {
  const auto kernel = table().words;
  over_chunks(s, n, 4, [&](Stream at, int64_t first, int64_t count) { kernel(at, count, out + first); });
}

template <class T>
void uniform(Stream s, int64_t n, T low, T range, T* out) {
  const auto kernel = table().of<T>().uniform;
  over_chunks(s, n, sizeof(T) == 4 ? 4 : 2,
              [&](Stream at, int64_t first, int64_t count) { kernel(at, count, low, range, out + first); });
}

template <class T>
void normal(Stream s, int64_t n, T mean, T std, T* out) {
  const auto kernel = table().of<T>().normal;
  over_chunks(s, n, 2,
              [&](Stream at, int64_t first, int64_t count) { kernel(at, count, mean, std, out + first); });
}

template <class T>
void bernoulli(Stream s, int64_t n, float p, T* out) {
  const auto kernel = table().of<T>().bernoulli;
  const uint32_t t = threshold(p);
  over_chunks(s, n, 4, [&](Stream at, int64_t first, int64_t count) { kernel(at, count, t, out + first); });
}

void flags(Stream s, int64_t n, float p, uint8_t* out) {
  const auto kernel = table().flags;
  const uint32_t t = threshold(p);
  over_chunks(s, n, 4, [&](Stream at, int64_t first, int64_t count) { kernel(at, count, t, out + first); });
}

void integers(Stream s, int64_t n, int64_t low, uint64_t range, int64_t* out) {
  const auto kernel = table().integers;
  over_chunks(s, n, 2,
              [&](Stream at, int64_t first, int64_t count) { kernel(at, count, low, range, out + first); });
}

template <class T>
void dropout(Stream s, int64_t n, float p, T scale, const T* x, T* out) {
  const auto kernel = table().of<T>().dropout;
  const uint32_t t = threshold(p);
  over_chunks(s, n, 4, [&](Stream at, int64_t first, int64_t count) {
    kernel(at, count, t, scale, x + first, out + first);
  });
}

bool permutation(Stream s, int64_t n, int64_t* out) {
  const Scratch scratch(size_t(n) * 20);
  if (!scratch) return false;
  uint64_t *keys = scratch.as<uint64_t>(), *sorted = keys + n;
  uint32_t* const drawn = reinterpret_cast<uint32_t*>(sorted + n);
  words(s, n, drawn);
  for (int64_t i = 0; i < n; ++i) keys[i] = uint64_t(drawn[i]) << 32 | uint64_t(i);
  if (n < 2048) {
    std::sort(keys, keys + n);  // equal words stay in order: the index is part of the key
    sorted = keys;
  } else {
    sort_by_upper_half(n, keys, sorted);
  }
  for (int64_t i = 0; i < n; ++i) out[i] = int64_t(sorted[i] & 0xffffffff);
  return true;
}

#define PYNN_INSTANTIATE(T)                               \
  template void uniform<T>(Stream, int64_t, T, T, T*);    \
  template void normal<T>(Stream, int64_t, T, T, T*);     \
  template void bernoulli<T>(Stream, int64_t, float, T*); \
  template void dropout<T>(Stream, int64_t, float, T, const T*, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace random
}  // namespace pynn
