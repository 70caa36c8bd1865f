// The CUDA copies, emulated: all orders of dimensions, gaps, reversed and broadcast inputs.
#include <algorithm>
#include <vector>

#include "cuda/testing.h"
#include "kernels/copy/cuda.h"

using namespace pynn::testing;
namespace cuda = pynn::cuda;

namespace {

constexpr int kDims = 4;

// Steps in elements of dimensions that lie in `order`, outermost first; where `gap` is more than 1 not
// densely.
int64_t lay(const int64_t* shape, const int* order, int64_t gap, int64_t* strides) {
  int64_t step = gap;
  for (int i = kDims - 1; i >= 0; --i) {
    strides[order[i]] = step;
    step *= shape[order[i]];
  }
  return step;
}

template <class T>
void test_copy(const int64_t (&shape)[kDims], const int* from_order, const int* to_order, int64_t gap,
               bool reversed) {
  int64_t from[kDims], to[kDims], from_bytes[kDims], to_bytes[kDims], start = 0;
  GpuArray<T> x(lay(shape, from_order, gap, from)), out(lay(shape, to_order, 1, to));
  for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = T(i * 2654435761u + 7);
  for (int d = 0; d < kDims; ++d) {
    if (reversed && d % 2) {
      start += (shape[d] - 1) * from[d];
      from[d] = -from[d];
    }
    from_bytes[d] = from[d] * int64_t(sizeof(T));
    to_bytes[d] = to[d] * int64_t(sizeof(T));
  }
  const cuda::Operand operands[] = {x.operand(from_bytes, start), out.operand(to_bytes)};
  CHECK_OK(cuda::copy(kDims, shape, operands, nullptr));
  CHECK(out.intact());
  long wrong = 0;
  for (int64_t i = 0; i < shape[0] * shape[1] * shape[2] * shape[3]; ++i) {
    int64_t rest = i, at_x = start, at_out = 0;
    for (int d = kDims - 1; d >= 0; --d) {
      at_x += rest % shape[d] * from[d];
      at_out += rest % shape[d] * to[d];
      rest /= shape[d];
    }
    wrong += out.data()[at_out] != x.data()[at_x];
  }
  CHECK_EQ(wrong, 0);
}

template <class T>
void test_orders() {
  int order[kDims] = {0, 1, 2, 3};
  const int plain[kDims] = {0, 1, 2, 3};
  do {
    set_context("order " + std::to_string(order[0]) + std::to_string(order[1]) + std::to_string(order[2]) +
                std::to_string(order[3]) + ", " + std::to_string(sizeof(T)) + " bytes");
    test_copy<T>({2, 3, 17, 40}, order, plain, 1, false);  // tiles
    test_copy<T>({2, 3, 17, 40}, plain, order, 1, false);
    test_copy<T>({3, 1, 2, 5}, order, plain, 2, true);
  } while (std::next_permutation(order, order + kDims));
  set_context("");
}

void test_corners() {
  const int64_t shape[] = {3, 0}, strides[] = {0, 4}, n = 40, step = 4, none = 0;
  GpuArray<int32_t> x(1), out(n);
  const cuda::Operand nothing[] = {x.operand(strides), out.operand(strides)};
  CHECK_OK(cuda::copy(2, shape, nothing, nullptr));
  x.data()[0] = 9;
  const cuda::Operand spread[] = {x.operand(&none), out.operand(&step)};
  CHECK_OK(cuda::copy(1, &n, spread, nullptr));
  for (int64_t i = 0; i < n; ++i) CHECK_EQ(out.data()[i], 9);
  CHECK_OK(cuda::copy(0, nullptr, spread, nullptr));
}

}  // namespace

int main() {
  for_each_order([] {
    test_orders<uint8_t>();
    test_orders<int16_t>();
    test_orders<int32_t>();
    test_orders<int64_t>();
    test_corners();
  });
  return summary();
}
