// Losses over classes. Each position (a sample, and a place within it) has its statistics from one pass over
// its classes: by a warp or a block where they lie together (inner == 1), else by a thread beside its
// neighbours'.
#include "cuda/math.h"
#include "cuda/rows.h"
#include "kernels/loss/cuda.h"

namespace pynn::cuda {
namespace {

// The maximum m of a position's logits, sum(exp(x - m)), and for label smoothing sum(weight) and sum(weight
// (x - m)).
template <class C>
struct Classes {
  C most, sum, weights, weighted;
  PYNN_DEVICE void add(C x, C weight) {
    if (x > most) {
      if (sum > C(0)) {
        weighted += weights * (most - x);
        sum = sum * exp(most - x);
      }
      most = x;
    }
    sum += x == most ? C(1) : exp(x - most);
    weights += weight;
    weighted += weight == C(0) || x == most ? C(0) : weight * (x - most);
  }
  static PYNN_DEVICE Classes join(const Classes& a, const Classes& b) {
    if (a.weights == C(0) && a.sum == C(0)) return b;
    if (b.weights == C(0) && b.sum == C(0)) return a;
    const C most = Largest()(a.most, b.most), down_a = a.most == most ? C(0) : a.most - most,
            down_b = b.most == most ? C(0) : b.most - most;
    return {most, a.sum * exp(down_a) + b.sum * exp(down_b), a.weights + b.weights,
            a.weighted + a.weights * down_a + b.weighted + b.weights * down_b};
  }
};

template <class T>
struct Problem {
  typedef Compute<T> C;
  int64_t samples, classes, inner;
  const T* x;
  const int64_t* target;
  const T* weight;
  int64_t ignore_index;
  C smoothing;

