// The loss kernels of one ISA.
#pragma once
#include "kernels/loss/classes.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace loss {

// In the order of pynn_loss_kind.
template <class T>
constexpr ::pynn::loss::Kernels<T> kernels() {
  return {{elementwise<Squared, T>(), elementwise<Absolute, T>(), elementwise<SmoothAbsolute, T>(),
           elementwise<Huber, T>(), elementwise<BinaryCrossEntropy, T>(),
           elementwise<BinaryCrossEntropyLogits, T>(), elementwise<Divergence, T>(),
           elementwise<LogDivergence, T>(), elementwise<PoissonLog, T>(), elementwise<Poisson, T>(),
           elementwise<Hinge, T>(), elementwise<SoftMargin, T>()},
          {&plane_losses<T>, &plane_gradient<T>},
          {&row_losses<T>, &row_gradient<T>}};
}

extern const ::pynn::loss::Table table;
const ::pynn::loss::Table table = {PYNN_ISA_NAME, kernels<float>(), kernels<double>()};

}  // namespace loss
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
