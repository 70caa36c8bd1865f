#include "cuda/map.h"
#include "cuda/math.h"
#include "kernels/elementwise/cuda.h"
#include "kernels/elementwise/ops.h"

namespace pynn::cuda {
namespace {

namespace ops = device::elementwise;

// Every operation by its number: one kernel for all of them, where a kernel each is not worth its compile
// time.
struct AnyUnary {
  pynn_unary_op op;
  template <class C>
  PYNN_DEVICE_CALL C operator()(C x, C alpha, C beta) const {
    switch (op) {
#define PYNN_UNARY(code, Op) \
  case code:                 \
    return ops::Op::run(x, alpha, beta);
#include "kernels/elementwise/ops.inc"
#undef PYNN_UNARY
      default:
        return C(0);
    }
  }
};
struct AnyBinary {
  pynn_binary_op op;
  template <class C>
  PYNN_DEVICE_CALL C operator()(C a, C b, C alpha, C beta) const {
    switch (op) {
#define PYNN_BINARY(code, Op) \
  case code:                  \
    return ops::Op::run(a, b, alpha, beta);
#include "kernels/elementwise/ops.inc"
#undef PYNN_BINARY
      default:
        return C(0);
    }
  }
};

// What networks spend their time in has a kernel an operation; the other operations share one, in which a
// call to a function costs less than the memory's time. A kernel each for all of them would take nvcc many
// minutes.
template <class Op>
constexpr bool kOwnKernel = false;
#define PYNN_OWN_KERNEL(Op) \
  template <>               \
  constexpr bool kOwnKernel<ops::Op> = true;
PYNN_OWN_KERNEL(Neg)
PYNN_OWN_KERNEL(Abs)
PYNN_OWN_KERNEL(Square)
PYNN_OWN_KERNEL(Sqrt)
PYNN_OWN_KERNEL(Exp)
PYNN_OWN_KERNEL(Relu)
PYNN_OWN_KERNEL(Sigmoid)
PYNN_OWN_KERNEL(Tanh)
PYNN_OWN_KERNEL(LeakyRelu)
PYNN_OWN_KERNEL(Silu)
PYNN_OWN_KERNEL(Gelu)
PYNN_OWN_KERNEL(Hardtanh)
PYNN_OWN_KERNEL(Add)
PYNN_OWN_KERNEL(Sub)
PYNN_OWN_KERNEL(Mul)
PYNN_OWN_KERNEL(Div)
PYNN_OWN_KERNEL(Maximum)
PYNN_OWN_KERNEL(Minimum)
PYNN_OWN_KERNEL(ReluBackward)
PYNN_OWN_KERNEL(LeakyReluBackward)
PYNN_OWN_KERNEL(SigmoidBackward)
PYNN_OWN_KERNEL(TanhBackward)
PYNN_OWN_KERNEL(SiluBackward)
PYNN_OWN_KERNEL(GeluBackward)
PYNN_OWN_KERNEL(HardtanhBackward)
#undef PYNN_OWN_KERNEL

#if defined(PYNN_CUDA_EMULATION)
constexpr bool kOwnKernels = false;  // they would take g++ long and test nothing more
#else
constexpr bool kOwnKernels = true;
#endif

// Of 4 and 2 byte floats in packs; sums and products, where they are broadcast or strided, too.
template <class T, class Op, int kInputs, class Any>
Status run_one(const Any& any, int ndim, const int64_t* shape, const Operand* operands, double alpha,
               double beta, cudaStream_t stream) {
  constexpr bool simple = std::is_same_v<Op, ops::Add> || std::is_same_v<Op, ops::Sub> ||
                          std::is_same_v<Op, ops::Mul> || std::is_same_v<Op, ops::Div>;
  if constexpr (!kOwnKernels || !kOwnKernel<Op> || sizeof(T) > 4) {
    return map<T, T, T, kInputs>(any, any, ndim, shape, operands, alpha, beta, stream);
  } else if constexpr (simple) {
    return map<T, T, T, kInputs>(Inlined<Op>(), Inlined<Op>(), ndim, shape, operands, alpha, beta, stream);
  } else {
    return map<T, T, T, kInputs>(Inlined<Op>(), any, ndim, shape, operands, alpha, beta, stream);
  }
}

Status same_dtypes(const Operand* operands, int inputs) {
  const int dtype = operands[inputs].dtype;
  for (int k = 0; k < inputs; ++k) {
    if (operands[k].dtype != dtype) {
      return Status(PYNN_UNSUPPORTED, "input %d is %s, the output %s; they must be of one dtype", k,
                    name_of(operands[k].dtype), name_of(dtype));
    }
  }
  return Status();
}

}  // namespace

Status unary(pynn_unary_op op, int ndim, const int64_t* shape, const Operand* operands, double alpha,
             double beta, cudaStream_t stream) {
  PYNN_TRY(same_dtypes(operands, 1));
  return dispatch_float(operands[1].dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const AnyUnary any = {op};
    switch (op) {
#define PYNN_UNARY(code, Op) \
  case code:                 \
    return run_one<T, ops::Op, 1>(any, ndim, shape, operands, alpha, beta, stream);
#include "kernels/elementwise/ops.inc"
#undef PYNN_UNARY
      default:
        return Status(PYNN_INVALID, "unary operation %d", int(op));
    }
  });
}

Status binary(pynn_binary_op op, int ndim, const int64_t* shape, const Operand* operands, double alpha,
              double beta, cudaStream_t stream) {
  PYNN_TRY(same_dtypes(operands, 2));
  return dispatch_float(operands[2].dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const AnyBinary any = {op};
    switch (op) {
#define PYNN_BINARY(code, Op) \
  case code:                  \
    return run_one<T, ops::Op, 2>(any, ndim, shape, operands, alpha, beta, stream);
#include "kernels/elementwise/ops.inc"
#undef PYNN_BINARY
      default:
        return Status(PYNN_INVALID, "binary operation %d", int(op));
    }
  });
}

}  // namespace pynn::cuda
