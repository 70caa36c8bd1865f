#include <cstring>

#include "cuda/map.h"
#include "cuda/math.h"
#include "kernels/pointwise/cuda.h"
#include "kernels/pointwise/pointwise.h"

#if defined(__CUDACC__)  // formulas for all integers ask unsigned ones for their sign
#pragma nv_diag_suppress 186
#endif
#include "kernels/pointwise/ops.h"

namespace pynn {
namespace device {
namespace pointwise {

struct Where {
  template <class T>
  static PYNN_DEVICE T run(T condition, T a, T b, T) {
    return condition != T(0) ? a : b;
  }
};

// g a s (1 - s) with s = sigmoid(b): the gradient of a gate.
struct GluBackward {
  template <class T>
  static PYNN_DEVICE T run(T g, T a, T b, T) {
    const T s = sigmoid(b);
    return g * a * s * (T(1) - s);
  }
};

}  // namespace pointwise
}  // namespace device

namespace cuda {
namespace {

using namespace ::pynn::pointwise;
namespace ops = device::pointwise;

template <class C>
__host__ __device__ constexpr unsigned kind_of() {
  return std::is_floating_point<C>::value ? kFloats : kInts;
}
// Whether an operation of `inputs` inputs and `kinds` is one of `wanted` inputs, and a test or not, on C.
// Bools are bytes of 0 and 1.
template <class C>
__host__ __device__ constexpr bool serves(int inputs, unsigned kinds, int wanted, bool tests) {
  return inputs == wanted && ((kinds & kTests) != 0) == tests && (kinds & kChooses) == 0 &&
         ((kinds & kind_of<C>()) != 0 || (std::is_same<C, uint8_t>::value && (kinds & kBool) != 0));
}

// One kernel for all operations of a kind and element type: Result is C, or bool of tests.
template <class Result>
struct Any {
  pynn_pointwise_op op;
  bool is_bool;  // ~ of a bool is a test

