#include "capi/arrays.h"

#include "base/status.h"

namespace pynn {
namespace capi {

pynn_status check_array(const char* function, const char* name, const pynn_array* x, int least_ndim,
                        int most_ndim) {
  if (x == nullptr) return fail(PYNN_INVALID, "%s: %s is a null pointer: expected an array", function, name);
  if (x->ndim < least_ndim || x->ndim > most_ndim) {
    if (least_ndim == most_ndim) {
      return fail(PYNN_INVALID, "%s: %s has %d dimensions: expected %d", function, name, int(x->ndim),
                  least_ndim);
    }
    return fail(PYNN_INVALID, "%s: %s has %d dimensions: expected %d to %d", function, name, int(x->ndim),
                least_ndim, most_ndim);
  }
  if (x->ndim > 0 && x->shape == nullptr) {
    return fail(PYNN_INVALID, "%s: %s has no shape (null pointer) but %d dimensions", function, name,
                int(x->ndim));
  }
  for (int i = 0; i < x->ndim; ++i) {
    if (x->shape[i] < 0) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: sizes cannot be negative", function, name,
                  ShapeText(*x).c_str());
    }
  }
  if (x->data == nullptr && element_count(*x) > 0) {
    return fail(PYNN_INVALID, "%s: %s has shape %s but no data (null pointer)", function, name,
                ShapeText(*x).c_str());
  }
  return PYNN_OK;
}

pynn_status check_float_dtypes(const char* function, const char* const* names,
                               const pynn_array* const* arrays) {
  const int dtype = arrays[0]->dtype;
  if (dtype != PYNN_FLOAT32 && dtype != PYNN_FLOAT64) {
    return fail(PYNN_UNSUPPORTED, "%s: %s is %s: float32 and float64 have kernels", function, names[0],
                dtype_text(dtype));
  }
  for (int i = 1; names[i] != nullptr; ++i) {
    if (arrays[i] != nullptr && arrays[i]->dtype != dtype) {
      return fail(PYNN_UNSUPPORTED, "%s: %s is %s but %s is %s: expected the same dtype", function, names[0],
                  dtype_text(dtype), names[i], dtype_text(arrays[i]->dtype));
    }
  }
  return PYNN_OK;
}

}  // namespace capi
}  // namespace pynn
