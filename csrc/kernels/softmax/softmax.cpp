#include "kernels/softmax/softmax.h"

#include <algorithm>

#include "base/pool.h"

#define PYNN_FAMILY softmax
#define PYNN_KERNELS "kernels/softmax/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace softmax {
namespace {

// Elements a thread takes at a time, some 10 us of work.
constexpr int64_t kChunk = 24 << 10;

// Rows a thread takes at a time.
int64_t rows_of(int64_t cols) { return std::max<int64_t>(1, kChunk / (cols + 16)); }

}  // namespace

template <class T>
void run_forward(Op op, int64_t rows, int64_t cols, Rows<const T> x, Rows<T> out) {
  const auto kernel = table().of<T>().rows[op];
  parallel_ranges(rows, rows_of(cols),
                  [&](int64_t first, int64_t last) { kernel(first, last, cols, x, out); });
}

template <class T>
void run_backward(Op op, int64_t rows, int64_t cols, Rows<const T> grad, Rows<const T> y, Rows<T> dx) {
  const auto kernel = table().of<T>().backward_rows[op];
  parallel_ranges(rows, rows_of(cols),
                  [&](int64_t first, int64_t last) { kernel(first, last, cols, grad, y, dx); });
}

namespace {

// f(outer index, first, last) over pieces of the inner elements.
template <class F>
void over_pieces(int64_t outer, int64_t cols, int64_t inner, const F& f) {
  constexpr int64_t kPiece = 64;
  const int64_t pieces = (inner + kPiece - 1) / kPiece;
  const int64_t each = std::max<int64_t>(1, kChunk / (std::min(inner, kPiece) * (cols + 1)));
  parallel_ranges(outer * pieces, each, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t start = i % pieces * kPiece;
      f(i / pieces, start, std::min(inner, start + kPiece));
    }
  });
}

}  // namespace

template <class T>
void run_along(Op op, int64_t outer, int64_t cols, int64_t inner, const T* x, T* out) {
  if (inner == 1) {
    run_forward<T>(op, outer, cols, {x, cols}, {out, op == kLogSumExp ? 1 : cols});
    return;
  }
  const auto kernel = table().of<T>().columns[op];
  const int64_t step = cols * inner, out_step = op == kLogSumExp ? inner : step;
  over_pieces(outer, cols, inner, [&](int64_t o, int64_t first, int64_t last) {
    kernel(first, last, cols, inner, x + o * step, out + o * out_step);
  });
}

template <class T>
void run_backward_along(Op op, int64_t outer, int64_t cols, int64_t inner, const T* grad, const T* y, T* dx) {
  if (inner == 1) {
    run_backward<T>(op, outer, cols, {grad, cols}, {y, cols}, {dx, cols});
    return;
  }
  const auto kernel = table().of<T>().backward_columns[op];
  const int64_t step = cols * inner;
  over_pieces(outer, cols, inner, [&](int64_t o, int64_t first, int64_t last) {
    kernel(first, last, cols, inner, grad + o * step, y + o * step, dx + o * step);
  });
}

#define PYNN_INSTANCE(T)                                                                                      \
  template void run_forward<T>(Op, int64_t, int64_t, Rows<const T>, Rows<T>);                                 \
  template void run_backward<T>(Op, int64_t, int64_t, Rows<const T>, Rows<const T>, Rows<T>);                 \
  template void run_along<T>(Op, int64_t, int64_t, int64_t, const T*, T*);                                    \
  template void run_backward_along<T>(Op, int64_t, int64_t, int64_t, const T*, const T*, T*);
PYNN_INSTANCE(float)
PYNN_INSTANCE(double)
#undef PYNN_INSTANCE

void run_loss(const pynn_cross_entropy& args, float* loss, float* stats) {
  const auto kernel = table().loss;
  const float weights = total_weight(args);
  parallel_ranges(args.rows, rows_of(args.cols),
                  [&](int64_t first, int64_t last) { kernel(first, last, args, weights, loss, stats); });
}

void run_loss_backward(const Backward& backward) {
  const auto kernel = table().loss_backward;
  parallel_ranges(backward.args->rows, rows_of(backward.args->cols),
                  [&](int64_t first, int64_t last) { kernel(first, last, backward); });
}

float total_weight(const pynn_cross_entropy& args) {
  if (args.weight == nullptr) return float(args.cols);
  double total = 0;
  for (int64_t c = 0; c < args.cols; ++c) total += double(args.weight[c]);
  return float(total);
}

}  // namespace softmax
}  // namespace pynn
