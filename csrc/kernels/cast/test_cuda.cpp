// The CUDA conversions, emulated: every pair of dtypes beside one conversion in C++.
#include <vector>

#include "cuda/testing.h"
#include "kernels/cast/cuda.h"

using namespace pynn::testing;
namespace cuda = pynn::cuda;

namespace {

template <class From, class To>
void test_pair() {
  constexpr int64_t kRows = 3, kColumns = 16, kSize = kRows * kColumns;
  const int64_t shape[] = {kRows, kColumns};
  const int64_t from_dense[] = {kColumns * int64_t(sizeof(From)), sizeof(From)};
  const int64_t to_dense[] = {kColumns * int64_t(sizeof(To)), sizeof(To)};
  const int64_t to_turned[] = {sizeof(To), kRows * int64_t(sizeof(To))};
  GpuArray<From> x(kSize);
  for (int64_t i = 0; i < kSize; ++i)
    x.set(i, GpuType<From>::dtype == PYNN_BOOL ? double(i % 2) : 0.75 * double(i) + 1);
  for (const bool turned : {false, true}) {
    GpuArray<To> out(kSize);
    set_context(std::to_string(GpuType<From>::dtype) + " to " + std::to_string(GpuType<To>::dtype));
    const cuda::Operand operands[] = {x.operand(from_dense), out.operand(turned ? to_turned : to_dense)};
    CHECK_OK(cuda::cast(2, shape, operands, nullptr));
    CHECK(out.intact());
    for (int64_t i = 0; i < kSize; ++i) {
      const int64_t at = turned ? i % kColumns * kRows + i / kColumns : i;
      const double want = GpuType<To>::dtype == PYNN_BOOL ? double(x.at(i) != 0)
                                                          : double(cuda::widen(cuda::narrow<To>(x.at(i))));
      CHECK_EQ(out.at(at), want);
    }
  }
  set_context("");
}

template <class From>
void test_from() {
  test_pair<From, bool>();
  test_pair<From, uint8_t>();
  test_pair<From, int8_t>();
  test_pair<From, int16_t>();
  test_pair<From, int32_t>();
  test_pair<From, int64_t>();
  test_pair<From, __half>();
  test_pair<From, __nv_bfloat16>();
  test_pair<From, float>();
  test_pair<From, double>();
}

void test_values() {
  const int64_t n = 4, eight = 8, one = 1, four = 4;
  GpuArray<int64_t> large(n);
  large.data()[0] = (int64_t(1) << 62) + 1;
  large.data()[1] = -5;
  GpuArray<double> wide(n);
  GpuArray<uint8_t> bytes(n);
  const cuda::Operand up[] = {large.operand(&eight), wide.operand(&eight)},
                      down[] = {large.operand(&eight), bytes.operand(&one)};
  CHECK_OK(cuda::cast(1, &n, up, nullptr));
  CHECK_OK(cuda::cast(1, &n, down, nullptr));
  CHECK_EQ(wide.at(0), 0x1p62);
  CHECK_EQ(bytes.at(1), 251);  // wraps around
  GpuArray<float> odd(n);
  odd.set(0, NAN);
  odd.set(1, -0.0);
  GpuArray<bool> tests(n);
  const cuda::Operand test[] = {odd.operand(&four), tests.operand(&one)};
  CHECK_OK(cuda::cast(1, &n, test, nullptr));
  CHECK_EQ(tests.at(0), 1);
  CHECK_EQ(tests.at(1), 0);
}

}  // namespace

int main() {
  for_each_order([] {
    test_from<bool>();
    test_from<uint8_t>();
    test_from<int8_t>();
    test_from<int16_t>();
    test_from<int32_t>();
    test_from<int64_t>();
    test_from<__half>();
    test_from<__nv_bfloat16>();
    test_from<float>();
    test_from<double>();
    test_values();
  });
  return summary();
}
