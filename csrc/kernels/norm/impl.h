// The normalization kernels of one ISA.
#pragma once
#include "kernels/norm/columns.h"
#include "kernels/norm/rows.h"
#include "kernels/norm/runs.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace norm {

template <class T>
constexpr Kernels<T> kernels() {
  return {&moments<T>,        &sums<T>,          &affine<T>,        &affine_each<T>,
          &gradient<T>,       &column_moments<T>, &column_sums<T>,  &column_affine<T>,
          &column_gradient<T>, {&layer<T, false>, &layer<T, true>}, {&layer_backward<T, false>, &layer_backward<T, true>}};
}

extern const ::pynn::norm::Table table;
const ::pynn::norm::Table table = {PYNN_ISA_NAME, kernels<float>(), kernels<double>()};

}  // namespace norm
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
