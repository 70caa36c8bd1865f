// Timing for bench programs: the best of several rounds, in nanoseconds a call.
#pragma once
#include <time.h>

#include <cstdint>
#include <cstdio>

namespace pynn {
namespace bench {

inline double now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) * 1e9 + double(t.tv_nsec);
}

template <class F>
double time_ns(const F& f, double budget_ns = 4e7) {
  f();
  const double start = now_ns();
  f();
  const double once = now_ns() - start + 1;
  constexpr int kRounds = 9;
  const int64_t calls = int64_t(budget_ns / kRounds / once) + 1;
  double best = 1e300;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = now_ns();
    for (int64_t i = 0; i < calls; ++i) f();
    const double each = (now_ns() - begin) / double(calls);
    if (each < best) best = each;
  }
  return best;
}

}  // namespace bench
}  // namespace pynn
