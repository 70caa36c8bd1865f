// What each reduction adds up: sources for csrc/cuda/reduce.h.
#pragma once
#include "cuda/reduce.h"

namespace pynn::cuda {

template <class T>
constexpr bool kIsReal = !std::is_integral<T>::value;

// Sums of 16-bit floats and float32 are float32's: a thread adds few of them, and threads join as a tree.
template <class T>
using SumOf = std::conditional_t<kIsReal<T>, Compute<T>, int64_t>;

template <class T>
struct OneArray {
  const char* x;
  template <int N>
  using Values = Pack<T, N>;
  template <int N>
  PYNN_DEVICE Pack<T, N> load(const int64_t (&at)[2]) const {
    return load_pack<T, N>(reinterpret_cast<const T*>(x + at[0]));
  }
};
template <class T>
struct TwoArrays {
  const char *x, *y;
  template <int N>
  struct Values {
    Pack<T, N> x, y;
  };
  template <int N>
  PYNN_DEVICE Values<N> load(const int64_t (&at)[2]) const {
    return {load_pack<T, N>(reinterpret_cast<const T*>(x + at[0])),
            load_pack<T, N>(reinterpret_cast<const T*>(y + at[1]))};
  }
};

// sum(x) / divisor
template <class T>
struct Sums : OneArray<T> {
  typedef SumOf<T> Acc;
  static constexpr bool kPacks = true;
  void* out;
  double divisor;
  Sums(OneArray<T> from, void* out, double divisor) : OneArray<T>(from), out(out), divisor(divisor) {}
  PYNN_DEVICE Acc start() const { return Acc(0); }
  template <int N>
  PYNN_DEVICE void add(Acc& sum, const Pack<T, N>& x, int j, uint32_t, uint32_t) const {
    sum += Acc(widen(x.at[j]));
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return a + b; }
  PYNN_DEVICE void finish(const Acc& sum, int64_t at, uint32_t) const {
    if constexpr (kIsReal<T>) {
      static_cast<T*>(out)[at] = narrow<T>(sum / Acc(divisor));
    } else {
      static_cast<int64_t*>(out)[at] = sum;
    }
  }
};

template <class T>
struct Products : OneArray<T> {
  typedef std::conditional_t<kIsReal<T>, double, int64_t> Acc;
  static constexpr bool kPacks = false;
  void* out;
  Products(OneArray<T> from, void* out) : OneArray<T>(from), out(out) {}
  PYNN_DEVICE Acc start() const { return Acc(1); }
  template <int N>
  PYNN_DEVICE void add(Acc& product, const Pack<T, N>& x, int j, uint32_t, uint32_t) const {
    product = join(product, Acc(widen(x.at[j])));
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) {
    if constexpr (kIsReal<T>) {
      return a * b;
    } else {
      return Acc(uint64_t(a) * uint64_t(b));  // wraps around
    }
  }
  PYNN_DEVICE void finish(const Acc& product, int64_t at, uint32_t) const {
    if constexpr (kIsReal<T>) {
      static_cast<T*>(out)[at] = narrow<T>(product);
    } else {
      static_cast<int64_t*>(out)[at] = product;
    }
  }
};

// The largest or smallest element; NaN is both. Smallest ones are found as the largest opposites.
template <class T>
struct Extremes : OneArray<T> {
  typedef SumOf<T> Acc;
  static constexpr bool kPacks = true;
  void* out;
  bool smallest;
  Extremes(OneArray<T> from, void* out, bool smallest) : OneArray<T>(from), out(out), smallest(smallest) {}
  PYNN_DEVICE Acc start() const {
    if constexpr (kIsReal<T>) {
      return -Acc(INFINITY);
    } else {
      return -Acc(0x7fffffffffffffffll) - 1;
    }
  }
  // ~x has x's order turned about, as -x has where there is no smallest number.
  PYNN_DEVICE Acc turned(Acc x) const {
    if constexpr (kIsReal<T>) {
      return smallest ? -x : x;
    } else {
      return smallest ? ~x : x;
    }
  }
  template <int N>
  PYNN_DEVICE void add(Acc& most, const Pack<T, N>& x, int j, uint32_t, uint32_t) const {
    most = join(most, turned(Acc(widen(x.at[j]))));
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return Largest()(a, b); }
  PYNN_DEVICE void finish(const Acc& most, int64_t at, uint32_t) const {
    static_cast<T*>(out)[at] = narrow<T>(turned(most));
  }
};

// How many elements are not 0; whether any, or all, are not.
template <class T>
struct Counts : OneArray<T> {
  typedef int64_t Acc;
  static constexpr bool kPacks = false;
  void* out;
  int op;
  int64_t elements;
  Counts(OneArray<T> from, void* out, int op, int64_t elements)
      : OneArray<T>(from), out(out), op(op), elements(elements) {}
  PYNN_DEVICE Acc start() const { return 0; }
  template <int N>
  PYNN_DEVICE void add(Acc& count, const Pack<T, N>& x, int j, uint32_t, uint32_t) const {
    count += widen(x.at[j]) != Compute<T>(0);
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return a + b; }
  PYNN_DEVICE void finish(const Acc& count, int64_t at, uint32_t) const {
    if (op == PYNN_REDUCE_COUNT) {
      static_cast<int64_t*>(out)[at] = count;
    } else {
      static_cast<uint8_t*>(out)[at] = op == PYNN_REDUCE_ANY ? count > 0 : count == elements;
    }
  }
};

// sum(|x|^p)^(1/p); p = 0 counts what is not 0, +-inf are the largest and smallest magnitudes.
template <class T>
struct Norms : OneArray<T> {
  struct Acc {
    double sum;
    double most;  // the largest magnitude, or the largest opposite of one
  };
  static constexpr bool kPacks = false;
  void* out;
  double p;
  Norms(OneArray<T> from, void* out, double p) : OneArray<T>(from), out(out), p(p) {}
  PYNN_DEVICE Acc start() const { return {0, -INFINITY}; }
  template <int N>
  PYNN_DEVICE void add(Acc& acc, const Pack<T, N>& x, int j, uint32_t, uint32_t) const {
    const double size = fabs(double(widen(x.at[j])));
    if (p == 2) {
      acc.sum += size * size;
    } else if (p == 1) {
      acc.sum += size;
    } else if (p == 0) {
      acc.sum += size != 0;
    } else if (isinf(p)) {
      acc.most = Largest()(acc.most, p > 0 ? size : -size);
    } else {
      acc.sum += pow(size, p);
    }
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) {
    return {a.sum + b.sum, Largest()(a.most, b.most)};
  }
  PYNN_DEVICE void finish(const Acc& acc, int64_t at, uint32_t) const {
    const double norm = isinf(p)           ? (p > 0 ? acc.most : -acc.most)
                        : p == 0 || p == 1 ? acc.sum
                        : p == 2           ? sqrt(acc.sum)
                                           : pow(acc.sum, 1 / p);
    static_cast<T*>(out)[at] = narrow<T>(norm);
  }
};

template <class T>
struct Places : OneArray<T> {
  struct Acc {
    Compute<T> value;
    uint32_t place;
  };
  static constexpr bool kPacks = false;
  int64_t* places;
  T* values;
  bool smallest;
  Places(OneArray<T> from, int64_t* places, T* values, bool smallest)
      : OneArray<T>(from), places(places), values(values), smallest(smallest) {}
  PYNN_DEVICE Acc start() const { return {-Compute<T>(INFINITY), 0xffffffffu}; }
  template <int N>
  PYNN_DEVICE void add(Acc& best, const Pack<T, N>& x, int j, uint32_t, uint32_t element) const {
    const Compute<T> value = widen(x.at[j]);
    best = join(best, {smallest ? -value : value, element});
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) {
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    const bool same = nan_a ? nan_b : a.value == b.value;
    const bool takes_b = same ? b.place < a.place : nan_b || (!nan_a && b.value > a.value);
    return takes_b ? b : a;
  }
  PYNN_DEVICE void finish(const Acc& best, int64_t at, uint32_t) const {
    places[at] = best.place;
    if (values) values[at] = narrow<T>(smallest ? -best.value : best.value);
  }
};

// Count, mean and sum of squares of deviations, joined by Chan's formula: no digits are lost to a large mean.
template <class C>
struct Moments {
  C count, mean, squares;
  PYNN_DEVICE void add(C x) {
    count += C(1);
    const C off = x - mean;
    mean += off / count;
    squares += off * (x - mean);
  }
  static PYNN_DEVICE Moments join(const Moments& a, const Moments& b) {
    const C count = a.count + b.count;
    if (a.count == C(0)) return b;
    if (b.count == C(0)) return a;
    const C off = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + off * share, a.squares + b.squares + off * off * a.count * share};
  }
};

