// Argument checks of pynn/reduction.h.
#include "kernels/reduction/reduction.h"

#include "base/status.h"
#include "pynn/reduction.h"

namespace {

using namespace pynn;

pynn_status check(int64_t n, bool pointers) {
  if (n < 0) return fail(PYNN_INVALID, "number of elements is %lld: expected 0 or more", (long long)n);
  if (n > 0 && !pointers)
    return fail(PYNN_INVALID, "null pointer for an array of %lld elements", (long long)n);
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_sum_f32(int64_t n, const float* x, double* out) {
  if (pynn_status status = check(n, x != nullptr)) return status;
  if (out == nullptr) return fail(PYNN_INVALID, "out is a null pointer");
  *out = reduction::sum(n, x);
  return PYNN_OK;
}

pynn_status pynn_squared_error_f32(int64_t n, const float* x, const float* y, double* out) {
  if (pynn_status status = check(n, x != nullptr && y != nullptr)) return status;
  if (out == nullptr) return fail(PYNN_INVALID, "out is a null pointer");
  *out = reduction::squared_error(n, x, y);
  return PYNN_OK;
}

pynn_status pynn_scaled_difference_f32(int64_t n, const float* x, const float* y, float scale, float* out) {
  if (pynn_status status = check(n, x != nullptr && y != nullptr && out != nullptr)) return status;
  reduction::scaled_difference(n, x, y, scale, out);
  return PYNN_OK;
}

}  // extern "C"
