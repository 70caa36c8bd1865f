// Layer, root-mean-square and group normalization: a warp or a block a row.
#include "cuda/rows.h"
#include "kernels/norm/cuda_shared.h"
#include "kernels/reduction/cuda_sources.h"

namespace pynn::cuda {
namespace {

// Parameters of element i of a row: those of its channel.
template <class T>
struct Parameters {
  const T *weight, *bias;
  Divider inner;
  uint32_t groups, channels_a_group;
  // The first channel of a row.
  PYNN_DEVICE uint32_t first(int64_t row) const { return uint32_t(row % groups) * channels_a_group; }
  PYNN_DEVICE uint32_t channel(uint32_t first, int64_t i) const { return first + inner.divide(uint32_t(i)); }
};

template <class T>
struct RowStatistics {
  T mean, rstd;
};
template <int kGroup, int N, bool kCentred, class T>
PYNN_DEVICE RowStatistics<T> statistics_of(const T* row, int64_t columns, T eps, bool inside) {
  if constexpr (kCentred) {
    Moments<T> own = {T(0), T(0), T(0)};
    if (inside) {
      over_row<kGroup, N>(row, columns, [&](int64_t, const auto& pack) {
#pragma unroll
        for (int j = 0; j < int(sizeof(pack) / sizeof(T)); ++j) own.add(pack.at[j]);
      });
    }
    own = group_reduce<kGroup>(own, [](const auto& a, const auto& b) { return Moments<T>::join(a, b); });
    return {own.mean, T(1) / sqrt(own.squares / T(columns) + eps)};
  } else {
    T squares(0);
    if (inside) {
      over_row<kGroup, N>(row, columns, [&](int64_t, const auto& pack) {
#pragma unroll
        for (int j = 0; j < int(sizeof(pack) / sizeof(T)); ++j) squares += pack.at[j] * pack.at[j];
      });
    }
    squares = group_reduce<kGroup>(squares, Sum());
    return {T(0), T(1) / sqrt(squares / T(columns) + eps)};
  }
}

// y null: the statistics alone.
template <class T, bool kCentred, int kGroup, int N>
__global__ void __launch_bounds__(kRowThreads)
    norm_rows(const T* x, const Parameters<T> parameters, T eps, int64_t rows, int64_t columns, T* y, T* mean,
              T* rstd) {
  const int64_t row = own_row<kGroup>();
  const bool inside = row < rows;
  const T* from = x + row * columns;
  const RowStatistics<T> own = statistics_of<kGroup, N, kCentred>(from, columns, eps, inside);
  if (!inside) return;
  if (threadIdx.x % kGroup == 0) {
    if (mean) mean[row] = own.mean;
    if (rstd) rstd[row] = own.rstd;
  }
  if (!y) return;
  const uint32_t first = parameters.first(row);
  over_row<kGroup, N>(from, columns, [&](int64_t i, const auto& pack) {
    constexpr int kCount = int(sizeof(pack) / sizeof(T));
    Pack<T, kCount> out;
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const uint32_t c = parameters.channel(first, i + j);
      const T unit = (pack.at[j] - own.mean) * own.rstd,
              weight = parameters.weight ? parameters.weight[c] : T(1);
      out.at[j] = unit * weight + (parameters.bias ? parameters.bias[c] : T(0));
    }
    store_pack<T, kCount>(y + row * columns + i, out);
  });
}

// dx = rstd (g w - mean(g w) - unit mean(g w unit)), unit = (x - mean) rstd; the first mean only where
// centred.
template <class T, bool kCentred, int kGroup, int N>
__global__ void __launch_bounds__(kRowThreads)
    norm_rows_backward(const T* grad, const T* x, const T* mean, const T* rstd,
                       const Parameters<T> parameters, int64_t rows, int64_t columns, T* dx) {
  const int64_t row = own_row<kGroup>();
  const bool inside = row < rows;
  const T *g = grad + row * columns, *from = x + row * columns;
  const T centre = inside && kCentred ? mean[row] : T(0), scale = inside ? rstd[row] : T(0);
  const uint32_t first = parameters.first(row);
  const auto weighted = [&](T value, int64_t i) {
    return parameters.weight ? value * parameters.weight[parameters.channel(first, i)] : value;
  };
  GradientSums<T> sums = {T(0), T(0)};
  if (inside) {
    over_row<kGroup, N>(g, columns, [&](int64_t i, const auto& pack) {
      constexpr int kCount = int(sizeof(pack) / sizeof(T));
      const Pack<T, kCount> values = load_pack<T, kCount>(from + i);
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const T gw = weighted(pack.at[j], i + j);
        sums.grad += gw;
        sums.grad_x += gw * ((values.at[j] - centre) * scale);
      }
    });
  }
  sums = group_reduce<kGroup>(sums, [](const auto& a, const auto& b) {
    return GradientSums<T>{a.grad + b.grad, a.grad_x + b.grad_x};
  });
  if (!inside) return;
  const T mean_g = kCentred ? sums.grad / T(columns) : T(0), mean_gx = sums.grad_x / T(columns);
  over_row<kGroup, N>(g, columns, [&](int64_t i, const auto& pack) {
    constexpr int kCount = int(sizeof(pack) / sizeof(T));
    const Pack<T, kCount> values = load_pack<T, kCount>(from + i);
    Pack<T, kCount> out;
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const T unit = (values.at[j] - centre) * scale;
      out.at[j] = scale * (weighted(pack.at[j], i + j) - mean_g - unit * mean_gx);
    }
    store_pack<T, kCount>(dx + row * columns + i, out);
  });
}

