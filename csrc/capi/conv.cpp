// Argument checks of pynn/conv.h.
#include "kernels/conv/conv.h"

#include "capi/arrays.h"

namespace {

using namespace pynn::capi;
using pynn::fail;
using pynn::conv::Shape;
using pynn::conv::View;

// Up to three numbers for a message: "(1, 2)".
ShapeText text(const pynn_conv& conv, const int64_t* values) { return ShapeText(conv.dims, values); }

pynn_status check_parameters(const char* function, const pynn_conv* conv) {
  if (conv == nullptr)
    return fail(PYNN_INVALID, "%s: conv is a null pointer: expected its parameters", function);
  if (conv->dims < 1 || conv->dims > 3) {
    return fail(PYNN_INVALID, "%s: dims is %d: expected 1, 2 or 3 spatial dimensions", function,
                int(conv->dims));
  }
  const struct {
    const char* name;
    const int64_t* values;
    int64_t least;
  } rules[] = {{"stride", conv->stride, 1},
               {"dilation", conv->dilation, 1},
               {"pad_before", conv->pad_before, 0},
               {"pad_after", conv->pad_after, -INT32_MAX}};
  for (const auto& rule : rules) {
    for (int d = 0; d < conv->dims; ++d) {
      if (rule.values[d] < rule.least || rule.values[d] > INT32_MAX) {
        return fail(PYNN_INVALID, "%s: %s is %s: expected %lld to %d", function, rule.name,
                    text(*conv, rule.values).c_str(), (long long)rule.least, INT32_MAX);
      }
    }
  }
  if (conv->groups < 1) {
    return fail(PYNN_INVALID, "%s: groups is %lld: expected 1 or more", function, (long long)conv->groups);
  }
  return PYNN_OK;
}

// Pixels from a kernel's first to its last.
int64_t extent(int64_t dilation, int64_t kernel) {
  int64_t pixels;
  return __builtin_mul_overflow(dilation, kernel - 1, &pixels) ? INT64_MAX : pixels + 1;
}

// x, w, y by their role: the gradients have the shapes of what they are gradients of. written: which of
// them (0, 1, 2) is the output; the weight is contiguous either way.
pynn_status check_conv(const char* function, const pynn_conv* conv, const char* const* names,
                       const pynn_array* x, const pynn_array* w, const pynn_array* y, int written, Shape* s) {
  pynn_status status;
  if ((status = check_parameters(function, conv)) != PYNN_OK) return status;
  const pynn_array* const arrays[] = {x, w, y};
  const int dims = conv->dims, ndim = dims + 2;
  for (int i = 0; i < 3; ++i) {
    if ((status = check_array(function, names[i], arrays[i], ndim, ndim)) != PYNN_OK) return status;
  }
  if ((status = check_float_dtypes(function, names, arrays)) != PYNN_OK) return status;
  for (int i = 0; i < 3; ++i) {
    if ((i == 1 || i == written) && (status = check_contiguous(function, names[i], *arrays[i])) != PYNN_OK) {
      return status;
    }
  }
  s->images = x->shape[0];
  s->channels = x->shape[1];
  s->filters = w->shape[0];
  s->groups = conv->groups;
  for (int d = 0; d < 3; ++d) {
    const int from = d - (3 - dims);
    s->in[d] = from < 0 ? 1 : x->shape[2 + from];
    s->kernel[d] = from < 0 ? 1 : w->shape[2 + from];
    s->stride[d] = from < 0 ? 1 : conv->stride[from];
    s->before[d] = from < 0 ? 0 : conv->pad_before[from];
    s->dilation[d] = from < 0 ? 1 : conv->dilation[from];
    s->out[d] = 1;
  }
  if (s->channels % conv->groups != 0 || s->filters % conv->groups != 0 ||
      w->shape[1] != s->channels / conv->groups) {
    return fail(
        PYNN_INVALID,
        "%s: %s has shape %s and %s %s with groups %lld: expected %s of shape (filters, channels / groups, "
        "kernel ...) with channels and filters multiples of groups",
        function, names[0], ShapeText(*x).c_str(), names[1], ShapeText(*w).c_str(), (long long)conv->groups,
        names[1]);
  }
  int64_t expected[5] = {s->images, s->filters}, padded[3], reach[3];
  bool fits = true;
  for (int d = 0; d < dims; ++d) {
    if (w->shape[2 + d] < 1) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: a kernel cannot be empty", function, names[1],
                  ShapeText(*w).c_str());
    }
    padded[d] = x->shape[2 + d] + conv->pad_before[d] + conv->pad_after[d];
    reach[d] = extent(conv->dilation[d], w->shape[2 + d]);
    fits = fits && reach[d] <= padded[d];
  }
  if (!fits) {
    return fail(
        PYNN_INVALID,
        "%s: the kernel covers %s pixels (%s %s, dilation %s) but the padded input has only %s (%s %s): "
        "expected an input at least as large",
        function, text(*conv, reach).c_str(), names[1], ShapeText(*w).c_str(),
        text(*conv, conv->dilation).c_str(), text(*conv, padded).c_str(), names[0], ShapeText(*x).c_str());
  }
  for (int d = 0; d < dims; ++d) {
    expected[2 + d] = s->out[3 - dims + d] = (padded[d] - reach[d]) / conv->stride[d] + 1;
  }
  for (int i = 0; i < ndim; ++i) {
    if (y->shape[i] != expected[i]) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: expected %s", function, names[2], ShapeText(*y).c_str(),
                  ShapeText(ndim, expected).c_str());
    }
  }
  return PYNN_OK;
}

