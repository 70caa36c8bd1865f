// Softmax and cross-entropy rows of one ISA. A row of at most one vector stays in a register;
// longer ones take a pass for the maximum, one for exp and the sum, one to scale.
#pragma once
#include "kernels/softmax/softmax.h"
#include "simd/math.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace softmax {

using ::pynn::softmax::Backward;
using ::pynn::softmax::Kernels;
using ::pynn::softmax::kLogSoftmax;
using ::pynn::softmax::kLogSumExp;
using ::pynn::softmax::kSoftmax;
using ::pynn::softmax::Op;
using ::pynn::softmax::Rows;
using ::pynn::softmax::Table;

template <class T>
PYNN_INLINE Vec<T> load_or(const T* p, int n, Vec<T> rest) {
  return select(first_n<T>(n), load_n(p, n), rest);
}

// full(i) for each whole vector of a row, tail(i, n) for the n lanes left at its end.
template <class T, class Full, class Tail>
PYNN_INLINE void over_columns(int64_t cols, const Full& full, const Tail& tail) {
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + lanes <= cols; i += lanes) full(i);
  if (i < cols) tail(i, int(cols - i));
}

template <class T>
PYNN_INLINE T row_max(const T* x, int64_t cols) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> a = set1(T(-__builtin_inf())), b = a;
  int64_t i = 0;
  for (; i + 2 * lanes <= cols; i += 2 * lanes) {
    a = max(a, load(x + i));
    b = max(b, load(x + i + lanes));
  }
  for (; i + lanes <= cols; i += lanes) a = max(a, load(x + i));
  if (i < cols) b = max(b, load_or(x + i, int(cols - i), b));
  return reduce_max(max(a, b));
}

// sum(exp(x - shift)); the terms go to `terms` unless it is null.
template <class T>
PYNN_INLINE T row_sum_exp(const T* x, int64_t cols, T shift, T* terms) {
  constexpr int lanes = Vec<T>::lanes;
  const Vec<T> m = set1(shift);
  Vec<T> a = zero<T>(), b = a;
  int64_t i = 0;
  for (; i + 2 * lanes <= cols; i += 2 * lanes) {
    const Vec<T> e0 = exp(load(x + i) - m), e1 = exp(load(x + i + lanes) - m);
    if (terms != nullptr) {
      store(terms + i, e0);
      store(terms + i + lanes, e1);
    }
    a = a + e0;
    b = b + e1;
  }
  for (; i < cols; i += lanes) {
    const int n = cols - i < lanes ? int(cols - i) : lanes;
    const Vec<T> e = exp(load_or(x + i, n, set1(T(-__builtin_inf()))) - m);
    if (terms != nullptr) store_n(terms + i, e, n);
    a = a + e;
  }
  return reduce_add(a + b);
}

template <class T>
void softmax_rows(int64_t first, int64_t last, int64_t cols, Rows<const T> x, Rows<T> out) {
  for (int64_t r = first; r < last; ++r) {
    const T* row = x.data + r * x.stride;
    T* to = out.data + r * out.stride;
    if (cols <= Vec<T>::lanes) {
      const Vec<T> v = load_or(row, int(cols), set1(T(-__builtin_inf())));
      const Vec<T> e = exp(v - set1(reduce_max(v)));
      store_n(to, e * set1(1 / reduce_add(e)), int(cols));
      continue;
    }
    const Vec<T> scale = set1(1 / row_sum_exp(row, cols, row_max(row, cols), to));
    over_columns<T>(
        cols, [&](int64_t i) { store(to + i, load(to + i) * scale); },
        [&](int64_t i, int n) { store_n(to + i, load_n(to + i, n) * scale, n); });
  }
}

template <class T>
void log_softmax_rows(int64_t first, int64_t last, int64_t cols, Rows<const T> x, Rows<T> out) {
  for (int64_t r = first; r < last; ++r) {
    const T* row = x.data + r * x.stride;
    T* to = out.data + r * out.stride;
    if (cols <= Vec<T>::lanes) {
      const Vec<T> v = load_or(row, int(cols), set1(T(-__builtin_inf())));
      const Vec<T> shifted = v - set1(reduce_max(v));
      store_n(to, shifted - log(set1(reduce_add(exp(shifted)))), int(cols));
      continue;
    }
    const T most = row_max(row, cols);
    const Vec<T> m = set1(most), log_sum = log(set1(row_sum_exp<T>(row, cols, most, nullptr)));
    over_columns<T>(
        cols, [&](int64_t i) { store(to + i, load(row + i) - m - log_sum); },
        [&](int64_t i, int n) { store_n(to + i, load_n(row + i, n) - m - log_sum, n); });
  }
}

