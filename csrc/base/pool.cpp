// One job at a time. The caller deals the chunks, publishes them by opening the gate, takes its own and those that
// others have not come to, and closes the gate when none is left; a worker joins by counting itself into the open
// gate, so a worker that wakes late finds it closed and touches nothing. The caller then waits only for workers that
// hold a chunk, never for sleeping ones.
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#ifdef PYNN_X86
#include <immintrin.h>
#endif

namespace pynn {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int64_t kSpinNanoseconds = 50 * 1000;  // how long an idle worker spins before it parks

inline void relax() {
#ifdef PYNN_X86
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

int64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t(t.tv_sec) * 1000000000 + t.tv_nsec;
}

// ---- how many threads ----

bool read_line(const char* path, char* line, size_t size) {
  FILE* file = std::fopen(path, "r");
  if (file == nullptr) return false;
  const bool ok = std::fgets(line, int(size), file) != nullptr;
  std::fclose(file);
  return ok;
}

int cores_of(double quota, double period, int most) {
  if (quota <= 0 || period <= 0) return most;
  const int cores = int((quota + period - 1) / period);
  return cores < 1 ? 1 : cores < most ? cores : most;
}

// The quota of one v2 group and of all its parents up to `root`.
int quota_v2(const char* root, const char* group, int most) {
  char path[1024], line[128], quota[64];
  std::snprintf(path, sizeof path, "%s%s", root, std::strcmp(group, "/") == 0 ? "" : group);
  const size_t stop = std::strlen(root);
  while (true) {
    char file[1100];
    std::snprintf(file, sizeof file, "%s/cpu.max", path);
    double period = 0;
    if (read_line(file, line, sizeof line) && std::sscanf(line, "%63s %lf", quota, &period) == 2 &&
        std::strcmp(quota, "max") != 0) {
      most = cores_of(std::atof(quota), period, most);
    }
    char* slash = std::strrchr(path, '/');
    if (std::strlen(path) <= stop || slash == nullptr) return most;
    *slash = '\0';
  }
}

int quota_v1(const char* root, const char* group, int most) {
  // Inside a container the group's path may be the host's, which is not visible: then the root is ours.
  const char* groups[] = {group, ""};
  for (const char* name : groups) {
    char path[1100], line[64];
    std::snprintf(path, sizeof path, "%s%s/cpu.cfs_quota_us", root, name);
    if (!read_line(path, line, sizeof line)) continue;
    const double quota = std::atof(line);
    std::snprintf(path, sizeof path, "%s%s/cpu.cfs_period_us", root, name);
    return read_line(path, line, sizeof line) ? cores_of(quota, std::atof(line), most) : most;
  }
  return most;
}

int cgroup_cores(int most) {
  FILE* file = std::fopen("/proc/self/cgroup", "r");
  if (file == nullptr) return most;
  char line[1024];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    line[std::strcspn(line, "\n")] = '\0';
    char* controllers = std::strchr(line, ':');
    char* group = controllers != nullptr ? std::strchr(controllers + 1, ':') : nullptr;
    if (group == nullptr) continue;
    *group++ = '\0';
    ++controllers;
    if (*controllers == '\0') {
      most = quota_v2("/sys/fs/cgroup", group, most);
      continue;
    }
    for (char* name = std::strtok(controllers, ","); name != nullptr; name = std::strtok(nullptr, ",")) {
      if (std::strcmp(name, "cpu") == 0) {
        most = quota_v1("/sys/fs/cgroup/cpu", group, most);
        break;
      }
    }
  }
  std::fclose(file);
  return most;
}

int environment_threads(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return 0;
  char* end = nullptr;
  const long n = std::strtol(text, &end, 10);  // OMP_NUM_THREADS may be a list: the first counts
  if (end == text || (*end != '\0' && *end != ',') || n < 1) return 0;
  return n > kMaxThreads ? kMaxThreads : int(n);
}

int default_threads() {
  for (const char* name : {"PYNN_NUM_THREADS", "OMP_NUM_THREADS"}) {
    if (const int n = environment_threads(name)) return n;
  }
  int cores = int(sysconf(_SC_NPROCESSORS_ONLN));
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
#endif
  cores = cores < 1 ? 1 : cores > kMaxThreads ? kMaxThreads : cores;
  return cgroup_cores(cores);
}

std::atomic<int> wanted_threads{0};  // 0: not asked yet

// ---- the pool ----

constexpr uint64_t kOpen = 1 << 16, kEpoch = 1 << 17, kJoined = kOpen - 1;  // fields of the gate

thread_local bool inside = false;  // this thread runs a chunk: nested calls run inline

// Chunks of a job dealt to one thread: a run, the same for every job of as many chunks, so that the lines of memory
// that a thread wrote in one job are where its next job finds them.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

struct Pool {
  // Written by the one caller that holds `busy`, before it opens the gate.
  ChunkFn function = nullptr;
  void* context = nullptr;
  std::vector<Share> shares;  // one a thread, the caller's first
  int64_t used = 0;           // shares that have chunks

