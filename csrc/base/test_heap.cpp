#include "base/heap.h"

#include <cstring>
#include <vector>

#include "base/testing.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

constexpr size_t kMega = size_t(1) << 20;

Extent* take(Heap& heap, size_t bytes) {
  bool reused;
  return heap.take(bytes, &reused);
}

void test_reuse() {
  static Heap heap;  // never destroyed, as the arena's
  bool reused = true;
  Extent* a = heap.take(5 * kMega + 1, &reused);
  CHECK(a != nullptr && !reused);
  CHECK_EQ(a->bytes, 5 * kMega + kPage);
  CHECK_EQ(reinterpret_cast<uintptr_t>(a->start) % kPage, 0);
  std::memset(a->start, 1, a->bytes);
  CHECK_EQ(heap.cached(), 0);
  char* const start = a->start;
  heap.give(a);
  CHECK_EQ(heap.cached(), 5 * kMega + kPage);
  Extent* b = heap.take(kMega, &reused);  // a piece of it
  CHECK(reused && b->start == start);
  CHECK_EQ(heap.cached(), 4 * kMega + kPage);
  Extent* c = heap.take(4 * kMega, &reused);
  CHECK(reused && c->start == start + kMega);
  heap.give(b);
  heap.give(c);
  CHECK_EQ(heap.largest_free(), 5 * kMega + kPage);  // merged again
  Extent* d = heap.take(7 * kMega, &reused);         // grown by what it lacked alone
  CHECK(!reused && d->start == start);
  CHECK_EQ(heap.cached(), 0);
  heap.give(d);
  heap.release(0);
  CHECK_EQ(heap.cached(), 0);
}

void test_recent() {
  static Heap heap;  // never destroyed, as the arena's
  std::vector<Extent*> all;
  for (int i = 0; i < 40; ++i) all.push_back(take(heap, 64 << 10));
  char* const last = all[20]->start;
  for (int i = 0; i < 40; i += 2) heap.give(all[size_t(i == 20 ? 38 : i == 38 ? 20 : i)]);
  bool reused;
  Extent* again = heap.take(64 << 10, &reused);
  CHECK(reused && again->start == last);  // the one that was given last, warm
  heap.give(again);
  for (int i = 1; i < 40; i += 2) heap.give(all[size_t(i)]);
  CHECK_EQ(heap.cached(), 40 * (64 << 10));
  Extent* whole = heap.take(40 * (64 << 10), &reused);  // what lay apart is merged before memory is asked for
  CHECK(reused && whole != nullptr);
  heap.give(whole);
  heap.release(0);
}

void test_best_fit() {
  static Heap heap;  // never destroyed, as the arena's
  Extent* holes[3];
  Extent* walls[3];
  const size_t sizes[3] = {3 * kMega, 2 * kMega, 5 * kMega};
  for (int i = 0; i < 3; ++i) {
    holes[i] = take(heap, sizes[i]);
    walls[i] = take(heap, 2 * kMega);
  }
  char* const best = holes[1]->start;
  for (Extent* hole : holes) heap.give(hole);
  Extent* found = take(heap, 2 * kMega - kPage);
  CHECK(found->start == best);
  heap.give(found);
  CHECK_EQ(heap.cached(), 10 * kMega);
  CHECK_EQ(heap.largest_free(), 5 * kMega);
  for (Extent* wall : walls) heap.give(wall);
  CHECK_EQ(heap.largest_free(), 16 * kMega);
  heap.release(0);
}

void test_release() {
  static Heap heap;  // never destroyed, as the arena's
  Extent* old = take(heap, 8 * kMega);
  Extent* wall = take(heap, 2 * kMega);
  Extent* young = take(heap, 8 * kMega);
  Extent* end = take(heap, 2 * kMega);
  heap.give(old);
  heap.give(young);
  heap.release(20 * kMega);
  CHECK_EQ(heap.cached(), 16 * kMega);
  heap.release(13 * kMega);  // part of the one that was unused for longest
  CHECK_EQ(heap.cached(), 12 * kMega);
  CHECK_EQ(heap.largest_free(), 8 * kMega);
  bool reused;
  Extent* back = heap.take(8 * kMega, &reused);
  CHECK(reused);
  Extent* other = heap.take(8 * kMega, &reused);  // what was released serves again
  CHECK(!reused && other != nullptr);
  CHECK_EQ(heap.cached(), 0);
  std::memset(other->start, 2, other->bytes);
  for (Extent* extent : {back, other, wall, end}) heap.give(extent);
  heap.release(0);
  CHECK_EQ(heap.cached(), 0);
  CHECK_EQ(heap.largest_free(), 0);
}

void test_more_than_a_segment() {
  static Heap heap;  // never destroyed, as the arena's
  Extent* a = take(heap, 300 * kMega);  // untouched: it holds no memory
  Extent* b = take(heap, 200 * kMega);
  CHECK(a != nullptr && b != nullptr);
  CHECK_EQ(a->bytes, 300 * kMega);
  CHECK(take(heap, size_t(1) << 45) == nullptr);
  a->start[0] = a->start[a->bytes - 1] = b->start[0] = 1;
  heap.give(a);
  heap.give(b);
  heap.release(0);
  CHECK_EQ(heap.cached(), 0);
}

// Blocks of every size, in any order: nobody gets another's memory, and holes do not add up.
void test_random() {
  static Heap heap;  // never destroyed, as the arena's
  Random random(3);
  std::vector<Extent*> live;
  size_t in_use = 0, most = 0;
  for (int i = 0; i < 20000; ++i) {
    if (live.size() > 120 || (!live.empty() && random.below(2) == 0)) {
      const size_t at = size_t(random.below(int64_t(live.size())));
      Extent* extent = live[at];
      uint64_t first, last;
      std::memcpy(&first, extent->start, 8);
      std::memcpy(&last, extent->start + extent->bytes - 8, 8);
      if (first != uint64_t(extent->start - static_cast<char*>(nullptr)) || last != first) CHECK(false);
      in_use -= extent->bytes;
      heap.give(extent);
      live[at] = live.back();
      live.pop_back();
    } else {
      Extent* extent = take(heap, size_t(std::exp(random.uniform(10, 15))));
      const uint64_t mark = uint64_t(extent->start - static_cast<char*>(nullptr));
      std::memcpy(extent->start, &mark, 8);
      std::memcpy(extent->start + extent->bytes - 8, &mark, 8);
      in_use += extent->bytes;
      live.push_back(extent);
    }
    if (in_use > most) most = in_use;
    if (i % 5000 == 4999) heap.release(heap.cached() / 2);
  }
  CHECK(heap.cached() + in_use <= most + most / 4);
  for (Extent* extent : live) heap.give(extent);
  heap.release(0);
  CHECK_EQ(heap.cached(), 0);
}

}  // namespace

int main() {
  test_reuse();
  test_recent();
  test_best_fit();
  test_release();
  test_more_than_a_segment();
  test_random();
  return summary();
}
