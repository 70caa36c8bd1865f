#include "cuda/map.h"
#include "cuda/math.h"
#include "kernels/loss/cuda.h"
#include "kernels/loss/ops.h"

namespace pynn::cuda {
namespace {

namespace ops = device::loss;

// Calls body(Loss::Of<C>) of a kind's formulas.
template <class C, class Body>
PYNN_DEVICE C of_kind(int kind, const double* options, const Body& body) {
  switch (kind) {
    case PYNN_LOSS_MSE:
      return body(ops::Squared::Of<C>(options));
    case PYNN_LOSS_L1:
      return body(ops::Absolute::Of<C>(options));
    case PYNN_LOSS_SMOOTH_L1:
      return body(ops::SmoothAbsolute::Of<C>(options));
    case PYNN_LOSS_HUBER:
      return body(ops::Huber::Of<C>(options));
    case PYNN_LOSS_BCE:
      return body(ops::BinaryCrossEntropy::Of<C>(options));
    case PYNN_LOSS_BCE_LOGITS:
      return body(ops::BinaryCrossEntropyLogits::Of<C>(options));
    case PYNN_LOSS_KL_DIV:
      return body(ops::Divergence::Of<C>(options));
    case PYNN_LOSS_KL_DIV_LOG:
      return body(ops::LogDivergence::Of<C>(options));
    case PYNN_LOSS_POISSON_LOG:
      return body(ops::PoissonLog::Of<C>(options));
    case PYNN_LOSS_POISSON:
      return body(ops::Poisson::Of<C>(options));
    case PYNN_LOSS_HINGE:
      return body(ops::Hinge::Of<C>(options));
    case PYNN_LOSS_SOFT_MARGIN:
      return body(ops::SoftMargin::Of<C>(options));
    default:
      return C(0);
  }
}

struct Kind {
  int kind;
  double options[2];
  template <class C>
  PYNN_DEVICE_CALL C value(C x, C y) const {
    return of_kind<C>(kind, options, [&](const auto& loss) { return loss.value(x, y); });
  }
  template <class C>
  PYNN_DEVICE_CALL C by_x(C x, C y) const {
    return of_kind<C>(kind, options, [&](const auto& loss) { return loss.by_x(x, y); });
  }
  template <class C>
  PYNN_DEVICE_CALL C by_y(C x, C y) const {
    return of_kind<C>(kind, options, [&](const auto& loss) { return loss.by_y(x, y); });
  }
};

struct Value {
  Kind kind;
  template <class C>
  PYNN_DEVICE C operator()(C x, C y, C, C) const {
    return kind.value(x, y);
  }
};
struct Slope {
  Kind kind;
  bool by_target;
  template <class C>
  PYNN_DEVICE C operator()(C grad, C x, C y, C divisor, C) const {
    return (by_target ? kind.by_y(x, y) : kind.by_x(x, y)) * (grad / divisor);
  }
};

// The sum of all losses over `divisor`.
template <class T>
struct Total {
  typedef Compute<T> Acc;
  const T *x, *y;
  T* out;
  Kind kind;
  double divisor;
  template <int N>
  struct Values {
    Pack<T, N> x, y;
  };
  PYNN_DEVICE Acc start() const { return Acc(0); }
  template <int N>
  PYNN_DEVICE Values<N> load(const int64_t (&at)[2]) const {
    const int64_t i = at[0] / int64_t(sizeof(T));
    return {load_pack<T, N>(x + i), load_pack<T, N>(y + i)};
  }
  template <class V>
  PYNN_DEVICE void add(Acc& sum, const V& values, int j, uint32_t, uint32_t) const {
    sum += kind.value(widen(values.x.at[j]), widen(values.y.at[j]));
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return a + b; }
  PYNN_DEVICE void finish(const Acc& sum, int64_t, uint32_t) const { *out = narrow<T>(sum / Acc(divisor)); }
};

bool plan_total(const PairLoss& loss, Reduction* plan) {
  const int64_t item = int64_t(size_of(loss.dtype)), none = 0;
  const bool all = true;
  const int64_t* const strides[] = {&item, &item};
  const void* const data[] = {loss.x, loss.y};
  return plan_reduction(1, &loss.n, &all, strides, item, data, &none, int(16 / item), plan);
}

Operand operand(const void* data, const int64_t* stride, int dtype) {
  Operand out;
  out.data = data;
  out.strides = stride;
  out.dtype = dtype;
  return out;
}

Kind kind_of(const PairLoss& loss) { return {int(loss.kind), {loss.options[0], loss.options[1]}}; }

}  // namespace

size_t loss_workspace(const PairLoss& loss) {
  Reduction plan;
  return loss.reduction != PYNN_LOSS_NONE && plan_total(loss, &plan) ? plan.items * sizeof(double) : 0;
}

Status loss_forward(const PairLoss& loss, void* out, void* workspace, cudaStream_t stream) {
  const Kind kind = kind_of(loss);
  Reduction plan;
  if (!plan_total(loss, &plan)) return Status(PYNN_UNSUPPORTED, "%lld elements", (long long)loss.n);
  return dispatch_float(loss.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    if (loss.reduction == PYNN_LOSS_NONE) {
      const int64_t step = sizeof(T);
      const Operand operands[] = {operand(loss.x, &step, loss.dtype), operand(loss.y, &step, loss.dtype),
                                  operand(out, &step, loss.dtype)};
      return map<T, T, T, 2>(Value{kind}, Value{kind}, 1, &loss.n, operands, 0, 0, stream);
    }
    const double divisor = loss.reduction == PYNN_LOSS_MEAN ? double(loss.n) : 1;
    const Total<T> total = {static_cast<const T*>(loss.x), static_cast<const T*>(loss.y),
                            static_cast<T*>(out), kind, divisor};
    return reduce<kPack<T>>(total, plan, workspace, stream);
  });
}

Status loss_backward(const PairLoss& loss, const void* grad, void* dx, void* dy, cudaStream_t stream) {
  const Kind kind = kind_of(loss);
  const double divisor = loss.reduction == PYNN_LOSS_MEAN ? double(loss.n) : 1;
  return dispatch_float(loss.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const int64_t step = sizeof(T), same = loss.reduction == PYNN_LOSS_NONE ? step : 0;
    for (int i = 0; i < 2; ++i) {
      void* out = i == 0 ? dx : dy;
      if (!out) continue;
      const Operand operands[] = {operand(grad, &same, loss.dtype), operand(loss.x, &step, loss.dtype),
                                  operand(loss.y, &step, loss.dtype), operand(out, &step, loss.dtype)};
      const Slope slope = {kind, i == 1};
      PYNN_TRY((map<T, T, T, 3>(slope, slope, 1, &loss.n, operands, divisor, 0, stream)));
    }
    return Status();
  });
}

}  // namespace pynn::cuda
