// Argument checks of pynn/triangle.h.
#include "kernels/triangle/triangle.h"

#include "capi/arrays.h"

using namespace pynn;
using namespace pynn::capi;

extern "C" pynn_status pynn_triangle(int upper, const pynn_array* x, int64_t diagonal, pynn_array* out) {
  if (pynn_status status = check_array("triangle", "x", x, 2)) return status;
  if (pynn_status status = check_array("triangle", "out", out, 2)) return status;
  if (!same_shape(*x, *out) || x->dtype != out->dtype) {
    return fail(PYNN_INVALID, "triangle: out is %s of shape %s: expected x's dtype and shape, %s of %s",
                dtype_name(out->dtype), ShapeText(*out).c_str(), dtype_name(x->dtype), ShapeText(*x).c_str());
  }
  if (pynn_status status = check_contiguous("triangle", "x", *x)) return status;
  if (pynn_status status = check_contiguous("triangle", "out", *out)) return status;
  const int64_t n = element_count(*x);
  if (n == 0) return PYNN_OK;
  const int64_t height = x->shape[x->ndim - 2], width = x->shape[x->ndim - 1];
  // What lies beyond a corner is all or nothing; the limits keep sums with it from overflowing.
  const int64_t most_up = width, most_down = -height - 1;
  const int64_t at = diagonal > most_up ? most_up : diagonal < most_down ? most_down : diagonal;
  triangle::run(upper != 0, at, n / width, height, width, dtype_size(x->dtype),
                static_cast<const char*>(x->data), static_cast<char*>(out->data));
  return PYNN_OK;
}
