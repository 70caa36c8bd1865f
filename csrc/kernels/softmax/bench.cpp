// us a call over common sizes.
#include "base/bench.h"

#include <vector>

#include "pynn/pynn.h"

using pynn::bench::time_ns;

int main() {
  std::printf("isa %s, %d threads; us\n%6s %6s %10s %12s %10s %12s\n", pynn_isa(), pynn_get_num_threads(),
              "rows", "cols", "softmax", "log_softmax", "ce mean", "ce backward");
  const int64_t sizes[][2] = {{1, 10},     {32, 10},   {128, 10},   {128, 100},
                              {128, 1000}, {1024, 64}, {1024, 128}, {256, 30000}};
  for (const auto& size : sizes) {
    const int64_t rows = size[0], cols = size[1];
    std::vector<float> x(size_t(rows * cols)), out(x), stats(static_cast<size_t>(2 * rows));
    std::vector<int64_t> target(static_cast<size_t>(rows));
    for (size_t i = 0; i < x.size(); ++i) x[i] = float(i % 1013) / 200 - 2;
    for (size_t i = 0; i < target.size(); ++i) target[i] = int64_t(i) % cols;
    const pynn_cross_entropy args = {rows, cols, x.data(), cols, target.data(), nullptr, -100, 0};
    float loss, total;
    const float one = 1;
    const double a = time_ns([&] { pynn_softmax_f32(rows, cols, x.data(), cols, out.data(), cols); });
    const double b = time_ns([&] { pynn_log_softmax_f32(rows, cols, x.data(), cols, out.data(), cols); });
    const double c = time_ns([&] { pynn_cross_entropy_mean_f32(&args, &loss, &total, stats.data()); });
    const double d = time_ns(
        [&] { pynn_cross_entropy_backward_f32(&args, stats.data(), &one, 0, &total, out.data(), cols); });
    std::printf("%6lld %6lld %10.3f %12.3f %10.3f %12.3f\n", (long long)rows, (long long)cols, a / 1e3,
                b / 1e3, c / 1e3, d / 1e3);
  }
  return 0;
}
