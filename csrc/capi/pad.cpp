// Argument checks of pynn/pad.h.
#include "kernels/pad/pad.h"

#include "capi/arrays.h"

namespace {

using namespace pynn::capi;
using pynn::fail;
using pynn::pad::Shape;

pynn_status check_pad(const char* function, pynn_pad_mode mode, const int64_t* before, const int64_t* after,
                      const char* const* names, const pynn_array* x, const pynn_array* y, Shape* s) {
  pynn_status status;
  if (int(mode) < 0 || int(mode) >= int(PYNN_PAD_COUNT)) {
    return fail(PYNN_INVALID, "%s: mode is %d: expected a pynn_pad_mode, 0 to %d", function, int(mode),
                int(PYNN_PAD_COUNT) - 1);
  }
  if ((status = check_array(function, names[0], x)) != PYNN_OK) return status;
  if ((status = check_array(function, names[1], y, x->ndim, x->ndim)) != PYNN_OK) return status;
  if (x->dtype != y->dtype) {
    return fail(PYNN_UNSUPPORTED, "%s: %s is %s but %s is %s: expected the same dtype", function, names[0],
                dtype_name(x->dtype), names[1], dtype_name(y->dtype));
  }
  if (x->ndim > 0 && (before == nullptr || after == nullptr)) {
    return fail(PYNN_INVALID, "%s: before or after is a null pointer: expected an amount a dimension",
                function);
  }
  s->ndim = x->ndim;
  s->element = dtype_size(x->dtype);
  s->mode = mode;
  byte_strides(*x, s->step);
  constexpr int64_t kFar = int64_t(1) << 40;
  for (int d = 0; d < x->ndim; ++d) {
    const int64_t n = x->shape[d], a = before[d], b = after[d];
    const int64_t most = mode == PYNN_PAD_REFLECT ? n - 1 : mode == PYNN_PAD_CIRCULAR ? n : kFar;
    const bool needs_edge = mode != PYNN_PAD_CONSTANT && n == 0 && (a > 0 || b > 0);
    if (a < -n || b < -n || a > most || b > most || (a < 0 && b < 0 && a + b < -n) || needs_edge) {
      return fail(PYNN_INVALID, "%s: padding (%lld, %lld) does not fit dimension %d of %s %s in mode %d",
                  function, (long long)a, (long long)b, d, names[0], ShapeText(*x).c_str(), int(mode));
    }
    s->in[d] = n;
    s->before[d] = a;
    s->out[d] = n + a + b;
    if (y->shape[d] != s->out[d]) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: expected %s %s plus its padding", function, names[1],
                  ShapeText(*y).c_str(), names[0], ShapeText(*x).c_str());
    }
  }
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_pad(pynn_pad_mode mode, const int64_t* before, const int64_t* after, const void* value,
                     const pynn_array* x, pynn_array* y) {
  const char* const names[] = {"x", "y"};
  Shape s;
  pynn_status status;
  if ((status = check_pad("pad", mode, before, after, names, x, y, &s)) != PYNN_OK) return status;
  if ((status = check_contiguous("pad", "y", *y)) != PYNN_OK) return status;
  return pynn::pad::forward(s, value, x->data, y->data);
}

pynn_status pynn_pad_backward(pynn_pad_mode mode, const int64_t* before, const int64_t* after,
                              const pynn_array* dy, pynn_array* dx) {
  const char function[] = "pad_backward";
  const char* const names[] = {"dx", "dy", nullptr};
  Shape s;
  pynn_status status;
  if ((status = check_pad(function, mode, before, after, names, dx, dy, &s)) != PYNN_OK) return status;
  if (mode == PYNN_PAD_CONSTANT) {
    return fail(PYNN_INVALID, "%s: mode is constant: pad with the amounts negated instead", function);
  }
  const pynn_array* const arrays[] = {dx, dy};
  if ((status = check_float_dtypes(function, names, arrays)) != PYNN_OK) return status;
  for (int i = 0; i < 2; ++i) {
    if ((status = check_contiguous(function, names[i], *arrays[i])) != PYNN_OK) return status;
  }
  return is_float32(*dx) ? pynn::pad::backward<float>(s, data<float>(dy), data<float>(dx))
                         : pynn::pad::backward<double>(s, data<double>(dy), data<double>(dx));
}

}  // extern "C"
