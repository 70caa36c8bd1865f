// Argument checks of pynn/copy.h.
#include "kernels/copy/copy.h"

#include "capi/arrays.h"
#include "pynn/copy.h"

using namespace pynn;
using namespace pynn::capi;

extern "C" pynn_status pynn_copy(const pynn_array* x, pynn_array* out) {
  const char* function = "pynn_copy";
  if (pynn_status status = check_array(function, "x", x)) return status;
  if (pynn_status status = check_array(function, "out", out)) return status;
  if (x->dtype != out->dtype || !same_shape(*x, *out)) {
    return fail(PYNN_INVALID, "%s: out is %s of shape %s: expected what x is, %s of shape %s", function,
                dtype_name(out->dtype), ShapeText(*out).c_str(), dtype_name(x->dtype), ShapeText(*x).c_str());
  }
  if (pynn_status status = check_contiguous(function, "out", *out)) return status;
  if (element_count(*x) == 0) return PYNN_OK;
  int64_t strides[PYNN_MAX_DIMS];
  byte_strides(*x, strides);
  copy::run(x->ndim, x->shape, strides, dtype_size(x->dtype), data<char>(x), data<char>(out));
  return PYNN_OK;
}

extern "C" pynn_status pynn_join(int64_t rows, int64_t parts, const void* const* x, const int64_t* bytes,
                                 const int64_t* steps, void* out) {
  const char* function = "pynn_join";
  if (rows < 0 || parts < 0) {
    return fail(PYNN_INVALID, "%s: %lld rows of %lld parts: expected no negative number", function, (long long)rows,
                (long long)parts);
  }
  if (rows == 0 || parts == 0) return PYNN_OK;
  int64_t width = 0;
  for (int64_t i = 0; i < parts; ++i) {
    if (bytes[i] < 0) {
      return fail(PYNN_INVALID, "%s: part %lld has rows of %lld bytes: expected no negative number", function,
                  (long long)i, (long long)bytes[i]);
    }
    if (pynn_status status = check_pointer(function, "x", x[i], bytes[i] > 0)) return status;
    width += bytes[i];
  }
  if (width == 0) return PYNN_OK;
  if (pynn_status status = check_pointer(function, "out", out)) return status;
  copy::join(rows, parts, reinterpret_cast<const char* const*>(x), bytes, steps, static_cast<char*>(out));
  return PYNN_OK;
}
