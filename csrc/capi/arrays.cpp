#include "capi/arrays.h"

#include <cstdio>

namespace pynn {
namespace capi {
namespace {

struct Dtype {
  const char* name;
  int64_t size;
};
const Dtype dtypes[] = {{"bool", 1},  {"uint8", 1},   {"int8", 1},     {"int16", 2},   {"int32", 4},
                        {"int64", 8}, {"float16", 2}, {"bfloat16", 2}, {"float32", 4}, {"float64", 8}};
constexpr int kDtypes = int(sizeof dtypes / sizeof *dtypes);

}  // namespace

ShapeText::ShapeText(int ndim, const int64_t* shape) {
  constexpr size_t kRoom = 32;  // for one more size, or for what says that there are more
  size_t used = size_t(snprintf(text_, sizeof text_, "("));
  for (int i = 0; i < ndim; ++i) {
    if (used + kRoom > sizeof text_) {
      used += size_t(snprintf(text_ + used, sizeof text_ - used, ", ..."));
      break;
    }
    used += size_t(snprintf(text_ + used, sizeof text_ - used, i ? ", %lld" : "%lld", (long long)shape[i]));
  }
  snprintf(text_ + used, sizeof text_ - used, ndim == 1 ? ",)" : ")");
}

const char* dtype_name(int dtype) { return unsigned(dtype) < kDtypes ? dtypes[dtype].name : "unknown"; }

int64_t dtype_size(int dtype) { return unsigned(dtype) < kDtypes ? dtypes[dtype].size : 0; }

int64_t element_count(const pynn_array& x) {
  int64_t n = 1;
  for (int i = 0; i < x.ndim; ++i) {
    if (x.shape[i] == 0) return 0;  // before a product of the others can overflow
  }
  for (int i = 0; i < x.ndim; ++i) n *= x.shape[i];
  return n;
}

bool is_contiguous(const pynn_array& x) {
  if (x.strides == nullptr || element_count(x) == 0) return true;
  int64_t dense = dtype_size(x.dtype);
  for (int i = x.ndim - 1; i >= 0; --i) {
    if (x.shape[i] > 1 && x.strides[i] != dense) return false;
    dense *= x.shape[i];
  }
  return true;
}

bool same_shape(const pynn_array& a, const pynn_array& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i) {
    if (a.shape[i] != b.shape[i]) return false;
  }
  return true;
}

void byte_strides(const pynn_array& x, int64_t* out) {
  int64_t dense = dtype_size(x.dtype);
  for (int i = x.ndim - 1; i >= 0; --i) {
    out[i] = x.strides != nullptr ? x.strides[i] : dense;
    dense *= x.shape[i] > 0 ? x.shape[i] : 1;
  }
}

bool element_strides(const pynn_array& x, int64_t* out) {
  const int64_t size = dtype_size(x.dtype);
  byte_strides(x, out);
  for (int i = 0; i < x.ndim; ++i) {
    if (x.shape[i] <= 1) {
      out[i] = 0;
    } else {
      if (out[i] % size != 0) return false;
      out[i] /= size;
    }
  }
  return true;
}

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
  int64_t bytes = dtype_size(x->dtype);
  if (bytes == 0) {
    return fail(PYNN_INVALID, "%s: %s has dtype number %d: expected a pynn_dtype, 0 to %d", function, name,
                int(x->dtype), kDtypes - 1);
  }
  bool empty = false;
  for (int i = 0; i < x->ndim; ++i) {
    const int64_t size = x->shape[i];
    if (size < 0) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: sizes cannot be negative", function, name,
                  ShapeText(*x).c_str());
    }
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, size, &bytes)) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: more than memory can hold", function, name,
                  ShapeText(*x).c_str());
    }
  }
  if (!empty && x->data == nullptr) {
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
                dtype_name(dtype));
  }
  for (int i = 1; names[i] != nullptr; ++i) {
    if (arrays[i] != nullptr && arrays[i]->dtype != dtype) {
      return fail(PYNN_UNSUPPORTED, "%s: %s is %s but %s is %s: expected the same dtype", function, names[0],
                  dtype_name(dtype), names[i], dtype_name(arrays[i]->dtype));
    }
  }
  return PYNN_OK;
}

pynn_status check_contiguous(const char* function, const char* name, const pynn_array& x,
                             const char* layout) {
  if (is_contiguous(x)) return PYNN_OK;
  return fail(PYNN_UNSUPPORTED, "%s: %s is not contiguous%s: make it so first", function, name, layout);
}

pynn_status check_output(const char* function, const char* name, const pynn_array& x) {
  for (int i = 0; x.strides != nullptr && i < x.ndim; ++i) {
    if (x.strides[i] == 0 && x.shape[i] > 1) {
      return fail(PYNN_INVALID,
                  "%s: %s has stride 0 over %lld elements in dimension %d: expected distinct elements",
                  function, name, (long long)x.shape[i], i);
    }
  }
  return PYNN_OK;
}

pynn_status check_activation(const char* function, pynn_activation act) {
  if (unsigned(act) < PYNN_ACT_COUNT) return PYNN_OK;
  return fail(PYNN_INVALID, "%s: unknown activation %d: expected 0 to %d", function, int(act),
              PYNN_ACT_COUNT - 1);
}

}  // namespace capi
}  // namespace pynn
