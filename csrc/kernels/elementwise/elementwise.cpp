#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "base/pool.h"

#define PYNN_FAMILY elementwise
#define PYNN_KERNELS "kernels/elementwise/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace elementwise {
namespace {

constexpr int64_t kCheapChunk = 64 << 10, kCostlyChunk = 16 << 10;

}  // namespace

int64_t chunk_of(pynn_unary_op op) {
  switch (op) {
    case PYNN_NEG:
    case PYNN_ABS:
    case PYNN_SQUARE:
    case PYNN_CUBE:
    case PYNN_RECIPROCAL:
    case PYNN_SIGN:
    case PYNN_FLOOR:
    case PYNN_CEIL:
    case PYNN_ROUND:
    case PYNN_TRUNC:
    case PYNN_RELU:
    case PYNN_LEAKY_RELU:
    case PYNN_SOFTSIGN:
    case PYNN_HARDTANH:
    case PYNN_HARDSWISH:
    case PYNN_HARDSIGMOID:
    case PYNN_HARDSHRINK:
    case PYNN_SOFTSHRINK:
    case PYNN_THRESHOLD:
    case PYNN_ADD_SCALAR:
    case PYNN_MUL_SCALAR:
    case PYNN_RSUB_SCALAR:
    case PYNN_COPY:
      return kCheapChunk;
    default:
      return kCostlyChunk;
  }
}

int64_t chunk_of(pynn_binary_op op) {
  switch (op) {
    case PYNN_POW:
    case PYNN_FMOD:
    case PYNN_REMAINDER:
    case PYNN_FLOOR_DIVIDE:
    case PYNN_GLU:
    case PYNN_ELU_BACKWARD:
    case PYNN_SELU_BACKWARD:
    case PYNN_CELU_BACKWARD:
    case PYNN_SILU_BACKWARD:
    case PYNN_GELU_BACKWARD:
    case PYNN_GELU_TANH_BACKWARD:
    case PYNN_MISH_BACKWARD:
    case PYNN_SOFTPLUS_BACKWARD:
    case PYNN_LOGSIGMOID_BACKWARD:
    case PYNN_TANHSHRINK_BACKWARD:
    case PYNN_SIN_BACKWARD:
    case PYNN_COS_BACKWARD:
    case PYNN_SINH_BACKWARD:
    case PYNN_COSH_BACKWARD:
    case PYNN_ERF_BACKWARD:
    case PYNN_POW_BACKWARD:
      return kCostlyChunk;
    default:
      return kCheapChunk;
  }
}

template <class T>
void unary_contiguous(pynn_unary_op op, int64_t n, const T* x, T alpha, T beta, T* out) {
  const auto kernel = kernels<T>().unary[op];
  parallel_ranges(n, chunk_of(op), [&](int64_t first, int64_t last) {
    kernel(last - first, x + first, alpha, beta, out + first);
  });
}

template <class T>
void binary_contiguous(pynn_binary_op op, int64_t n, const T* a, const T* b, T alpha, T beta, T* out) {
  const auto kernel = kernels<T>().binary[op][kBoth];
  parallel_ranges(n, chunk_of(op), [&](int64_t first, int64_t last) {
    kernel(last - first, a + first, b + first, alpha, beta, out + first);
  });
}

template void unary_contiguous(pynn_unary_op, int64_t, const float*, float, float, float*);
template void unary_contiguous(pynn_unary_op, int64_t, const double*, double, double, double*);
template void binary_contiguous(pynn_binary_op, int64_t, const float*, const float*, float, float, float*);
template void binary_contiguous(pynn_binary_op, int64_t, const double*, const double*, double, double,
                                double*);

}  // namespace elementwise
}  // namespace pynn
