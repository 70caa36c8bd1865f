// Batch normalization.
#include "kernels/norm/cuda.h"
#include "kernels/norm/cuda_shared.h"
#include "kernels/reduction/cuda.h"

namespace pynn::cuda {
namespace {

constexpr int kThreads = 256, kAhead = 4;

// y = Op(channel, x, g) over the packs of (outer, channels, inner).
template <class T>
struct Batch {
  const T *x, *grad;  // grad null: forward
  const T *mean, *var, *weight, *bias;
  const GradientSums<T>* sums;  // null: statistics were given
  T eps, elements;
  T* out;
};

template <class T>
PYNN_DEVICE T one_of(const Batch<T>& batch, uint32_t c, T x, T grad) {
  const T rstd = T(1) / sqrt(batch.var[c] + batch.eps), weight = batch.weight ? batch.weight[c] : T(1);
  if (!batch.grad) {
    const T bias = batch.bias ? batch.bias[c] : T(0);
    return (x - batch.mean[c]) * rstd * weight + bias;
  }
  if (!batch.sums) return grad * (weight * rstd);
  const GradientSums<T> sums = batch.sums[c];
  const T unit = (x - batch.mean[c]) * rstd;
  return weight * rstd * (grad - sums.grad / batch.elements - unit * (sums.grad_x / batch.elements));
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    batch_kernel(const Batch<T> batch, uint32_t packs, const Divider inner_packs, const Divider channels) {
  const uint32_t start = blockIdx.x * (kThreads * kAhead) + threadIdx.x;
  Pack<T, N> x[kAhead], grad[kAhead];
#pragma unroll
  for (int u = 0; u < kAhead; ++u) {
    const uint32_t i = start + u * kThreads;
    if (i >= packs) break;
    x[u] = load_pack<T, N>(batch.x + size_t(i) * N);
    grad[u] = batch.grad ? load_pack<T, N>(batch.grad + size_t(i) * N) : x[u];
  }
#pragma unroll
  for (int u = 0; u < kAhead; ++u) {
    const uint32_t i = start + u * kThreads;
    if (i >= packs) break;
    // Packs lie within a channel, or (inner 1) over N of them.
    const bool within = inner_packs.divisor > 0;
    const uint32_t row = within ? inner_packs.divide(i) : i * N;
    const uint32_t c = row - channels.divide(row) * channels.divisor;
    Pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) out.at[j] = one_of(batch, within ? c : c + j, x[u].at[j], grad[u].at[j]);
    store_pack<T, N>(batch.out + size_t(i) * N, out);
  }
}

template <class T>
Status run(const Channels& shape, const Batch<T>& batch, cudaStream_t stream) {
  constexpr int N = kPack<T>;
  const int64_t elements = shape.outer * shape.channels * shape.inner;
  const bool last = shape.inner == 1;
  const bool packed = (last ? shape.channels : shape.inner) % N == 0 && is_aligned(batch.x, 16) &&
                      is_aligned(batch.out, 16) && (!batch.grad || is_aligned(batch.grad, 16));
  const int width = packed ? N : 1;
  const int64_t packs = elements / width;
  if (elements >= int64_t(1) << 31) return Status(PYNN_UNSUPPORTED, "%lld elements", (long long)elements);
  Divider inner(last ? 1 : uint32_t(shape.inner / width));
  if (last) inner.divisor = 0;
  const Divider channels(uint32_t(shape.channels));
  const dim3 grid(unsigned(ceil_div(packs, kThreads * kAhead)));
  return packed ? launch(&batch_kernel<T, N>, grid, dim3(kThreads), 0, stream, batch, uint32_t(packs), inner,
                         channels)
                : launch(&batch_kernel<T, 1>, grid, dim3(kThreads), 0, stream, batch, uint32_t(packs), inner,
                         channels);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    update_kernel(int64_t channels, const T* mean, const T* var, T momentum, T correction, T* running_mean,
                  T* running_var) {
  const int64_t c = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (c >= channels) return;
  running_mean[c] = (T(1) - momentum) * running_mean[c] + momentum * mean[c];
  running_var[c] = (T(1) - momentum) * running_var[c] + momentum * (var[c] * correction);
}

// Gradients of given statistics from the sums of each channel.
template <class T>
__global__ void __launch_bounds__(kThreads)
    statistics_gradients(int64_t channels, const GradientSums<T>* sums, const T* var, const T* weight, T eps,
                         T* dmean, T* dvar) {
  const int64_t c = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (c >= channels) return;
  const T rstd = T(1) / sqrt(var[c] + eps), scale = (weight ? weight[c] : T(1)) * rstd;
  if (dmean) dmean[c] = -scale * sums[c].grad;
  if (dvar) dvar[c] = T(-0.5) * scale * rstd * sums[c].grad_x;
}

bool plan_of(const Channels& shape, const void* x, const void* second, Reduction* plan) {
  return plan_channels(shape.dtype, shape.outer, shape.channels, shape.inner, x, second, plan);
}

Status no_elements(const Channels& shape) {
  return Status(PYNN_UNSUPPORTED, "%lld x %lld x %lld elements", (long long)shape.outer,
                (long long)shape.channels, (long long)shape.inner);
}

dim3 grid_of(int64_t channels) { return dim3(unsigned(ceil_div(channels, kThreads))); }

}  // namespace

size_t batch_norm_workspace(const Channels& shape) {
  Reduction plan;
  if (!plan_of(shape, nullptr, nullptr, &plan)) return 0;
  return rounded(size_t(shape.channels) * sizeof(GradientSums<double>)) + workspace_bytes(plan);
}

Status batch_norm(const Channels& shape, const void* x, const void* weight, const void* bias, double eps,
                  void* y, void* mean, void* var, void* workspace, cudaStream_t stream) {
  Reduction plan;
  if (!plan_of(shape, x, x, &plan)) return no_elements(shape);
  PYNN_TRY(reduce_variance(shape.dtype, plan, x, 0, var, mean, workspace, stream));
  return batch_norm_fixed(shape, x, mean, var, weight, bias, eps, y, stream);
}

Status batch_norm_fixed(const Channels& shape, const void* x, const void* mean, const void* var,
                        const void* weight, const void* bias, double eps, void* y, cudaStream_t stream) {
  return dispatch_norm(shape.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const Batch<T> batch = {static_cast<const T*>(x),
                            nullptr,
                            static_cast<const T*>(mean),
                            static_cast<const T*>(var),
                            static_cast<const T*>(weight),
                            static_cast<const T*>(bias),
                            nullptr,
                            T(eps),
                            T(1),
                            static_cast<T*>(y)};
    return run(shape, batch, stream);
  });
}

Status batch_norm_update(int dtype, int64_t channels, const void* mean, const void* var, double momentum,
                         double correction, void* running_mean, void* running_var, cudaStream_t stream) {
  return dispatch_norm(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    return launch(&update_kernel<T>, grid_of(channels), dim3(kThreads), 0, stream, channels,
                  static_cast<const T*>(mean), static_cast<const T*>(var), T(momentum), T(correction),
                  static_cast<T*>(running_mean), static_cast<T*>(running_var));
  });
}

