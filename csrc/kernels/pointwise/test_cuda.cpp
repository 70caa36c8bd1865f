// The CUDA pointwise operations, emulated, beside the CPU's: every operation and dtype, strides, numbers,
// choices.
#include <vector>

#include "cuda/testing.h"
#include "kernels/pointwise/cuda.h"
#include "kernels/pointwise/pointwise.h"

using namespace pynn::testing;
namespace cuda = pynn::cuda;
using pynn::pointwise::inputs_of;
using pynn::pointwise::kinds_of;

namespace {

template <class T>
void test_type(int64_t n, int64_t offset) {
  constexpr int dtype = GpuType<T>::dtype;
  Random random{uint64_t(n)};
  GpuArray<T> x[3] = {GpuArray<T>(n, offset), GpuArray<T>(n), GpuArray<T>(n)}, out(n, offset), want(n);
  GpuArray<uint8_t> tests(n), tests_cpu(n);
  for (auto& a : x) {
    a.fill([&] {
      return dtype == PYNN_BOOL      ? double(random.below(2))
             : dtype >= PYNN_FLOAT32 ? random.normal()
                                     : double(random.below(9));
    });
  }
  const int64_t step = sizeof(T), one = 1;
  for (int op = 0; op < PYNN_POINTWISE_COUNT; ++op) {
    const unsigned kinds = kinds_of(pynn_pointwise_op(op));
    if (!(kinds >> dtype & 1) || kinds & pynn::pointwise::kChooses) continue;
    if (kinds & pynn::pointwise::kDivides) x[1].fill([&] { return double(1 + random.below(5)); });
    const bool test = kinds & pynn::pointwise::kTests;
    const int inputs = inputs_of(pynn_pointwise_op(op));
    set_context("operation " + std::to_string(op) + ", dtype " + std::to_string(dtype) + ", n " +
                std::to_string(n));
    cuda::Operand operands[4];
    pynn_array described[3];
    const pynn_array* pointers[3];
    for (int k = 0; k < inputs; ++k) {
      operands[k] = x[k].operand(&step);
      described[k] = {x[k].data(), &n, nullptr, 1, dtype};
      pointers[k] = &described[k];
    }
    operands[inputs] = test ? tests.operand(&one) : out.operand(&step);
    if (test) operands[inputs].dtype = PYNN_BOOL;
    CHECK_OK(cuda::pointwise(pynn_pointwise_op(op), 1, &n, operands, 0.5, nullptr));
    pynn_array result = {test ? static_cast<void*>(tests_cpu.data()) : want.data(), &n, nullptr, 1,
                         test ? int(PYNN_BOOL) : dtype};
    CHECK_EQ(pynn_pointwise(pynn_pointwise_op(op), pointers, inputs, 0.5, &result), PYNN_OK);
    CHECK(out.intact() && tests.intact());
    for (int64_t i = 0; i < n; ++i) {
      if (test) {
        CHECK_EQ(tests.at(i), tests_cpu.at(i));
      } else {
        CHECK_CLOSE(out.at(i), want.at(i),
                    GpuType<T>::epsilon * 4 * (1 + std::fabs(want.at(i))) * (dtype >= PYNN_FLOAT32));
      }
    }
  }
  set_context("");
}

// where and comparisons of 16-bit floats, a number among the operands, a transposed and a broadcast one.
template <class T>
void test_strides() {
  constexpr int64_t kRows = 6, kColumns = 10;
  const int64_t shape[] = {kRows, kColumns}, item = sizeof(T);
  const int64_t dense[] = {kColumns * item, item}, turned[] = {item, kRows * item}, row[] = {0, item};
  const int64_t bytes[] = {kColumns, 1};
  Random random(2);
  GpuArray<T> a(kRows * kColumns), b(kColumns), out(kRows * kColumns);
  GpuArray<uint8_t> mask(kRows * kColumns), less(kRows * kColumns);
  a.fill([&] { return random.normal(); });
  b.fill([&] { return random.normal(); });
  mask.fill([&] { return double(random.below(2)); });
  cuda::Operand operands[] = {mask.operand(bytes), a.operand(turned), b.operand(row), out.operand(dense)};
  operands[0].dtype = PYNN_BOOL;
  const auto transposed = [&](int64_t i) { return a.at(i % kColumns * kRows + i / kColumns); };
  CHECK_OK(cuda::pointwise(PYNN_P_WHERE, 2, shape, operands, 0, nullptr));
  for (int64_t i = 0; i < kRows * kColumns; ++i)
    CHECK_EQ(out.at(i), mask.at(i) != 0 ? transposed(i) : b.at(i % kColumns));
  operands[2] = cuda::Operand();
  operands[2].dtype = GpuType<T>::dtype;
  operands[2].whole = cuda::bits_of(1.5, 0, GpuType<T>::dtype);
  CHECK_OK(cuda::pointwise(PYNN_P_WHERE, 2, shape, operands, 0, nullptr));
  for (int64_t i = 0; i < kRows * kColumns; ++i) CHECK_EQ(out.at(i), mask.at(i) != 0 ? transposed(i) : 1.5);
  cuda::Operand tests[] = {a.operand(turned), b.operand(row), less.operand(bytes)};
  tests[2].dtype = PYNN_BOOL;
  CHECK_OK(cuda::pointwise(PYNN_P_LT, 2, shape, tests, 0, nullptr));
  for (int64_t i = 0; i < kRows * kColumns; ++i)
    CHECK_EQ(less.at(i), double(transposed(i) < b.at(i % kColumns)));
  CHECK(out.intact() && less.intact());
  tests[0].dtype = PYNN_INT16;
  CHECK_CODE(cuda::pointwise(PYNN_P_LT, 2, shape, tests, 0, nullptr), PYNN_UNSUPPORTED);
}

}  // namespace

int main() {
  for_each_order([] {
    for (const int64_t n : {1, 33, 1500}) {
      for (const int64_t offset : {0, 1}) {
        test_type<bool>(n, offset);
        test_type<uint8_t>(n, offset);
        test_type<int8_t>(n, offset);
        test_type<int16_t>(n, offset);
        test_type<int32_t>(n, offset);
        test_type<int64_t>(n, offset);
        test_type<float>(n, offset);
        test_type<double>(n, offset);
      }
    }
    for_each_float([](auto type) { test_strides<decltype(type)>(); });
  });
  return summary();
}
