// Argument checks of pynn/elementwise.h.
#include "kernels/elementwise/elementwise.h"

#include "base/status.h"
#include "pynn/elementwise.h"

namespace {

using pynn::fail;

pynn_status check_flat(int op, int count, int64_t n, bool pointers) {
  if (op < 0 || op >= count) return fail(PYNN_INVALID, "unknown operation %d: expected 0 to %d", op, count - 1);
  if (n < 0) return fail(PYNN_INVALID, "number of elements is %lld: expected 0 or more", (long long)n);
  if (n > 0 && !pointers) return fail(PYNN_INVALID, "null pointer for an array of %lld elements", (long long)n);
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_unary_f32(pynn_unary_op op, int64_t n, const float* x, float alpha, float beta, float* out) {
  if (__builtin_expect(unsigned(op) >= PYNN_UNARY_COUNT || n <= 0 || x == nullptr || out == nullptr, 0)) {
    return check_flat(op, PYNN_UNARY_COUNT, n, x != nullptr && out != nullptr);
  }
  pynn::elementwise::unary_contiguous(op, n, x, alpha, beta, out);
  return PYNN_OK;
}

pynn_status pynn_binary_f32(pynn_binary_op op, int64_t n, const float* a, const float* b, float alpha, float beta,
                            float* out) {
  if (__builtin_expect(unsigned(op) >= PYNN_BINARY_COUNT || n <= 0 || a == nullptr || b == nullptr || out == nullptr,
                       0)) {
    return check_flat(op, PYNN_BINARY_COUNT, n, a != nullptr && b != nullptr && out != nullptr);
  }
  pynn::elementwise::binary_contiguous(op, n, a, b, alpha, beta, out);
  return PYNN_OK;
}

}  // extern "C"
