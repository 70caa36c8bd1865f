// Argument checks of pynn/conv.h.
#include "kernels/conv/conv.h"

#include "capi/arrays.h"

namespace {

using namespace pynn::capi;
using pynn::fail;
using pynn::conv::Shape;

pynn_status check_parameters(const char* function, const pynn_conv2d* conv) {
  if (conv == nullptr)
    return fail(PYNN_INVALID, "%s: conv is a null pointer: expected its parameters", function);
  if (conv->stride_h < 1 || conv->stride_w < 1) {
    return fail(PYNN_INVALID, "%s: stride is (%lld, %lld): expected 1 or more", function,
                (long long)conv->stride_h, (long long)conv->stride_w);
  }
  if (conv->dilation_h < 1 || conv->dilation_w < 1) {
    return fail(PYNN_INVALID, "%s: dilation is (%lld, %lld): expected 1 or more", function,
                (long long)conv->dilation_h, (long long)conv->dilation_w);
  }
  if (conv->pad_top < 0 || conv->pad_bottom < 0 || conv->pad_left < 0 || conv->pad_right < 0) {
    return fail(PYNN_INVALID,
                "%s: padding (top, bottom, left, right) is (%lld, %lld, %lld, %lld): expected 0 or more",
                function, (long long)conv->pad_top, (long long)conv->pad_bottom, (long long)conv->pad_left,
                (long long)conv->pad_right);
  }
  if (conv->groups < 1) {
    return fail(PYNN_INVALID, "%s: groups is %lld: expected 1 or more", function, (long long)conv->groups);
  }
  const int64_t values[] = {conv->stride_h, conv->stride_w,   conv->dilation_h, conv->dilation_w,
                            conv->pad_top,  conv->pad_bottom, conv->pad_left,   conv->pad_right};
  for (const int64_t value : values) {
    if (value > INT32_MAX) {
      return fail(PYNN_INVALID, "%s: a stride, dilation or padding is %lld: expected at most %d", function,
                  (long long)value, INT32_MAX);
    }
  }
  return PYNN_OK;
}

// Pixels from a kernel's first to its last.
int64_t extent(int64_t dilation, int64_t kernel) {
  int64_t pixels;
  return __builtin_mul_overflow(dilation, kernel - 1, &pixels) ? INT64_MAX : pixels + 1;
}

// x, w, y by their role: the gradients have the shapes of what they are gradients of.
pynn_status check_conv(const char* function, const pynn_conv2d* conv, const char* const* names,
                       const pynn_array* x, const pynn_array* w, const pynn_array* y, Shape* s) {
  pynn_status status;
  if ((status = check_parameters(function, conv)) != PYNN_OK) return status;
  const pynn_array* const arrays[] = {x, w, y};
  for (int i = 0; i < 3; ++i) {
    if ((status = check_array(function, names[i], arrays[i], 4, 4)) != PYNN_OK) return status;
  }
  if ((status = check_float_dtypes(function, names, arrays)) != PYNN_OK) return status;
  for (int i = 0; i < 3; ++i) {
    if ((status = check_contiguous(function, names[i], *arrays[i], " (NCHW)")) != PYNN_OK) return status;
  }
  s->conv = *conv;
  s->images = x->shape[0];
  s->channels = x->shape[1];
  s->height = x->shape[2];
  s->width = x->shape[3];
  s->filters = w->shape[0];
  s->kernel_h = w->shape[2];
  s->kernel_w = w->shape[3];
  if (s->channels % conv->groups != 0 || s->filters % conv->groups != 0 ||
      w->shape[1] != s->channels / conv->groups) {
    return fail(
        PYNN_INVALID,
        "%s: %s has shape %s and %s %s with groups %lld: expected %s of shape (filters, channels / groups, "
        "height, width) with channels and filters multiples of groups",
        function, names[0], ShapeText(*x).c_str(), names[1], ShapeText(*w).c_str(), (long long)conv->groups,
        names[1]);
  }
  if (s->kernel_h < 1 || s->kernel_w < 1) {
    return fail(PYNN_INVALID, "%s: %s has shape %s: a kernel cannot be empty", function, names[1],
                ShapeText(*w).c_str());
  }
  const int64_t padded_h = s->height + conv->pad_top + conv->pad_bottom;
  const int64_t padded_w = s->width + conv->pad_left + conv->pad_right;
  const int64_t extent_h = extent(conv->dilation_h, s->kernel_h),
                extent_w = extent(conv->dilation_w, s->kernel_w);
  if (extent_h > padded_h || extent_w > padded_w) {
    return fail(
        PYNN_INVALID,
        "%s: the kernel covers (%lld, %lld) pixels (%s %s, dilation (%lld, %lld)) but the padded input has "
        "only (%lld, %lld) (%s %s): expected an input at least as large",
        function, (long long)extent_h, (long long)extent_w, names[1], ShapeText(*w).c_str(),
        (long long)conv->dilation_h, (long long)conv->dilation_w, (long long)padded_h, (long long)padded_w,
        names[0], ShapeText(*x).c_str());
  }
  s->out_h = (padded_h - extent_h) / conv->stride_h + 1;
  s->out_w = (padded_w - extent_w) / conv->stride_w + 1;
  const int64_t expected[] = {s->images, s->filters, s->out_h, s->out_w};
  for (int i = 0; i < 4; ++i) {
    if (y->shape[i] != expected[i]) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: expected %s", function, names[2], ShapeText(*y).c_str(),
                  ShapeText(4, expected).c_str());
    }
  }
  return PYNN_OK;
}

