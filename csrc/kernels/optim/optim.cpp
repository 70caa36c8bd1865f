#include "kernels/optim/optim.h"

#include <algorithm>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"

#define PYNN_FAMILY optim
#define PYNN_KERNELS "kernels/optim/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace optim {
namespace {

// Elements a thread takes at a time, some 10 to 20 us of work.
constexpr int64_t kChunk = 32 << 10;

}  // namespace

pynn_status run_jobs(const Job* jobs, int64_t count) {
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) total += jobs[i].size;
  if (total < 2 * kChunk) {
    for (int64_t i = 0; i < count; ++i) jobs[i].kernel(jobs[i], 0, jobs[i].size);
    return PYNN_OK;
  }
  Scratch scratch(size_t(count) * sizeof(int64_t));
  if (!scratch) return fail(PYNN_NO_MEMORY, "no memory for a step of %lld tensors", (long long)count);
  int64_t* const ends = scratch.as<int64_t>();
  int64_t end = 0;
  for (int64_t i = 0; i < count; ++i) ends[i] = end += jobs[i].size;
  parallel((total + kChunk - 1) / kChunk, [&](int64_t chunk) {
    const int64_t last = std::min(total, (chunk + 1) * kChunk);
    int64_t at = chunk * kChunk;
    for (int64_t i = std::upper_bound(ends, ends + count, at) - ends; at < last; ++i) {
      const int64_t start = ends[i] - jobs[i].size, stop = std::min(last, ends[i]);
      if (stop > at) jobs[i].kernel(jobs[i], at - start, stop - start);
      at = std::max(at, stop);
    }
  });
  return PYNN_OK;
}

}  // namespace optim
}  // namespace pynn