// log(sum(exp(x))): a row of -inf gives -inf, one with inf inf.
template <class T>
PYNN_INLINE Vec<T> finite_or_zero(Vec<T> x) {
  return select(abs(x) < set1(T(__builtin_inf())), x, zero<T>());
}
template <class T>
void logsumexp_rows(int64_t first, int64_t last, int64_t cols, Rows<const T> x, Rows<T> out) {
  for (int64_t r = first; r < last; ++r) {
    const T* row = x.data + r * x.stride;
    const T most = finite_or_zero(set1(row_max(row, cols)))[0];
    out.data[r * out.stride] = (log(set1(row_sum_exp<T>(row, cols, most, nullptr))) + set1(most))[0];
  }
}

template <class T, bool kLog>
void backward_rows(int64_t first, int64_t last, int64_t cols, Rows<const T> grad, Rows<const T> y, Rows<T> dx) {
  for (int64_t r = first; r < last; ++r) {
    const T *g = grad.data + r * grad.stride, *out = y.data + r * y.stride;
    T* to = dx.data + r * dx.stride;
    Vec<T> sum = zero<T>();
    over_columns<T>(
        cols, [&](int64_t i) { sum = kLog ? sum + load(g + i) : fma(load(g + i), load(out + i), sum); },
        [&](int64_t i, int n) {
          sum = kLog ? sum + load_n(g + i, n) : fma(load_n(g + i, n), load_n(out + i, n), sum);
        });
    const Vec<T> s = set1(reduce_add(sum));
    const auto gradient = [&](Vec<T> gv, Vec<T> yv) { return kLog ? fnma(exp(yv), s, gv) : yv * (gv - s); };
    over_columns<T>(
        cols, [&](int64_t i) { store(to + i, gradient(load(g + i), load(out + i))); },
        [&](int64_t i, int n) { store_n(to + i, gradient(load_n(g + i, n), load_n(out + i, n)), n); });
  }
}

// ---- along a dimension with `inner` elements behind it: a vector of neighbours at a time ----

template <class T, Op kOp>
void columns(int64_t first, int64_t last, int64_t cols, int64_t inner, const T* x, T* out) {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t at = first; at < last; at += lanes) {
    const int n = last - at < lanes ? int(last - at) : lanes;
    const auto get = [n](const T* p) { return n == lanes ? load(p) : load_n(p, n); };
    const auto put = [n](T* p, Vec<T> v) {
      if (n == lanes) {
        store(p, v);
      } else {
        store_n(p, v, n);
      }
    };
    const T* from = x + at;
    T* to = out + at;
    Vec<T> most = set1(T(-__builtin_inf())), sum = zero<T>();
    for (int64_t c = 0; c < cols; ++c) most = max(most, get(from + c * inner));
    if (kOp == kLogSumExp) most = finite_or_zero(most);
    for (int64_t c = 0; c < cols; ++c) {
      const Vec<T> e = exp(get(from + c * inner) - most);
      if (kOp == kSoftmax) put(to + c * inner, e);
      sum = sum + e;
    }
    if (kOp == kSoftmax) {
      const Vec<T> scale = set1(T(1)) / sum;
      for (int64_t c = 0; c < cols; ++c) put(to + c * inner, get(to + c * inner) * scale);
    } else if (kOp == kLogSoftmax) {
      const Vec<T> log_sum = log(sum);
      for (int64_t c = 0; c < cols; ++c) put(to + c * inner, get(from + c * inner) - most - log_sum);
    } else {
      put(to, log(sum) + most);
    }
  }
}

template <class T, bool kLog>
void backward_columns(int64_t first, int64_t last, int64_t cols, int64_t inner, const T* grad, const T* y, T* dx) {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t at = first; at < last; at += lanes) {
    const int n = last - at < lanes ? int(last - at) : lanes;
    const auto get = [n](const T* p) { return n == lanes ? load(p) : load_n(p, n); };
    Vec<T> sum = zero<T>();
    for (int64_t c = 0; c < cols; ++c) {
      const int64_t i = at + c * inner;
      sum = kLog ? sum + get(grad + i) : fma(get(grad + i), get(y + i), sum);
    }
    for (int64_t c = 0; c < cols; ++c) {
      const int64_t i = at + c * inner;
      const Vec<T> g = get(grad + i), v = get(y + i), d = kLog ? fnma(exp(v), sum, g) : v * (g - sum);
      if (n == lanes) {
        store(dx + i, d);
      } else {
        store_n(dx + i, d, n);
      }
    }
  }
}

// sum(weight * (x - shift)), for label smoothing.
float weighted_sum(const float* x, const float* weight, int64_t cols, float shift) {
  const Vec<float> m = set1(shift), one = set1(1.0f);
  Vec<float> sum = zero<float>();
  over_columns<float>(
      cols, [&](int64_t i) { sum = fma(weight != nullptr ? load(weight + i) : one, load(x + i) - m, sum); },
      [&](int64_t i, int n) {
        sum = fma(weight != nullptr ? load_n(weight + i, n) : one, load_or(x + i, n, m) - m, sum);
      });
  return reduce_add(sum);
}

