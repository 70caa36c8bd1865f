// Softmax and cross-entropy rows of one ISA. A row of at most one vector stays in a register;
// longer ones take a pass for the maximum, one for exp and the sum, one to scale.
#pragma once
#include "kernels/softmax/softmax.h"
#include "simd/math.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace softmax {

using ::pynn::softmax::Backward;
using ::pynn::softmax::OutRows;
using ::pynn::softmax::Rows;
using ::pynn::softmax::Table;

typedef Vec<float> V;
constexpr int kLanes = V::lanes;

PYNN_INLINE V load_or(const float* p, int n, V rest) { return select(first_n<float>(n), load_n(p, n), rest); }

// f(i, n) for vectors of a row: n lanes from column i, n == kLanes but for the last.
template <class Full, class Tail>
PYNN_INLINE void over_columns(int64_t cols, const Full& full, const Tail& tail) {
  int64_t i = 0;
  for (; i + kLanes <= cols; i += kLanes) full(i);
  if (i < cols) tail(i, int(cols - i));
}

PYNN_INLINE float row_max(const float* x, int64_t cols) {
  V a = set1(-__builtin_inff()), b = a;
  int64_t i = 0;
  for (; i + 2 * kLanes <= cols; i += 2 * kLanes) {
    a = max(a, load(x + i));
    b = max(b, load(x + i + kLanes));
  }
  for (; i + kLanes <= cols; i += kLanes) a = max(a, load(x + i));
  if (i < cols) b = max(b, load_or(x + i, int(cols - i), b));
  return reduce_max(max(a, b));
}

// sum(exp(x - shift)); the terms go to `terms` unless it is null.
PYNN_INLINE float row_sum_exp(const float* x, int64_t cols, float shift, float* terms) {
  const V m = set1(shift);
  V a = zero<float>(), b = a;
  int64_t i = 0;
  for (; i + 2 * kLanes <= cols; i += 2 * kLanes) {
    const V e0 = exp(load(x + i) - m), e1 = exp(load(x + i + kLanes) - m);
    if (terms != nullptr) {
      store(terms + i, e0);
      store(terms + i + kLanes, e1);
    }
    a = a + e0;
    b = b + e1;
  }
  for (; i < cols; i += kLanes) {
    const int n = cols - i < kLanes ? int(cols - i) : kLanes;
    const V e = exp(load_or(x + i, n, set1(-__builtin_inff())) - m);
    if (terms != nullptr) store_n(terms + i, e, n);
    a = a + e;
  }
  return reduce_add(a + b);
}

void softmax_rows(int64_t first, int64_t last, int64_t cols, Rows x, OutRows out) {
  for (int64_t r = first; r < last; ++r) {
    const float* row = x.data + r * x.stride;
    float* to = out.data + r * out.stride;
    if (cols <= kLanes) {
      const V v = load_or(row, int(cols), set1(-__builtin_inff()));
      const V e = exp(v - set1(reduce_max(v)));
      store_n(to, e * set1(1 / reduce_add(e)), int(cols));
      continue;
    }
    const V scale = set1(1 / row_sum_exp(row, cols, row_max(row, cols), to));
    over_columns(
        cols, [&](int64_t i) { store(to + i, load(to + i) * scale); },
        [&](int64_t i, int n) { store_n(to + i, load_n(to + i, n) * scale, n); });
  }
}

void log_softmax_rows(int64_t first, int64_t last, int64_t cols, Rows x, OutRows out) {
  for (int64_t r = first; r < last; ++r) {
    const float* row = x.data + r * x.stride;
    float* to = out.data + r * out.stride;
    if (cols <= kLanes) {
      const V v = load_or(row, int(cols), set1(-__builtin_inff()));
      const V shifted = v - set1(reduce_max(v));
      store_n(to, shifted - log(set1(reduce_add(exp(shifted)))), int(cols));
      continue;
    }
    const float most = row_max(row, cols);
    const V m = set1(most), log_sum = log(set1(row_sum_exp(row, cols, most, nullptr)));
    over_columns(
        cols, [&](int64_t i) { store(to + i, load(row + i) - m - log_sum); },
        [&](int64_t i, int n) { store_n(to + i, load_n(row + i, n) - m - log_sum, n); });
  }
}

template <bool kLog>
void backward_rows(int64_t first, int64_t last, int64_t cols, Rows grad, Rows y, OutRows dx) {
  for (int64_t r = first; r < last; ++r) {
    const float *g = grad.data + r * grad.stride, *out = y.data + r * y.stride;
    float* to = dx.data + r * dx.stride;
    V sum = zero<float>();
    over_columns(
        cols, [&](int64_t i) { sum = kLog ? sum + load(g + i) : fma(load(g + i), load(out + i), sum); },
        [&](int64_t i, int n) {
          sum = kLog ? sum + load_n(g + i, n) : fma(load_n(g + i, n), load_n(out + i, n), sum);
        });
    const V s = set1(reduce_add(sum));
    const auto gradient = [&](V gv, V yv) { return kLog ? fnma(exp(yv), s, gv) : yv * (gv - s); };
    over_columns(
        cols, [&](int64_t i) { store(to + i, gradient(load(g + i), load(out + i))); },
        [&](int64_t i, int n) { store_n(to + i, gradient(load_n(g + i, n), load_n(out + i, n)), n); });
  }
}

// sum(weight * (x - shift)), for label smoothing.
float weighted_sum(const float* x, const float* weight, int64_t cols, float shift) {
  const V m = set1(shift), one = set1(1.0f);
  V sum = zero<float>();
  over_columns(
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
      if (args.cols <= kLanes) {
        const V v = load_or(row, int(args.cols), set1(-__builtin_inff()));
        most = reduce_max(v);
        sums[r] = reduce_add(exp(v - set1(most)));
      } else {
        most = row_max(row, args.cols);
        sums[r] = row_sum_exp(row, args.cols, most, nullptr);
      }
      stats[2 * (start + r)] = most;
    }
    over_columns(
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
      over_columns(
          args.cols, [&](int64_t i) { store(to + i, zero<float>()); },
          [&](int64_t i, int n) { store_n(to + i, zero<float>(), n); });
      continue;
    }
    const float g = b.grad[r * b.grad_stride] / b.divisor;
    const float weight = args.weight != nullptr ? args.weight[target] : 1.0f;
    const float hit = g * (1 - smooth) * weight, share = g * (smooth / float(args.cols));
    const V m = set1(b.stats[2 * r]), log_sum = set1(b.stats[2 * r + 1]);
    const V scale = set1(smooth > 0 ? hit + share * b.weight_total : hit);
    if (smooth > 0) {
      const V each = set1(share), one = set1(1.0f);
      const auto gradient = [&](V x, V w) { return fnma(each, w, exp(x - m - log_sum) * scale); };
      over_columns(
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
      over_columns(
          args.cols, [&](int64_t i) { store(to + i, exp(load(row + i) - m - log_sum) * scale); },
          [&](int64_t i, int n) { store_n(to + i, exp(load_n(row + i, n) - m - log_sum) * scale, n); });
    }
    to[target] -= hit;
  }
}

extern const Table table;
const Table table = {PYNN_ISA_NAME,
                     {&softmax_rows, &log_softmax_rows},
                     {&backward_rows<false>, &backward_rows<true>},
                     &loss_rows,
                     &loss_backward_rows};

}  // namespace softmax
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
