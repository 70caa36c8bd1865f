// Argument checks of pynn/softmax.h.
#include "kernels/softmax/softmax.h"

#include "base/arena.h"
#include "base/status.h"
#include "pynn/softmax.h"

namespace {

using namespace pynn;

pynn_status check_sizes(int64_t rows, int64_t cols) {
  if (rows < 0 || cols < 0) {
    return fail(PYNN_INVALID, "matrix is %lld x %lld: expected sizes of 0 or more", (long long)rows,
                (long long)cols);
  }
  return PYNN_OK;
}

pynn_status check_pointer(const void* pointer, const char* name) {
  return pointer != nullptr ? PYNN_OK : fail(PYNN_INVALID, "%s is a null pointer", name);
}

pynn_status forward(bool log, int64_t rows, int64_t cols, const float* x, int64_t x_stride, float* out,
                    int64_t out_stride) {
  if (pynn_status status = check_sizes(rows, cols)) return status;
  if (rows == 0 || cols == 0) return PYNN_OK;
  if (pynn_status status = check_pointer(x, "x")) return status;
  if (pynn_status status = check_pointer(out, "out")) return status;
  softmax::run_forward(log, rows, cols, {x, x_stride}, {out, out_stride});
  return PYNN_OK;
}

pynn_status backward(bool log, int64_t rows, int64_t cols, const float* grad, int64_t grad_stride,
                     const float* y, int64_t y_stride, float* dx, int64_t dx_stride) {
  if (pynn_status status = check_sizes(rows, cols)) return status;
  if (rows == 0 || cols == 0) return PYNN_OK;
  if (pynn_status status = check_pointer(grad, "grad")) return status;
  if (pynn_status status = check_pointer(y, "y")) return status;
  if (pynn_status status = check_pointer(dx, "dx")) return status;
  softmax::run_backward(log, rows, cols, {grad, grad_stride}, {y, y_stride}, {dx, dx_stride});
  return PYNN_OK;
}

pynn_status check_loss(const pynn_cross_entropy* args) {
  if (pynn_status status = check_pointer(args, "args")) return status;
  if (pynn_status status = check_sizes(args->rows, args->cols)) return status;
  if (args->rows == 0) return PYNN_OK;
  if (args->cols == 0) return fail(PYNN_INVALID, "cross-entropy over 0 classes: expected at least 1");
  if (pynn_status status = check_pointer(args->x, "x")) return status;
  if (pynn_status status = check_pointer(args->target, "target")) return status;
  if (!(args->label_smoothing >= 0 && args->label_smoothing <= 1)) {
    return fail(PYNN_INVALID, "label_smoothing is %g: expected 0 to 1", double(args->label_smoothing));
  }
  for (int64_t r = 0; r < args->rows; ++r) {
    const int64_t target = args->target[r];
    if (uint64_t(target) >= uint64_t(args->cols) && target != args->ignore_index) {
      return fail(PYNN_INVALID,
                  "target is %lld at row %lld: expected a class from 0 to %lld (%lld classes) or "
                  "ignore_index %lld",
                  (long long)target, (long long)r, (long long)args->cols - 1, (long long)args->cols,
                  (long long)args->ignore_index);
    }
  }
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_softmax_f32(int64_t rows, int64_t cols, const float* x, int64_t x_stride, float* out,
                             int64_t out_stride) {
  return forward(false, rows, cols, x, x_stride, out, out_stride);
}

pynn_status pynn_log_softmax_f32(int64_t rows, int64_t cols, const float* x, int64_t x_stride, float* out,
                                 int64_t out_stride) {
  return forward(true, rows, cols, x, x_stride, out, out_stride);
}

pynn_status pynn_softmax_backward_f32(int64_t rows, int64_t cols, const float* grad, int64_t grad_stride,
                                      const float* y, int64_t y_stride, float* dx, int64_t dx_stride) {
  return backward(false, rows, cols, grad, grad_stride, y, y_stride, dx, dx_stride);
}

pynn_status pynn_log_softmax_backward_f32(int64_t rows, int64_t cols, const float* grad, int64_t grad_stride,
                                          const float* y, int64_t y_stride, float* dx, int64_t dx_stride) {
  return backward(true, rows, cols, grad, grad_stride, y, y_stride, dx, dx_stride);
}

pynn_status pynn_cross_entropy_f32(const pynn_cross_entropy* args, float* loss, float* stats) {
  if (pynn_status status = check_loss(args)) return status;
  if (args->rows == 0) return PYNN_OK;
  if (pynn_status status = check_pointer(loss, "loss")) return status;
  if (pynn_status status = check_pointer(stats, "stats")) return status;
  softmax::run_loss(*args, loss, stats);
  return PYNN_OK;
}

pynn_status pynn_cross_entropy_mean_f32(const pynn_cross_entropy* args, float* loss, float* total,
                                        float* stats) {
  if (pynn_status status = check_loss(args)) return status;
  if (pynn_status status = check_pointer(loss, "loss")) return status;
  if (pynn_status status = check_pointer(total, "total")) return status;
  double sum = 0, weights = 0;
  if (args->rows > 0) {
    if (pynn_status status = check_pointer(stats, "stats")) return status;
    Scratch each(size_t(args->rows) * sizeof(float));
    if (!each) return fail(PYNN_NO_MEMORY, "no memory for the losses of %lld rows", (long long)args->rows);
    softmax::run_loss(*args, each.as<float>(), stats);
    for (int64_t r = 0; r < args->rows; ++r) {
      const int64_t target = args->target[r];
      if (target == args->ignore_index) continue;
      sum += double(each.as<float>()[r]);
      weights += args->weight != nullptr ? double(args->weight[target]) : 1.0;
    }
  }
  *total = float(weights);
  *loss = float(sum / weights);  // 0 / 0, no row that counts, is NaN as in torch
  return PYNN_OK;
}

pynn_status pynn_cross_entropy_backward_f32(const pynn_cross_entropy* args, const float* stats,
                                            const float* grad, int64_t grad_stride, const float* divisor,
                                            float* dx, int64_t dx_stride) {
  if (pynn_status status = check_loss(args)) return status;
  if (args->rows == 0) return PYNN_OK;
  if (pynn_status status = check_pointer(stats, "stats")) return status;
  if (pynn_status status = check_pointer(grad, "grad")) return status;
  if (pynn_status status = check_pointer(dx, "dx")) return status;
  softmax::run_loss_backward({args,
                              stats,
                              grad,
                              grad_stride,
                              divisor != nullptr ? *divisor : 1.0f,
                              softmax::total_weight(*args),
                              {dx, dx_stride}});
  return PYNN_OK;
}

}  // extern "C"
