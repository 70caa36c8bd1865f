#include "cuda/map.h"
#include "kernels/reduction/cuda.h"
#include "kernels/reduction/cuda_sources.h"

namespace pynn::cuda {
namespace {

constexpr size_t kLargestAcc = 24;

// Element types of any array: bools are bytes.
template <class Body>
Status dispatch(int dtype, const Body& body) {
  switch (dtype) {
    case PYNN_BOOL:
    case PYNN_UINT8:
      return body(Tag<uint8_t>());
    case PYNN_INT8:
      return body(Tag<int8_t>());
    case PYNN_INT16:
      return body(Tag<int16_t>());
    case PYNN_INT32:
      return body(Tag<int32_t>());
    case PYNN_INT64:
      return body(Tag<int64_t>());
    default:
      return dispatch_float(dtype, body);
  }
}

template <class T>
constexpr bool kIsFloat = !std::is_integral<T>::value;
// Integers are read one by one: a kernel less for each.
template <class T>
constexpr int kReducePack = kIsFloat<T> ? kPack<T> : 1;

template <class T, class Source>
Status run(const Source& source, const Reduction& plan, void* workspace, cudaStream_t stream) {
  static_assert(sizeof(typename Source::Acc) <= kLargestAcc, "the workspace is too small");
  return reduce<Source::kPacks ? kReducePack<T> : 1>(source, plan, workspace, stream);
}

struct ExtremeShare {
  template <class C>
  static PYNN_DEVICE C run(C x, C best, C share, C, C) {
    return x == best ? share : best != best ? best : C(0);  // a NaN equals nothing: NaN for all, as in torch
  }
};
struct VarianceSlope {
  template <class C>
  static PYNN_DEVICE C run(C grad, C x, C mean, C scale, C) {
    return grad * scale * (x - mean);
  }
};
struct OverNorm {
  template <class C>
  static PYNN_DEVICE C run(C grad, C norm, C, C) {
    return norm == C(0) ? grad : grad / norm;
  }
};

template <class Op, int kInputs>
Status map_floats(int ndim, const int64_t* shape, const Operand* operands, double alpha,
                  cudaStream_t stream) {
  return dispatch_float(operands[kInputs].dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const Inlined<Op> op;
    return map<T, T, T, kInputs>(op, op, ndim, shape, operands, alpha, 0, stream);
  });
}

}  // namespace

bool plan(const Reducible& x, Reduction* out, const void* second, const int64_t* second_strides) {
  const bool floats = x.dtype >= PYNN_FLOAT16;
  const int64_t item = int64_t(size_of(x.dtype));
  const int64_t* const strides[] = {x.strides, second ? second_strides : x.strides};
  const void* const data[] = {x.x, second ? second : x.x};
  return plan_reduction(x.ndim, x.shape, x.reduce, strides, item, data, x.out_strides,
                        floats ? int(16 / item) : 1, out);
}

size_t workspace_bytes(const Reduction& plan) { return plan.items * kLargestAcc; }

Status reduce(pynn_reduce_op op, int dtype, const Reduction& plan, const void* x, double p, void* out,
              void* workspace, cudaStream_t stream) {
  return dispatch(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const OneArray<T> from = {static_cast<const char*>(x)};
    const double elements = plan.elements;
    switch (op) {
      case PYNN_REDUCE_SUM:
        return run<T>(Sums<T>{from, out, 1}, plan, workspace, stream);
      case PYNN_REDUCE_PROD:
        return run<T>(Products<T>{from, out}, plan, workspace, stream);
      case PYNN_REDUCE_MAX:
        return run<T>(Extremes<T>{from, out, false}, plan, workspace, stream);
      case PYNN_REDUCE_MIN:
        return run<T>(Extremes<T>{from, out, true}, plan, workspace, stream);
      case PYNN_REDUCE_COUNT:
      case PYNN_REDUCE_ANY:
      case PYNN_REDUCE_ALL:
        return run<T>(Counts<T>{from, out, int(op), int64_t(plan.elements)}, plan, workspace, stream);
      default:
        break;
    }
    if constexpr (kIsFloat<T>) {
      if (op == PYNN_REDUCE_MEAN) return run<T>(Sums<T>{from, out, elements}, plan, workspace, stream);
      if (op == PYNN_REDUCE_NORM) return run<T>(Norms<T>{from, out, p}, plan, workspace, stream);
    }
    return Status(PYNN_UNSUPPORTED, "no such reduction of %s", name_of(dtype));
  });
}

Status reduce_place(bool smallest, int dtype, const Reduction& plan, const void* x, int64_t* places,
                    void* values, void* workspace, cudaStream_t stream) {
  return dispatch_float(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const Places<T> source = {{static_cast<const char*>(x)}, places, static_cast<T*>(values), smallest};
    return run<T>(source, plan, workspace, stream);
  });
}

Status reduce_variance(int dtype, const Reduction& plan, const void* x, double correction, void* variance,
                       void* mean, void* workspace, cudaStream_t stream) {
  return dispatch_float(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const double divisor = double(plan.elements) - correction;
    const Variances<T> source = {{static_cast<const char*>(x)},
                                 static_cast<T*>(variance),
                                 static_cast<T*>(mean),
                                 divisor > 0 ? divisor : 0};
    return run<T>(source, plan, workspace, stream);
  });
}

Status count_equal(int dtype, const Reduction& plan, const void* x, const void* second, void* out,
                   void* workspace, cudaStream_t stream) {
  return dispatch_float(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const EqualCounts<T> source = {{static_cast<const char*>(x), static_cast<const char*>(second)},
                                   static_cast<T*>(out)};
    return run<T>(source, plan, workspace, stream);
  });
}

Status extreme_backward(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream) {
  return map_floats<ExtremeShare, 3>(ndim, shape, operands, 0, stream);
}
Status variance_backward(int ndim, const int64_t* shape, const Operand* operands, double scale,
                         cudaStream_t stream) {
  return map_floats<VarianceSlope, 3>(ndim, shape, operands, scale, stream);
}
Status over_norm(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream) {
  return map_floats<OverNorm, 2>(ndim, shape, operands, 0, stream);
}

}  // namespace pynn::cuda
