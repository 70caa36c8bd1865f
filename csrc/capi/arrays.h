// What argument checks share: shapes as text, strides in elements.
#pragma once
#include <cstdint>
#include <cstdio>

#include "pynn/pynn.h"

namespace pynn {
namespace capi {

// A shape for a message: "(2, 3)".
class ShapeText {
 public:
  explicit ShapeText(const pynn_array& x) { write(x.ndim, x.shape); }
  ShapeText(int ndim, const int64_t* shape) { write(ndim, shape); }
  const char* c_str() const { return text_; }

 private:
  void write(int ndim, const int64_t* shape) {
    size_t used = size_t(snprintf(text_, sizeof text_, "("));
    for (int i = 0; i < ndim && used < sizeof text_ - 24; ++i) {
      used += size_t(snprintf(text_ + used, sizeof text_ - used, i ? ", %lld" : "%lld", (long long)shape[i]));
    }
    snprintf(text_ + used, sizeof text_ - used, ndim == 1 ? ",)" : ")");
  }
  char text_[256];
};

inline const char* dtype_text(int dtype) {
  static const char* const names[] = {"bool",  "uint8",   "int8",     "int16",   "int32",
                                      "int64", "float16", "bfloat16", "float32", "float64"};
  return dtype >= 0 && dtype < 10 ? names[dtype] : "unknown";
}

inline int64_t element_count(const pynn_array& x) {
  int64_t n = 1;
  for (int i = 0; i < x.ndim; ++i) n *= x.shape[i];
  return n;
}

// Strides in elements; false when one is no multiple of the element size. Dimensions of one
// element, whose stride means nothing, get 0.
inline bool element_strides(const pynn_array& x, int64_t element_size, int64_t* out) {
  int64_t dense = 1;
  for (int i = x.ndim - 1; i >= 0; --i) {
    if (x.strides == nullptr) {
      out[i] = dense;
      dense *= x.shape[i];
    } else {
      if (x.strides[i] % element_size != 0 && x.shape[i] > 1) return false;
      out[i] = x.strides[i] / element_size;
    }
    if (x.shape[i] <= 1) out[i] = 0;
  }
  return true;
}

inline bool is_contiguous(const pynn_array& x, int64_t element_size) {
  if (x.strides == nullptr || element_count(x) == 0) return true;
  int64_t dense = element_size;
  for (int i = x.ndim - 1; i >= 0; --i) {
    if (x.shape[i] > 1 && x.strides[i] != dense) return false;
    dense *= x.shape[i];
  }
  return true;
}

// Null pointers, rank, negative sizes, missing data.
pynn_status check_array(const char* function, const char* name, const pynn_array* x, int least_ndim,
                        int most_ndim);
// float32 or float64, and the same for all; names and arrays end with a nullptr name.
pynn_status check_float_dtypes(const char* function, const char* const* names,
                               const pynn_array* const* arrays);

}  // namespace capi
}  // namespace pynn
