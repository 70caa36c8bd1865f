// What the normalizations' CUDA kernels share: sums of gradients over everything but the channels.
#pragma once
#include "cuda/reduce.h"
#include "kernels/norm/cuda.h"

namespace pynn::cuda {

// Which statistics belong to element `element` of channel `channel` of (outer, channels, inner): those of the
// channel, or of the row of `groups` a sample that the channel is in.
struct StatisticsOf {
  bool by_channel;
  Divider inner, channels_a_group;
  uint32_t groups;
#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)
  PYNN_DEVICE uint32_t at(uint32_t channel, uint32_t element) const {
    if (by_channel) return channel;
    return inner.divide(element) * groups + channels_a_group.divide(channel);
  }
#endif
};

template <class T>
struct GradientSums {
  T grad, grad_x;  // sum(g), sum(g (x - mean) rstd)
};

// Of each channel: what the gradients of weight and bias are, and (sums) what x's needs.
template <class T>
struct ParameterGradients {
  typedef GradientSums<T> Acc;
  const char *x, *grad;
  const T *mean, *spread;  // mean null: 0
  double eps;              // spread is a variance where it is not negative, else 1 / sqrt(variance + eps)
  StatisticsOf statistics;
  T *weight, *bias;
  Acc* sums;

  template <int N>
  struct Values {
    Pack<T, N> x, grad;
  };
  PYNN_DEVICE Acc start() const { return {T(0), T(0)}; }
  template <int N>
  PYNN_DEVICE Values<N> load(const int64_t (&at)[2]) const {
    return {load_pack<T, N>(reinterpret_cast<const T*>(x + at[0])),
            load_pack<T, N>(reinterpret_cast<const T*>(grad + at[1]))};
  }
  template <class V>
  PYNN_DEVICE void add(Acc& acc, const V& values, int j, uint32_t channel, uint32_t element) const {
    const uint32_t s = statistics.at(channel, element);
    const T centre = mean ? mean[s] : T(0), rstd = eps >= 0 ? T(1) / sqrt(spread[s] + T(eps)) : spread[s];
    acc.grad += values.grad.at[j];
    acc.grad_x += values.grad.at[j] * ((values.x.at[j] - centre) * rstd);
  }
  static PYNN_DEVICE Acc join(const Acc& a, const Acc& b) { return {a.grad + b.grad, a.grad_x + b.grad_x}; }
  PYNN_DEVICE void finish(const Acc& acc, int64_t at, uint32_t) const {
    if (weight) weight[at] = acc.grad_x;
    if (bias) bias[at] = acc.grad;
    if (sums) sums[at] = acc;
  }
};

// The plan of a reduction of a dense (outer, channels, inner) to its channels; false for sizes that have
// none.
inline bool plan_channels(int dtype, int64_t outer, int64_t channels, int64_t inner, const void* x,
                          const void* second, Reduction* out) {
  const int64_t item = int64_t(size_of(dtype));
  const int64_t shape[] = {outer, channels, inner}, strides[] = {channels * inner * item, inner * item, item};
  const int64_t out_strides[] = {0, 1, 0};
  const bool reduce[] = {true, false, true};
  const int64_t* const both[] = {strides, strides};
  const void* const data[] = {x, second};
  return plan_reduction(3, shape, reduce, both, item, data, out_strides, int(16 / item), out);
}

template <class Body>
Status dispatch_norm(int dtype, const Body& body) {
  if (dtype == PYNN_FLOAT32) return body(Tag<float>());
  if (dtype == PYNN_FLOAT64) return body(Tag<double>());
  return Status(PYNN_UNSUPPORTED, "no kernel for %s; float32 or float64", name_of(dtype));
}

inline size_t rounded(size_t bytes) { return (bytes + 15) / 16 * 16; }

}  // namespace pynn::cuda