  PYNN_DEVICE C weight_of(int64_t k) const { return weight ? widen(weight[k]) : C(1); }
  // NaN: no class.
  PYNN_DEVICE C target_weight(int64_t target) const {
    return target >= 0 && target < classes ? weight_of(target) : C(NAN);
  }
};

// The statistics of the position whose classes start at `start`, `step` apart, by kGroup threads.
template <int kGroup, class T>
PYNN_DEVICE Classes<Compute<T>> statistics(const Problem<T>& problem, int64_t start, int64_t step,
                                           bool inside) {
  typedef Compute<T> C;
  Classes<C> own = {-C(INFINITY), C(0), C(0), C(0)};
  const int first = kGroup == 1 ? 0 : int(threadIdx.x % kGroup);
  if (inside) {
#pragma unroll 4
    for (int64_t k = first; k < problem.classes; k += kGroup)
      own.add(widen(problem.x[start + k * step]), problem.smoothing > C(0) ? problem.weight_of(k) : C(1));
  }
  if constexpr (kGroup > 1) {
    own = group_reduce<kGroup>(own, [](const auto& a, const auto& b) { return Classes<C>::join(a, b); });
  }
  return own;
}

template <int kGroup>
PYNN_DEVICE int64_t own_position() {
  return int64_t(blockIdx.x) * (kRowThreads / kGroup) + threadIdx.x / kGroup;
}

// losses[i], in the type computed in: they are added up before they are rounded.
template <class T, int kGroup>
__global__ void __launch_bounds__(kRowThreads)
    class_losses(const Problem<T> problem, Compute<T>* losses, T* out) {
  typedef Compute<T> C;
  const int64_t i = own_position<kGroup>();
  const bool inside = i < problem.samples * problem.inner;
  const int64_t start = inside ? i / problem.inner * problem.classes * problem.inner + i % problem.inner : 0;
  const Classes<C> own = statistics<kGroup>(problem, start, problem.inner, inside);
  if (!inside || (kGroup > 1 && threadIdx.x % kGroup != 0)) return;
  const int64_t target = problem.target[i];
  C value(0);
  if (target != problem.ignore_index) {
    const C weight = problem.target_weight(target);
    const C log_sum = log(own.sum);
    value = weight;  // NaN where the target is no class
    if (weight == weight) {
      value = weight * (log_sum - (widen(problem.x[start + target * problem.inner]) - own.most));
      if (problem.smoothing > C(0)) {
        value = (C(1) - problem.smoothing) * value +
                problem.smoothing / C(problem.classes) * (own.weights * log_sum - own.weighted);
      }
    }
  }
  if (losses) {
    losses[i] = value;
  } else {
    out[i] = narrow<T>(value);
  }
}

// -weight x[target] of log-probabilities.
template <class T>
__global__ void __launch_bounds__(kRowThreads)
    likelihood_losses(const Problem<T> problem, Compute<T>* losses, T* out) {
  typedef Compute<T> C;
  const int64_t i = int64_t(blockIdx.x) * kRowThreads + threadIdx.x;
  if (i >= problem.samples * problem.inner) return;
  const int64_t target = problem.target[i];
  C value(0);
  if (target != problem.ignore_index) {
    value = problem.target_weight(target);
    if (value == value) {
      const int64_t start = i / problem.inner * problem.classes * problem.inner + i % problem.inner;
      value = -value * widen(problem.x[start + target * problem.inner]);
    }
  }
  if (losses) {
    losses[i] = value;
  } else {
    out[i] = narrow<T>(value);
  }
}

// sum(losses), and sum(weight of the targets that count), what a mean divides by.
template <class T>
struct Totals {
  struct Acc {
    double loss, weight;
  };
  Problem<T> problem;
  const Compute<T>* losses;  // null: the weights alone
  T* out;
  double* divisor;  // what a mean divides by; null: not wanted
  bool mean;
  template <int N>
  struct Values {
    double loss, weight;
  };
  PYNN_DEVICE Acc start() const { return {0, 0}; }
  template <int N>
  PYNN_DEVICE Values<N> load(const int64_t (&at)[2]) const {
    const int64_t i = at[0], target = problem.target[i];
    return {losses ? double(losses[i]) : 0,
            target == problem.ignore_index ? 0 : double(problem.target_weight(target))};
  }
  template <class V>
  PYNN_DEVICE void add(Acc& sum, const V& values, int, uint32_t, uint32_t) const {
    sum.loss += values.loss;
    sum.weight += values.weight;
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return {a.loss + b.loss, a.weight + b.weight}; }
  PYNN_DEVICE void finish(const Acc& sum, int64_t, uint32_t) const {
    if (out) *out = narrow<T>(mean ? sum.loss / sum.weight : sum.loss);
    if (divisor) *divisor = sum.weight;
  }
};

// p * scale - share * weight, less hit at the target.
template <class T, int kGroup>
__global__ void __launch_bounds__(kRowThreads)
    class_gradient(const Problem<T> problem, const T* grad, int64_t grad_step, const double* divisor, T* dx) {
  typedef Compute<T> C;
  const int64_t i = own_position<kGroup>();
  const bool inside = i < problem.samples * problem.inner;
  const int64_t step = problem.inner;
  const int64_t start = inside ? i / step * problem.classes * step + i % step : 0;
  const Classes<C> own = statistics<kGroup>(problem, start, step, inside);
  if (!inside) return;
  const int64_t target = problem.target[i];
  const bool counts = target != problem.ignore_index;
  const double g = counts ? double(widen(grad[i * grad_step])) / (divisor ? *divisor : 1) : 0;
  const double smoothing = double(problem.smoothing);
  const double at_target = counts ? g * (1 - smoothing) * double(problem.target_weight(target)) : 0;
  const double each = g * smoothing / double(problem.classes);
  const C hit = C(at_target), share = C(each);
  const C scale = C(smoothing > 0 ? at_target + each * double(own.weights) : at_target);
  const C log_sum = log(own.sum);
  const int first = kGroup == 1 ? 0 : int(threadIdx.x % kGroup);
#pragma unroll 4
  for (int64_t k = first; k < problem.classes; k += kGroup) {
    const int64_t at = start + k * step;
    C value = scale == C(0) ? C(0) : exp(widen(problem.x[at]) - own.most - log_sum) * scale;
    if (problem.smoothing > C(0)) value -= share * problem.weight_of(k);
    if (k == target) value -= hit;
    dx[at] = narrow<T>(counts ? value : C(0));
  }
}

template <class T>
__global__ void __launch_bounds__(kRowThreads)
    likelihood_gradient(const Problem<T> problem, const T* grad, int64_t grad_step, const double* divisor,
                        T* dx) {
  const int64_t at = int64_t(blockIdx.x) * kRowThreads + threadIdx.x;
  if (at >= problem.samples * problem.classes * problem.inner) return;
  const int64_t sample = at / (problem.classes * problem.inner), k = at / problem.inner % problem.classes;
  const int64_t i = sample * problem.inner + at % problem.inner, target = problem.target[i];
  const bool wrong = target != problem.ignore_index && (target < 0 || target >= problem.classes);
  double value = wrong ? double(NAN) : 0;
  if (k == target && target != problem.ignore_index) {
    value = -double(problem.target_weight(target)) * double(widen(grad[i * grad_step])) /
            (divisor ? *divisor : 1);
  }
  dx[at] = narrow<T>(value);
}

int64_t positions_of(const ClassLoss& loss) { return loss.samples * loss.inner; }

// Of one array whose elements are counted, not bytes: position i is at i.
bool plan_totals(const ClassLoss& loss, Reduction* plan) {
  const int64_t n = positions_of(loss), one = 1, none = 0;
  const bool all = true;
  const int64_t* const strides[] = {&one, &one};
  const void* const data[] = {nullptr, nullptr};
  return plan_reduction(1, &n, &all, strides, 1, data, &none, 1, plan);
}

template <class T>
Problem<T> problem_of(const ClassLoss& loss) {
  return {loss.samples,      loss.classes,
          loss.inner,        static_cast<const T*>(loss.x),
          loss.target,       static_cast<const T*>(loss.weight),
          loss.ignore_index, Compute<T>(loss.smoothing)};
}

size_t rounded(size_t bytes) { return (bytes + 15) / 16 * 16; }

dim3 grid_of(int64_t threads) { return dim3(unsigned(ceil_div(threads, kRowThreads))); }

// Runs `thread`, `warp` or `block`: forms of one kernel for one, 32 and all threads of a block a position.
template <class Kernel, class... Args>
Status launch_positions(const ClassLoss& loss, Kernel thread, Kernel warp, Kernel block, cudaStream_t stream,
                        const Args&... args) {
  const int64_t n = positions_of(loss);
  const dim3 threads(kRowThreads);
  if (loss.inner > 1 || loss.classes <= 4) return launch(thread, grid_of(n), threads, 0, stream, args...);
  if (loss.classes <= kWarpRow) return launch(warp, grid_of(n * kWarpSize), threads, 0, stream, args...);
  return launch(block, dim3(unsigned(n)), threads, 0, stream, args...);
}

}  // namespace

size_t class_loss_workspace(const ClassLoss& loss) {
  Reduction plan;
  if (!plan_totals(loss, &plan)) return 0;
  return rounded(size_t(positions_of(loss)) * sizeof(double)) + rounded(sizeof(double)) +
         plan.items * sizeof(Totals<double>::Acc);
}

Status class_loss_forward(const ClassLoss& loss, void* out, void* workspace, cudaStream_t stream) {
  Reduction plan;
  if (!plan_totals(loss, &plan))
    return Status(PYNN_UNSUPPORTED, "%lld positions; 1 to 2^31 - 1", (long long)positions_of(loss));
  const bool each = loss.reduction == PYNN_LOSS_NONE;
  return dispatch_float(loss.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    typedef Compute<T> C;
    const Problem<T> problem = problem_of<T>(loss);
    C* losses = each ? nullptr : static_cast<C*>(workspace);
    T* to = static_cast<T*>(out);
    if (loss.log_probabilities) {
      PYNN_TRY(launch(&likelihood_losses<T>, grid_of(positions_of(loss)), dim3(kRowThreads), 0, stream,
                      problem, losses, to));
    } else {
      PYNN_TRY(launch_positions(loss, &class_losses<T, 1>, &class_losses<T, kWarpSize>,
                                &class_losses<T, kRowThreads>, stream, problem, losses, to));
    }
    if (each) return Status();
    char* rest = static_cast<char*>(workspace) + rounded(size_t(positions_of(loss)) * sizeof(double));
    const Totals<T> totals = {problem, losses, to, nullptr, loss.reduction == PYNN_LOSS_MEAN};
    return reduce<1>(totals, plan, rest + 16, stream);
  });
}