  alignas(64) std::atomic<uint64_t> gate{0};
  alignas(64) std::atomic<int> sleepers{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::thread> workers;
  int wanted = 0;          // workers asked for; fewer may have started
  int64_t last_short = 0;  // when a job last came that was not worth waking threads for

  void deal(int64_t count) {
    used = int64_t(shares.size()) < count ? int64_t(shares.size()) : count;
    for (int64_t i = 0; i < used; ++i) {
      shares[size_t(i)].next.store(count / used * i + (i < count % used ? i : count % used),
                                   std::memory_order_relaxed);
      shares[size_t(i)].end = count / used * (i + 1) + (i + 1 < count % used ? i + 1 : count % used);
    }
  }

  // A thread's own share first, then what is left of the others'.
  void take_chunks(int64_t thread) {
    inside = true;
    for (int64_t i = 0; i < used; ++i) {
      Share& share = shares[size_t((thread + i) % used)];
      for (int64_t chunk; share.next.load(std::memory_order_relaxed) < share.end &&
                          (chunk = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) {
        function(context, chunk);
      }
    }
    inside = false;
  }

  bool woken(uint64_t seen) const {
    const uint64_t state = gate.load();
    return stop.load() || ((state & kOpen) != 0 && state / kEpoch != seen);
  }

  void wait_for_job(uint64_t seen) {
    const int64_t until = now() + kSpinNanoseconds;
    do {
      for (int i = 0; i < 64; ++i) {
        if (woken(seen)) return;
        relax();
      }
    } while (now() < until);
    std::unique_lock<std::mutex> lock(mutex);
    sleepers.fetch_add(1);
    wake.wait(lock, [&] { return woken(seen); });
    sleepers.fetch_sub(1);
  }

  void work(int64_t thread) {
    uint64_t seen = gate.load() / kEpoch;
    if ((gate.load() & kOpen) != 0) --seen;  // started by this very job: take part in it
    while (true) {
      wait_for_job(seen);
      if (stop.load()) return;
      uint64_t state = gate.load();
      while ((state & kOpen) != 0 && !gate.compare_exchange_weak(state, state + 1)) {
      }
      if ((state & kOpen) == 0) continue;
      seen = state / kEpoch;
      take_chunks(thread);
      gate.fetch_sub(1);
    }
  }

  void start(int count) {
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    stop.store(false);
    wanted = count;
    try {
      shares = std::vector<Share>(size_t(count) + 1);
      workers.reserve(size_t(count));
      while (int(workers.size()) < count) {
        workers.emplace_back([this, thread = int64_t(workers.size()) + 1] { work(thread); });
      }
    } catch (const std::exception&) {
      // No more threads to be had: the job runs on those there are.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void finish() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stop.store(true);
    }
    wake.notify_all();
    for (std::thread& worker : workers) worker.join();
    workers.clear();
  }

  // Whether short jobs follow one another so fast that a thread, once woken, would keep spinning between them.
  bool again() {
    const int64_t time = now(), before = last_short;
    last_short = time;
    return time - before < kSpinNanoseconds / 2;
  }

  void run(int64_t count, ChunkFn fn, void* argument, Wake waking) {
    function = fn;
    context = argument;
    deal(count);
    const uint64_t closed = gate.load(std::memory_order_relaxed);
    gate.store(closed + kEpoch +
               kOpen);  // sequentially consistent, as is `sleepers`: one side sees the other
    if (sleepers.load() > 0 && (waking == Wake::yes || again())) {
      {
        std::lock_guard<std::mutex> lock(mutex);
      }
      if (count - 1 < int64_t(workers.size())) {
        for (int64_t i = 0; i < count - 1; ++i) wake.notify_one();
      } else {
        wake.notify_all();
      }
    }
    take_chunks(0);
    uint64_t state = gate.fetch_and(~kOpen) & ~kOpen;
    for (int spins = 0; (state & kJoined) != 0; ++spins) {
      if (spins < 2000) {
        relax();
      } else {
        sched_yield();
      }
      state = gate.load(std::memory_order_acquire);
    }
  }
};

std::atomic<Pool*> pool{nullptr};   // made by the first caller that wants workers; a forked child forgets it
std::atomic<bool> busy{false};      // held by the caller whose job the pool runs
std::atomic<bool> finished{false};  // the library is being unloaded

void after_fork_child() {
  pool.store(nullptr);  // its threads live in the parent only; the object itself is left alone
  busy.store(false);
}

Pool* ready_pool(int workers) {  // holding `busy`
  Pool* current = pool.load(std::memory_order_relaxed);
  if (current == nullptr) {
    static const int registered = pthread_atfork(nullptr, nullptr, after_fork_child);
    (void)registered;
    current = new (std::nothrow) Pool;
    if (current == nullptr) return nullptr;
    pool.store(current);
    current->start(workers);
  } else if (__builtin_expect(current->wanted != workers, 0)) {
    current->finish();
    current->start(workers);
  }
  return current->workers.empty() ? nullptr : current;
}

// At exit, and when the library is unloaded: no thread may be left in code that is gone.
__attribute__((destructor)) void finish_pool() {
  finished.store(true);
  const int64_t until = now() + 1000000000;
  while (busy.exchange(true)) {
    if (now() > until) return;
    sched_yield();
  }
  Pool* current = pool.exchange(nullptr);
  if (current != nullptr) {
    current->finish();
    delete current;
  }
  busy.store(false);
}

}  // namespace

int num_threads() {
  int n = wanted_threads.load(std::memory_order_relaxed);
  if (n == 0) {
    n = default_threads();
    int expected = 0;
    if (!wanted_threads.compare_exchange_strong(expected, n)) n = expected;
  }
  return n;
}

void set_num_threads(int n) { wanted_threads.store(n < 1 ? 1 : n > kMaxThreads ? kMaxThreads : n); }

void parallel_for(int64_t chunks, ChunkFn fn, void* context, Wake wake) {
  if (chunks > 1 && !inside) {
    const int threads = num_threads();
    if (threads > 1 && !finished.load(std::memory_order_relaxed) &&
        !busy.exchange(true, std::memory_order_acquire)) {
      Pool* current = ready_pool(threads - 1);
      if (current != nullptr) current->run(chunks, fn, context, wake);
      busy.store(false, std::memory_order_release);
      if (current != nullptr) return;
    }
  }
  for (int64_t chunk = 0; chunk < chunks; ++chunk) fn(context, chunk);
}

}  // namespace pynn