template <class T>
Parameters<T> parameters_of(const Rows& shape, const void* weight, const void* bias) {
  return {static_cast<const T*>(weight), static_cast<const T*>(bias), Divider(uint32_t(shape.inner)),
          uint32_t(shape.groups), uint32_t(shape.columns / shape.inner)};
}

template <class T, bool kCentred>
Status forward(const Rows& shape, const T* x, const Parameters<T>& parameters, double eps, T* y, T* mean,
               T* rstd, cudaStream_t stream) {
  constexpr int N = kPack<T>;
  const bool packed = rows_packed<T>(shape.columns, {x, y});
  const auto go = [&](auto kernel) {
    return launch(kernel, row_grid(shape.rows, shape.columns), dim3(kRowThreads), 0, stream, x, parameters,
                  T(eps), shape.rows, shape.columns, y, mean, rstd);
  };
  if (shape.columns <= kWarpRow)
    return packed ? go(&norm_rows<T, kCentred, kWarpSize, N>) : go(&norm_rows<T, kCentred, kWarpSize, 1>);
  return packed ? go(&norm_rows<T, kCentred, kRowThreads, N>) : go(&norm_rows<T, kCentred, kRowThreads, 1>);
}

template <class T, bool kCentred>
Status backward(const Rows& shape, const T* grad, const T* x, const T* mean, const T* rstd,
                const Parameters<T>& parameters, T* dx, cudaStream_t stream) {
  constexpr int N = kPack<T>;
  const bool packed = rows_packed<T>(shape.columns, {grad, x, dx});
  const auto go = [&](auto kernel) {
    return launch(kernel, row_grid(shape.rows, shape.columns), dim3(kRowThreads), 0, stream, grad, x, mean,
                  rstd, parameters, shape.rows, shape.columns, dx);
  };
  if (shape.columns <= kWarpRow)
    return packed ? go(&norm_rows_backward<T, kCentred, kWarpSize, N>)
                  : go(&norm_rows_backward<T, kCentred, kWarpSize, 1>);
  return packed ? go(&norm_rows_backward<T, kCentred, kRowThreads, N>)
                : go(&norm_rows_backward<T, kCentred, kRowThreads, 1>);
}

Status checked(const Rows& shape) {
  constexpr int64_t kMost = int64_t(1) << 31;
  if (shape.rows >= 1 && shape.rows < kMost && shape.columns >= 1 && shape.columns < kMost) return Status();
  return Status(PYNN_UNSUPPORTED, "%lld rows of %lld elements; 1 to 2^31 - 1 of each", (long long)shape.rows,
                (long long)shape.columns);
}

bool plan_of(const Rows& shape, const void* x, const void* grad, Reduction* plan) {
  return plan_channels(shape.dtype, shape.rows / shape.groups, shape.channels(), shape.inner, x, grad, plan);
}

}  // namespace

Status row_norm(const Rows& shape, bool centred, const void* x, const void* weight, const void* bias,
                double eps, void* y, void* mean, void* rstd, cudaStream_t stream) {
  PYNN_TRY(checked(shape));
  return dispatch_norm(shape.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const Parameters<T> parameters = parameters_of<T>(shape, weight, bias);
    const T* from = static_cast<const T*>(x);
    T *to = static_cast<T*>(y), *means = static_cast<T*>(mean), *rstds = static_cast<T*>(rstd);
    return centred ? forward<T, true>(shape, from, parameters, eps, to, means, rstds, stream)
                   : forward<T, false>(shape, from, parameters, eps, to, means, rstds, stream);
  });
}

size_t row_norm_workspace(const Rows& shape) {
  Reduction plan;
  const size_t items = plan_of(shape, nullptr, nullptr, &plan) ? plan.items : 0;
  return rounded(size_t(shape.rows) * sizeof(double)) + items * sizeof(GradientSums<double>);
}

Status row_norm_backward(const Rows& shape, bool centred, const void* grad, const void* x, const void* mean,
                         const void* rstd, const void* weight, double eps, const NormGradients& out,
                         void* workspace, cudaStream_t stream) {
  PYNN_TRY(checked(shape));
  return dispatch_norm(shape.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const Parameters<T> parameters = parameters_of<T>(shape, weight, nullptr);
    const T *g = static_cast<const T*>(grad), *from = static_cast<const T*>(x);
    const T *means = static_cast<const T*>(mean), *rstds = static_cast<const T*>(rstd);
    if (!centred) {
      T* found = static_cast<T*>(workspace);
      T* none = nullptr;
      PYNN_TRY((forward<T, false>(shape, from, parameters, eps, none, none, found, stream)));
      rstds = found;
      means = nullptr;
    }
    if (out.weight || out.bias) {
      Reduction plan;
      if (!plan_of(shape, x, grad, &plan)) return Status(PYNN_UNSUPPORTED, "2^31 elements or more a channel");
      const ParameterGradients<T> source = {
          static_cast<const char*>(x),
          static_cast<const char*>(grad),
          means,
          rstds,
          -1,
          {false, Divider(uint32_t(shape.inner)), Divider(uint32_t(shape.columns / shape.inner)),
           uint32_t(shape.groups)},
          static_cast<T*>(out.weight),
          static_cast<T*>(out.bias),
          nullptr};
      void* parts = static_cast<char*>(workspace) + rounded(size_t(shape.rows) * sizeof(double));
      PYNN_TRY((reduce<kPack<T>>(source, plan, parts, stream)));
    }
    if (!out.x) return Status();
    T* dx = static_cast<T*>(out.x);
    return centred ? backward<T, true>(shape, g, from, means, rstds, parameters, dx, stream)
                   : backward<T, false>(shape, g, from, means, rstds, parameters, dx, stream);
  });
}

}  // namespace pynn::cuda
