// Rows of scores to weights and back, for one ISA: see attention.h.
#pragma once
#include "kernels/attention/attention.h"
#include "simd/math.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace attention {
namespace {

using ::pynn::attention::Block;
using ::pynn::attention::Kernels;
using ::pynn::attention::Table;

template <class T>
PYNN_INLINE T infinity() {
  return T(__builtin_inf());
}

// f(i, n) for the vectors of n columns; n is constant but for the last.
template <class T, class F>
PYNN_INLINE void over_columns(int64_t cols, const F& f) {
  constexpr int kLanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + kLanes <= cols; i += kLanes) f(i, kLanes);
  if (i < cols) f(i, int(cols - i));
}

template <class T>
PYNN_INLINE Vec<T> get(const T* p, int n) {
  return n == Vec<T>::lanes ? load(p) : load_n(p, n);
}
template <class T>
PYNN_INLINE void put(T* p, Vec<T> x, int n) {
  if (n == Vec<T>::lanes) {
    store(p, x);
  } else {
    store_n(p, x, n);
  }
}

template <class T>
PYNN_INLINE Vec<T> scores_at(const T* row, const T* bias, int64_t i, int n) {
  const Vec<T> x = get(row + i, n);
  return bias == nullptr ? x : x + get(bias + i, n);
}

// What dropout multiplies n weights by.
PYNN_INLINE Vec<float> drop_factor(const Block<float>& b, const uint32_t* words, int n) {
  const Vec<int32_t> w = get(reinterpret_cast<const int32_t*>(words), n);
  const Vec<int32_t> u = {(Vec<int32_t>::Native)((Vec<int32_t>::Wrapping)w.v >> 8)};
  return select(mask_cast<float>(u < set1(int32_t(b.threshold))), zero<float>(), set1(b.keep));
}
PYNN_INLINE Vec<double> drop_factor(const Block<double>& b, const uint32_t* words, int n) {
  Vec<double> out = zero<double>();
  for (int i = 0; i < n; ++i) out.v[i] = (words[i] >> 8) < b.threshold ? 0.0 : b.keep;
  return out;
}

template <class T>
PYNN_INLINE const uint32_t* words_of(const Block<T>& b, int64_t row) {
  return b.words + row * b.words_step + ((b.first + row * b.stride) & 3);
}
template <class T>
PYNN_INLINE int64_t seen(const Block<T>& b, int64_t row) {
  const int64_t cols = b.visible + row < b.cols ? b.visible + row : b.cols;
  return cols > 0 ? cols : 0;
}
template <class T>
PYNN_INLINE void clear(T* row, int64_t from, int64_t to) {
  over_columns<T>(to - from, [&](int64_t i, int n) { put(row + from + i, zero<T>(), n); });
}

// The largest score that row r sees, or minus infinity; max passes over NaN.
template <class T>
PYNN_INLINE T top_of(const Block<T>& b, int64_t r) {
  constexpr int kLanes = Vec<T>::lanes;
  const T* const row = b.scores + r * b.step;
  const T* const bias = b.bias == nullptr ? nullptr : b.bias + r * b.bias_step;
  const int64_t cols = seen(b, r);
  Vec<T> top = set1(-infinity<T>()), second = top;
  int64_t i = 0;
  for (; i + 2 * kLanes <= cols; i += 2 * kLanes) {
    top = max(top, scores_at(row, bias, i, kLanes));
    second = max(second, scores_at(row, bias, i + kLanes, kLanes));
  }
  for (; i < cols; i += kLanes) {
    const int n = cols - i < kLanes ? int(cols - i) : kLanes;
    const Vec<T> x = scores_at(row, bias, i, n);
    top = max(top, n == kLanes ? x : select(first_n<T>(n), x, top));
  }
  return reduce_max(max(top, second));
}

// One row, whose largest score is known. Whether what was summed so far is to be multiplied by `factor`.
template <class T>
PYNN_INLINE bool soften_row(const Block<T>& b, int64_t r, T found, T* most, T* sum, T* factor) {
  constexpr int kLanes = Vec<T>::lanes;
  T* const row = b.scores + r * b.step;
  const T* const bias = b.bias == nullptr ? nullptr : b.bias + r * b.bias_step;
  const int64_t cols = seen(b, r);
  const T before = *most, now = found > before ? found : before;
  *factor = T(1);
  if (!(now > -infinity<T>())) {
    // Nothing to see yet, or NaN alone, which max passes over: NaN stays, minus infinity weighs nothing.
    Vec<T> rest = zero<T>();
    over_columns<T>(cols, [&](int64_t j, int n) {
      const Vec<T> x = scores_at(row, bias, j, n), e = select(x == x, zero<T>(), x);
      put(row + j, e, n);
      rest = rest + e;
    });
    clear(row, cols, b.cols);
    *sum += reduce_add(rest);
    return false;
  }
  const Vec<T> shift = set1(now);
  Vec<T> total = zero<T>();
  const uint32_t* const words = b.words == nullptr ? nullptr : words_of(b, r);
  over_columns<T>(cols, [&](int64_t j, int n) {
    Vec<T> e = exp(scores_at(row, bias, j, n) - shift);
    if (n < kLanes) e = select(first_n<T>(n), e, zero<T>());
    put(row + j, words == nullptr ? e : e * drop_factor(b, words + j, n), n);
    total = total + e;
  });
  clear(row, cols, b.cols);
  const bool grown = now != before, summed = grown && before > -infinity<T>();
  if (grown) *most = now;
  if (summed) {
    *factor = exp(set1(before - now))[0];
    *sum *= *factor;
  }
  *sum += reduce_add(total);
  return summed;
}

