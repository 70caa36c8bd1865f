#include "base/heap.h"

#include <sys/mman.h>

#include <cstdlib>

#include "base/poison.h"

namespace pynn {
namespace {

constexpr size_t kHugePage = size_t(2) << 20;
constexpr size_t kSegment = size_t(256) << 20;    // of address space: memory comes as it is first written
constexpr size_t kRecentBytes = size_t(1) << 20;  // larger blocks do not stay in a core's own cache
constexpr int kLook = 64;                         // entries of a list that a search compares

size_t round_to(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Eight lists for each power of two of pages.
int bin_of(size_t bytes) {
  const size_t pages = bytes / kPage;
  if (pages < 8) return int(pages);
  const int power = 63 - __builtin_clzll(pages);
  return 8 * (power - 2) + int((pages >> (power - 3)) & 7);
}

}  // namespace

// ---- descriptions and lists ----

Extent* Heap::new_extent() {
  if (spare_ == nullptr) {
    constexpr int kMany = 64;
    auto* many = static_cast<Extent*>(std::calloc(kMany, sizeof(Extent)));
    if (many == nullptr) return nullptr;
    for (int i = 0; i < kMany; ++i) {
      many[i].next = spare_;
      spare_ = &many[i];
    }
  }
  Extent* extent = spare_;
  spare_ = extent->next;
  return extent;
}

void Heap::drop_extent(Extent* extent) {
  extent->next = spare_;
  spare_ = extent;
}

void Heap::add(Extent* extent) {
  const int bin = extent->state == Extent::kCached ? bin_of(extent->bytes) : -1;
  Extent*& head = bin < 0 ? fresh_ : bins_[bin];
  extent->previous = nullptr;
  extent->next = head;
  if (head != nullptr) head->previous = extent;
  head = extent;
  if (bin >= 0) filled_[bin / 64] |= uint64_t(1) << (bin % 64);
}

void Heap::remove(Extent* extent) {
  const int bin = extent->state == Extent::kCached ? bin_of(extent->bytes) : -1;
  Extent*& head = bin < 0 ? fresh_ : bins_[bin];
  if (extent->previous != nullptr) {
    extent->previous->next = extent->next;
  } else {
    head = extent->next;
  }
  if (extent->next != nullptr) extent->next->previous = extent->previous;
  if (bin >= 0 && head == nullptr) filled_[bin / 64] &= ~(uint64_t(1) << (bin % 64));
}

// Cuts an extent that is in no list to its first `bytes`. Returns the rest, in the same state and in no list
// either; null where there is none, or no memory to describe it.
Extent* Heap::split(Extent* extent, size_t bytes) {
  Extent* rest = extent->bytes > bytes ? new_extent() : nullptr;
  if (rest == nullptr) return nullptr;
  rest->start = extent->start + bytes;
  rest->bytes = extent->bytes - bytes;
  rest->before = extent;
  rest->after = extent->after;
  if (rest->after != nullptr) rest->after->before = rest;
  rest->freed_at = extent->freed_at;
  rest->state = extent->state;
  extent->bytes = bytes;
  extent->after = rest;
  return rest;
}

// Joins an extent that is in no list with its neighbours of a state; returns the whole, in no list.
Extent* Heap::join(Extent* extent, Extent::State state) {
  extent->state = state;
  for (int side = 0; side < 2; ++side) {
    Extent* other = side == 0 ? extent->before : extent->after;
    if (other == nullptr || other->state != state) continue;
    remove(other);
    Extent* low = side == 0 ? other : extent;
    Extent* high = side == 0 ? extent : other;
    low->bytes += high->bytes;
    low->after = high->after;
    if (high->after != nullptr) high->after->before = low;
    if (high->freed_at > low->freed_at) low->freed_at = high->freed_at;
    drop_extent(high);
    extent = low;
  }
  return extent;
}

void Heap::merge_into_bins(Extent* extent) { add(join(extent, Extent::kCached)); }

void Heap::flush_recent() {
  for (int i = 0; i < recent_count_; ++i) merge_into_bins(recent_[i]);
  recent_count_ = 0;
}

// ---- taking ----

Extent* Heap::best_fit(size_t bytes) {
  Extent* best = nullptr;
  for (int bin = bin_of(bytes); bin < kBins && best == nullptr; ++bin) {
    const uint64_t mask = filled_[bin / 64] >> (bin % 64);
    if (mask == 0) {
      bin |= 63;
      continue;
    }
    bin += __builtin_ctzll(mask);
    int looked = 0;
    for (Extent* e = bins_[bin]; e != nullptr && looked < kLook; e = e->next, ++looked) {
      if (e->bytes < bytes) continue;
      if (best == nullptr || e->bytes < best->bytes ||
          (e->bytes == best->bytes && e->start < best->start)) {
        best = e;
      }
    }
  }
  if (best == nullptr) return nullptr;
  remove(best);
  if (Extent* rest = split(best, bytes)) add(rest);
  cached_ -= best->bytes;
  return best;
}

// A segment of its own address space, as one fresh extent.
Extent* Heap::map_segment(size_t bytes) {
  Extent* extent = new_extent();
  if (extent == nullptr) return nullptr;
  const size_t least = round_to(bytes, kHugePage);
  for (size_t size = least > kSegment ? least : kSegment;; size = least) {
    const size_t total = size + kHugePage;
    void* mapped = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
      if (size > least) continue;
      drop_extent(extent);
      return nullptr;
    }
    char* const start = static_cast<char*>(mapped);
    char* const first = reinterpret_cast<char*>(round_to(reinterpret_cast<uintptr_t>(mapped), kHugePage));
    if (first > start) munmap(start, size_t(first - start));
    if (start + total > first + size) munmap(first + size, size_t(start + total - (first + size)));
#ifdef MADV_HUGEPAGE
    madvise(first, size, MADV_HUGEPAGE);
#endif
    *extent = {first, size, nullptr, nullptr, nullptr, nullptr, 0, Extent::kFresh};
    poison(first, size);
    add(extent);
    return extent;
  }
}

// From fresh memory, and as little of it as can be: behind a free extent that is too small, the rest alone.
Extent* Heap::grow(size_t bytes) {
  Extent* from = nullptr;
  size_t most = 0;
  for (Extent* e = fresh_; e != nullptr; e = e->next) {
    const size_t held = e->before != nullptr && e->before->state == Extent::kCached ? e->before->bytes : 0;
    if (e->bytes + held < bytes) continue;
    if (from == nullptr || held > most || (held == most && e->bytes < from->bytes)) {
      from = e;
      most = held;
    }
  }
  if (from == nullptr) from = map_segment(bytes);
  if (from == nullptr) return nullptr;
  remove(from);
  if (Extent* rest = split(from, bytes - most)) add(rest);
  if (most == 0) return from;
  Extent* held = from->before;
  remove(held);
  cached_ -= held->bytes;
  held->bytes += from->bytes;
  held->after = from->after;
  if (held->after != nullptr) held->after->before = held;
  drop_extent(from);
  return held;
}

Extent* Heap::take(size_t bytes, bool* reused) {
  bytes = round_to(bytes, kPage);
  *reused = true;
  Extent* extent = nullptr;
  for (int i = recent_count_ - 1; i >= 0; --i) {
    if (recent_[i]->bytes != bytes) continue;
    extent = recent_[i];
    --recent_count_;
    for (int j = i; j < recent_count_; ++j) recent_[j] = recent_[j + 1];
    cached_ -= bytes;
    break;
  }
  if (extent == nullptr) extent = best_fit(bytes);
  if (extent == nullptr && recent_count_ > 0) {
    flush_recent();
    extent = best_fit(bytes);
  }
  if (extent == nullptr) {
    extent = grow(bytes);
    *reused = false;
  }
  if (extent == nullptr) return nullptr;
  extent->state = Extent::kUsed;
  unpoison(extent->start, extent->bytes);
  return extent;
}

// ---- giving back ----

void Heap::give(Extent* extent) {
  poison(extent->start, extent->bytes);
  extent->freed_at = ++tick_;
  cached_ += extent->bytes;
  if (extent->bytes > kRecentBytes) {
    merge_into_bins(extent);
    return;
  }
  if (recent_count_ == kRecent) {
    merge_into_bins(recent_[0]);
    --recent_count_;
    for (int i = 0; i < recent_count_; ++i) recent_[i] = recent_[i + 1];
  }
  extent->state = Extent::kRecent;
  recent_[recent_count_++] = extent;
}

// Gives the pages of a cached extent that is in no list back to the system, and its address space too once it
// is all of its segment.
void Heap::discard(Extent* extent) {
#ifdef __linux__
  madvise(extent->start, extent->bytes, MADV_DONTNEED);
#else
  madvise(extent->start, extent->bytes, MADV_FREE);
#endif
  cached_ -= extent->bytes;
  extent = join(extent, Extent::kFresh);
  if (extent->before != nullptr || extent->after != nullptr) {
    add(extent);
    return;
  }
  unpoison(extent->start, extent->bytes);
  munmap(extent->start, extent->bytes);
  drop_extent(extent);
}

void Heap::release(size_t keep) {
  if (cached_ <= keep) return;
  flush_recent();
  while (cached_ > keep) {
    Extent* oldest = nullptr;
    for (Extent* head : bins_) {
      for (Extent* e = head; e != nullptr; e = e->next) {
        if (oldest == nullptr || e->freed_at < oldest->freed_at) oldest = e;
      }
    }
    if (oldest == nullptr) return;
    remove(oldest);
    const size_t over = round_to(cached_ - keep, kHugePage);
    Extent* rest = oldest->bytes > over ? split(oldest, oldest->bytes - over) : nullptr;
    if (rest != nullptr) {
      add(oldest);
      oldest = rest;
    }
    discard(oldest);
  }
}

size_t Heap::largest_free() {
  flush_recent();
  size_t most = 0;
  for (Extent* head : bins_) {
    for (Extent* e = head; e != nullptr; e = e->next) {
      if (e->bytes > most) most = e->bytes;
    }
  }
  return most;
}

}  // namespace pynn
