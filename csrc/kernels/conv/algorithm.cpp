// The switch between ways: pynn_conv_set_algo, else PYNN_CONV_ALGO, else automatic.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "kernels/conv/conv.h"

namespace pynn {
namespace conv {
namespace {

constexpr const char* kNames[] = {"auto", "direct", "winograd"};
constexpr int kCount = 3, kUndecided = -1;

std::atomic<int> chosen{kUndecided};

}  // namespace

const char* algorithm_name(Algorithm algorithm) { return kNames[int(algorithm)]; }

bool find_algorithm(const char* name, Algorithm* algorithm) {
  for (int i = 0; name != nullptr && i < kCount; ++i) {
    if (std::strcmp(name, kNames[i]) != 0) continue;
    *algorithm = Algorithm(i);
    return true;
  }
  return false;
}

Algorithm algorithm() {
  int now = chosen.load(std::memory_order_relaxed);
  if (now == kUndecided) {
    Algorithm wanted = Algorithm::automatic;
    find_algorithm(std::getenv("PYNN_CONV_ALGO"), &wanted);
    int expected = kUndecided;
    now = int(wanted);
    if (!chosen.compare_exchange_strong(expected, now)) now = expected;
  }
  return Algorithm(now);
}

void set_algorithm(Algorithm algorithm) { chosen.store(int(algorithm)); }

}  // namespace conv
}  // namespace pynn
