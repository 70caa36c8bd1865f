// Argument checks of pynn/softmax.h.
#include "kernels/softmax/softmax.h"

#include "base/arena.h"
#include "base/status.h"
#include "capi/arrays.h"
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
  softmax::run_forward<float>(log ? softmax::kLogSoftmax : softmax::kSoftmax, rows, cols, {x, x_stride},
                              {out, out_stride});
  return PYNN_OK;
}

pynn_status backward(bool log, int64_t rows, int64_t cols, const float* grad, int64_t grad_stride,
                     const float* y, int64_t y_stride, float* dx, int64_t dx_stride) {
  if (pynn_status status = check_sizes(rows, cols)) return status;
  if (rows == 0 || cols == 0) return PYNN_OK;
  if (pynn_status status = check_pointer(grad, "grad")) return status;
  if (pynn_status status = check_pointer(y, "y")) return status;
  if (pynn_status status = check_pointer(dx, "dx")) return status;
  softmax::run_backward<float>(log ? softmax::kLogSoftmax : softmax::kSoftmax, rows, cols, {grad, grad_stride},
                               {y, y_stride}, {dx, dx_stride});
  return PYNN_OK;
}

// (outer, cols, inner) of x around dim.
pynn_status check_along(const char* function, pynn_softmax_op op, const pynn_array* x, int dim, int64_t* outer,
                        int64_t* cols, int64_t* inner) {
  if (unsigned(op) >= PYNN_SOFTMAX_COUNT) {
    return fail(PYNN_INVALID, "%s: unknown operation %d: expected 0 to %d", function, int(op), PYNN_SOFTMAX_COUNT - 1);
  }
  if (pynn_status status = capi::check_array(function, "x", x, 1)) return status;
  if (dim < 0 || dim >= x->ndim) {
    return fail(PYNN_INVALID, "%s: dim is %d: expected 0 to %d for shape %s", function, dim, int(x->ndim) - 1,
                capi::ShapeText(*x).c_str());
  }
  *outer = *inner = 1;
  *cols = x->shape[dim];
  for (int i = 0; i < dim; ++i) *outer *= x->shape[i];
  for (int i = dim + 1; i < x->ndim; ++i) *inner *= x->shape[i];
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

pynn_status pynn_softmax(pynn_softmax_op op, const pynn_array* x, int dim, pynn_array* out) {
  int64_t outer = 0, cols = 0, inner = 0;
  if (pynn_status status = check_along("softmax", op, x, dim, &outer, &cols, &inner)) return status;
  if (pynn_status status = capi::check_array("softmax", "out", out)) return status;
  const char* const names[] = {"x", "out", nullptr};
  const pynn_array* const arrays[] = {x, out};
  if (pynn_status status = capi::check_float_dtypes("softmax", names, arrays)) return status;
  if (pynn_status status = capi::check_contiguous("softmax", "x", *x)) return status;
  if (pynn_status status = capi::check_contiguous("softmax", "out", *out)) return status;
  const int64_t expected = op == PYNN_LOGSUMEXP ? outer * inner : outer * cols * inner;
  if (capi::element_count(*out) != expected || (op != PYNN_LOGSUMEXP && !capi::same_shape(*x, *out))) {
    return fail(PYNN_INVALID, "softmax: out has shape %s: expected %lld elements for x of shape %s",
                capi::ShapeText(*out).c_str(), (long long)expected, capi::ShapeText(*x).c_str());
  }
  if (outer == 0 || inner == 0 || (cols == 0 && op != PYNN_LOGSUMEXP)) return PYNN_OK;
  const softmax::Op which = softmax::Op(op);
  if (capi::is_float32(*x)) {
    softmax::run_along(which, outer, cols, inner, capi::data<float>(x), capi::data<float>(out));
  } else {
    softmax::run_along(which, outer, cols, inner, capi::data<double>(x), capi::data<double>(out));
  }
  return PYNN_OK;
}

pynn_status pynn_softmax_backward(pynn_softmax_op op, const pynn_array* grad, const pynn_array* y, int dim,
                                  pynn_array* dx) {
  int64_t outer = 0, cols = 0, inner = 0;
  if (pynn_status status = check_along("softmax_backward", op, y, dim, &outer, &cols, &inner)) return status;
  if (op == PYNN_LOGSUMEXP) {
    return fail(PYNN_INVALID, "softmax_backward: operation %d has no gradient here: expected 0 or 1", int(op));
  }
  const char* const names[] = {"y", "grad", "dx", nullptr};
  const pynn_array* const arrays[] = {y, grad, dx};
  for (int i = 1; i < 3; ++i) {
    if (pynn_status status = capi::check_array("softmax_backward", names[i], arrays[i])) return status;
  }
  if (pynn_status status = capi::check_float_dtypes("softmax_backward", names, arrays)) return status;
  for (int i = 0; i < 3; ++i) {
    if (!capi::same_shape(*arrays[i], *y)) {
      return fail(PYNN_INVALID, "softmax_backward: %s has shape %s: expected y's, %s", names[i],
                  capi::ShapeText(*arrays[i]).c_str(), capi::ShapeText(*y).c_str());
    }
    if (pynn_status status = capi::check_contiguous("softmax_backward", names[i], *arrays[i])) return status;
  }
  if (outer * cols * inner == 0) return PYNN_OK;
  const softmax::Op which = softmax::Op(op);
  if (capi::is_float32(*y)) {
    softmax::run_backward_along(which, outer, cols, inner, capi::data<float>(grad), capi::data<float>(y),
                                capi::data<float>(dx));
  } else {
    softmax::run_backward_along(which, outer, cols, inner, capi::data<double>(grad), capi::data<double>(y),
                                capi::data<double>(dx));
  }
  return PYNN_OK;
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