template <class T>
struct Variances : OneArray<T> {
  typedef Moments<Compute<T>> Acc;
  static constexpr bool kPacks = true;
  T *variance, *mean;
  double divisor;
  Variances(OneArray<T> from, T* variance, T* mean, double divisor)
      : OneArray<T>(from), variance(variance), mean(mean), divisor(divisor) {}
  PYNN_DEVICE Acc start() const { return {0, 0, 0}; }
  template <int N>
  PYNN_DEVICE void add(Acc& acc, const Pack<T, N>& x, int j, uint32_t, uint32_t) const {
    acc.add(widen(x.at[j]));
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return Acc::join(a, b); }
  PYNN_DEVICE void finish(const Acc& acc, int64_t at, uint32_t) const {
    if (variance) variance[at] = narrow<T>(acc.squares / Compute<T>(divisor));
    if (mean) mean[at] = narrow<T>(acc.mean);
  }
};

template <class T>
struct EqualCounts : TwoArrays<T> {
  typedef int64_t Acc;
  static constexpr bool kPacks = false;
  T* out;
  EqualCounts(TwoArrays<T> from, T* out) : TwoArrays<T>(from), out(out) {}
  PYNN_DEVICE Acc start() const { return 0; }
  template <class Values>
  PYNN_DEVICE void add(Acc& count, const Values& values, int j, uint32_t, uint32_t) const {
    const Compute<T> x = widen(values.x.at[j]), y = widen(values.y.at[j]);
    count += x == y || (x != x && y != y);
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return a + b; }
  PYNN_DEVICE void finish(const Acc& count, int64_t at, uint32_t) const { out[at] = narrow<T>(float(count)); }
};

}  // namespace pynn::cuda
