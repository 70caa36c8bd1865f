// The table of a family whose kernels exist for both element types.
#pragma once

namespace pynn {

template <template <class> class Kernels>
struct FloatTable {
  const char* isa;
  Kernels<float> f32;
  Kernels<double> f64;

  template <class T>
  const Kernels<T>& of() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return f32;
    } else {
      return f64;
    }
  }
};

}  // namespace pynn
