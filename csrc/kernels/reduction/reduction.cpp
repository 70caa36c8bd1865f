#include "kernels/reduction/reduction.h"

#include <algorithm>
#include <vector>

#include "base/isa.h"
#include "base/pool.h"

namespace pynn {

#define PYNN_VARIANT(isa)                      \
  namespace isa {                              \
  namespace reduction {                        \
  extern const ::pynn::reduction::Table table; \
  }                                            \
  }
#include "kernels/reduction/kernels.inc"
#undef PYNN_VARIANT

namespace reduction {
namespace {

struct Tables {
  const Table* row[kIsaCount] = {};
  constexpr Tables() {
#define PYNN_VARIANT(name) row[int(Isa::name)] = &::pynn::name::reduction::table;
#include "kernels/reduction/kernels.inc"
#undef PYNN_VARIANT
  }
};
constexpr Tables tables;

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

const Table& table() { return *tables.row[int(active_isa())]; }

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
  const int64_t each = kBlock * kBlocksEach;
  if (n <= each) {
    kernel(n, x, y, scale, out);
    return;
  }
  parallel((n + each - 1) / each, [&](int64_t c) {
    const int64_t first = c * each;
    kernel(std::min(each, n - first), x + first, y + first, scale, out + first);
  });
}

}  // namespace reduction
}  // namespace pynn