template <class T>
bool view(const pynn_array& x, View<T>* v) {
  int64_t steps[5];
  if (!element_strides(x, steps)) return false;
  const int dims = x.ndim - 2;
  v->data = static_cast<const T*>(x.data);
  v->image = steps[0];
  v->channel = steps[1];
  for (int d = 0; d < 3; ++d) v->at[d] = d < 3 - dims ? 0 : steps[2 + d - (3 - dims)];
  return true;
}

pynn_status odd_strides(const char* function, const char* name) {
  return fail(PYNN_UNSUPPORTED, "%s: %s has strides that are no multiples of its element size", function,
              name);
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

template <class T>
pynn_status forward(const Shape& s, const pynn_array& x, const pynn_array& w, const pynn_array* bias,
                    pynn_activation act, pynn_array* y) {
  View<T> in;
  if (!view(x, &in)) return odd_strides("conv", "x");
  return pynn::conv::forward<T>(s, in, data<T>(&w), bias ? data<T>(bias) : nullptr, act, data<T>(y));
}

template <class T>
pynn_status backward_data(const Shape& s, const pynn_array& dy, const pynn_array& w, const pynn_array* bias,
                          pynn_activation act, double beta, pynn_array* dx) {
  View<T> in;
  if (!view(dy, &in)) return odd_strides("conv_backward_data", "dy");
  return pynn::conv::backward_data<T>(s, in, data<T>(&w), bias ? data<T>(bias) : nullptr, act, T(beta),
                                      data<T>(dx));
}

template <class T>
pynn_status backward_weight(const Shape& s, const pynn_array& x, const pynn_array& dy, double beta,
                            pynn_array* dw) {
  View<T> in, out;
  if (!view(x, &in)) return odd_strides("conv_backward_weight", "x");
  if (!view(dy, &out)) return odd_strides("conv_backward_weight", "dy");
  return pynn::conv::backward_weight<T>(s, in, out, T(beta), data<T>(dw));
}

// x (N, C, *in) and its columns y (N, C * prod(kernel), prod(out)).
pynn_status check_columns(const char* function, const pynn_conv* conv, const int64_t* kernel,
                          const pynn_array* x, const pynn_array* y, Shape* s) {
  pynn_status status;
  if ((status = check_parameters(function, conv)) != PYNN_OK) return status;
  const int dims = conv->dims;
  if (kernel == nullptr)
    return fail(PYNN_INVALID, "%s: kernel is a null pointer: expected its sizes", function);
  if ((status = check_array(function, "x", x, dims + 2, dims + 2)) != PYNN_OK) return status;
  if ((status = check_array(function, "y", y, 3, 3)) != PYNN_OK) return status;
  const char* const names[] = {"x", "y", nullptr};
  const pynn_array* const arrays[] = {x, y};
  if ((status = check_float_dtypes(function, names, arrays)) != PYNN_OK) return status;
  if ((status = check_contiguous(function, "y", *y)) != PYNN_OK) return status;
  s->images = x->shape[0];
  s->channels = s->filters = x->shape[1];
  s->groups = 1;
  for (int d = 0; d < 3; ++d) {
    const int from = d - (3 - dims);
    s->in[d] = from < 0 ? 1 : x->shape[2 + from];
    s->kernel[d] = from < 0 ? 1 : kernel[from];
    s->stride[d] = from < 0 ? 1 : conv->stride[from];
    s->before[d] = from < 0 ? 0 : conv->pad_before[from];
    s->dilation[d] = from < 0 ? 1 : conv->dilation[from];
    const int64_t padded = s->in[d] + s->before[d] + (from < 0 ? 0 : conv->pad_after[from]);
    if (s->kernel[d] < 1 || s->kernel[d] > INT32_MAX || extent(s->dilation[d], s->kernel[d]) > padded) {
      return fail(PYNN_INVALID, "%s: the kernel %s (dilation %s) does not fit into the padded input, x %s",
                  function, text(*conv, kernel).c_str(), text(*conv, conv->dilation).c_str(),
                  ShapeText(*x).c_str());
    }
    s->out[d] = (padded - extent(s->dilation[d], s->kernel[d])) / s->stride[d] + 1;
  }
  const int64_t expected[] = {s->images, s->channels * s->taps(), s->out_size()};
  for (int i = 0; i < 3; ++i) {
    if (y->shape[i] != expected[i]) {
      return fail(PYNN_INVALID, "%s: y has shape %s: expected %s", function, ShapeText(*y).c_str(),
                  ShapeText(3, expected).c_str());
    }
  }
  return PYNN_OK;
}

template <class T>
pynn_status unfold(const Shape& s, const pynn_array& x, pynn_array* y) {
  View<T> in;
  if (!view(x, &in)) return odd_strides("unfold", "x");
  if (in.at[2] > 1 || in.at[2] < 0) {
    return fail(PYNN_UNSUPPORTED, "unfold: the rows of x %s are not contiguous", ShapeText(x).c_str());
  }
  return pynn::conv::unfold<T>(s, in, data<T>(y));
}

}  // namespace

