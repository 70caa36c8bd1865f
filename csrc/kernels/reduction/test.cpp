// Sums of every length against float64; special values; threads; wrong arguments.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/reduction/reduction.h"

using namespace pynn::testing;

namespace {

const int64_t kSizes[] = {0,  1,  2,  3,  7,   8,    15,   16,   17,   31,
                          33, 63, 64, 65, 100, 2047, 2048, 2049, 5000, 300000};

void test_against_float64(const char* isa) {
  CHECK(std::string(pynn::reduction::table().isa) == isa);
  Random random(1);
  for (int64_t n : kSizes) {
    set_context(std::string(isa) + " n " + std::to_string(n));
    Guarded<float> x(n);
    double sum = 0, gross = 0;
    for (int64_t i = 0; i < n; ++i) {
      x[i] = float(random.normal());
      sum += double(x[i]);
      gross += std::fabs(double(x[i]));
    }
    double got = -1;
    CHECK_EQ(pynn_sum_f32(n, x.data(), &got), PYNN_OK);
    CHECK_CLOSE(got, sum, 1e-6 * gross);
  }
}

void test_special_values() {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x(37, 1.0f);
  double got;
  x[35] = inf;
  CHECK_EQ(pynn_sum_f32(37, x.data(), &got), PYNN_OK);
  CHECK_EQ(got, double(inf));
  x[3] = -inf;
  CHECK_EQ(pynn_sum_f32(37, x.data(), &got), PYNN_OK);
  CHECK(std::isnan(got));
}

void test_threads_give_the_same_bits() {
  const int64_t n = 1000003;
  std::vector<float> x(static_cast<size_t>(n));
  Random random(2);
  for (int64_t i = 0; i < n; ++i) x[size_t(i)] = float(random.normal());
  double sums[2];
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    CHECK_EQ(pynn_sum_f32(n, x.data(), &sums[threads - 1]), PYNN_OK);
  }
  CHECK_EQ(sums[0], sums[1]);
}

void test_wrong_arguments() {
  double got;
  float one = 1;
  CHECK_EQ(pynn_sum_f32(-1, &one, &got), PYNN_INVALID);
  CHECK_EQ(pynn_sum_f32(1, nullptr, &got), PYNN_INVALID);
  CHECK_EQ(pynn_sum_f32(1, &one, nullptr), PYNN_INVALID);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    test_against_float64(isa);
    test_special_values();
    test_threads_give_the_same_bits();
  });
  test_wrong_arguments();
  return summary();
}
