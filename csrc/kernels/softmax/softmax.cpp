#include "kernels/softmax/softmax.h"

#include <algorithm>

#include "base/isa.h"
#include "base/pool.h"

namespace pynn {

#define PYNN_VARIANT(isa)                    \
  namespace isa {                            \
  namespace softmax {                        \
  extern const ::pynn::softmax::Table table; \
  }                                          \
  }
#include "kernels/softmax/kernels.inc"
#undef PYNN_VARIANT

namespace softmax {
namespace {

struct Tables {
  const Table* row[kIsaCount] = {};
  constexpr Tables() {
#define PYNN_VARIANT(name) row[int(Isa::name)] = &::pynn::name::softmax::table;
#include "kernels/softmax/kernels.inc"
#undef PYNN_VARIANT
  }
};
constexpr Tables tables;

// Elements a thread takes at a time, some 10 us of work.
constexpr int64_t kChunk = 24 << 10;

template <class F>
void over_rows(int64_t rows, int64_t cols, const F& f) {
  const int64_t each = std::max<int64_t>(1, kChunk / (cols + 16));
  if (rows < 2 * each) {
    f(int64_t(0), rows);
    return;
  }
  parallel((rows + each - 1) / each, [&](int64_t i) { f(i * each, std::min(rows, (i + 1) * each)); });
}

}  // namespace

const Table& table() { return *tables.row[int(active_isa())]; }

void run_forward(bool log, int64_t rows, int64_t cols, Rows x, OutRows out) {
  const auto kernel = table().forward[log];
  over_rows(rows, cols, [&](int64_t first, int64_t last) { kernel(first, last, cols, x, out); });
}

void run_backward(bool log, int64_t rows, int64_t cols, Rows grad, Rows y, OutRows dx) {
  const auto kernel = table().backward[log];
  over_rows(rows, cols, [&](int64_t first, int64_t last) { kernel(first, last, cols, grad, y, dx); });
}

void run_loss(const pynn_cross_entropy& args, float* loss, float* stats) {
  const auto kernel = table().loss;
  const float weights = total_weight(args);
  over_rows(args.rows, args.cols,
            [&](int64_t first, int64_t last) { kernel(first, last, args, weights, loss, stats); });
}

void run_loss_backward(const Backward& backward) {
  const auto kernel = table().loss_backward;
  over_rows(backward.args->rows, backward.args->cols,
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
