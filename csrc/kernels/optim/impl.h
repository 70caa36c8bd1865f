// Optimizer steps of one ISA, in torch's order of operations: a += b * c is one fma there and here.
#pragma once
#include "kernels/optim/optim.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace optim {

using namespace ::pynn::optim;

typedef Vec<float> V;

struct Whole {
  static PYNN_INLINE V get(const float* p) { return load(p); }
  static PYNN_INLINE void put(float* p, V x) { store(p, x); }
};
struct Part {
  int n;
  PYNN_INLINE V get(const float* p) const { return load_n(p, n); }
  PYNN_INLINE void put(float* p, V x) const { store_n(p, x, n); }
};

// body(access, i) for every vector of elements first <= i < last.
template <class Body>
PYNN_INLINE void each_vector(int64_t first, int64_t last, const Body& body) {
  int64_t i = first;
  for (; i + V::lanes <= last; i += V::lanes) body(Whole(), i);
  if (i < last) body(Part{int(last - i)}, i);
}

// a + weight * (b - a), from whichever end is nearer, as torch's lerp.
PYNN_INLINE V lerp(V a, V b, float weight) {
  return weight < 0.5f ? fma(set1(weight), b - a, a) : fma(b - a, set1(weight - 1), b);
}

template <bool kDecayed, int kMode>
void sgd(const Job& job, int64_t first, int64_t last) {
  const auto& o = job.sgd;
  const V sign = set1(job.sign), decay = set1(o.decay), momentum = set1(o.momentum), keep = set1(o.keep),
          lr = set1(-o.lr);
  each_vector(first, last, [&](auto access, int64_t i) __attribute__((always_inline)) {
    const V p = access.get(job.param + i);
    V g = access.get(job.grad + i) * sign;
    if (kDecayed) g = fma(decay, p, g);
    if (kMode != kPlain) {
      V buffer = g;
      if (kMode == kMomentum || kMode == kNesterov)
        buffer = fma(keep, g, access.get(job.states[0] + i) * momentum);
      access.put(job.states[0] + i, buffer);
      g = kMode == kNesterov || kMode == kFirstNesterov ? fma(momentum, buffer, g) : buffer;
    }
    access.put(job.param + i, fma(lr, g, p));
  });
}

template <int kDecay, bool kAmsgrad>
void adam(const Job& job, int64_t first, int64_t last) {
  const auto& o = job.adam;
  const V sign = set1(job.sign), decay = set1(o.decay), beta2 = set1(o.beta2), weight2 = set1(o.weight2);
  const V inverse_root2 = set1(o.inverse_root2), eps = set1(o.eps), step = set1(-o.step);
  each_vector(first, last, [&](auto access, int64_t i) __attribute__((always_inline)) {
    V p = access.get(job.param + i), g = access.get(job.grad + i) * sign;
    if (kDecay == kDecoupled) p = p * decay;
    if (kDecay == kCoupled) g = fma(decay, p, g);
    const V mean = lerp(access.get(job.states[0] + i), g, o.weight1);
    const V square = fma(weight2 * g, g, access.get(job.states[1] + i) * beta2);
    access.put(job.states[0] + i, mean);
    access.put(job.states[1] + i, square);
    V most = square;
    if (kAmsgrad) {
      const V before = access.get(job.states[2] + i);
      most = select(before != before, before, max(before, square));  // NaN stays
      access.put(job.states[2] + i, most);
    }
    const V denominator = sqrt(most) * inverse_root2 + eps;
    access.put(job.param + i, p + step * mean / denominator);
  });
}

template <bool kDecayed, bool kCentered, bool kWithMomentum>
void rmsprop(const Job& job, int64_t first, int64_t last) {
  const auto& o = job.rmsprop;
  const V sign = set1(job.sign), decay = set1(o.decay), alpha = set1(o.alpha), weight = set1(o.weight);
  const V eps = set1(o.eps), momentum = set1(o.momentum), lr = set1(-o.lr);
  each_vector(first, last, [&](auto access, int64_t i) __attribute__((always_inline)) {
    const V p = access.get(job.param + i);
    V g = access.get(job.grad + i) * sign;
    if (kDecayed) g = fma(decay, p, g);
    V square = fma(weight * g, g, access.get(job.states[0] + i) * alpha);
    access.put(job.states[0] + i, square);
    if (kCentered) {
      const V mean = lerp(access.get(job.states[1] + i), g, o.weight);
      access.put(job.states[1] + i, mean);
      square = fnma(mean, mean, square);
    }
    const V denominator = sqrt(square) + eps;
    if (kWithMomentum) {
      const V buffer = access.get(job.states[2] + i) * momentum + g / denominator;
      access.put(job.states[2] + i, buffer);
      access.put(job.param + i, fma(lr, buffer, p));
    } else {
      access.put(job.param + i, p + lr * g / denominator);
    }
  });
}

extern const Table table;
const Table table = {
    PYNN_ISA_NAME,
    {{&sgd<false, kPlain>, &sgd<false, kMomentum>, &sgd<false, kNesterov>, &sgd<false, kFirst>,
      &sgd<false, kFirstNesterov>},
     {&sgd<true, kPlain>, &sgd<true, kMomentum>, &sgd<true, kNesterov>, &sgd<true, kFirst>,
      &sgd<true, kFirstNesterov>}},
    {{&adam<kNone, false>, &adam<kNone, true>},
     {&adam<kCoupled, false>, &adam<kCoupled, true>},
     {&adam<kDecoupled, false>, &adam<kDecoupled, true>}},
    {{{&rmsprop<false, false, false>, &rmsprop<false, false, true>},
      {&rmsprop<false, true, false>, &rmsprop<false, true, true>}},
     {{&rmsprop<true, false, false>, &rmsprop<true, false, true>},
      {&rmsprop<true, true, false>, &rmsprop<true, true, true>}}},
};

}  // namespace optim
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