  template <class C>
  PYNN_DEVICE_CALL Result operator()(C a, C, C) const {
    constexpr bool tests = !std::is_same<Result, C>::value;
    if (!tests && op == PYNN_P_BITWISE_NOT && is_bool) return Result(a == C(0));
    switch (op) {
#define PYNN_POINTWISE(code, Op, inputs, kinds)                                       \
  case code:                                                                          \
    if constexpr (serves<C>(inputs, kinds, 1, tests)) return Result(ops::Op::run(a)); \
    break;
#include "kernels/pointwise/ops.inc"
#undef PYNN_POINTWISE
      default:
        break;
    }
    return Result(0);
  }
  template <class C>
  PYNN_DEVICE_CALL Result operator()(C a, C b, C, C) const {
    constexpr bool tests = !std::is_same<Result, C>::value;
    switch (op) {
#define PYNN_POINTWISE(code, Op, inputs, kinds)                              \
  case code:                                                                 \
    if constexpr (serves<C>(inputs, kinds, 2, tests)) {                      \
      if constexpr (((kinds) & kDivides) != 0) {                             \
        if (b == C(0)) return Result(0); /* as a GPU has no better answer */ \
      }                                                                      \
      return Result(ops::Op::run(a, b));                                     \
    }                                                                        \
    break;
#include "kernels/pointwise/ops.inc"
#undef PYNN_POINTWISE
      default:
        break;
    }
    return Result(0);
  }
  template <class C>
  PYNN_DEVICE_CALL Result operator()(C a, C b, C c, C alpha, C) const {
    switch (op) {
#define PYNN_POINTWISE(code, Op, inputs, kinds)                                                    \
  case code:                                                                                       \
    if constexpr (serves<C>(inputs, kinds, 3, false)) return Result(ops::Op::run(a, b, c, alpha)); \
    break;
#include "kernels/pointwise/ops.inc"
#undef PYNN_POINTWISE
      default:
        break;
    }
    return Result(0);
  }
};
struct Chosen {
  template <class C>
  PYNN_DEVICE C operator()(uint8_t condition, C a, C b, C, C) const {
    return condition != 0 ? a : b;
  }
};

struct Entry {
  int inputs;
  unsigned kinds;
};
constexpr Entry kEntries[] = {
#define PYNN_POINTWISE(code, Op, inputs, kinds) {inputs, kinds},
#include "kernels/pointwise/ops.inc"
#undef PYNN_POINTWISE
};

// The type of a dtype's elements: bools are bytes.
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

Status choose(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream) {
  const Chosen chosen;
  switch (size_of(operands[3].dtype)) {
    case 1:
      return map<uint8_t, uint8_t, uint8_t, 3>(chosen, chosen, ndim, shape, operands, 0, 0, stream);
    case 2:
      return map<uint8_t, uint16_t, uint16_t, 3>(chosen, chosen, ndim, shape, operands, 0, 0, stream);
    case 4:
      return map<uint8_t, uint32_t, uint32_t, 3>(chosen, chosen, ndim, shape, operands, 0, 0, stream);
    default:
      return map<uint8_t, uint64_t, uint64_t, 3>(chosen, chosen, ndim, shape, operands, 0, 0, stream);
  }
}

}  // namespace

int64_t bits_of(double number, int64_t whole, int dtype) {
  switch (dtype) {
    case PYNN_FLOAT64: {
      int64_t bits;
      std::memcpy(&bits, &number, sizeof bits);
      return bits;
    }
    case PYNN_FLOAT32: {
      const float narrowed = float(number);
      int32_t bits;
      std::memcpy(&bits, &narrowed, sizeof bits);
      return bits;
    }
    case PYNN_FLOAT16: {
      const __half narrowed = __float2half_rn(float(number));
      uint16_t bits;
      std::memcpy(&bits, &narrowed, sizeof bits);
      return bits;
    }
    case PYNN_BFLOAT16: {
      const __nv_bfloat16 narrowed = __float2bfloat16_rn(float(number));
      uint16_t bits;
      std::memcpy(&bits, &narrowed, sizeof bits);
      return bits;
    }
    default:
      return whole;
  }
}

Status pointwise(pynn_pointwise_op op, int ndim, const int64_t* shape, const Operand* operands, double alpha,
                 cudaStream_t stream) {
  if (op < 0 || op >= PYNN_POINTWISE_COUNT) return Status(PYNN_INVALID, "pointwise operation %d", int(op));
  const Entry& entry = kEntries[op];
  const bool tests = entry.kinds & kTests, chooses = entry.kinds & kChooses;
  const int dtype = operands[entry.inputs - 1].dtype, made = operands[entry.inputs].dtype;
  for (int k = chooses; k < entry.inputs; ++k) {
    if (operands[k].dtype != dtype)
      return Status(PYNN_UNSUPPORTED, "inputs are %s and %s; they must be of one dtype",
                    name_of(operands[k].dtype), name_of(dtype));
  }
  if (made != (tests ? int(PYNN_BOOL) : dtype) || (chooses && operands[0].dtype != PYNN_BOOL))
    return Status(PYNN_UNSUPPORTED, "the output is %s for inputs of %s", name_of(made), name_of(dtype));
  const unsigned halves = entry.kinds & kFloats ? 1u << PYNN_FLOAT16 | 1u << PYNN_BFLOAT16 : 0;
  if (!((entry.kinds | halves) >> dtype & 1))
    return Status(PYNN_UNSUPPORTED, "no kernel for %s", name_of(dtype));
  if (entry.kinds & kDivides && !operands[1].data && operands[1].whole == 0)
    return Status(PYNN_UNSUPPORTED, "a division by 0");
  if (chooses) return choose(ndim, shape, operands, stream);
  return dispatch(dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    typedef Compute<T> C;
    const Any<C> any = {op, dtype == PYNN_BOOL};
    const Any<bool> test = {op, false};
    if (entry.inputs == 1) {
      return tests ? map<T, T, uint8_t, 1>(test, test, ndim, shape, operands, 0, 0, stream)
                   : map<T, T, T, 1>(any, any, ndim, shape, operands, 0, 0, stream);
    }
    if (entry.inputs == 2) {
      return tests ? map<T, T, uint8_t, 2>(test, test, ndim, shape, operands, 0, 0, stream)
                   : map<T, T, T, 2>(any, any, ndim, shape, operands, 0, 0, stream);
    }
    return map<T, T, T, 3>(any, any, ndim, shape, operands, alpha, 0, stream);
  });
}

}  // namespace cuda
}  // namespace pynn
