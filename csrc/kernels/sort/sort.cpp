// An element becomes an unsigned key that orders as it does, beside its place: no two entries are equal, so
// any sort of entries is stable. Short rows go through std::sort, long ones through radix passes over the
// key's bytes alone.
#include "kernels/sort/sort.h"

#include <algorithm>
#include <cstring>

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"

namespace pynn {
namespace sort {
namespace {

constexpr int64_t kEach = 16 << 10;  // elements of a task, some 50 us and more
constexpr int64_t kRadixFrom = 768;  // elements from which radix passes win

// ---- keys ----

inline uint32_t key_of(float x) {
  if (x != x) return UINT32_MAX;
  x += 0.0f;  // -0 to 0
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
inline uint64_t key_of(double x) {
  if (x != x) return UINT64_MAX;
  x += 0.0;
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | (uint64_t(1) << 63);
}
inline uint32_t key_of(int32_t x) { return uint32_t(x) ^ 0x80000000u; }
inline uint64_t key_of(int64_t x) { return uint64_t(x) ^ (uint64_t(1) << 63); }
inline uint32_t key_of(uint8_t x) { return x; }

template <class T>
bool is_nan(T x) {
  return x != x;
}

// A 4-byte key and a 4-byte place in one number; for other keys and longer rows, two.
struct Short {
  static constexpr int kKeyBytes = 4;
  uint64_t bits;
  template <class T>
  static Short of(T x, int64_t place, bool descending) {
    const uint32_t key = key_of(x);
    return {uint64_t(descending ? ~key : key) << 32 | uint64_t(place)};
  }
  bool operator<(const Short& other) const { return bits < other.bits; }
  int64_t place() const { return int64_t(bits & UINT32_MAX); }
  int byte(int i) const { return int(bits >> (32 + 8 * i) & 255); }
};
struct Long {
  static constexpr int kKeyBytes = 8;
  uint64_t key;
  int64_t at;
  template <class T>
  static Long of(T x, int64_t place, bool descending) {
    const uint64_t key = key_of(x);
    return {descending ? ~key : key, place};
  }
  bool operator<(const Long& other) const { return key != other.key ? key < other.key : at < other.at; }
  int64_t place() const { return at; }
  int byte(int i) const { return int(key >> (8 * i) & 255); }
};

template <class E>
E* radix(int64_t n, E* entries, E* other) {
  uint32_t counts[E::kKeyBytes][256] = {};
  for (int64_t i = 0; i < n; ++i) {
    for (int b = 0; b < E::kKeyBytes; ++b) ++counts[b][entries[i].byte(b)];
  }
  for (int b = 0; b < E::kKeyBytes; ++b) {
    if (counts[b][entries[0].byte(b)] == uint64_t(n)) continue;  // all alike
    uint32_t* const count = counts[b];
    uint32_t start = 0;
    for (int v = 0; v < 256; ++v) {
      const uint32_t here = count[v];
      count[v] = start;
      start += here;
    }
    for (int64_t i = 0; i < n; ++i) other[count[entries[i].byte(b)]++] = entries[i];
    std::swap(entries, other);
  }
  return entries;
}

// Entries that stand in the order of their places, sorted, in one of the two buffers.
template <class E>
E* ordered(int64_t n, E* entries, E* other) {
  if (n >= kRadixFrom) return radix(n, entries, other);
  std::sort(entries, entries + n);
  return entries;
}

// f(row's first element, its first result, buffer of `room` entries) for every row; the buffers are a task's.
template <class E, class F>
pynn_status over_rows(const Extent& e, int64_t results, int64_t room, const F& f) {
  const int64_t rows = e.outer * e.inner, each = most(1, kEach / most(1, e.n));
  pynn_status failed = PYNN_OK;
  parallel_ranges(rows, each, [&](int64_t first, int64_t last) {
    const Scratch scratch(size_t(room) * sizeof(E));
    if (!scratch) {
      failed = PYNN_NO_MEMORY;
      return;
    }
    for (int64_t row = first; row < last; ++row) {
      const int64_t o = row / e.inner, i = row % e.inner;
      f(o * e.n * e.inner + i, o * results * e.inner + i, scratch.as<E>());
    }
  });
  return failed ? fail(PYNN_NO_MEMORY, "sort: no memory for rows of %lld elements", (long long)e.n) : PYNN_OK;
}

template <class E, class T>
void store(int64_t count, int64_t step, const E* entries, const T* x, T* values, int64_t* places) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t place = entries[i].place();
    places[i * step] = place;
    if (values != nullptr) values[i * step] = x[place * step];
  }
}

template <class E, class T>
pynn_status sort_rows(const Extent& e, bool descending, const T* x, T* values, int64_t* places) {
  return over_rows<E>(e, e.n, 2 * e.n, [&](int64_t from, int64_t to, E* entries) {
    const T* row = x + from;
    for (int64_t i = 0; i < e.n; ++i) entries[i] = E::of(row[i * e.inner], i, descending);
    const E* found = ordered(e.n, entries, entries + e.n);
    store(e.n, e.inner, found, row, values == nullptr ? nullptr : values + to, places + to);
  });
}

// Whether one of kGroup elements may come before the bar: a NaN on either side may.
constexpr int64_t kGroup = 16;
template <class T>
bool may_pass(const T* x, T bar, bool largest) {
  int any = 0;
  if (largest) {
    for (int64_t i = 0; i < kGroup; ++i) any |= !(x[i] <= bar);
  } else {
    for (int64_t i = 0; i < kGroup; ++i) any |= !(x[i] >= bar);
  }
  return any != 0;
}

// What may be among the k first is kept; a full buffer is cut down to k, the k-th then bars the way to later
// ones, most of which are passed over in groups, without a key.
template <class E, class T>
pynn_status topk_rows(const Extent& e, int64_t k, bool largest, const T* x, T* values, int64_t* places) {
  if (4 * k >= e.n) {  // sorting it all costs no more
    return over_rows<E>(e, k, 2 * e.n, [&](int64_t from, int64_t to, E* entries) {
      const T* row = x + from;
      for (int64_t i = 0; i < e.n; ++i) entries[i] = E::of(row[i * e.inner], i, largest);
      const E* found = ordered(e.n, entries, entries + e.n);
      store(k, e.inner, found, row, values == nullptr ? nullptr : values + to, places + to);
    });
  }
  const bool few = k <= 16;  // kept in order: the bar is always the k-th so far
  const int64_t room = few ? k : least(e.n, 2 * k + 48);
  return over_rows<E>(e, k, room, [&](int64_t from, int64_t to, E* held) {
    const T* row = x + from;
    int64_t count = 0, i = 0;
    for (; i < room; ++i) held[count++] = E::of(row[i * e.inner], i, largest);
    if (room < e.n) {
      few ? std::sort(held, held + k) : std::nth_element(held, held + k - 1, held + count);
      count = k;
      E bar = held[k - 1];
      int64_t checked = i;  // up to here there is one that may pass
      for (; i < e.n; ++i) {
        if (e.inner == 1 && i >= checked) {
          const T least_kept = row[bar.place()];
          while (i + kGroup <= e.n && !may_pass(row + i, least_kept, largest)) i += kGroup;
          checked = i + kGroup;
          if (i == e.n) break;
        }
        const E entry = E::of(row[i * e.inner], i, largest);
        if (!(entry < bar)) continue;
        if (few) {
          int64_t at = k - 1;
          for (; at > 0 && entry < held[at - 1]; --at) held[at] = held[at - 1];
          held[at] = entry;
          bar = held[k - 1];
          continue;
        }
        held[count++] = entry;
        if (count == room) {
          std::nth_element(held, held + k - 1, held + count);
          count = k;
          bar = held[k - 1];
        }
      }
    }
    if (count > k && k > 0) std::nth_element(held, held + k - 1, held + count);
    std::sort(held, held + k);  // radix passes would need equal keys in the order of their places
    store(k, e.inner, held, row, values == nullptr ? nullptr : values + to, places + to);
  });
}

template <class E, class T>
pynn_status select_rows(const Extent& e, int64_t k, bool nan_first, const T* x, T* values, int64_t* places) {
  return over_rows<E>(e, 1, e.n, [&](int64_t from, int64_t to, E* entries) {
    const T* row = x + from;
    int64_t nan = -1;
    for (int64_t i = 0; i < e.n; ++i) {
      entries[i] = E::of(row[i * e.inner], i, false);
      if (nan < 0 && is_nan(row[i * e.inner])) nan = i;
    }
    if (nan_first && nan >= 0) {
      places[to] = nan;
    } else {
      std::nth_element(entries, entries + k, entries + e.n);
      places[to] = entries[k].place();
    }
    if (values != nullptr) values[to] = row[places[to] * e.inner];
  });
}

}  // namespace

template <class T>
pynn_status sort(const Extent& e, bool descending, const T* x, T* values, int64_t* places) {
  if constexpr (sizeof(key_of(T())) == 4) {
    return sort_rows<Short>(e, descending, x, values, places);
  } else {
    return sort_rows<Long>(e, descending, x, values, places);
  }
}

template <class T>
pynn_status topk(const Extent& e, int64_t k, bool largest, const T* x, T* values, int64_t* places) {
  if (k == 0) return PYNN_OK;
  if constexpr (sizeof(key_of(T())) == 4) {
    return topk_rows<Short>(e, k, largest, x, values, places);
  } else {
    return topk_rows<Long>(e, k, largest, x, values, places);
  }
}

template <class T>
pynn_status select(const Extent& e, int64_t k, bool nan_first, const T* x, T* values, int64_t* places) {
  if constexpr (sizeof(key_of(T())) == 4) {
    return select_rows<Short>(e, k, nan_first, x, values, places);
  } else {
    return select_rows<Long>(e, k, nan_first, x, values, places);
  }
}

template <class T>
bool put_along(const Extent& e, int64_t count, const T* grad, const int64_t* places, T* dx) {
  bool ok = true;  // only ever cleared
  const int64_t each = most(1, 4 * kEach / most(1, (e.n + count) * e.inner));
  parallel_ranges(e.outer, each, [&](int64_t first, int64_t last) {
    std::memset(dx + first * e.n * e.inner, 0, size_t((last - first) * e.n * e.inner) * sizeof(T));
    for (int64_t o = first; o < last; ++o) {
      T* to = dx + o * e.n * e.inner;
      for (int64_t k = 0; k < count; ++k) {
        const int64_t from = (o * count + k) * e.inner;
        for (int64_t i = 0; i < e.inner; ++i) {
          const int64_t place = places[from + i];
          if (place < 0 || place >= e.n) {
            ok = false;
          } else {
            to[place * e.inner + i] += grad[from + i];
          }
        }
      }
    }
  });
  return ok;
}

#define PYNN_INSTANTIATE(T)                                                           \
  template pynn_status sort<T>(const Extent&, bool, const T*, T*, int64_t*);          \
  template pynn_status topk<T>(const Extent&, int64_t, bool, const T*, T*, int64_t*); \
  template pynn_status select<T>(const Extent&, int64_t, bool, const T*, T*, int64_t*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
PYNN_INSTANTIATE(int32_t)
PYNN_INSTANTIATE(int64_t)
PYNN_INSTANTIATE(uint8_t)
#undef PYNN_INSTANTIATE
template bool put_along<float>(const Extent&, int64_t, const float*, const int64_t*, float*);
template bool put_along<double>(const Extent&, int64_t, const double*, const int64_t*, double*);

}  // namespace sort
}  // namespace pynn
