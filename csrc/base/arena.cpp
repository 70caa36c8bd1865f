// Layout: a 64-byte header, then the block. Small blocks, up to 32 KB, come from the C library and are cached
// by size class
//   1. by the freeing thread, at most 128 KB a class, without a lock;
//   2. in central lists, under one lock.
// Larger ones are cut from segments (heap.h), under the same lock. All that is cached is kept up to a limit:
// the larger of 256 MB and the most bytes ever in use at once, but never more than half of the machine's memory
// (arena_set_limit, or PYNN_ARENA_LIMIT in MB, sets another). Over it, large blocks go back to the system
// first, those unused for longest before the others.
#include "base/arena.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

#include "base/heap.h"
#include "base/poison.h"

namespace pynn {
namespace {

constexpr size_t kHeader = 64;
constexpr size_t kLargest = size_t(1) << 46;
constexpr int kClasses = 4 + 4 * 7;  // 64, 128, 192, 256, then four a power of two up to 32 KB
constexpr size_t kLargestSmall = 32 << 10;
constexpr size_t kThreadBytes = 128 << 10;

struct Header {
  union {
    Header* next;    // of a cached small block
    Extent* extent;  // of a large block
  };
  int32_t size_class;  // kClasses for a large block
};
static_assert(sizeof(Header) <= kHeader, "the header must fit before the block");

int class_of(size_t bytes) {
  if (bytes > kLargestSmall) return kClasses;
  if (bytes <= 256) return bytes == 0 ? 0 : int((bytes - 1) >> 6);
  const int power = 63 - __builtin_clzll(bytes - 1);  // 2^power < bytes <= 2^(power+1)
  return 4 * (power - 8) + int((bytes - 1) >> (power - 2));
}

size_t class_bytes(int size_class) {
  if (size_class < 4) return size_t(size_class + 1) << 6;
  const int power = (size_class - 4) / 4 + 8;
  return size_t((size_class - 4) % 4 + 5) << (power - 2);
}

Header* header_of(void* block) { return reinterpret_cast<Header*>(static_cast<char*>(block) - kHeader); }
void* block_of(Header* header) { return reinterpret_cast<char*>(header) + kHeader; }

// Under the address sanitizer a free block, and what a block has beyond the bytes asked for, are poisoned.
void mark_used(Header* header, size_t bytes) {
  const bool large = header->size_class == kClasses;
  const size_t size = large ? header->extent->bytes - kHeader : class_bytes(header->size_class);
  unpoison(block_of(header), bytes);
  poison(static_cast<char*>(block_of(header)) + bytes, size - bytes);
}

// ---- small blocks from the system ----

void handle_forks();

Header* system_alloc(int size_class) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, kHeader + class_bytes(size_class)) != 0) return nullptr;
  Header* header = static_cast<Header*>(memory);
  header->size_class = size_class;
  return header;
}

void system_free(Header* header) {
  unpoison(block_of(header), class_bytes(header->size_class));
  std::free(header);
}

// ---- central lists ----

struct ThreadCache;

// Constant-initialised and never destroyed: blocks may be freed after static destructors ran.
struct Central {
  std::mutex mutex;
  Header* lists[kClasses] = {};
  uint64_t used_at[kClasses] = {};  // tick of the class's last allocation, for eviction
  uint64_t tick = 0;
  Heap heap;
  size_t cached = 0;             // in `lists`
  size_t out = 0;                // handed to callers and thread caches
  size_t peak = 0, largest = 0;  // the most of it since the peak was reset, and ever
  size_t machine_limit = 0;      // half of the memory, read once
  size_t forced_limit = 0;       // PYNN_ARENA_LIMIT or arena_set_limit; SIZE_MAX: none
  uint64_t allocations = 0, reused = 0;
  ThreadCache* threads = nullptr;
};
union CentralStorage {
  Central value;
  constexpr CentralStorage() : value() {}
  ~CentralStorage() {}
};
CentralStorage storage;
Central& central = storage.value;
std::atomic<uint32_t> trim_epoch{0};

