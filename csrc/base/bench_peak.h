// The machine's own float32 peak: fused multiply-adds on registers alone, under the ISA in use.
#pragma once
#include <algorithm>
#include <cstdint>

#if defined(PYNN_X86)
#include <immintrin.h>
#endif

#include "base/bench.h"
#include "base/isa.h"
#include "base/pool.h"

namespace pynn {
namespace bench {

// 12 chains a round hide the latency of the multiply-add; 2 flops a lane.
constexpr int64_t kProbeSteps = 1 << 20;

#if defined(PYNN_X86)
__attribute__((target("avx512f"))) inline double probe_avx512() {
  __m512 x = _mm512_set1_ps(0.999f), acc[12];
  for (auto& a : acc) a = _mm512_setzero_ps();
  for (int64_t i = 0; i < kProbeSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j) acc[j] = _mm512_fmadd_ps(acc[j], x, x);
  }
  for (int j = 1; j < 12; ++j) acc[0] = acc[0] + acc[j];
  return acc[0][0];
}
__attribute__((target("avx2,fma"))) inline double probe_avx2() {
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
inline double probe_portable() {
  typedef float V __attribute__((vector_size(16)));
  V x = V{} + 0.999f, acc[6] = {};
  for (int64_t i = 0; i < 2 * kProbeSteps; ++i) {
#pragma GCC unroll 6
    for (int j = 0; j < 6; ++j) acc[j] = acc[j] * x + x;
  }
  for (int j = 1; j < 6; ++j) acc[0] = acc[0] + acc[j];
  return double(acc[0][0]);
}

inline volatile double probe_sink;  // keeps the probes

// GF/s of `threads` threads together.
inline double peak_gflops(int threads) {
  double (*probe)() = probe_portable;
  int lanes = 4;
#if defined(PYNN_X86)
  if (active_isa() == Isa::avx512) probe = probe_avx512, lanes = 16;
  if (active_isa() == Isa::avx2) probe = probe_avx2, lanes = 8;
#endif
  double best = 1e300;
  for (int round = 0; round < 9; ++round) {
    const double start = now_ns();
    parallel(threads, [&](int64_t) { probe_sink = probe(); });
    best = std::min(best, now_ns() - start);
  }
  return double(threads) * 12 * 2 * lanes * double(kProbeSteps) / best;
}

}  // namespace bench
}  // namespace pynn
