// Argument checks of pynn/elementwise.h.
#include "pynn/elementwise.h"

#include "capi/arrays.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/half/half.h"

namespace {

using namespace pynn;
using namespace pynn::capi;
using elementwise::Strided;

const char kUnary[] = "unary";
const char kBinary[] = "binary";

pynn_status check_op(const char* function, int op, int count) {
  if (op >= 0 && op < count) return PYNN_OK;
  return fail(PYNN_INVALID, "%s: unknown operation %d: expected 0 to %d", function, op, count - 1);
}

pynn_status check_flat(const char* function, int op, int count, int64_t n, bool pointers) {
  if (pynn_status status = check_op(function, op, count)) return status;
  if (n < 0) {
    return fail(PYNN_INVALID, "%s: number of elements is %lld: expected 0 or more", function, (long long)n);
  }
  if (n > 0 && !pointers) {
    return fail(PYNN_INVALID, "%s: null pointer for an array of %lld elements", function, (long long)n);
  }
  return PYNN_OK;
}

void take_out(const pynn_array* out, Strided* arrays, int slot) {
  arrays->ndim = out->ndim;
  for (int i = 0; i < out->ndim; ++i) arrays->shape[i] = out->shape[i];
  byte_strides(*out, arrays->strides[slot]);
  arrays->data[slot] = static_cast<char*>(out->data);
}

template <class T>
pynn_status unary(pynn_unary_op op, const pynn_array* x, T alpha, T beta, pynn_array* out) {
  const int64_t n = element_count(*out);
  if (n == 0) return PYNN_OK;
  if (is_contiguous(*x) && is_contiguous(*out)) {
    elementwise::unary_contiguous(op, n, data<T>(x), alpha, beta, data<T>(out));
    return PYNN_OK;
  }
  Strided arrays;
  take_out(out, &arrays, 1);
  byte_strides(*x, arrays.strides[0]);
  arrays.data[0] = static_cast<char*>(x->data);
  elementwise::unary_strided(op, arrays, alpha, beta);
  return PYNN_OK;
}

// `array` as out's shape by NumPy's rules: stride 0 where it has size 1 or no dimension.
pynn_status broadcast(const pynn_array* array, const char* name, const pynn_array* out, Strided* arrays,
                      int slot) {
  int64_t own[PYNN_MAX_DIMS];
  byte_strides(*array, own);
  const int missing = out->ndim - array->ndim;
  bool fits = missing >= 0;
  for (int i = 0; fits && i < out->ndim; ++i) {
    const int64_t size = i < missing ? 1 : array->shape[i - missing];
    fits = size == out->shape[i] || size == 1;
    arrays->strides[slot][i] = size == 1 ? 0 : own[i - missing];
  }
  if (!fits) {
    return fail(PYNN_INVALID, "binary: %s has shape %s, which does not broadcast to out's shape %s", name,
                ShapeText(*array).c_str(), ShapeText(*out).c_str());
  }
  arrays->data[slot] = static_cast<char*>(array->data);
  return PYNN_OK;
}

template <class T>
pynn_status binary(pynn_binary_op op, const pynn_array* a, const pynn_array* b, T alpha, T beta,
                   pynn_array* out) {
  const int64_t n = element_count(*out);
  if (same_shape(*a, *out) && same_shape(*b, *out) && is_contiguous(*a) && is_contiguous(*b) &&
      is_contiguous(*out)) {
    if (n > 0) {
      elementwise::binary_contiguous(op, n, data<T>(a), data<T>(b), alpha, beta, data<T>(out));
    }
    return PYNN_OK;
  }
  Strided arrays;
  take_out(out, &arrays, 2);
  if (pynn_status status = broadcast(a, "a", out, &arrays, 0)) return status;
  if (pynn_status status = broadcast(b, "b", out, &arrays, 1)) return status;
  if (n > 0) elementwise::binary_strided(op, arrays, alpha, beta);
  return PYNN_OK;
}

// 16-bit floats have kernels for contiguous arrays of one shape; an operand of one element counts as a
// number.
const char kDense[] = "%s: arrays of %s must be contiguous and of one shape: convert them to float32 first";

pynn_status unary_half(pynn_unary_op op, const pynn_array* x, double alpha, double beta, pynn_array* out) {
  if (x->dtype != out->dtype || !is_contiguous(*x) || !is_contiguous(*out)) {
    return fail(PYNN_UNSUPPORTED, kDense, kUnary, dtype_name(out->dtype));
  }
  half::unary(op, out->dtype, element_count(*out), data<uint16_t>(x), float(alpha), float(beta),
              data<uint16_t>(out));
  return PYNN_OK;
}

pynn_status binary_half(pynn_binary_op op, const pynn_array* a, const pynn_array* b, double alpha,
                        double beta, pynn_array* out) {
  const bool fits = a->dtype == out->dtype && b->dtype == out->dtype && is_contiguous(*out);
  if (!fits || !same_shape(*a, *out) || !same_shape(*b, *out) || !is_contiguous(*a) || !is_contiguous(*b)) {
    return fail(PYNN_UNSUPPORTED, kDense, kBinary, dtype_name(out->dtype));
  }
  half::binary(op, out->dtype, element_count(*out), data<uint16_t>(a), data<uint16_t>(b), float(alpha),
               float(beta), data<uint16_t>(out));
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_unary(pynn_unary_op op, const pynn_array* x, double alpha, double beta, pynn_array* out) {
  if (pynn_status status = check_op(kUnary, int(op), PYNN_UNARY_COUNT)) return status;
  if (pynn_status status = check_array(kUnary, "x", x)) return status;
  if (pynn_status status = check_array(kUnary, "out", out)) return status;
  if (pynn_status status = check_output(kUnary, "out", *out)) return status;
  if (!same_shape(*x, *out)) {
    return fail(PYNN_INVALID, "unary: x has shape %s: expected out's shape %s", ShapeText(*x).c_str(),
                ShapeText(*out).c_str());
  }
  if (half::is_half(out->dtype)) return unary_half(op, x, alpha, beta, out);
  const char* const names[] = {"x", "out", nullptr};
  const pynn_array* const arrays[] = {x, out};
  if (pynn_status status = check_float_dtypes(kUnary, names, arrays)) return status;
  if (is_float32(*out)) return unary<float>(op, x, float(alpha), float(beta), out);
  return unary<double>(op, x, alpha, beta, out);
}

pynn_status pynn_binary(pynn_binary_op op, const pynn_array* a, const pynn_array* b, double alpha,
                        double beta, pynn_array* out) {
  if (pynn_status status = check_op(kBinary, int(op), PYNN_BINARY_COUNT)) return status;
  if (pynn_status status = check_array(kBinary, "a", a)) return status;
  if (pynn_status status = check_array(kBinary, "b", b)) return status;
  if (pynn_status status = check_array(kBinary, "out", out)) return status;
  if (pynn_status status = check_output(kBinary, "out", *out)) return status;
  if (half::is_half(out->dtype)) return binary_half(op, a, b, alpha, beta, out);
  const char* const names[] = {"a", "b", "out", nullptr};
  const pynn_array* const arrays[] = {a, b, out};
  if (pynn_status status = check_float_dtypes(kBinary, names, arrays)) return status;
  if (is_float32(*out)) return binary<float>(op, a, b, float(alpha), float(beta), out);
  return binary<double>(op, a, b, alpha, beta, out);
}

pynn_status pynn_unary_f32(pynn_unary_op op, int64_t n, const float* x, float alpha, float beta, float* out) {
  if (__builtin_expect(unsigned(op) >= PYNN_UNARY_COUNT || n <= 0 || x == nullptr || out == nullptr, 0)) {
    return check_flat(kUnary, int(op), PYNN_UNARY_COUNT, n, x != nullptr && out != nullptr);
  }
  elementwise::unary_contiguous(op, n, x, alpha, beta, out);
  return PYNN_OK;
}

pynn_status pynn_binary_f32(pynn_binary_op op, int64_t n, const float* a, const float* b, float alpha,
                            float beta, float* out) {
  if (__builtin_expect(
          unsigned(op) >= PYNN_BINARY_COUNT || n <= 0 || a == nullptr || b == nullptr || out == nullptr, 0)) {
    return check_flat(kBinary, int(op), PYNN_BINARY_COUNT, n, a != nullptr && b != nullptr && out != nullptr);
  }
  elementwise::binary_contiguous(op, n, a, b, alpha, beta, out);
  return PYNN_OK;
}

}  // extern "C"