template <class T>
bool soften(const Block<T>& b, T* most, T* sum, T* factor) {
  constexpr int64_t kTogether = 8;  // rows whose maxima are sought at once, so that no row waits for its own
  bool changed = false;
  for (int64_t first = 0; first < b.rows; first += kTogether) {
    const int64_t count = b.rows - first < kTogether ? b.rows - first : kTogether;
    T tops[kTogether];
    for (int64_t i = 0; i < count; ++i) tops[i] = top_of(b, first + i);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t r = first + i;
      changed |= soften_row(b, r, tops[i], most + r, sum + r, factor + r);
    }
  }
  return changed;
}

template <class T>
void rescale(T* rows, int64_t step, int64_t count, int64_t cols, const T* factor) {
  for (int64_t r = 0; r < count; ++r) {
    if (factor[r] == T(1)) continue;
    const Vec<T> f = set1(factor[r]);
    T* const row = rows + r * step;
    over_columns<T>(cols, [&](int64_t i, int n) { put(row + i, get(row + i, n) * f, n); });
  }
}

template <class T>
void finish(T* rows, int64_t step, int64_t count, int64_t cols, const T* most, const T* sum, T* lse) {
  for (int64_t r = 0; r < count; ++r) {
    T* const row = rows + r * step;
    const Vec<T> f = set1(sum[r] == T(0) ? T(0) : T(1) / sum[r]);
    over_columns<T>(cols, [&](int64_t i, int n) { put(row + i, get(row + i, n) * f, n); });
  }
  over_columns<T>(count, [&](int64_t i, int n) { put(lse + i, get(most + i, n) + log(get(sum + i, n)), n); });
}

template <class T>
void recover(const Block<T>& b, T* gradients, const T* lse, const T* delta, T scale) {
  for (int64_t r = 0; r < b.rows; ++r) {
    T *const row = b.scores + r * b.step, *const grad = gradients + r * b.step;
    const T* const bias = b.bias == nullptr ? nullptr : b.bias + r * b.bias_step;
    const int64_t cols = lse[r] == -infinity<T>() ? 0 : seen(b, r);
    const Vec<T> shift = set1(lse[r]), d = set1(delta[r]), s = set1(scale);
    if (b.words == nullptr) {
      over_columns<T>(cols, [&](int64_t i, int n) {
        const Vec<T> p = exp(scores_at(row, bias, i, n) - shift);
        put(grad + i, p * (get(grad + i, n) - d) * s, n);
        put(row + i, p, n);
      });
    } else {
      const uint32_t* const words = words_of(b, r);
      over_columns<T>(cols, [&](int64_t i, int n) {
        const Vec<T> p = exp(scores_at(row, bias, i, n) - shift), f = drop_factor(b, words + i, n);
        put(grad + i, p * (get(grad + i, n) * f - d) * s, n);
        put(row + i, p * f, n);
      });
    }
    clear(row, cols, b.cols);
    clear(grad, cols, b.cols);
  }
}

template <class T>
void row_dots(const T* a, int64_t a_step, const T* b, int64_t b_step, int64_t rows, int64_t cols, T* out) {
  for (int64_t r = 0; r < rows; ++r) {
    Vec<T> sum = zero<T>();
    const T *x = a + r * a_step, *y = b + r * b_step;
    over_columns<T>(cols, [&](int64_t i, int n) { sum = fma(get(x + i, n), get(y + i, n), sum); });
    out[r] = reduce_add(sum);
  }
}

template <class T>
void expand(const uint8_t* keep, int64_t n, T* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = keep[i] ? T(0) : -infinity<T>();
}

template <class T>
constexpr Kernels<T> kernels() {
  return {&soften<T>, &rescale<T>, &finish<T>, &recover<T>, &row_dots<T>, &expand<T>};
}

}  // namespace

extern const Table table;
const Table table = {PYNN_ISA_NAME, kernels<float>(), kernels<double>()};

}  // namespace attention
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
