// The one thread pool of the process.
//
// Lazy (no thread before the first parallel call), fork-safe (a child starts its own),
// takes concurrent callers (a caller that finds the pool busy runs its chunks itself), and
// never nests. Its size: set_num_threads, else PYNN_NUM_THREADS, else OMP_NUM_THREADS,
// else the cores this process may use (affinity mask and cgroup quota).
//
// Work is cut into chunks by shape alone, never by the number of threads, and which thread
// runs a chunk never changes its result: the same bits for any number of threads.
#pragma once
#include <cstdint>

namespace pynn {

int num_threads();
void set_num_threads(int n);  // n >= 1

using ChunkFn = void (*)(void* context, int64_t chunk);

// Whether threads that sleep are woken for a job. Waking takes longer than some 10 us of work would: a job that short
// is shared with the threads that still spin after the last one, and wakes the others where such jobs come in a row.
enum class Wake { yes, no };

// Runs fn(context, 0..chunks-1), each once, on this thread and the pool's; returns when all are done.
void parallel_for(int64_t chunks, ChunkFn fn, void* context, Wake wake = Wake::yes);

// The same for a callable: parallel(chunks, [&](int64_t chunk) { ... });
template <class F>
inline void parallel(int64_t chunks, const F& f, Wake wake = Wake::yes) {
  struct Call {
    static void run(void* context, int64_t chunk) { (*static_cast<const F*>(context))(chunk); }
  };
  if (chunks == 1) {
    f(int64_t(0));
  } else if (chunks > 1) {
    parallel_for(chunks, &Call::run, const_cast<F*>(&f), wake);
  }
}

// f(first, last) over [0, n) in chunks of `each`; one call, on this thread, where there are less than two.
template <class F>
inline void parallel_ranges(int64_t n, int64_t each, const F& f) {
  if (n < 2 * each) {
    f(int64_t(0), n);
    return;
  }
  parallel((n + each - 1) / each, [&](int64_t chunk) {
    const int64_t first = chunk * each;
    f(first, n - first < each ? n : first + each);
  });
}

}  // namespace pynn
