// Argument checks of pynn/cast.h.
#include "kernels/cast/cast.h"

#include "capi/arrays.h"

using namespace pynn;
using namespace pynn::capi;

extern "C" pynn_status pynn_cast(const pynn_array* x, pynn_array* out) {
  if (pynn_status status = check_array("cast", "x", x)) return status;
  if (pynn_status status = check_array("cast", "out", out)) return status;
  const int from = cast::kind_of(x->dtype), to = cast::kind_of(out->dtype);
  if (from < 0 || to < 0) {
    return fail(PYNN_UNSUPPORTED, "cast: no kernel from %s to %s", dtype_name(x->dtype),
                dtype_name(out->dtype));
  }
  if (!same_shape(*x, *out)) {
    return fail(PYNN_INVALID, "cast: x has shape %s: expected out's shape %s", ShapeText(*x).c_str(),
                ShapeText(*out).c_str());
  }
  if (pynn_status status = check_contiguous("cast", "out", *out)) return status;
  if (element_count(*x) == 0) return PYNN_OK;
  int64_t strides[PYNN_MAX_DIMS];
  byte_strides(*x, strides);
  cast::run(from, to, dtype_size(x->dtype), dtype_size(out->dtype), x->ndim, x->shape, strides,
            static_cast<const char*>(x->data), static_cast<char*>(out->data));
  return PYNN_OK;
}
