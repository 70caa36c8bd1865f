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

void run_forward(bool log, int64_t rows, int64_t cols, Rows x, OutRows out) {
  const auto kernel = table().forward[log];
  parallel_ranges(rows, rows_of(cols),
                  [&](int64_t first, int64_t last) { kernel(first, last, cols, x, out); });
}

void run_backward(bool log, int64_t rows, int64_t cols, Rows grad, Rows y, OutRows dx) {
  const auto kernel = table().backward[log];
  parallel_ranges(rows, rows_of(cols),
                  [&](int64_t first, int64_t last) { kernel(first, last, cols, grad, y, dx); });
}

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
