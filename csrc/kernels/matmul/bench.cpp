// Speed of matrix products beside the machine's own peak, measured in the same run.
//   bench_matmul [threads]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#if defined(PYNN_X86)
#include <immintrin.h>
#endif

#include "base/isa.h"
#include "base/pool.h"
#include "kernels/matmul/matmul.h"

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Fused multiply-adds on registers alone: 12 chains, 2 flops a lane.
constexpr int64_t kProbeSteps = 1 << 20;

#if defined(PYNN_X86)
__attribute__((target("avx512f"))) double probe_avx512() {
  __m512 x = _mm512_set1_ps(0.999f), acc[12];
  for (auto& a : acc) a = _mm512_setzero_ps();
  for (int64_t i = 0; i < kProbeSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) acc[j] = _mm512_fmadd_ps(acc[j], x, x);
  }
  for (int j = 1; j < 12; ++j) acc[0] = acc[0] + acc[j];
  return acc[0][0];
}
__attribute__((target("avx2,fma"))) double probe_avx2() {
  __m256 x = _mm256_set1_ps(0.999f), acc[12];
  for (auto& a : acc) a = _mm256_setzero_ps();
  for (int64_t i = 0; i < kProbeSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) acc[j] = _mm256_fmadd_ps(acc[j], x, x);
  }
  for (int j = 1; j < 12; ++j) acc[0] = acc[0] + acc[j];
  return acc[0][0];
}
#endif
double probe_portable() {
  typedef float V __attribute__((vector_size(16)));
  V x = V{} + 0.999f, acc[6] = {};
  for (int64_t i = 0; i < 2 * kProbeSteps; ++i) {
#pragma GCC unroll 6
    for (int j = 0; j < 6; ++j) acc[j] = acc[j] * x + x;
  }
  for (int j = 1; j < 6; ++j) acc[0] = acc[0] + acc[j];
  return double(acc[0][0]);
}

volatile double sink;

double peak(int threads) {  // GF/s of all threads
  double (*probe)() = probe_portable;
#if defined(PYNN_X86)
  if (pynn::active_isa() == pynn::Isa::avx512) probe = probe_avx512;
  if (pynn::active_isa() == pynn::Isa::avx2) probe = probe_avx2;
#endif
  const int width = pynn::matmul::kernels<float>().width;
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double start = now();
    pynn::parallel(threads, [&](int64_t) { sink = probe(); });
    best = std::min(best, now() - start);
  }
  return double(threads) * 12 * 2 * width * double(kProbeSteps) / best / 1e9;
}

struct Shape {
  int64_t m, k, n;
  bool ta, tb;
  int64_t batch;
};

double seconds(const Shape& s, std::vector<float>& a, std::vector<float>& b, std::vector<float>& c) {
  const int64_t a_shape[] = {s.batch, s.m, s.k}, b_shape[] = {s.batch, s.k, s.n},
                c_shape[] = {s.batch, s.m, s.n};
  const int64_t a_strides[] = {4 * s.m * s.k, s.ta ? 4 : 4 * s.k, s.ta ? 4 * s.m : 4};
  const int64_t b_strides[] = {4 * s.k * s.n, s.tb ? 4 : 4 * s.n, s.tb ? 4 * s.k : 4};
  const int skip =
      s.batch == 1;  // a batch of one goes without the leading dimension, as callers' matrices do
  pynn_array aa = {a.data(), a_shape + skip, a_strides + skip, 3 - skip, PYNN_FLOAT32};
  pynn_array ba = {b.data(), b_shape + skip, b_strides + skip, 3 - skip, PYNN_FLOAT32};
  pynn_array ca = {c.data(), c_shape + skip, nullptr, 3 - skip, PYNN_FLOAT32};
  auto once = [&] { pynn_matmul(&aa, &ba, nullptr, PYNN_ACT_NONE, 1, 0, &ca); };
  once();
  double start = now();
  once();
  const int64_t repeats = std::max<int64_t>(1, int64_t(0.02 / (now() - start + 1e-9)));
  std::vector<double> times;
  for (int round = 0; round < 9; ++round) {
    start = now();
    for (int64_t i = 0; i < repeats; ++i) once();
    times.push_back((now() - start) / double(repeats));
  }
  std::sort(times.begin(), times.end());
  return times[2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) pynn::set_num_threads(std::atoi(argv[1]));
  const int threads = pynn::num_threads();
  const double top = peak(threads), top_one = peak(1);
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
    const double t = seconds(s, a, b, c);
    const double flops = 2.0 * double(s.batch * s.m * s.k) * double(s.n);
    const bool small = s.m * s.n * s.k * s.batch <= (1 << 20);
    std::printf("%6ld %6ld %6ld %c%c  %5ld %12.2f %9.1f %7.1f%% %8.1f%s\n", long(s.m), long(s.k), long(s.n),
                s.ta ? 'T' : 'N', s.tb ? 'T' : 'N', long(s.batch), t * 1e6, flops / t / 1e9,
                100 * flops / t / 1e9 / (small ? top_one : top),
                4e-9 * double(a.size() + b.size() + c.size()) / t, small ? "  (one thread)" : "");
  }
  return 0;
}