pynn_status check_bias(const char* function, const char* name, const pynn_array* bias, int dtype,
                       int64_t filters) {
  const pynn_status status = check_array(function, name, bias, 1, 1);
  if (status != PYNN_OK) return status;
  if (bias->shape[0] != filters) {
    return fail(PYNN_INVALID, "%s: %s has shape %s: expected (%lld,)", function, name,
                ShapeText(*bias).c_str(), (long long)filters);
  }
  if (bias->dtype != dtype) {
    return fail(PYNN_UNSUPPORTED, "%s: %s is %s: expected %s as the other arrays", function, name,
                dtype_name(bias->dtype), dtype_name(dtype));
  }
  return check_contiguous(function, name, *bias);
}

}  // namespace

extern "C" {

pynn_status pynn_conv2d_forward(const pynn_conv2d* conv, const pynn_array* x, const pynn_array* w,
                                const pynn_array* bias, pynn_activation act, pynn_array* y) {
  const char* const names[] = {"x", "w", "y", nullptr};
  Shape s;
  pynn_status status;
  if ((status = check_conv("conv2d", conv, names, x, w, y, &s)) != PYNN_OK) return status;
  if (bias != nullptr && (status = check_bias("conv2d", "bias", bias, x->dtype, s.filters)) != PYNN_OK)
    return status;
  if ((status = check_activation("conv2d", act)) != PYNN_OK) return status;
  if (is_float32(*x)) {
    return pynn::conv::forward<float>(s, data<float>(x), data<float>(w), bias ? data<float>(bias) : nullptr,
                                      act, data<float>(y));
  }
  return pynn::conv::forward<double>(s, data<double>(x), data<double>(w), bias ? data<double>(bias) : nullptr,
                                     act, data<double>(y));
}

pynn_status pynn_conv2d_backward_data(const pynn_conv2d* conv, const pynn_array* dy, const pynn_array* w,
                                      double beta, pynn_array* dx) {
  const char* const names[] = {"dx", "w", "dy", nullptr};
  Shape s;
  const pynn_status status = check_conv("conv2d_backward_data", conv, names, dx, w, dy, &s);
  if (status != PYNN_OK) return status;
  if (is_float32(*dx)) {
    return pynn::conv::backward_data<float>(s, data<float>(dy), data<float>(w), float(beta), data<float>(dx));
  }
  return pynn::conv::backward_data<double>(s, data<double>(dy), data<double>(w), beta, data<double>(dx));
}

pynn_status pynn_conv2d_backward_weight(const pynn_conv2d* conv, const pynn_array* x, const pynn_array* dy,
                                        double beta, pynn_array* dw) {
  const char* const names[] = {"x", "dw", "dy", nullptr};
  Shape s;
  const pynn_status status = check_conv("conv2d_backward_weight", conv, names, x, dw, dy, &s);
  if (status != PYNN_OK) return status;
  if (is_float32(*x)) {
    return pynn::conv::backward_weight<float>(s, data<float>(x), data<float>(dy), float(beta),
                                              data<float>(dw));
  }
  return pynn::conv::backward_weight<double>(s, data<double>(x), data<double>(dy), beta, data<double>(dw));
}

pynn_status pynn_conv2d_backward_bias(const pynn_array* dy, double beta, pynn_array* db) {
  const char function[] = "conv2d_backward_bias";
  pynn_status status;
  if ((status = check_array(function, "dy", dy, 2)) != PYNN_OK) return status;
  const char* const names[] = {"dy", nullptr};
  if ((status = check_float_dtypes(function, names, &dy)) != PYNN_OK) return status;
  if ((status = check_contiguous(function, "dy", *dy)) != PYNN_OK) return status;
  if ((status = check_bias(function, "db", db, dy->dtype, dy->shape[1])) != PYNN_OK) return status;
  int64_t pixels = 1;
  for (int i = 2; i < dy->ndim; ++i) pixels *= dy->shape[i];
  if (is_float32(*dy)) {
    return pynn::conv::backward_bias<float>(dy->shape[0], dy->shape[1], pixels, data<float>(dy), float(beta),
                                            data<float>(db));
  }
  return pynn::conv::backward_bias<double>(dy->shape[0], dy->shape[1], pixels, data<double>(dy), beta,
                                           data<double>(db));
}

}  // extern "C"