Status batch_norm_backward(const Channels& shape, const void* grad, const void* x, const void* mean,
                           const void* var, const void* weight, double eps, bool given,
                           const NormGradients& out, void* workspace, cudaStream_t stream) {
  Reduction plan;
  if (!plan_of(shape, x, grad, &plan)) return no_elements(shape);
  return dispatch_norm(shape.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    auto* sums = static_cast<GradientSums<T>*>(workspace);
    void* parts =
        static_cast<char*>(workspace) + rounded(size_t(shape.channels) * sizeof(GradientSums<double>));
    const ParameterGradients<T> source = {static_cast<const char*>(x),
                                          static_cast<const char*>(grad),
                                          static_cast<const T*>(mean),
                                          static_cast<const T*>(var),
                                          eps,
                                          {true, Divider(1), Divider(1), 1},
                                          static_cast<T*>(out.weight),
                                          static_cast<T*>(out.bias),
                                          sums};
    if (!given || out.weight || out.bias || out.mean || out.var)
      PYNN_TRY((reduce<kPack<T>>(source, plan, parts, stream)));
    if (out.mean || out.var) {
      PYNN_TRY(launch(&statistics_gradients<T>, grid_of(shape.channels), dim3(kThreads), 0, stream,
                      shape.channels, static_cast<const GradientSums<T>*>(sums), static_cast<const T*>(var),
                      static_cast<const T*>(weight), T(eps), static_cast<T*>(out.mean),
                      static_cast<T*>(out.var)));
    }
    if (!out.x) return Status();
    const Batch<T> batch = {static_cast<const T*>(x),
                            static_cast<const T*>(grad),
                            static_cast<const T*>(mean),
                            static_cast<const T*>(var),
                            static_cast<const T*>(weight),
                            nullptr,
                            given ? nullptr : sums,
                            T(eps),
                            T(double(shape.outer) * double(shape.inner)),
                            static_cast<T*>(out.x)};
    return run(shape, batch, stream);
  });
}

}  // namespace pynn::cuda
