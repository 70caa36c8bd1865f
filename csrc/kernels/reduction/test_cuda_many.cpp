// Norms and scaling of many tensors on the GPU, emulated, against the CPU's.
#include <limits>
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/reduction/cuda_many.h"
#include "pynn/pynn.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

template <class T>
void test_many(bool nan) {
  std::vector<int64_t> sizes = {3, 0, 16384, 16385, 1};
  for (int i = 0; i < 150; ++i) sizes.push_back(1 + i % 5);
  std::vector<std::vector<T>> data, expected;
  Random random(4);
  for (int64_t size : sizes) {
    data.emplace_back(size_t(size) + 1);
    for (T& value : data.back()) value = T(random.normal());
  }
  if (nan) data[3][100] = T(NAN);
  expected = data;
  std::vector<T*> x, y;
  for (size_t i = 0; i < sizes.size(); ++i) {
    x.push_back(data[i].data());
    y.push_back(expected[i].data());
  }
  const int64_t count = int64_t(sizes.size());
  Guarded<char> scratch(cuda::total_norm_bytes(count, sizes.data()));
  T norm = 0;
  for (const double p : {1.0, 2.0, 3.5, std::numeric_limits<double>::infinity()}) {
    double wanted;
    CHECK_EQ(pynn_total_norm(pynn_dtype(dtype_of<T>), count, sizes.data(),
                             reinterpret_cast<const void* const*>(x.data()), p, &wanted),
             PYNN_OK);
    CHECK_OK(cuda::total_norm<T>(count, sizes.data(), x.data(), p, &norm, scratch.data(), nullptr));
    CHECK_CLOSE(norm, wanted, std::fabs(wanted) * (sizeof(T) == 4 ? 1e-6 : 1e-13));
  }
  CHECK(scratch.intact());
  norm = 2;
  for (const double largest : {3.0, 0.5}) {
    const double factor = double(T(largest) / (norm + T(1e-6)));
    if (!(factor >= 1)) {
      CHECK_EQ(pynn_scale_many(pynn_dtype(dtype_of<T>), count, sizes.data(), reinterpret_cast<void* const*>(y.data()),
                               factor),
               PYNN_OK);
    }
    CHECK_OK(cuda::clip_by_norm<T>(count, sizes.data(), x.data(), &norm, largest, nullptr));
    bool same = true;
    for (size_t i = 0; i < data.size(); ++i) {
      for (size_t j = 0; j < data[i].size(); ++j) {
        same = same && (data[i][j] == expected[i][j] || (std::isnan(data[i][j]) && std::isnan(expected[i][j])));
      }
    }
    CHECK(same);
  }
}

void test_nothing() {
  const int64_t size = 0;
  const float* x = nullptr;
  float norm = 7;
  CHECK_OK(cuda::total_norm<float>(1, &size, &x, 2, &norm, nullptr, nullptr));
  CHECK_EQ(norm, 0);
  CHECK(!cuda::total_norm<float>(1, &size, &x, 0, &norm, nullptr, nullptr).ok());
}

}  // namespace

int main() {
  for_each_order([] {
    test_many<float>(false);
    test_many<double>(false);
    test_many<float>(true);
    test_nothing();
  });
  return summary();
}
