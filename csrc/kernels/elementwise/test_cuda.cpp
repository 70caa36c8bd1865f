// The CUDA kernels, emulated, beside the CPU's: every operation, dtype and kind of stride.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/elementwise/cuda.h"

using namespace pynn::testing;
namespace cuda = pynn::cuda;

namespace {

const char* kUnaryNames[] = {
#define PYNN_UNARY(code, Op) #Op,
#include "kernels/elementwise/ops.inc"
#undef PYNN_UNARY
};
const char* kBinaryNames[] = {
#define PYNN_BINARY(code, Op) #Op,
#include "kernels/elementwise/ops.inc"
#undef PYNN_BINARY
};

template <class T>
pynn_array dense(const std::vector<T>& values, const int64_t* shape) {
  return {const_cast<T*>(values.data()), shape, nullptr, 1, dtype_of<T>};
}
template <class T>
cuda::Operand operand(const std::vector<T>& values, const int64_t* strides) {
  cuda::Operand out;
  out.data = values.data();
  out.strides = strides;
  out.dtype = dtype_of<T>;
  return out;
}

// Every operation over n elements, beside the CPU's kernel.
template <class T>
void test_operations(int64_t n) {
  Random random{uint64_t(n)};
  std::vector<T> a(static_cast<size_t>(n)), b(a), want(a), got(a);
  for (T& x : a) x = T(random.normal() * 2);
  for (T& x : b) x = T(random.uniform(0.1, 0.9));
  const int64_t strides[] = {int64_t(sizeof(T))};
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 2e-15;
  const auto compare = [&](const char* name) {
    set_context(std::string(name) + (sizeof(T) == 4 ? " float32" : " float64"));
    for (size_t i = 0; i < want.size(); ++i)
      CHECK_CLOSE(got[i], want[i], tolerance * (1 + std::fabs(double(want[i]))));
  };
  for (int op = 0; op < PYNN_UNARY_COUNT; ++op) {
    // Positive numbers below 1 are in everybody's domain, negative ones in most.
    const std::vector<T>& x = op % 2 ? b : a;
    const pynn_array from = dense(x, &n);
    pynn_array to = dense(want, &n);
    CHECK_EQ(pynn_unary(pynn_unary_op(op), &from, 0.5, 0.75, &to), PYNN_OK);
    const cuda::Operand operands[] = {operand(x, strides), operand(got, strides)};
    CHECK_OK(cuda::unary(pynn_unary_op(op), 1, &n, operands, 0.5, 0.75, nullptr));
    compare(kUnaryNames[op]);
  }
  for (int op = 0; op < PYNN_BINARY_COUNT; ++op) {
    const pynn_array left = dense(a, &n), right = dense(b, &n);
    pynn_array to = dense(want, &n);
    CHECK_EQ(pynn_binary(pynn_binary_op(op), &left, &right, 0.5, 0.75, &to), PYNN_OK);
    const cuda::Operand operands[] = {operand(a, strides), operand(b, strides), operand(got, strides)};
    CHECK_OK(cuda::binary(pynn_binary_op(op), 1, &n, operands, 0.5, 0.75, nullptr));
    compare(kBinaryNames[op]);
  }
  set_context("");
}

}  // namespace

int main() {
  for_each_order([] {
    for (const int64_t n : {0, 1, 3, 1027}) {
      test_operations<float>(n);
      test_operations<double>(n);
    }
  });
  return summary();
}