Header* pop_central(int size_class) {  // locked
  Header* header = central.lists[size_class];
  central.used_at[size_class] = ++central.tick;
  if (header != nullptr) {
    central.lists[size_class] = header->next;
    central.cached -= class_bytes(size_class);
  }
  return header;
}

void add_out(size_t bytes) {  // locked
  central.out += bytes;
  if (central.out > central.peak) central.peak = central.out;
  if (central.out > central.largest) central.largest = central.out;
}

size_t cache_limit() {  // locked
  if (central.machine_limit == 0) {
    const long pages = sysconf(_SC_PHYS_PAGES);
    central.machine_limit = pages > 0 ? size_t(pages) * size_t(sysconf(_SC_PAGESIZE)) / 2 : size_t(1) << 30;
    const char* text = std::getenv("PYNN_ARENA_LIMIT");
    char* end = nullptr;
    const unsigned long long megabytes = text != nullptr ? std::strtoull(text, &end, 10) : 0;
    central.forced_limit =
        text != nullptr && end != text && *end == '\0' ? size_t(megabytes) << 20 : SIZE_MAX;
  }
  if (central.forced_limit != SIZE_MAX) return central.forced_limit;
  const size_t wanted = central.largest > (size_t(256) << 20) ? central.largest : size_t(256) << 20;
  return wanted < central.machine_limit ? wanted : central.machine_limit;
}

// Brings the cache within `limit`: gives large blocks back, then unlinks small ones, which the caller frees
// without the lock.
Header* evict(size_t limit) {  // locked
  Header* evicted = nullptr;
  if (central.cached + central.heap.cached() <= limit) return evicted;
  central.heap.release(limit > central.cached ? limit - central.cached : 0);
  while (central.cached > limit) {
    int oldest = -1;
    for (int c = 0; c < kClasses; ++c) {
      if (central.lists[c] == nullptr) continue;
      if (oldest < 0 || central.used_at[c] < central.used_at[oldest]) oldest = c;
    }
    if (oldest < 0) break;
    while (central.cached > limit && central.lists[oldest] != nullptr) {
      Header* header = central.lists[oldest];
      central.lists[oldest] = header->next;
      central.cached -= class_bytes(oldest);
      header->next = evicted;
      evicted = header;
    }
  }
  return evicted;
}

void system_free_list(Header* header) {
  while (header != nullptr) {
    Header* next = header->next;
    system_free(header);
    header = next;
  }
}

// Takes a chain of `count` blocks of one class back, and gives to the system what is over the limit.
void give_back(Header* first, Header* last, int size_class, size_t count) {
  Header* evicted = nullptr;
  {
    std::lock_guard<std::mutex> lock(central.mutex);
    const size_t bytes = count * class_bytes(size_class);
    last->next = central.lists[size_class];
    central.lists[size_class] = first;
    central.cached += bytes;
    central.out -= bytes;
    evicted = evict(cache_limit());
  }
  system_free_list(evicted);
}

void trim_central() {
  Header* evicted;
  {
    std::lock_guard<std::mutex> lock(central.mutex);
    evicted = evict(0);
  }
  system_free_list(evicted);
}

Header* central_alloc(int size_class, size_t count_as_allocation) {
  const size_t size = class_bytes(size_class);
  {
    std::lock_guard<std::mutex> lock(central.mutex);
    Header* header = pop_central(size_class);
    central.allocations += count_as_allocation;
    if (header != nullptr) {
      central.reused += count_as_allocation;
      add_out(size);
      return header;
    }
  }
  handle_forks();
  Header* header = system_alloc(size_class);
  if (header == nullptr) {
    trim_central();
    header = system_alloc(size_class);
    if (header == nullptr) return nullptr;
  }
  std::lock_guard<std::mutex> lock(central.mutex);
  add_out(size);
  return header;
}

// ---- large blocks ----

