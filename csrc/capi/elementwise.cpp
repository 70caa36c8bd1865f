// Argument checks of pynn/elementwise.h.
#include "pynn/elementwise.h"

#include "capi/check.h"
#include "kernels/elementwise/elementwise.h"

namespace {

using namespace pynn;
using elementwise::Strided;

pynn_status check_op(int op, int count) {
  if (op >= 0 && op < count) return PYNN_OK;
  return fail(PYNN_INVALID, "unknown operation %d: expected 0 to %d", op, count - 1);
}

pynn_status check_flat(int op, int count, int64_t n, bool pointers) {
  if (pynn_status status = check_op(op, count)) return status;
  if (n < 0) return fail(PYNN_INVALID, "number of elements is %lld: expected 0 or more", (long long)n);
  if (n > 0 && !pointers)
    return fail(PYNN_INVALID, "null pointer for an array of %lld elements", (long long)n);
  return PYNN_OK;
}

pynn_status check_dtype(const pynn_array* x, const char* name, const pynn_array* out) {
  if (x->dtype != PYNN_FLOAT32 && x->dtype != PYNN_FLOAT64) {
    return fail(PYNN_UNSUPPORTED, "%s is %s: expected float32 or float64", name, dtype_name(x->dtype));
  }
  if (x->dtype != out->dtype) {
    return fail(PYNN_UNSUPPORTED, "%s is %s and out is %s: expected the same dtype", name,
                dtype_name(x->dtype), dtype_name(out->dtype));
  }
  return PYNN_OK;
}

pynn_status check_out(const pynn_array* out) {
  if (pynn_status status = check_array(out, "out")) return status;
  return check_output(out, "out");
}

void take_out(const pynn_array* out, Strided* arrays, int slot) {
  arrays->ndim = out->ndim;
  for (int i = 0; i < out->ndim; ++i) arrays->shape[i] = out->shape[i];
  copy_strides(out, arrays->strides[slot]);
  arrays->data[slot] = static_cast<char*>(out->data);
}

template <class T>
const T* data_of(const pynn_array* array) {
  return static_cast<const T*>(array->data);
}

template <class T>
pynn_status unary(pynn_unary_op op, const pynn_array* x, T alpha, T beta, pynn_array* out) {
  const int64_t n = element_count(out);
  if (n == 0) return PYNN_OK;
  if (is_contiguous(x) && is_contiguous(out)) {
    elementwise::unary_contiguous(op, n, data_of<T>(x), alpha, beta, static_cast<T*>(out->data));
    return PYNN_OK;
  }
  Strided arrays;
  take_out(out, &arrays, 1);
  copy_strides(x, arrays.strides[0]);
  arrays.data[0] = static_cast<char*>(x->data);
  elementwise::unary_strided(op, arrays, alpha, beta);
  return PYNN_OK;
}

// `array` as out's shape by NumPy's rules: stride 0 where it has size 1 or no dimension.
pynn_status broadcast(const pynn_array* array, const char* name, const pynn_array* out, Strided* arrays,
                      int slot) {
  int64_t own[PYNN_MAX_DIMS];
  copy_strides(array, own);
  const int missing = out->ndim - array->ndim;
  bool fits = missing >= 0;
  for (int i = 0; fits && i < out->ndim; ++i) {
    const int64_t size = i < missing ? 1 : array->shape[i - missing];
    fits = size == out->shape[i] || size == 1;
    arrays->strides[slot][i] = size == 1 ? 0 : own[i - missing];
  }
  if (!fits) {
    return fail(PYNN_INVALID, "%s has shape %s, which does not broadcast to out's shape %s", name,
                ShapeText(array).text, ShapeText(out).text);
  }
  arrays->data[slot] = static_cast<char*>(array->data);
  return PYNN_OK;
}

template <class T>
pynn_status binary(pynn_binary_op op, const pynn_array* a, const pynn_array* b, T alpha, T beta,
                   pynn_array* out) {
  const int64_t n = element_count(out);
  if (same_shape(a, out) && same_shape(b, out) && is_contiguous(a) && is_contiguous(b) &&
      is_contiguous(out)) {
    if (n > 0) {
      elementwise::binary_contiguous(op, n, data_of<T>(a), data_of<T>(b), alpha, beta,
                                     static_cast<T*>(out->data));
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

}  // namespace

extern "C" {

pynn_status pynn_unary(pynn_unary_op op, const pynn_array* x, double alpha, double beta, pynn_array* out) {
  if (pynn_status status = check_op(int(op), PYNN_UNARY_COUNT)) return status;
  if (pynn_status status = check_array(x, "x")) return status;
  if (pynn_status status = check_out(out)) return status;
  if (pynn_status status = check_dtype(x, "x", out)) return status;
  if (pynn_status status = check_same_shape(x, "x", out, "out")) return status;
  if (out->dtype == PYNN_FLOAT64) return unary<double>(op, x, alpha, beta, out);
  return unary<float>(op, x, float(alpha), float(beta), out);
}

pynn_status pynn_binary(pynn_binary_op op, const pynn_array* a, const pynn_array* b, double alpha,
                        double beta, pynn_array* out) {
  if (pynn_status status = check_op(int(op), PYNN_BINARY_COUNT)) return status;
  if (pynn_status status = check_array(a, "a")) return status;
  if (pynn_status status = check_array(b, "b")) return status;
  if (pynn_status status = check_out(out)) return status;
  if (pynn_status status = check_dtype(a, "a", out)) return status;
  if (pynn_status status = check_dtype(b, "b", out)) return status;
  if (out->dtype == PYNN_FLOAT64) return binary<double>(op, a, b, alpha, beta, out);
  return binary<float>(op, a, b, float(alpha), float(beta), out);
}

pynn_status pynn_unary_f32(pynn_unary_op op, int64_t n, const float* x, float alpha, float beta, float* out) {
  if (__builtin_expect(unsigned(op) >= PYNN_UNARY_COUNT || n <= 0 || x == nullptr || out == nullptr, 0)) {
    return check_flat(int(op), PYNN_UNARY_COUNT, n, x != nullptr && out != nullptr);
  }
  elementwise::unary_contiguous(op, n, x, alpha, beta, out);
  return PYNN_OK;
}

pynn_status pynn_binary_f32(pynn_binary_op op, int64_t n, const float* a, const float* b, float alpha,
                            float beta, float* out) {
  if (__builtin_expect(
          unsigned(op) >= PYNN_BINARY_COUNT || n <= 0 || a == nullptr || b == nullptr || out == nullptr, 0)) {
    return check_flat(int(op), PYNN_BINARY_COUNT, n, a != nullptr && b != nullptr && out != nullptr);
  }
  elementwise::binary_contiguous(op, n, a, b, alpha, beta, out);
  return PYNN_OK;
}

}  // extern "C"
