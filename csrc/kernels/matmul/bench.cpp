// Speed of matrix products beside the machine's own peak, measured in the same run.
//   bench_matmul [threads]
//   bench_matmul --peak      the peak alone, as JSON
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/bench_peak.h"
#include "pynn/matmul.h"

namespace {

struct Shape {
  int64_t m, k, n;
  bool ta, tb;
  int64_t batch;
};

double time_of(const Shape& s, std::vector<float>& a, std::vector<float>& b, std::vector<float>& c) {
  const int64_t a_shape[] = {s.batch, s.m, s.k}, b_shape[] = {s.batch, s.k, s.n},
                c_shape[] = {s.batch, s.m, s.n};
  const int64_t a_strides[] = {4 * s.m * s.k, s.ta ? 4 : 4 * s.k, s.ta ? 4 * s.m : 4};
  const int64_t b_strides[] = {4 * s.k * s.n, s.tb ? 4 : 4 * s.n, s.tb ? 4 * s.k : 4};
  const int skip =
      s.batch == 1;  // a batch of one goes without the leading dimension, as callers' matrices do
  pynn_array aa = {a.data(), a_shape + skip, a_strides + skip, 3 - skip, PYNN_FLOAT32};
  pynn_array ba = {b.data(), b_shape + skip, b_strides + skip, 3 - skip, PYNN_FLOAT32};
  pynn_array ca = {c.data(), c_shape + skip, nullptr, 3 - skip, PYNN_FLOAT32};
  return pynn::bench::time_ns([&] { pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &ca); }, 2e8);
}

}  // namespace

int main(int argc, char** argv) {
  const bool peak_alone = argc > 1 && std::strcmp(argv[1], "--peak") == 0;
  if (argc > 1 && !peak_alone && std::atoi(argv[1]) < 1) {
    std::fprintf(stderr, "usage: bench_matmul [threads | --peak]\n");
    return 2;
  }
  if (argc > 1 && !peak_alone) pynn::set_num_threads(std::atoi(argv[1]));
  const int threads = pynn::num_threads();
  const double top = pynn::bench::peak_gflops(threads);
  if (peak_alone) {
    std::printf("{\"peak_gflops\": %.1f}\n", top);
    return 0;
  }
  const double top_one = pynn::bench::peak_gflops(1);
  std::printf("%s, %d threads: peak %.0f GF/s (one thread %.0f)\n", pynn::isa_name(pynn::active_isa()),
              threads, top, top_one);
  std::printf("%6s %6s %6s %-3s %5s %12s %9s %8s %8s\n", "m", "k", "n", "", "batch", "us", "GF/s", "% peak",
              "GB/s");
  const Shape shapes[] = {{96, 96, 96, false, false, 1},       {128, 128, 128, false, false, 1},
                          {192, 192, 192, false, false, 1},    {256, 256, 256, false, false, 1},
                          {384, 384, 384, false, false, 1},    {512, 512, 512, false, false, 1},
                          {768, 768, 768, false, false, 1},    {1024, 1024, 1024, false, false, 1},
                          {2048, 2048, 2048, false, false, 1}, {1024, 1024, 1024, false, true, 1},
                          {1024, 1024, 1024, true, false, 1},  {1024, 1024, 1024, true, true, 1},
                          {1000, 1000, 1000, false, false, 1}, {32, 512, 2048, false, false, 1},
                          {32, 512, 2048, false, true, 1},     {2048, 512, 32, false, false, 1},
                          {64, 20000, 64, true, false, 1},     {3072, 27, 64, false, false, 1},
                          {8, 1024, 1024, false, false, 1},    {8, 1024, 1024, false, true, 1},
                          {1, 2048, 2048, false, false, 1},    {1, 2048, 2048, false, true, 1},
                          {2048, 2048, 1, false, false, 1},    {128, 64, 128, false, true, 64},
                          {32, 20, 64, false, false, 1},       {32, 20, 64, false, true, 1},
                          {32, 64, 32, false, false, 1},       {32, 64, 32, false, true, 1},
                          {32, 32, 1, false, false, 1},        {20, 32, 64, true, false, 1},
                          {4, 4, 4, false, false, 1}};
  for (const Shape& s : shapes) {
    std::vector<float> a(size_t(s.batch * s.m * s.k)), b(size_t(s.batch * s.k * s.n)),
        c(size_t(s.batch * s.m * s.n));
    unsigned seed = 1;
    for (auto* x : {&a, &b}) {
      for (float& v : *x) v = float(int(seed = seed * 1664525u + 1013904223u)) * 0x1p-31f;
    }
    const double t = time_of(s, a, b, c);
    const double flops = 2.0 * double(s.batch * s.m * s.k) * double(s.n);
    const bool small = s.m * s.n * s.k * s.batch <= (1 << 20);
    std::printf("%6ld %6ld %6ld %c%c  %5ld %12.2f %9.1f %7.1f%% %8.1f%s\n", long(s.m), long(s.k), long(s.n),
                s.ta ? 'T' : 'N', s.tb ? 'T' : 'N', long(s.batch), t / 1e3, flops / t,
                100 * flops / t / (small ? top_one : top), 4 * double(a.size() + b.size() + c.size()) / t,
                small ? "  (one thread)" : "");
  }
  return 0;
}
