// The unary and binary kernels over arrays with any strides.
#include "kernels/elementwise/strided.h"

namespace pynn {
namespace elementwise {

template <class T>
void unary_strided(pynn_unary_op op, const Strided& arrays, T alpha, T beta) {
  const auto kernel = kernels<T>().unary[op];
  const int sizes[] = {sizeof(T), sizeof(T)};
  run_strided<2>(
      arrays, sizes, chunk_of(op), [](unsigned single) { return single == 0; },
      [&](int64_t n, char* const* data, unsigned) {
        kernel(n, reinterpret_cast<const T*>(data[0]), alpha, beta, reinterpret_cast<T*>(data[1]));
      });
}

template <class T>
void binary_strided(pynn_binary_op op, const Strided& arrays, T alpha, T beta) {
  const auto& variants = kernels<T>().binary[op];
  const int sizes[] = {sizeof(T), sizeof(T), sizeof(T)};
  run_strided<3>(
      arrays, sizes, chunk_of(op), [](unsigned single) { return single < 3; },
      [&](int64_t n, char* const* data, unsigned single) {
        variants[single](n, reinterpret_cast<const T*>(data[0]), reinterpret_cast<const T*>(data[1]), alpha, beta,
                         reinterpret_cast<T*>(data[2]));
      });
}

template void unary_strided(pynn_unary_op, const Strided&, float, float);
template void unary_strided(pynn_unary_op, const Strided&, double, double);
template void binary_strided(pynn_binary_op, const Strided&, float, float);
template void binary_strided(pynn_binary_op, const Strided&, double, double);

}  // namespace elementwise
}  // namespace pynn
