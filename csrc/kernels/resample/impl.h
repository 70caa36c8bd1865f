// Resizing of one ISA: the rows an output row is made of are summed first, then the sum is resized along its width.
#pragma once
#include "kernels/resample/resample.h"
#include "simd/shuffle.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace resample {

using ::pynn::resample::Axis;
using ::pynn::resample::Geometry;
using ::pynn::resample::Table;

template <class T>
PYNN_INLINE Vec<T> load_up_to(const T* p, int n) {
  return n == Vec<T>::lanes ? load(p) : load_n(p, n);
}
template <class T>
PYNN_INLINE void store_up_to(T* p, Vec<T> x, int n) {
  n == Vec<T>::lanes ? store(p, x) : store_n(p, x, n);
}

// to = the sum of weight[k] * from[k], or added to it.
template <int kRows, class T>
PYNN_INLINE void sum_rows(T* to, const T* const* from, const T* weight, int64_t n, bool add) {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t i = 0; i < n; i += lanes) {
    const int count = n - i < lanes ? int(n - i) : lanes;
    Vec<T> sum = load_up_to(from[0] + i, count) * set1(weight[0]);
    PYNN_UNROLL
    for (int k = 1; k < kRows; ++k) sum = fma(load_up_to(from[k] + i, count), set1(weight[k]), sum);
    store_up_to(to + i, add ? load_up_to(to + i, count) + sum : sum, count);
  }
}

// A sum of weighted rows, up to four at a time.
template <class T>
class RowSum {
 public:
  PYNN_INLINE RowSum(T* to, int64_t n) : to_(to), n_(n) {}
  PYNN_INLINE void take(const T* from, T weight) {
    from_[count_] = from;
    weight_[count_] = weight;
    if (++count_ == 4) flush();
  }
  PYNN_INLINE void finish() {
    if (count_ > 0) flush();
    for (int64_t i = 0; !add_ && i < n_; ++i) to_[i] = 0;
  }

 private:
  PYNN_INLINE void flush() {
    if (count_ == 4) sum_rows<4>(to_, from_, weight_, n_, add_);
    if (count_ == 3) sum_rows<3>(to_, from_, weight_, n_, add_);
    if (count_ == 2) sum_rows<2>(to_, from_, weight_, n_, add_);
    if (count_ == 1) sum_rows<1>(to_, from_, weight_, n_, add_);
    count_ = 0;
    add_ = true;
  }
  T* to_;
  int64_t n_;
  const T* from_[4];
  T weight_[4];
  int count_ = 0;
  bool add_ = false;
};

// Elements of a and then b by their places; lookup_lanes is 0 where there is no such instruction.
template <class T>
constexpr int lookup_lanes() {
#if defined(__AVX512F__)
  return Vec<T>::lanes;
#elif defined(__AVX2__)
  return sizeof(T) == 4 ? Vec<T>::lanes : 0;
#else
  return 0;
#endif
}
template <class T>
PYNN_INLINE Vec<T> lookup(Vec<T> a, [[maybe_unused]] Vec<T> b, [[maybe_unused]] IntVec<T> place) {
#if defined(__AVX512F__)
  typedef typename Vec<T>::Native N;
  if constexpr (sizeof(T) == 4) {
    return {(N)_mm512_permutex2var_epi32((__m512i)a.v, (__m512i)place.v, (__m512i)b.v)};
  } else {
    return {(N)_mm512_permutex2var_epi64((__m512i)a.v, (__m512i)place.v, (__m512i)b.v)};
  }
#elif defined(__AVX2__)
  const __m256i at = (__m256i)place.v;
  const __m256 low = (__m256)_mm256_permutevar8x32_epi32((__m256i)a.v, at);
  const __m256 high = (__m256)_mm256_permutevar8x32_epi32((__m256i)b.v, at);
  return {(typename Vec<T>::Native)_mm256_blendv_ps(low, high, (__m256)_mm256_slli_epi32(at, 28))};
#else
  return a;
#endif
}

// Weights of 0 that only fill up the taps would make NaN of an infinite element.
template <bool kFilled, class T>
PYNN_INLINE void look_up_row(const Axis<T>& wide, const T* row, T* out) {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t n = wide.out;
  for (int64_t i = 0; i < n; i += lanes) {
    const int count = n - i < lanes ? int(n - i) : lanes;
    const T* from = row + wide.base[i / lanes];
    const Vec<T> a = load(from), b = load(from + lanes);
    Vec<T> sum = zero<T>();
    for (int t = 0; t < wide.taps; ++t) {
      const Vec<T> w = load_up_to(wide.near_weights + t * n + i, count);
      const Vec<T> next = fma(w, lookup(a, b, load_up_to(wide.near + t * n + i, count)), sum);
      sum = kFilled ? select(w == zero<T>(), sum, next) : next;
    }
    store_up_to(out + i, sum, count);
  }
}

