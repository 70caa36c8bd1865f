// What the entry points check their arrays with: every message says which function and argument, what was
// received and what was expected.
#pragma once
#include <cstdint>

#include "base/status.h"
#include "pynn/pynn.h"

namespace pynn {
namespace capi {

// A shape for a message: "(2, 3)".
class ShapeText {
 public:
  explicit ShapeText(const pynn_array& x) : ShapeText(x.ndim, x.shape) {}
  ShapeText(int ndim, const int64_t* shape);
  const char* c_str() const { return text_; }

 private:
  char text_[256];
};

const char* dtype_name(int dtype);  // "unknown" for a number that is no pynn_dtype
int64_t dtype_size(int dtype);      // 0 for the same
inline bool is_float32(const pynn_array& x) { return x.dtype == PYNN_FLOAT32; }

int64_t element_count(const pynn_array& x);
bool is_contiguous(const pynn_array& x);
bool same_shape(const pynn_array& a, const pynn_array& b);

// Strides in bytes, C-contiguous ones where x has none.
void byte_strides(const pynn_array& x, int64_t* out);
// Strides in elements; false when one is no multiple of the element size. Dimensions of one element, whose
// stride means nothing, get 0.
bool element_strides(const pynn_array& x, int64_t* out);

template <class T>
const T* data(const pynn_array* x) {
  return static_cast<const T*>(x->data);
}
template <class T>
T* data(pynn_array* x) {
  return static_cast<T*>(x->data);
}

// Pointers, rank, sizes and a known dtype. All else here takes arrays that passed this.
pynn_status check_array(const char* function, const char* name, const pynn_array* x, int least_ndim = 0,
                        int most_ndim = PYNN_MAX_DIMS);
// float32 or float64, and the same for all; names and arrays end with a nullptr name, and an array may be
// nullptr.
pynn_status check_float_dtypes(const char* function, const char* const* names,
                               const pynn_array* const* arrays);
// Contiguous; `layout` is put behind the word in the message.
pynn_status check_contiguous(const char* function, const char* name, const pynn_array& x,
                             const char* layout = "");
// An output must not write one place twice.
pynn_status check_output(const char* function, const char* name, const pynn_array& x);
pynn_status check_activation(const char* function, pynn_activation act);

inline pynn_status check_pointer(const char* function, const char* name, const void* pointer, bool needed = true) {
  if (pointer != nullptr || !needed) return PYNN_OK;
  return fail(PYNN_INVALID, "%s: %s is a null pointer", function, name);
}

}  // namespace capi
}  // namespace pynn
