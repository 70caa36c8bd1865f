// Argument checks of pynn/half.h.
#include "pynn/half.h"

#include "base/isa.h"
#include "capi/arrays.h"
#include "kernels/half/half.h"

namespace {

using namespace pynn;
using namespace pynn::capi;

const char kConvert[] = "convert_half";

pynn_status check_flat(const char* function, int op, int count, int dtype, int64_t n, bool pointers) {
  if (op < 0 || op >= count) {
    return fail(PYNN_INVALID, "%s: unknown operation %d: expected 0 to %d", function, op, count - 1);
  }
  if (!half::is_half(dtype)) {
    return fail(PYNN_UNSUPPORTED, "%s: dtype is %s: expected bfloat16 or float16", function,
                dtype_name(dtype));
  }
  if (n < 0) {
    return fail(PYNN_INVALID, "%s: number of elements is %lld: expected 0 or more", function, (long long)n);
  }
  if (n > 0 && !pointers) {
    return fail(PYNN_INVALID, "%s: null pointer for an array of %lld elements", function, (long long)n);
  }
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_convert_half(const pynn_array* x, pynn_array* out) {
  if (pynn_status status = check_array(kConvert, "x", x)) return status;
  if (pynn_status status = check_array(kConvert, "out", out)) return status;
  if (pynn_status status = check_output(kConvert, "out", *out)) return status;
  const bool widens = half::is_half(x->dtype) && out->dtype == PYNN_FLOAT32;
  const bool narrows = x->dtype == PYNN_FLOAT32 && half::is_half(out->dtype);
  if (!widens && !narrows) {
    return fail(PYNN_UNSUPPORTED, "%s: x is %s and out is %s: expected float32 and a 16-bit float", kConvert,
                dtype_name(x->dtype), dtype_name(out->dtype));
  }
  if (!same_shape(*x, *out)) {
    return fail(PYNN_INVALID, "%s: x has shape %s: expected out's shape %s", kConvert, ShapeText(*x).c_str(),
                ShapeText(*out).c_str());
  }
  half::convert(*x, *out);
  return PYNN_OK;
}

pynn_status pynn_unary_half(int op, int dtype, int64_t n, const void* x, float alpha, float beta, void* out) {
  if (pynn_status status =
          check_flat("unary_half", op, PYNN_UNARY_COUNT, dtype, n, x != nullptr && out != nullptr)) {
    return status;
  }
  half::unary(pynn_unary_op(op), dtype, n, static_cast<const uint16_t*>(x), alpha, beta,
              static_cast<uint16_t*>(out));
  return PYNN_OK;
}

pynn_status pynn_binary_half(int op, int dtype, int64_t n, const void* a, const void* b, float alpha,
                             float beta, void* out) {
  if (pynn_status status = check_flat("binary_half", op, PYNN_BINARY_COUNT, dtype, n,
                                      a != nullptr && b != nullptr && out != nullptr)) {
    return status;
  }
  half::binary(pynn_binary_op(op), dtype, n, static_cast<const uint16_t*>(a), static_cast<const uint16_t*>(b),
               alpha, beta, static_cast<uint16_t*>(out));
  return PYNN_OK;
}

pynn_status pynn_binary_half_scalar(int op, int dtype, int64_t n, const void* x, float value, int value_first,
                                    void* out) {
  if (pynn_status status =
          check_flat("binary_half_scalar", op, PYNN_BINARY_COUNT, dtype, n, x != nullptr && out != nullptr)) {
    return status;
  }
  half::binary_scalar(pynn_binary_op(op), dtype, n, static_cast<const uint16_t*>(x), value, value_first != 0,
                      static_cast<uint16_t*>(out));
  return PYNN_OK;
}

int pynn_bf16_native(void) { return has_bf16_dot(); }

}  // extern "C"
