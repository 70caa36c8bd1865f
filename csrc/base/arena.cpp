// Layout: a 64-byte header, then the block. Blocks under 2 MB come from the C library;
// larger ones are their own mapping, aligned to 2 MB, with the header at the end of the page
// before. Freed blocks go to
//   1. a cache of the freeing thread (blocks up to 32 KB, at most 128 KB a size class), without a lock;
//   2. the central free lists, under one lock, kept up to a limit: the larger of 256 MB and the
//      most bytes ever in use at once, but never more than half of the machine's memory
//      (PYNN_ARENA_LIMIT, in MB, sets another). Over it, the class unused for longest gives
//      blocks back to the system first.
#include "base/arena.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define PYNN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PYNN_ASAN 1
#endif
#endif
#ifdef PYNN_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace pynn {
namespace {

constexpr size_t kHeader = 64, kHuge = size_t(2) << 20, kPage = 4096;
constexpr size_t kLargest = size_t(1) << 46;
constexpr int kClasses = 4 + 4 * 39;       // 64, 128, 192, 256, then four a power of two up to 2^47
constexpr int kThreadClasses = 4 + 4 * 7;  // up to 32 KB
constexpr size_t kThreadBytes = 128 << 10;

struct Header {
  Header* next;
  uint32_t size_class;
};
static_assert(sizeof(Header) <= kHeader, "the header must fit before the block");

int class_of(size_t bytes) {
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

// Under the address sanitizer a cached block, and the rest of its class beyond the bytes asked for, are
// poisoned.
void mark_used(Header* header, size_t bytes) {
#ifdef PYNN_ASAN
  const size_t size = class_bytes(int(header->size_class));
  ASAN_UNPOISON_MEMORY_REGION(block_of(header), bytes);
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(block_of(header)) + bytes, size - bytes);
#else
  (void)header, (void)bytes;
#endif
}
void mark_free(Header* header, bool poison) {
#ifdef PYNN_ASAN
  const size_t size = class_bytes(int(header->size_class));
  if (poison) {
    ASAN_POISON_MEMORY_REGION(block_of(header), size);
  } else {
    ASAN_UNPOISON_MEMORY_REGION(block_of(header), size);
  }
#else
  (void)header, (void)poison;
#endif
}

// ---- the system's memory ----

Header* map_large(int size_class) {
  const size_t size = class_bytes(size_class), total = size + kHuge + kPage;
  void* mapped = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const uintptr_t start = reinterpret_cast<uintptr_t>(mapped), end = start + total;
  const uintptr_t block = (start + kPage + kHuge - 1) & ~uintptr_t(kHuge - 1), first = block - kPage;
  const uintptr_t last = block + ((size + kPage - 1) & ~(kPage - 1));
  if (first > start) munmap(mapped, first - start);
  if (end > last) munmap(reinterpret_cast<void*>(last), end - last);
#ifdef MADV_HUGEPAGE
  madvise(reinterpret_cast<void*>(block), size, MADV_HUGEPAGE);
#endif
  return header_of(reinterpret_cast<void*>(block));
}

void handle_forks();

Header* system_alloc(int size_class) {
  handle_forks();
  const size_t size = class_bytes(size_class);
  Header* header;
  if (size >= kHuge) {
    header = map_large(size_class);
    if (header == nullptr) return nullptr;
  } else {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, kHeader + size) != 0) return nullptr;
    header = static_cast<Header*>(memory);
  }
  header->size_class = uint32_t(size_class);
  return header;
}

void system_free(Header* header) {
  const size_t size = class_bytes(int(header->size_class));
  mark_free(header, false);
  if (size >= kHuge) {
    munmap(static_cast<char*>(block_of(header)) - kPage, kPage + ((size + kPage - 1) & ~(kPage - 1)));
  } else {
    std::free(header);
  }
}

// ---- central lists ----

struct ThreadCache;

// Constant-initialised and never destroyed: blocks may be freed after static destructors ran.
struct Central {
  std::mutex mutex;
  Header* lists[kClasses] = {};
  uint64_t used_at[kClasses] = {};  // tick of the class's last allocation, for eviction
  uint64_t tick = 0;
  size_t cached = 0, out = 0, peak = 0;  // out: bytes handed to callers and thread caches
  size_t machine_limit = 0;              // half of the memory, read once
  size_t forced_limit = 0;               // PYNN_ARENA_LIMIT
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
  const size_t wanted = central.peak > (size_t(256) << 20) ? central.peak : size_t(256) << 20;
  return wanted < central.machine_limit ? wanted : central.machine_limit;
}

// Unlinks blocks until the cache is within `limit`; the caller frees them without the lock.
Header* evict(size_t limit) {  // locked
  Header* evicted = nullptr;
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
    const size_t limit = cache_limit();
    if (central.cached > limit) evicted = evict(limit);
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

// ---- thread caches ----

// Written by its own thread only; the counters are read by arena_stats().
struct ThreadCache {
  Header* lists[kThreadClasses] = {};
  uint32_t counts[kThreadClasses] = {};
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
  for (int c = 0; c < kThreadClasses; ++c) flush_class(cache, c, 0);
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
  Header* header = nullptr;
  ThreadCache* cache = size_class < kThreadClasses ? own_cache() : nullptr;
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
  const int size_class = int(header->size_class);
  mark_free(header, true);
  ThreadCache* cache = size_class < kThreadClasses ? own_cache() : nullptr;
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
  return {central.out > held ? central.out - held : 0, central.cached + held, central.peak, allocations,
          reused};
}

}  // namespace pynn
