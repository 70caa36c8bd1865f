// The GPU's sort of pairs, emulated.
#include <algorithm>
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/sort/cuda.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

void check(int64_t n, int bits, uint64_t seed) {
  Random random(seed);
  std::vector<uint32_t> keys(static_cast<size_t>(n)), values(static_cast<size_t>(n));
  std::vector<std::pair<uint32_t, uint32_t>> expected;
  for (int64_t i = 0; i < n; ++i) {
    keys[size_t(i)] = uint32_t(random.bits() >> 32 >> (32 - bits));
    values[size_t(i)] = uint32_t(i);
    expected.emplace_back(keys[size_t(i)], uint32_t(i));
  }
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Guarded<char> scratch(cuda::sort_pairs_bytes(n));
  CHECK_OK(cuda::sort_pairs(n, bits, keys.data(), values.data(), scratch.data(), nullptr));
  bool same = true;
  for (int64_t i = 0; i < n; ++i) {
    same = same && keys[size_t(i)] == expected[size_t(i)].first && values[size_t(i)] == expected[size_t(i)].second;
  }
  CHECK(same);
  CHECK(scratch.intact());
}

}  // namespace

int main() {
  for (int64_t n : {0, 1, 31, 32, 257, 4096, 4097, 12345}) {
    for (int bits : {1, 5, 16, 17, 32}) check(n, bits, uint64_t(n * 64 + bits));
  }
  CHECK(!cuda::sort_pairs(int64_t(1) << 31, 3, nullptr, nullptr, nullptr, nullptr).ok());
  return summary();
}