Status class_loss_backward(const ClassLoss& loss, const void* grad, void* dx, void* workspace,
                           cudaStream_t stream) {
  Reduction plan;
  if (!plan_totals(loss, &plan))
    return Status(PYNN_UNSUPPORTED, "%lld positions; 1 to 2^31 - 1", (long long)positions_of(loss));
  return dispatch_float(loss.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const Problem<T> problem = problem_of<T>(loss);
    double* divisor = nullptr;
    if (loss.reduction == PYNN_LOSS_MEAN) {
      divisor = static_cast<double*>(workspace);
      const Totals<T> totals = {problem, nullptr, nullptr, divisor, true};
      PYNN_TRY(reduce<1>(totals, plan, static_cast<char*>(workspace) + 16, stream));
    }
    const T* g = static_cast<const T*>(grad);
    T* to = static_cast<T*>(dx);
    const int64_t step = loss.reduction == PYNN_LOSS_NONE ? 1 : 0;
    const double* by = divisor;
    if (loss.log_probabilities) {
      return launch(&likelihood_gradient<T>, grid_of(positions_of(loss) * loss.classes), dim3(kRowThreads), 0,
                    stream, problem, g, step, by, to);
    }
    return launch_positions(loss, &class_gradient<T, 1>, &class_gradient<T, kWarpSize>,
                            &class_gradient<T, kRowThreads>, stream, problem, g, step, by, to);
  });
}

}  // namespace pynn::cuda
