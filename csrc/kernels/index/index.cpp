#include "kernels/index/index.h"

#include <cstring>

#include "base/pool.h"
#include "base/sizes.h"

#define PYNN_FAMILY index
#define PYNN_KERNELS "kernels/index/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace index {
namespace {

constexpr int64_t kChunkBytes = 64 << 10;  // that a thread copies at a time, some 10 us of work
constexpr int64_t kChunk = 16 << 10;       // elements that it gathers
constexpr int kSlices = 8;                 // of the destination, where sums are cut by it

int64_t wrapped(int64_t i, int64_t count) { return i < 0 ? i + count : i; }

// Copies rows of a size known while compiling, or of any size.
template <int64_t kBytes>
struct Copy {
  static void run(char* to, const char* from, int64_t) { std::memcpy(to, from, size_t(kBytes)); }
};
template <>
struct Copy<0> {
  static void run(char* to, const char* from, int64_t bytes) { std::memcpy(to, from, size_t(bytes)); }
};

// f(Copy<n>()) with n the size of a row where it is that of one element.
template <class F>
void by_size(int64_t bytes, const F& f) {
  if (bytes == 4) {
    f(Copy<4>());
  } else if (bytes == 8) {
    f(Copy<8>());
  } else {
    f(Copy<0>());
  }
}

}  // namespace

int64_t find_outside(const int64_t* indices, int64_t n, int64_t count, bool wrap) {
  const int64_t low = wrap ? -count : 0;
  if (!table().of<float>().outside(indices, n, low, count)) return -1;
  int64_t i = 0;
  while (indices[i] >= low && indices[i] < count) ++i;
  return i;
}

void run_take(const pynn_rows& rows, const char* x, const int64_t* indices, char* out) {
  const int64_t each = most(1, kChunkBytes / (rows.bytes + 8));
  by_size(rows.bytes, [&](auto copy) {
    parallel_ranges(rows.outer * rows.indices, each, [&](int64_t first, int64_t last) {
      while (first < last) {  // slice by slice
        const int64_t o = first / rows.indices, end = least(last, (o + 1) * rows.indices);
        const char* slice = x + o * rows.count * rows.bytes;
        const int64_t* at = indices - o * rows.indices;
        for (int64_t r = first; r < end; ++r) {
          copy.run(out + r * rows.bytes, slice + wrapped(at[r], rows.count) * rows.bytes, rows.bytes);
        }
        first = end;
      }
    });
  });
}

void run_put(const pynn_rows& rows, const int64_t* indices, const char* source, bool one, char* out) {
  // In order, so that of equal indices the last stays; the outer slices do not meet.
  const int64_t each = most(1, kChunkBytes / (rows.indices * (rows.bytes + 8) + 1));
  by_size(rows.bytes, [&](auto copy) {
    parallel_ranges(rows.outer, each, [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) {
        for (int64_t j = 0; j < rows.indices; ++j) {
          const int64_t at = o * rows.count + wrapped(indices[j], rows.count);
          copy.run(out + at * rows.bytes, source + (one ? 0 : (o * rows.indices + j) * rows.bytes), rows.bytes);
        }
      }
    });
  });
}

