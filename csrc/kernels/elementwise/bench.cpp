// ns a call for small sizes, ns an element and GB/s (bytes read and written) for large ones.
#include "base/bench.h"

#include <vector>

#include "base/pool.h"
#include "pynn/pynn.h"

using pynn::bench::time_ns;

int main() {
  static const char* const unary[] = {
#define PYNN_UNARY(op, Op) #Op,
#include "kernels/elementwise/ops.inc"
#undef PYNN_UNARY
  };
  static const char* const binary[] = {
#define PYNN_BINARY(op, Op) #Op,
#include "kernels/elementwise/ops.inc"
#undef PYNN_BINARY
  };
  constexpr int64_t kLarge = 1 << 22, kMiddle = 2048;
  std::vector<float> x(kLarge), y(kLarge), out(kLarge);
  for (int64_t i = 0; i < kLarge; ++i) {
    x[size_t(i)] = float(i % 1013) / 200 - 2;
    y[size_t(i)] = float(i % 917) / 200 + 0.1f;
  }
  std::printf("isa %s, %d threads\n%-12s %8s %8s %12s %10s %8s\n", pynn_isa(), pynn_get_num_threads(), "op",
              "16: ns", "17: ns", "2048: ns/el", "4M: ns/el", "4M: GB/s");
  const auto row = [](const char* name, int arrays, const auto& call) {
    const double a = time_ns([&] { call(16); }), b = time_ns([&] { call(17); }),
                 c = time_ns([&] { call(kMiddle); }), d = time_ns([&] { call(kLarge); });
    std::printf("%-12s %8.1f %8.1f %12.3f %10.3f %8.1f\n", name, a, b, c / kMiddle, d / kLarge,
                arrays * 4.0 * kLarge / d);
  };
  for (int op = 0; op < PYNN_UNARY_COUNT; ++op) {
    row(unary[op], 2, [&](int64_t n) { pynn_unary_f32(pynn_unary_op(op), n, x.data(), 1, 20, out.data()); });
  }
  for (int op = 0; op < PYNN_BINARY_COUNT; ++op) {
    row(binary[op], 3,
        [&](int64_t n) { pynn_binary_f32(pynn_binary_op(op), n, x.data(), y.data(), 1, 20, out.data()); });
  }

  const int64_t shape[] = {1024, 1024}, turned[] = {4, 4096}, row_shape[] = {1024}, small[] = {4, 4},
                pairs[] = {349525, 3}, three[] = {3};
  const pynn_array m = {x.data(), shape, nullptr, 2, PYNN_FLOAT32},
                   t = {x.data(), shape, turned, 2, PYNN_FLOAT32};
  const pynn_array bias = {y.data(), row_shape, nullptr, 1, PYNN_FLOAT32},
                   s = {x.data(), small, nullptr, 2, PYNN_FLOAT32};
  const pynn_array p = {x.data(), pairs, nullptr, 2, PYNN_FLOAT32},
                   p3 = {y.data(), three, nullptr, 1, PYNN_FLOAT32};
  pynn_array r = {out.data(), shape, nullptr, 2, PYNN_FLOAT32},
             rs = {out.data(), small, nullptr, 2, PYNN_FLOAT32};
  pynn_array rp = {out.data(), pairs, nullptr, 2, PYNN_FLOAT32};
  const auto line = [](const char* name, int64_t n, const auto& call) {
    const double ns = time_ns(call);
    std::printf("%-32s %12.1f ns %8.3f ns/el\n", name, ns, ns / double(n));
  };
  line("4x4 + 4x4 through descriptors", 16, [&] { pynn_binary(PYNN_ADD, &s, &s, 0, 0, &rs); });
  const int64_t one[] = {1};
  const pynn_array single = {y.data(), one, nullptr, 1, PYNN_FLOAT32};
  line("4x4 + a single element", 16, [&] { pynn_binary(PYNN_ADD, &s, &single, 0, 0, &rs); });
  line("1024x1024 + row", 1 << 20, [&] { pynn_binary(PYNN_ADD, &m, &bias, 0, 0, &r); });
  line("1024x1024 + its transpose", 1 << 20, [&] { pynn_binary(PYNN_ADD, &m, &t, 0, 0, &r); });
  line("copy of a 1024x1024 transpose", 1 << 20, [&] { pynn_unary(PYNN_COPY, &t, 0, 0, &r); });
  line("349525x3 + row of 3", 349525 * 3, [&] { pynn_binary(PYNN_ADD, &p, &p3, 0, 0, &rp); });
  return 0;
}
