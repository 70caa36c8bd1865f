#include "cuda/math.h"
#include "cuda/rows.h"
#include "kernels/softmax/cuda.h"

namespace pynn::cuda {
namespace {

constexpr int64_t kMostRows = 0x7fffffff;

// The running maximum m and sum of exp(x - m), NaN where there are two infinities or one NaN.
template <class C>
struct Exponentials {
  C most, sum;
  uint32_t has_nan, padding;
  PYNN_DEVICE void add(C x) {
    has_nan |= x != x;
    if (x > most) {
      sum = sum * exp(most - x) + C(1);
      most = x;
    } else if (most > -C(INFINITY) ||
               x != x) {  // exp(-inf + inf) is no number, and no exponential of a row of -inf
      sum += exp(x - most);
    }
  }
  static PYNN_DEVICE Exponentials join(const Exponentials& a, const Exponentials& b) {
    const uint32_t nan = a.has_nan | b.has_nan;
    if (a.most == -C(INFINITY)) return {b.most, a.sum + b.sum, nan, 0};
    if (b.most == -C(INFINITY)) return {a.most, a.sum + b.sum, nan, 0};
    const C most = Largest()(a.most, b.most);
    return {most, a.sum * exp(a.most - most) + b.sum * exp(b.most - most), nan, 0};
  }
};

// log(sum(exp(x))): of -inf only -inf, with +inf and no NaN +inf.
template <class C>
PYNN_DEVICE C log_sum_of(const Exponentials<C>& own) {
  return isinf(own.most) && !own.has_nan ? own.most : own.most + log(own.sum);
}

// From the statistics of a row: what each element becomes.
template <int kOp, class C>
PYNN_DEVICE C result_of(C x, C most, C sum, C log_sum) {
  if constexpr (kOp == PYNN_SOFTMAX) {
    return exp(x - most) / sum;
  } else {
    return x - most - log_sum;
  }
}

// A warp or a block a row. The second pass finds a row of up to some hundred kilobytes in the caches.
template <int kOp, class T, int kGroup, int N>
__global__ void __launch_bounds__(kRowThreads) softmax_rows(const T* x, T* out, int64_t rows, int64_t size) {
  typedef Compute<T> C;
  const int64_t row = own_row<kGroup>();
  const bool inside = row < rows;
  const T* from = x + row * size;
  Exponentials<C> own = {-C(INFINITY), C(0), 0, 0};
  if (inside) {
    over_row<kGroup, N>(from, size, [&](int64_t, const auto& pack) {
#pragma unroll
      for (int j = 0; j < int(sizeof(pack) / sizeof(T)); ++j) own.add(widen(pack.at[j]));
    });
  }
  own = group_reduce<kGroup>(own, [](const auto& a, const auto& b) { return Exponentials<C>::join(a, b); });
  if (!inside) return;
  if constexpr (kOp == PYNN_LOGSUMEXP) {
    if (threadIdx.x % kGroup == 0) out[row] = narrow<T>(log_sum_of(own));
  } else {
    const C log_sum = log(own.sum);
    T* to = out + row * size;
    over_row<kGroup, N>(from, size, [&](int64_t i, const auto& pack) {
      constexpr int kCount = int(sizeof(pack) / sizeof(T));
      Pack<T, kCount> made;
#pragma unroll
      for (int j = 0; j < kCount; ++j)
        made.at[j] = narrow<T>(result_of<kOp>(widen(pack.at[j]), own.most, own.sum, log_sum));
      store_pack<T, kCount>(to + i, made);
    });
  }
}

// A thread a column of (outer, size, inner): neighbouring threads read neighbouring elements.
template <int kOp, class T>
__global__ void __launch_bounds__(kRowThreads)
    softmax_columns(const T* x, T* out, int64_t columns, int64_t size, int64_t inner) {
  typedef Compute<T> C;
  const int64_t column = int64_t(blockIdx.x) * kRowThreads + threadIdx.x;
  if (column >= columns) return;
  const int64_t start = column / inner * size * inner + column % inner;
  Exponentials<C> own = {-C(INFINITY), C(0), 0, 0};
#pragma unroll 4
  for (int64_t i = 0; i < size; ++i) own.add(widen(x[start + i * inner]));
  if constexpr (kOp == PYNN_LOGSUMEXP) {
    out[column] = narrow<T>(log_sum_of(own));
  } else {
    const C log_sum = log(own.sum);
#pragma unroll 4
    for (int64_t i = 0; i < size; ++i)
      out[start + i * inner] =
          narrow<T>(result_of<kOp>(widen(x[start + i * inner]), own.most, own.sum, log_sum));
  }
}

// What a gradient adds up over a row, and what each element becomes.
template <int kOp, class C>
PYNN_DEVICE C term_of(C grad, C y) {
  return kOp == PYNN_SOFTMAX ? grad * y : grad;
}
template <int kOp, class C>
PYNN_DEVICE C slope_of(C grad, C y, C sum) {
  if constexpr (kOp == PYNN_SOFTMAX) {
    return y * (grad - sum);
  } else {
    return grad - exp(y) * sum;
  }
}

template <int kOp, class T, int kGroup, int N>
__global__ void __launch_bounds__(kRowThreads)
    softmax_rows_backward(const T* grad, const T* y, T* dx, int64_t rows, int64_t size) {
  typedef Compute<T> C;
  const int64_t row = own_row<kGroup>();
  const bool inside = row < rows;
  const T *g = grad + row * size, *saved = y + row * size;
  C sum(0);
  if (inside) {
    over_row<kGroup, N>(g, size, [&](int64_t i, const auto& pack) {
      constexpr int kCount = int(sizeof(pack) / sizeof(T));
      const Pack<T, kCount> out = load_pack<T, kCount>(saved + i);
#pragma unroll
      for (int j = 0; j < kCount; ++j) sum += term_of<kOp>(widen(pack.at[j]), widen(out.at[j]));
    });
  }
  sum = group_reduce<kGroup>(sum, Sum());
  if (!inside) return;
  T* to = dx + row * size;
  over_row<kGroup, N>(g, size, [&](int64_t i, const auto& pack) {
    constexpr int kCount = int(sizeof(pack) / sizeof(T));
    const Pack<T, kCount> out = load_pack<T, kCount>(saved + i);
    Pack<T, kCount> made;
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      made.at[j] = narrow<T>(slope_of<kOp>(widen(pack.at[j]), widen(out.at[j]), sum));
    store_pack<T, kCount>(to + i, made);
  });
}

template <int kOp, class T>
__global__ void __launch_bounds__(kRowThreads)
    softmax_columns_backward(const T* grad, const T* y, T* dx, int64_t columns, int64_t size, int64_t inner) {
  typedef Compute<T> C;
  const int64_t column = int64_t(blockIdx.x) * kRowThreads + threadIdx.x;
  if (column >= columns) return;
  const int64_t start = column / inner * size * inner + column % inner;
  C sum(0);
#pragma unroll 4
  for (int64_t i = 0; i < size; ++i)
    sum += term_of<kOp>(widen(grad[start + i * inner]), widen(y[start + i * inner]));
#pragma unroll 4
  for (int64_t i = 0; i < size; ++i) {
    const int64_t at = start + i * inner;
    dx[at] = narrow<T>(slope_of<kOp>(widen(grad[at]), widen(y[at]), sum));
  }
}

template <int kOp, class T>
Status forward(const Along& shape, const T* x, T* out, cudaStream_t stream) {
  const dim3 block(kRowThreads);
  if (shape.inner > 1) {
    const int64_t columns = shape.outer * shape.inner;
    return launch(&softmax_columns<kOp, T>, dim3(unsigned(ceil_div(columns, kRowThreads))), block, 0, stream,
                  x, out, columns, shape.size, shape.inner);
  }
  const dim3 grid = row_grid(shape.outer, shape.size);
  const bool packed = rows_packed<T>(shape.size, {x, out});
  constexpr int N = kPack<T>;
  const auto go = [&](auto kernel) {
    return launch(kernel, grid, block, 0, stream, x, out, shape.outer, shape.size);
  };
  if (shape.size <= kWarpRow)
    return packed ? go(&softmax_rows<kOp, T, kWarpSize, N>) : go(&softmax_rows<kOp, T, kWarpSize, 1>);
  return packed ? go(&softmax_rows<kOp, T, kRowThreads, N>) : go(&softmax_rows<kOp, T, kRowThreads, 1>);
}

template <int kOp, class T>
Status backward(const Along& shape, const T* grad, const T* y, T* dx, cudaStream_t stream) {
  const dim3 block(kRowThreads);
  if (shape.inner > 1) {
    const int64_t columns = shape.outer * shape.inner;
    return launch(&softmax_columns_backward<kOp, T>, dim3(unsigned(ceil_div(columns, kRowThreads))), block, 0,
                  stream, grad, y, dx, columns, shape.size, shape.inner);
  }
  const dim3 grid = row_grid(shape.outer, shape.size);
  const bool packed = rows_packed<T>(shape.size, {grad, y, dx});
  constexpr int N = kPack<T>;
  const auto go = [&](auto kernel) {
    return launch(kernel, grid, block, 0, stream, grad, y, dx, shape.outer, shape.size);
  };
  if (shape.size <= kWarpRow)
    return packed ? go(&softmax_rows_backward<kOp, T, kWarpSize, N>)
                  : go(&softmax_rows_backward<kOp, T, kWarpSize, 1>);
  return packed ? go(&softmax_rows_backward<kOp, T, kRowThreads, N>)
                : go(&softmax_rows_backward<kOp, T, kRowThreads, 1>);
}

Status too_many(const Along& shape) {
  return Status(PYNN_UNSUPPORTED, "%lld x %lld rows of %lld elements; fewer than 2^31 rows",
                (long long)shape.outer, (long long)shape.inner, (long long)shape.size);
}

}  // namespace

Status softmax(pynn_softmax_op op, int dtype, const Along& shape, const void* x, void* out,
               cudaStream_t stream) {
  if (shape.outer * shape.inner * shape.size == 0) return Status();
  if (shape.outer > kMostRows) return too_many(shape);
  return dispatch_float(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(out);
    switch (op) {
      case PYNN_SOFTMAX:
        return forward<PYNN_SOFTMAX>(shape, from, to, stream);
      case PYNN_LOG_SOFTMAX:
        return forward<PYNN_LOG_SOFTMAX>(shape, from, to, stream);
      case PYNN_LOGSUMEXP:
        return forward<PYNN_LOGSUMEXP>(shape, from, to, stream);
      default:
        return Status(PYNN_INVALID, "softmax operation %d", int(op));
    }
  });
}

Status softmax_backward(pynn_softmax_op op, int dtype, const Along& shape, const void* grad, const void* y,
                        void* dx, cudaStream_t stream) {
  if (shape.outer * shape.inner * shape.size == 0) return Status();
  if (shape.outer > kMostRows) return too_many(shape);
  return dispatch_float(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const T *g = static_cast<const T*>(grad), *saved = static_cast<const T*>(y);
    T* to = static_cast<T*>(dx);
    if (op == PYNN_SOFTMAX) return backward<PYNN_SOFTMAX>(shape, g, saved, to, stream);
    if (op == PYNN_LOG_SOFTMAX) return backward<PYNN_LOG_SOFTMAX>(shape, g, saved, to, stream);
    return Status(PYNN_INVALID, "softmax operation %d has no such gradient", int(op));
  });
}

}  // namespace pynn::cuda