template <class T>
void run_add(const pynn_rows& rows, const Add<T>& a, T* out) {
  const auto& kernels = table().of<T>();
  const int64_t width = rows.bytes / int64_t(sizeof(T)), count = rows.count;
  // Rows from_row <= row < to_row of slice o, columns from .. to of them.
  const auto add = [&](int64_t o, int64_t from_row, int64_t to_row, int64_t from, int64_t to) {
    T* slice = out + o * count * width;
    if (a.clear && from == 0 && to == width) {
      std::memset(slice + from_row * width, 0, size_t((to_row - from_row) * width) * sizeof(T));
    } else if (a.clear) {
      for (int64_t r = from_row; r < to_row; ++r) {
        std::memset(slice + r * width + from, 0, size_t(to - from) * sizeof(T));
      }
    }
    const T* source = a.source + o * rows.indices * width;
    if (width == 1 && a.scale == nullptr && from_row == 0 && to_row == count && a.skip < 0) {
      for (int64_t j = 0; j < rows.indices; ++j) slice[wrapped(a.indices[j], count)] += source[j];
      return;
    }
    for (int64_t j = 0; j < rows.indices; ++j) {
      const int64_t r = wrapped(a.indices[j], count);
      if (r < from_row || r >= to_row || r == a.skip) continue;
      T* row = slice + r * width;
      const T* add_row = source + j * width;
      if (a.scale != nullptr) {
        kernels.add_scaled(row + from, add_row + from, to - from, a.scale[j]);
      } else {
        kernels.add(row + from, add_row + from, to - from);
      }
    }
  };
  const int64_t work = rows.indices * (width + 4) + (a.clear ? count * width / 4 : 0);
  // By columns where rows are long; by where the sums go where they are short, which reads the indices for each
  // slice; numbers alone are not worth that.
  const bool by_columns = width >= 512;
  if (rows.outer * work < 2 * kChunk || rows.outer >= kSlices || width < 16) {
    parallel_ranges(rows.outer, most(1, kChunk / most(1, work)), [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) add(o, 0, count, 0, width);
    });
    return;
  }
  const int64_t part = by_columns ? round_up(ceil_div(width, kSlices), 64) : ceil_div(count, kSlices / 2);
  const int64_t parts = ceil_div(by_columns ? width : count, part);
  parallel(rows.outer * parts, [&](int64_t chunk) {
    const int64_t o = chunk / parts, from = chunk % parts * part;
    if (by_columns) {
      add(o, 0, count, from, least(width, from + part));
    } else {
      add(o, from, least(count, from + part), 0, width);
    }
  });
}

namespace {

// Offsets of the rows (all dimensions but the last) of an array shaped as the index.
class Walk {
 public:
  Walk(const Along& a, int64_t row) : a_(a) {
    for (int i = a.ndim - 2; i >= 0; --i) {
      at_[i] = row % a.shape[i];
      row /= a.shape[i];
      move(i, at_[i]);
    }
  }
  void next() {
    for (int i = a_.ndim - 2; i >= 0; --i) {
      if (++at_[i] < a_.shape[i]) {
        move(i, 1);
        return;
      }
      at_[i] = 0;
      move(i, 1 - a_.shape[i]);
    }
  }
  int64_t base() const { return base_; }    // in the indexed array, but for dim
  int64_t other() const { return other_; }  // in the source