extern "C" {

const char* pynn_conv_get_algo(void) { return pynn::conv::algorithm_name(pynn::conv::algorithm()); }

pynn_status pynn_conv_set_algo(const char* name) {
  pynn::conv::Algorithm algorithm;
  if (!pynn::conv::find_algorithm(name, &algorithm)) {
    return fail(PYNN_INVALID, "unknown way to convolve '%.32s': expected 'auto', 'direct' or 'winograd'",
                name == nullptr ? "(null)" : name);
  }
  pynn::conv::set_algorithm(algorithm);
  return PYNN_OK;
}

pynn_status pynn_unfold(const pynn_conv* conv, const int64_t* kernel, const pynn_array* x, pynn_array* y) {
  Shape s;
  const pynn_status status = check_columns("unfold", conv, kernel, x, y, &s);
  if (status != PYNN_OK) return status;
  return is_float32(*x) ? unfold<float>(s, *x, y) : unfold<double>(s, *x, y);
}

pynn_status pynn_fold(const pynn_conv* conv, const int64_t* kernel, const pynn_array* y, pynn_array* x) {
  Shape s;
  pynn_status status;
  if ((status = check_columns("fold", conv, kernel, x, y, &s)) != PYNN_OK) return status;
  if ((status = check_contiguous("fold", "x", *x)) != PYNN_OK) return status;
  return is_float32(*x) ? pynn::conv::fold<float>(s, data<float>(y), data<float>(x))
                        : pynn::conv::fold<double>(s, data<double>(y), data<double>(x));
}

pynn_status pynn_conv_forward(const pynn_conv* conv, const pynn_array* x, const pynn_array* w,
                              const pynn_array* bias, pynn_activation act, pynn_array* y) {
  const char* const names[] = {"x", "w", "y", nullptr};
  Shape s;
  pynn_status status;
  if ((status = check_conv("conv", conv, names, x, w, y, 2, &s)) != PYNN_OK) return status;
  if (bias != nullptr && (status = check_bias("conv", "bias", bias, x->dtype, s.filters)) != PYNN_OK)
    return status;
  if ((status = check_activation("conv", act)) != PYNN_OK) return status;
  return is_float32(*x) ? forward<float>(s, *x, *w, bias, act, y) : forward<double>(s, *x, *w, bias, act, y);
}

pynn_status pynn_conv_backward_data(const pynn_conv* conv, const pynn_array* dy, const pynn_array* w,
                                    const pynn_array* bias, pynn_activation act, double beta,
                                    pynn_array* dx) {
  const char function[] = "conv_backward_data";
  const char* const names[] = {"dx", "w", "dy", nullptr};
  Shape s;
  pynn_status status;
  if ((status = check_conv(function, conv, names, dx, w, dy, 0, &s)) != PYNN_OK) return status;
  if (bias != nullptr && (status = check_bias(function, "bias", bias, dx->dtype, s.channels)) != PYNN_OK)
    return status;
  if ((status = check_activation(function, act)) != PYNN_OK) return status;
  return is_float32(*dx) ? backward_data<float>(s, *dy, *w, bias, act, beta, dx)
                         : backward_data<double>(s, *dy, *w, bias, act, beta, dx);
}

pynn_status pynn_conv_backward_weight(const pynn_conv* conv, const pynn_array* x, const pynn_array* dy,
                                      double beta, pynn_array* dw) {
  const char* const names[] = {"x", "dw", "dy", nullptr};
  Shape s;
  const pynn_status status = check_conv("conv_backward_weight", conv, names, x, dw, dy, 1, &s);
  if (status != PYNN_OK) return status;
  return is_float32(*x) ? backward_weight<float>(s, *x, *dy, beta, dw)
                        : backward_weight<double>(s, *x, *dy, beta, dw);
}

pynn_status pynn_conv_backward_bias(const pynn_array* dy, double beta, pynn_array* db) {
  const char function[] = "conv_backward_bias";
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