Header* large_alloc(size_t bytes) {
  handle_forks();
  Extent* extent = nullptr;
  for (int attempt = 0; extent == nullptr && attempt < 2; ++attempt) {
    if (attempt == 1) trim_central();
    std::lock_guard<std::mutex> lock(central.mutex);
    bool reused;
    extent = central.heap.take(kHeader + bytes, &reused);
    if (extent == nullptr) continue;
    ++central.allocations;
    central.reused += reused;
    add_out(extent->bytes);
  }
  if (extent == nullptr) return nullptr;
  Header* header = reinterpret_cast<Header*>(extent->start);
  header->extent = extent;
  header->size_class = kClasses;
  return header;
}

void large_free(Header* header) {
  Extent* extent = header->extent;
  Header* evicted = nullptr;
  {
    std::lock_guard<std::mutex> lock(central.mutex);
    central.out -= extent->bytes;
    central.heap.give(extent);
    evicted = evict(cache_limit());
  }
  system_free_list(evicted);
}

// ---- thread caches ----

// Written by its own thread only; the counters are read by arena_stats().
struct ThreadCache {
  Header* lists[kClasses] = {};
  uint32_t counts[kClasses] = {};
  std::atomic<size_t> bytes{0};
  std::atomic<uint64_t> allocations{0}, reused{0};
  uint32_t epoch = 0;
  ThreadCache *next = nullptr, *previous = nullptr;
};

template <class T>
inline void bump(std::atomic<T>& counter, T by) {  // single writer: no locked instruction
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

void flush_class(ThreadCache& cache, int size_class, uint32_t keep) {
  const uint32_t count = cache.counts[size_class];
  if (count <= keep) return;
  Header *first = cache.lists[size_class], *last = first;
  for (uint32_t i = 1; i < count - keep; ++i) last = last->next;
  cache.lists[size_class] = last->next;
  cache.counts[size_class] = keep;
  bump(cache.bytes, size_t(0) - (count - keep) * class_bytes(size_class));
  give_back(first, last, size_class, count - keep);
}

void flush_all(ThreadCache& cache) {
  for (int c = 0; c < kClasses; ++c) flush_class(cache, c, 0);
}

// Two thread-locals: the pointer needs no guard on the fast path; the owner, touched once,
// empties the cache when the thread ends. Frees after that go to the central lists.
thread_local ThreadCache* thread_cache = nullptr;
thread_local bool thread_ended = false;

struct ThreadCacheOwner {
  bool armed = false;
  ~ThreadCacheOwner() {
    ThreadCache* cache = thread_cache;
    thread_ended = true;
    thread_cache = nullptr;
    if (cache == nullptr) return;
    flush_all(*cache);
    {
      std::lock_guard<std::mutex> lock(central.mutex);
      central.allocations += cache->allocations.load(std::memory_order_relaxed);
      central.reused += cache->reused.load(std::memory_order_relaxed);
      if (cache->previous != nullptr) cache->previous->next = cache->next;
      if (cache->next != nullptr) cache->next->previous = cache->previous;
      if (central.threads == cache) central.threads = cache->next;
    }
    delete cache;
  }
};
thread_local ThreadCacheOwner thread_owner;

// In a forked child the other threads are gone, and with them what their caches held: those
// blocks count as neither in use nor cached any more.
void before_fork() { central.mutex.lock(); }
void after_fork_parent() { central.mutex.unlock(); }
void after_fork_child() {
  for (ThreadCache* cache = central.threads; cache != nullptr; cache = cache->next) {
    if (cache == thread_cache) continue;
    central.out -= cache->bytes.load(std::memory_order_relaxed);
    central.allocations += cache->allocations.load(std::memory_order_relaxed);
    central.reused += cache->reused.load(std::memory_order_relaxed);
  }
  central.threads = thread_cache;
  if (thread_cache != nullptr) thread_cache->next = thread_cache->previous = nullptr;
  central.mutex.unlock();
}

void handle_forks() {  // before there is any block
  static const int registered = pthread_atfork(before_fork, after_fork_parent, after_fork_child);
  (void)registered;
}

__attribute__((noinline)) ThreadCache* make_thread_cache() {
  if (thread_ended) return nullptr;
  ThreadCache* cache = new (std::nothrow) ThreadCache;
  if (cache == nullptr) return nullptr;
  cache->epoch = trim_epoch.load(std::memory_order_relaxed);
  thread_owner.armed = true;
  std::lock_guard<std::mutex> lock(central.mutex);
  cache->next = central.threads;
  if (cache->next != nullptr) cache->next->previous = cache;
  central.threads = cache;
  thread_cache = cache;
  return cache;
}

inline ThreadCache* own_cache() {
  ThreadCache* cache = thread_cache;
  return __builtin_expect(cache != nullptr, 1) ? cache : make_thread_cache();
}

}  // namespace

