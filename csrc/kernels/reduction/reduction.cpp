#include "kernels/reduction/reduction.h"

#include <algorithm>
#include <vector>

#include "base/pool.h"

#define PYNN_FAMILY reduction
#define PYNN_KERNELS "kernels/reduction/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace reduction {
namespace {

// Blocks a thread takes at a time, some 20 us of work.
constexpr int64_t kBlocksEach = 64;

// The sum of block(first, count) over blocks of kBlock elements, added in float64 in the blocks' order.
template <class F>
double over_blocks(int64_t n, const F& block) {
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  const auto run = [&](int64_t first, int64_t last) {
    double total = 0;
    for (int64_t i = first; i < last; ++i) total += block(i * kBlock, std::min(kBlock, n - i * kBlock));
    return total;
  };
  const int64_t chunks = (blocks + kBlocksEach - 1) / kBlocksEach;
  if (chunks <= 1) return run(0, blocks);
  std::vector<double> parts(size_t(chunks), 0.0);
  parallel(chunks, [&](int64_t c) {
    parts[size_t(c)] = run(c * kBlocksEach, std::min(blocks, (c + 1) * kBlocksEach));
  });
  double total = 0;
  for (double part : parts) total += part;
  return total;
}

}  // namespace

double sum(int64_t n, const float* x) {
  const auto kernel = table().sum;
  return over_blocks(n, [&](int64_t first, int64_t count) { return kernel(count, x + first); });
}

double squared_error(int64_t n, const float* x, const float* y) {
  const auto kernel = table().squared_error;
  return over_blocks(n, [&](int64_t first, int64_t count) { return kernel(count, x + first, y + first); });
}

void scaled_difference(int64_t n, const float* x, const float* y, float scale, float* out) {
  const auto kernel = table().scaled_difference;
  parallel_ranges(n, kBlock * kBlocksEach, [&](int64_t first, int64_t last) {
    kernel(last - first, x + first, y + first, scale, out + first);
  });
}

}  // namespace reduction
}  // namespace pynn