template <class T>
PYNN_INLINE void resize_row(const Axis<T>& wide, const T* row, T* out) {
  if constexpr (lookup_lanes<T>() > 0) {
    if (wide.near != nullptr) {
      return wide.filled ? look_up_row<true>(wide, row, out) : look_up_row<false>(wide, row, out);
    }
  }
  for (int64_t i = 0; i < wide.out; ++i) {
    T sum = 0;
    for (int64_t k = wide.start[i]; k < wide.start[i + 1]; ++k) sum += wide.weights[k] * row[wide.indices[k]];
    out[i] = sum;
  }
}

template <class T>
PYNN_INLINE void pick_row(const Axis<T>& wide, bool twice, const T* row, T* out) {
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  if (twice) {
    for (; i + 2 * lanes <= wide.out; i += 2 * lanes) {
      const Vec<T> v = load(row + i / 2);
      const Pair<T> doubled = interleave(v, v);
      store(out + i, doubled.first);
      store(out + i + lanes, doubled.second);
    }
  }
  for (; i < wide.out; ++i) out[i] = row[wide.indices[i]];
}

template <class T>
PYNN_INLINE void copy_row(const T* from, int64_t n, T* to) {
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load(from + i));
  if (i < n) store_n(to + i, load_n(from + i, int(n - i)), int(n - i));
}

// Output rows one after the other, and where they lie: no division a row.
struct Place {
  int64_t plane, d, h;
  template <class T>
  PYNN_INLINE Place(const Geometry<T>& g, int64_t row) {
    const int64_t high = g.axis[1].out, deep = g.axis[0].out;
    plane = row / (deep * high);
    d = row / high % deep;
    h = row % high;
  }
  template <class T>
  PYNN_INLINE void next(const Geometry<T>& g) {
    if (++h < g.axis[1].out) return;
    h = 0;
    if (++d < g.axis[0].out) return;
    d = 0;
    ++plane;
  }
};

template <class T>
void pick(const Geometry<T>& g, int64_t first, int64_t last, const T* x, T* out) {
  const Axis<T>& wide = g.axis[2];
  const T* before = nullptr;  // what the output row before was picked from
  Place at(g, first);
  for (int64_t r = first; r < last; ++r, at.next(g)) {
    const int64_t row = g.axis[0].indices[at.d] * g.axis[1].in + g.axis[1].indices[at.h];
    const T* from = x + at.plane * g.plane_in() + row * wide.in;
    T* to = out + r * wide.out;
    if (from == before) {
      copy_row(to - wide.out, wide.out, to);
    } else {
      pick_row(wide, g.twice, from, to);
    }
    before = from;
  }
}

template <class T>
void sum(const Geometry<T>& g, int64_t first, int64_t last, const T* x, T* out, T* row) {
  const Axis<T>&deep = g.axis[0], &high = g.axis[1], &wide = g.axis[2];
  Place at(g, first);
  for (int64_t r = first; r < last; ++r, at.next(g)) {
    const T* plane = x + at.plane * g.plane_in();
    T* to = out + r * wide.out;
    RowSum<T> sum(row, wide.in);
    for (int64_t a = deep.start[at.d]; a < deep.start[at.d + 1]; ++a) {
      for (int64_t b = high.start[at.h]; b < high.start[at.h + 1]; ++b) {
        sum.take(plane + (deep.indices[a] * high.in + high.indices[b]) * wide.in, deep.weights[a] * high.weights[b]);
      }
    }
    sum.finish();
    if (wide.plain) {
      copy_row(row, wide.out, to);
    } else {
      resize_row(wide, row, to);
    }
  }
}

template <class T>
void resize(const Geometry<T>& g, int64_t first, int64_t last, const T* x, T* out, T* row) {
  g.copies ? pick(g, first, last, x, out) : sum(g, first, last, x, out, row);
}

extern const Table table;
const Table table = {PYNN_ISA_NAME,
                     {&resize<float>, lookup_lanes<float>()},
                     {&resize<double>, lookup_lanes<double>()}};

}  // namespace resample
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