void* arena_alloc(size_t bytes) {
  if (bytes > kLargest) return nullptr;
  const int size_class = class_of(bytes);
  if (size_class == kClasses) {
    Header* large = large_alloc(bytes);
    if (large == nullptr) return nullptr;
    mark_used(large, bytes);
    return block_of(large);
  }
  Header* header = nullptr;
  ThreadCache* cache = own_cache();
  if (cache != nullptr) {
    bump(cache->allocations, uint64_t(1));
    header = cache->lists[size_class];
    if (header != nullptr) {
      cache->lists[size_class] = header->next;
      --cache->counts[size_class];
      bump(cache->bytes, size_t(0) - class_bytes(size_class));
      bump(cache->reused, uint64_t(1));
    }
  }
  if (header == nullptr) header = central_alloc(size_class, cache == nullptr);
  if (header == nullptr) return nullptr;
  mark_used(header, bytes);
  return block_of(header);
}

void arena_free(void* block) {
  if (block == nullptr) return;
  Header* header = header_of(block);
  const int size_class = header->size_class;
  if (size_class == kClasses) {
    large_free(header);
    return;
  }
  poison(block, class_bytes(size_class));
  ThreadCache* cache = own_cache();
  if (cache == nullptr) {
    give_back(header, header, size_class, 1);
    return;
  }
  const size_t size = class_bytes(size_class);
  header->next = cache->lists[size_class];
  cache->lists[size_class] = header;
  const uint32_t count = ++cache->counts[size_class];
  bump(cache->bytes, size);
  if (__builtin_expect(count * size > kThreadBytes, 0)) flush_class(*cache, size_class, count / 2);
  const uint32_t epoch = trim_epoch.load(std::memory_order_relaxed);
  if (__builtin_expect(cache->epoch != epoch, 0)) {  // someone trimmed: this thread's cache follows now
    cache->epoch = epoch;
    flush_all(*cache);
    trim_central();
  }
}

void arena_trim() {
  const uint32_t epoch = trim_epoch.fetch_add(1, std::memory_order_relaxed) + 1;
  if (thread_cache != nullptr) {
    thread_cache->epoch = epoch;
    flush_all(*thread_cache);
  }
  trim_central();
}

ArenaStats arena_stats() {
  std::lock_guard<std::mutex> lock(central.mutex);
  uint64_t held = 0, allocations = central.allocations, reused = central.reused;
  for (ThreadCache* cache = central.threads; cache != nullptr; cache = cache->next) {
    held += cache->bytes.load(std::memory_order_relaxed);
    allocations += cache->allocations.load(std::memory_order_relaxed);
    reused += cache->reused.load(std::memory_order_relaxed);
  }
  return {central.out > held ? central.out - held : 0, central.cached + central.heap.cached() + held,
          central.peak, allocations, reused};
}

void arena_reset_peak() {
  std::lock_guard<std::mutex> lock(central.mutex);
  central.peak = central.out;
}

uint64_t arena_limit() {
  std::lock_guard<std::mutex> lock(central.mutex);
  return cache_limit();
}

void arena_set_limit(uint64_t bytes) {
  Header* evicted;
  {
    std::lock_guard<std::mutex> lock(central.mutex);
    cache_limit();  // so that the environment is not read after this
    central.forced_limit = size_t(bytes);
    evicted = evict(cache_limit());
  }
  system_free_list(evicted);
}

}  // namespace pynn