 private:
  void move(int i, int64_t steps) {
    if (i != a_.dim) base_ += steps * a_.strides[i];
    if (a_.other != nullptr) other_ += steps * a_.other[i];
  }
  const Along& a_;
  int64_t at_[PYNN_MAX_DIMS];
  int64_t base_ = 0, other_ = 0;
};

int64_t rows_of(const Along& a) {
  int64_t n = 1;
  for (int i = 0; i < a.ndim - 1; ++i) n *= a.shape[i];
  return n;
}

// f(row, from, to, walk) over all rows, cut into pieces of some kChunk elements.
template <class F>
void over_rows(const Along& a, const F& f) {
  const int64_t length = a.shape[a.ndim - 1], rows = rows_of(a), part = least(length, kChunk);
  const int64_t parts = ceil_div(length, part);
  parallel_ranges(rows * parts, most(1, kChunk / part), [&](int64_t first, int64_t last) {
    Walk walk(a, first / parts);
    for (int64_t p = first; p < last; ++p) {
      const int64_t from = p % parts * part;
      f(p / parts, from, least(length, from + part), walk);
      if (p % parts == parts - 1) walk.next();
    }
  });
}

// The same for writes: pieces that go to different threads never write one element. Along the last dimension rows
// do not meet; along another one columns do not.
template <class F>
void over_rows_apart(const Along& a, const F& f) {
  const int64_t length = a.shape[a.ndim - 1], rows = rows_of(a);
  if (a.dim == a.ndim - 1) {
    parallel_ranges(rows, most(1, kChunk / length), [&](int64_t first, int64_t last) {
      Walk walk(a, first);
      for (int64_t r = first; r < last; ++r, walk.next()) f(r, int64_t(0), length, walk);
    });
    return;
  }
  const int64_t part = round_up(most(16, ceil_div(length, kSlices)), 16);
  const int64_t each = rows * length < 2 * kChunk ? length : part;
  parallel(ceil_div(length, each), [&](int64_t chunk) {
    Walk walk(a, 0);
    for (int64_t r = 0; r < rows; ++r, walk.next()) f(r, chunk * each, least(length, (chunk + 1) * each), walk);
  });
}

template <class E>
void gather(const Along& a, const E* x, E* out) {
  const int64_t length = a.shape[a.ndim - 1], along = a.strides[a.dim];
  const int64_t step = a.dim == a.ndim - 1 ? 0 : a.strides[a.ndim - 1];
  over_rows(a, [&](int64_t row, int64_t from, int64_t to, const Walk& walk) {
    const int64_t* at = a.indices + row * length;
    const E* base = x + walk.base();
    E* result = out + row * length;
    if (along == 1 && step == 0 && !a.wrap) {
      for (int64_t i = from; i < to; ++i) result[i] = base[at[i]];
    } else if (step == 1 && !a.wrap) {
      for (int64_t i = from; i < to; ++i) result[i] = base[at[i] * along + i];
    } else {
      for (int64_t i = from; i < to; ++i) result[i] = base[wrapped(at[i], a.size) * along + i * step];
    }
  });
}

// write(element of out, element of the source)
template <class E, class F>
void scatter(const Along& a, const E* source, bool one, E* out, const F& write) {
  const int64_t length = a.shape[a.ndim - 1], along = a.strides[a.dim];
  const int64_t step = a.dim == a.ndim - 1 ? 0 : a.strides[a.ndim - 1];
  const int64_t next = one ? 0 : a.other[a.ndim - 1];
  over_rows_apart(a, [&](int64_t row, int64_t from, int64_t to, const Walk& walk) {
    const int64_t* at = a.indices + row * length;
    const E* values = one ? source : source + walk.other();
    E* base = out + walk.base();
    if (along == 1 && step == 0 && next == 1 && !a.wrap) {
      for (int64_t i = from; i < to; ++i) write(base[at[i]], values[i]);
    } else {
      for (int64_t i = from; i < to; ++i) {
        write(base[wrapped(at[i], a.size) * along + i * step], values[i * next]);
      }
    }
  });
}

// f(a value of the unsigned type of so many bytes)
template <class F>
void by_element(int64_t bytes, const F& f) {
  if (bytes == 4) {
    f(uint32_t());
  } else if (bytes == 8) {
    f(uint64_t());
  } else if (bytes == 2) {
    f(uint16_t());
  } else {
    f(uint8_t());
  }
}

}  // namespace

void run_gather(const Along& along, int64_t element_bytes, const char* x, char* out) {
  by_element(element_bytes, [&](auto element) {
    using E = decltype(element);
    gather(along, reinterpret_cast<const E*>(x), reinterpret_cast<E*>(out));
  });
}

void run_scatter(const Along& along, int64_t element_bytes, const char* source, bool one, char* out) {
  by_element(element_bytes, [&](auto element) {
    using E = decltype(element);
    scatter(along, reinterpret_cast<const E*>(source), one, reinterpret_cast<E*>(out),
            [](E& to, E value) { to = value; });
  });
}

template <class T>
void run_scatter_add(const Along& along, const T* source, T* out) {
  scatter(along, source, false, out, [](T& to, T value) { to += value; });
}

int64_t nonzero(int64_t n, const unsigned char* mask, int64_t* places) {
  int64_t total = 0, found = 0;
  for (int64_t i = 0; i < n; ++i) total += mask[i] != 0;
  for (int64_t i = 0; found < total; ++i) {  // without a branch that a random mask would mislead
    places[found] = i;
    found += mask[i] != 0;
  }
  return total;
}

template void run_add<float>(const pynn_rows&, const Add<float>&, float*);
template void run_add<double>(const pynn_rows&, const Add<double>&, double*);
template void run_scatter_add<float>(const Along&, const float*, float*);
template void run_scatter_add<double>(const Along&, const double*, double*);

}  // namespace index
}  // namespace pynn