float row_loss(const pynn_cross_entropy& args, float weight_total, const float* row, int64_t target,
               float most, float log_sum) {
  const float smooth = args.label_smoothing, weight = args.weight != nullptr ? args.weight[target] : 1.0f;
  const float value = weight * (log_sum - (row[target] - most));
  if (!(smooth > 0)) return value;
  const float all = weight_total * log_sum - weighted_sum(row, args.weight, args.cols, most);
  return (1 - smooth) * value + smooth / float(args.cols) * all;
}

void loss_rows(int64_t first, int64_t last, const pynn_cross_entropy& args, float weight_total, float* loss,
               float* stats) {
  constexpr int kBlock = 64;  // rows whose logarithms are taken together
  for (int64_t start = first; start < last; start += kBlock) {
    const int rows = last - start < kBlock ? int(last - start) : kBlock;
    float sums[kBlock];
    for (int r = 0; r < rows; ++r) {
      const float* row = args.x + (start + r) * args.x_stride;
      float most;
      if (args.cols <= Vec<float>::lanes) {
        const Vec<float> v = load_or(row, int(args.cols), set1(-__builtin_inff()));
        most = reduce_max(v);
        sums[r] = reduce_add(exp(v - set1(most)));
      } else {
        most = row_max(row, args.cols);
        sums[r] = row_sum_exp<float>(row, args.cols, most, nullptr);
      }
      stats[2 * (start + r)] = most;
    }
    over_columns<float>(
        rows, [&](int64_t i) { store(sums + i, log(load(sums + i))); },
        [&](int64_t i, int n) { store_n(sums + i, log(load_n(sums + i, n)), n); });
    for (int r = 0; r < rows; ++r) {
      const int64_t at = start + r, target = args.target[at];
      stats[2 * at + 1] = sums[r];
      loss[at] = target == args.ignore_index ? 0
                                             : row_loss(args, weight_total, args.x + at * args.x_stride,
                                                        target, stats[2 * at], sums[r]);
    }
  }
}

void loss_backward_rows(int64_t first, int64_t last, const Backward& b) {
  const pynn_cross_entropy& args = *b.args;
  const float smooth = args.label_smoothing;
  for (int64_t r = first; r < last; ++r) {
    const float* row = args.x + r * args.x_stride;
    float* to = b.dx.data + r * b.dx.stride;
    const int64_t target = args.target[r];
    if (target == args.ignore_index) {
      over_columns<float>(
          args.cols, [&](int64_t i) { store(to + i, zero<float>()); },
          [&](int64_t i, int n) { store_n(to + i, zero<float>(), n); });
      continue;
    }
    const float g = b.grad[r * b.grad_stride] / b.divisor;
    const float weight = args.weight != nullptr ? args.weight[target] : 1.0f;
    const float hit = g * (1 - smooth) * weight, share = g * (smooth / float(args.cols));
    const Vec<float> m = set1(b.stats[2 * r]), log_sum = set1(b.stats[2 * r + 1]);
    const Vec<float> scale = set1(smooth > 0 ? hit + share * b.weight_total : hit);
    if (smooth > 0) {
      const Vec<float> each = set1(share), one = set1(1.0f);
      const auto gradient = [&](Vec<float> x, Vec<float> w) { return fnma(each, w, exp(x - m - log_sum) * scale); };
      over_columns<float>(
          args.cols,
          [&](int64_t i) {
            store(to + i, gradient(load(row + i), args.weight != nullptr ? load(args.weight + i) : one));
          },
          [&](int64_t i, int n) {
            store_n(to + i,
                    gradient(load_n(row + i, n), args.weight != nullptr ? load_n(args.weight + i, n) : one),
                    n);
          });
    } else {
      over_columns<float>(
          args.cols, [&](int64_t i) { store(to + i, exp(load(row + i) - m - log_sum) * scale); },
          [&](int64_t i, int n) { store_n(to + i, exp(load_n(row + i, n) - m - log_sum) * scale, n); });
    }
    to[target] -= hit;
  }
}

template <class T>
constexpr Kernels<T> kernels() {
  return {{&softmax_rows<T>, &log_softmax_rows<T>, &logsumexp_rows<T>},
          {&backward_rows<T, false>, &backward_rows<T, true>},
          {&columns<T, kSoftmax>, &columns<T, kLogSoftmax>, &columns<T, kLogSumExp>},
          {&backward_columns<T, false>, &backward_columns<T, true>}};
}

extern const Table table;
const Table table = {{PYNN_ISA_NAME, kernels<float>(), kernels<double>()}, &loss_rows, &loss_backward_rows};

}  // namespace softmax
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
