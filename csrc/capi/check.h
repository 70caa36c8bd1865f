// What the C entry points check arrays with. Messages name the argument, what was received and what was
// expected.
#pragma once
#include <cstdio>

#include "base/status.h"
#include "pynn/pynn.h"

namespace pynn {

inline const char* dtype_name(int dtype) {
  static const char* const names[] = {"bool",  "uint8",   "int8",     "int16",   "int32",
                                      "int64", "float16", "bfloat16", "float32", "float64"};
  return dtype >= 0 && dtype < int(sizeof names / sizeof *names) ? names[dtype] : "unknown";
}

inline int64_t dtype_size(int dtype) {
  static const int8_t sizes[] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
  return dtype >= 0 && dtype < int(sizeof sizes) ? sizes[dtype] : 0;
}

// "(2, 3)" for messages.
struct ShapeText {
  char text[160];
  explicit ShapeText(const pynn_array* array) : ShapeText(array->shape, array->ndim) {}
  ShapeText(const int64_t* shape, int ndim) {
    int used = std::snprintf(text, sizeof text, "(");
    for (int i = 0; i < ndim && used < int(sizeof text) - 32; ++i) {
      used += std::snprintf(text + used, sizeof text - size_t(used), i == 0 ? "%lld" : ", %lld",
                            (long long)shape[i]);
    }
    std::snprintf(text + used, sizeof text - size_t(used), ndim == 1 ? ",)" : ")");
  }
};

inline int64_t element_count(const pynn_array* array) {
  int64_t count = 1;
  for (int i = 0; i < array->ndim; ++i) count *= array->shape[i];
  return count;
}

inline bool is_contiguous(const pynn_array* array) {
  int64_t next = dtype_size(array->dtype);
  for (int i = array->ndim - 1; array->strides != nullptr && i >= 0; --i) {
    if (array->strides[i] != next && array->shape[i] != 1) return false;
    next *= array->shape[i];
  }
  return true;
}

inline bool same_shape(const pynn_array* a, const pynn_array* b) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; ++i) {
    if (a->shape[i] != b->shape[i]) return false;
  }
  return true;
}

// Byte strides of `array`, C-contiguous ones where it has none.
inline void copy_strides(const pynn_array* array, int64_t* strides) {
  int64_t next = dtype_size(array->dtype);
  for (int i = array->ndim - 1; i >= 0; --i) {
    strides[i] = array->strides != nullptr ? array->strides[i] : next;
    next *= array->shape[i];
  }
}

// Pointers, dimensions, sizes and a known dtype.
inline pynn_status check_array(const pynn_array* array, const char* name) {
  if (array == nullptr) return fail(PYNN_INVALID, "%s is a null pointer: expected an array", name);
  if (array->ndim < 0 || array->ndim > PYNN_MAX_DIMS) {
    return fail(PYNN_INVALID, "%s has %d dimensions: expected 0 to %d", name, array->ndim, PYNN_MAX_DIMS);
  }
  if (array->ndim > 0 && array->shape == nullptr) {
    return fail(PYNN_INVALID, "%s has %d dimensions and no shape", name, array->ndim);
  }
  if (dtype_size(array->dtype) == 0) {
    return fail(PYNN_INVALID, "%s has dtype number %d: expected a pynn_dtype", name, array->dtype);
  }
  int64_t count = 1;
  bool empty = false;
  for (int i = 0; i < array->ndim; ++i) {
    if (array->shape[i] < 0) {
      return fail(PYNN_INVALID, "%s has size %lld in dimension %d: expected 0 or more", name,
                  (long long)array->shape[i], i);
    }
    if (array->shape[i] == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, array->shape[i], &count)) {
      return fail(PYNN_INVALID, "%s has more elements than memory can hold", name);
    }
  }
  if (!empty && array->data == nullptr) return fail(PYNN_INVALID, "%s has no data: expected a pointer", name);
  return PYNN_OK;
}

inline pynn_status check_same_shape(const pynn_array* a, const char* a_name, const pynn_array* b,
                                    const char* b_name) {
  if (same_shape(a, b)) return PYNN_OK;
  return fail(PYNN_INVALID, "%s has shape %s: expected %s's shape %s", a_name, ShapeText(a).text, b_name,
              ShapeText(b).text);
}

// An output must not write one place twice.
inline pynn_status check_output(const pynn_array* out, const char* name) {
  for (int i = 0; out->strides != nullptr && i < out->ndim; ++i) {
    if (out->strides[i] == 0 && out->shape[i] > 1) {
      return fail(PYNN_INVALID,
                  "%s has stride 0 over %lld elements in dimension %d: expected distinct elements", name,
                  (long long)out->shape[i], i);
    }
  }
  return PYNN_OK;
}

}  // namespace pynn
