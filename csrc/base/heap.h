// The arena's blocks of more than 32 KB: cut to the page from large segments, best fit, free neighbours
// merged.
//
// Not thread-safe: arena.cpp holds its lock.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pynn {

constexpr size_t kPage = 4096;  // what extents are multiples of

// A stretch of a segment. Its description lies outside it, so that the pages of a free one can go back to the
// system.
struct Extent {
  enum State {
    kUsed,
    kRecent,  // free, for the next request of its very size, which finds it warm in the processor's cache
    kCached,  // free, merged with its neighbours, in the list of its size
    kFresh    // free, never used or given back to the system: it holds no memory
  };
  char* start;
  size_t bytes;
  Extent *before, *after;   // neighbours by address; null at the ends of the segment
  Extent *previous, *next;  // in its list
  uint64_t freed_at;
  State state;
};

class Heap {
 public:
  // At least `bytes`, aligned to the page; null when the system has no more. *reused: no fresh memory in it.
  Extent* take(size_t bytes, bool* reused);
  void give(Extent* extent);
  // Gives free memory back to the system until at most `keep` bytes of it are left, unused longest first.
  void release(size_t keep);
  size_t cached() const { return cached_; }  // bytes of free memory that is held
  size_t largest_free();                     // of one extent; merges what can be merged

 private:
  static constexpr int kBins = 8 * 33, kRecent = 16;

  Extent* new_extent();
  void drop_extent(Extent* extent);
  void add(Extent* extent);
  void remove(Extent* extent);
  Extent* split(Extent* extent, size_t bytes);
  void merge_into_bins(Extent* extent);
  Extent* join(Extent* extent, Extent::State state);
  void flush_recent();
  Extent* best_fit(size_t bytes);
  Extent* grow(size_t bytes);
  Extent* map_segment(size_t bytes);
  void discard(Extent* extent);

  Extent* bins_[kBins] = {};
  uint64_t filled_[(kBins + 63) / 64] = {};
  Extent* fresh_ = nullptr;
  Extent* recent_[kRecent] = {};
  int recent_count_ = 0;
  Extent* spare_ = nullptr;  // descriptions not in use
  size_t cached_ = 0;
  uint64_t tick_ = 0;
};

}  // namespace pynn
