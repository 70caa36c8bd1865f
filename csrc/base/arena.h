// Memory for kernels' scratch space and for every array pynn makes.
//
// Blocks are 64-byte aligned, and memory that was freed is used again instead of being
// returned to the system: a first touch of fresh memory costs far more than most kernels.
// Blocks up to 32 KB come from free lists by size class (powers of two and their 5/4, 3/2,
// 7/4 steps), larger ones are cut to the page from segments of huge pages. Thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pynn {

void* arena_alloc(size_t bytes);  // nullptr when the system has no more; bytes == 0 gives a valid block
void arena_free(void* block);     // block from arena_alloc, or nullptr
void arena_trim();                // gives every cached block back to the system

// peak_bytes: the most handed out at once since the start or arena_reset_peak(), with what thread caches
// held.
struct ArenaStats {
  uint64_t in_use_bytes, cached_bytes, peak_bytes, allocations, reused;
};
ArenaStats arena_stats();
void arena_reset_peak();

// The most bytes that are kept cached. UINT64_MAX lets the arena choose: the larger of 256 MB and the most ever
// in use, never more than half of the machine's memory.
uint64_t arena_limit();
void arena_set_limit(uint64_t bytes);

// Scratch space of one kernel call.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : block_(arena_alloc(bytes)) {}
  ~Scratch() { arena_free(block_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const { return static_cast<T*>(block_); }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  void* block_;
};

}  // namespace pynn
