#include "kernels/pad/pad.h"

#include <cstring>

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"

namespace pynn {
namespace pad {
namespace {

constexpr int64_t kChunkBytes = 128 << 10;
constexpr int64_t kOutside = -1;

pynn_status no_memory() { return fail(PYNN_NO_MEMORY, "pad: no memory for the tables of places"); }

// Which place of the input (or none) each place of the output shows, dimension behind dimension.
int64_t place(pynn_pad_mode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PYNN_PAD_REFLECT:
      return i < 0 ? -i : 2 * (n - 1) - i;
    case PYNN_PAD_REPLICATE:
      return i < 0 ? 0 : n - 1;
    case PYNN_PAD_CIRCULAR:
      return i < 0 ? i + n : i - n;
    default:
      return kOutside;
  }
}

// A shape whose last dimension is padded: the ones behind it, which lie together, are one item.
struct Rows {
  Shape s;
  int64_t item;       // bytes
  int64_t rows;       // of the output
  int64_t low, high;  // columns [low, high) of a row show neighbouring items

  explicit Rows(const Shape& given) : s(given), item(given.element), rows(1) {
    while (s.ndim > 1) {
      const int last = s.ndim - 1;
      if (s.before[last] != 0 || s.out[last] != s.in[last] || s.step[last] != item) break;
      item *= s.in[last];
      --s.ndim;
    }
    const int last = s.ndim - 1;
    for (int d = 0; d < last; ++d) rows *= s.out[d];
    low = least(most(s.before[last], 0), s.out[last]);
    high = most(low, least(s.out[last], s.before[last] + s.in[last]));
  }

  int64_t table_size() const {
    int64_t n = 0;
    for (int d = 0; d < s.ndim; ++d) n += s.out[d];
    return n;
  }
  // tables[d] points into `to`.
  void fill_tables(int64_t* to, const int64_t** tables) const {
    for (int d = 0; d < s.ndim; ++d) {
      tables[d] = to;
      for (int64_t i = 0; i < s.out[d]; ++i) *to++ = place(s.mode, i - s.before[d], s.in[d]);
    }
  }
};

// Counts through the rows of the output.
class Counter {
 public:
  Counter(const Rows& r, int64_t row) : ndim_(r.s.ndim - 1), out_(r.s.out) {
    for (int d = ndim_ - 1; d >= 0; --d) {
      at_[d] = row % out_[d];
      row /= out_[d];
    }
  }
  void next() {
    for (int d = ndim_ - 1; d >= 0 && ++at_[d] == out_[d]; --d) at_[d] = 0;
  }
  // Bytes from the first row of the input; kOutside where a dimension is outside.
  int64_t source(const int64_t* const* tables, const int64_t* steps, bool* outside) const {
    int64_t sum = 0;
    *outside = false;
    for (int d = 0; d < ndim_; ++d) {
      const int64_t i = tables[d][at_[d]];
      if (i == kOutside) {
        *outside = true;
        return 0;
      }
      sum += i * steps[d];
    }
    return sum;
  }

 private:
  int ndim_;
  const int64_t* out_;
  int64_t at_[PYNN_MAX_DIMS];
};

template <class E>
void fill_elements(char* to, int64_t bytes, const void* value) {
  E e;
  memcpy(&e, value, sizeof e);
  for (int64_t i = 0; i < bytes; i += int64_t(sizeof e)) memcpy(to + i, &e, sizeof e);
}

void fill(char* to, int64_t bytes, int64_t element, const void* value) {
  if (value == nullptr) {
    memset(to, 0, size_t(bytes));
  } else if (element == 1) {
    memset(to, *static_cast<const unsigned char*>(value), size_t(bytes));
  } else if (element == 2) {
    fill_elements<uint16_t>(to, bytes, value);
  } else if (element == 4) {
    fill_elements<uint32_t>(to, bytes, value);
  } else {
    fill_elements<uint64_t>(to, bytes, value);
  }
}

// Short rows by a few moves of their own: a call of memcpy costs more.
inline void copy(char* to, const char* from, int64_t n) {
  if (n > 256 || n < 16) {
    memcpy(to, from, size_t(n));
    return;
  }
  for (int64_t i = 0; i + 16 <= n; i += 16) memcpy(to + i, from + i, 16);
  memcpy(to + n - 16, from + n - 16, 16);
}

// Items [begin, end) of a row, wherever each comes from.
void copy_items(const Rows& r, const int64_t* table, int64_t step, const char* from, int64_t begin,
                int64_t end, const void* value, char* to) {
  for (int64_t j = begin; j < end; ++j) {
    char* const o = to + j * r.item;
    if (table[j] == kOutside) {
      fill(o, r.item, r.s.element, value);
    } else if (r.item == 4) {
      memcpy(o, from + table[j] * step, 4);
    } else if (r.item == 8) {
      memcpy(o, from + table[j] * step, 8);
    } else {
      memcpy(o, from + table[j] * step, size_t(r.item));
    }
  }
}

// One row of items that are one element E each and lie together.
template <class E>
inline void copy_row(const Rows& r, const int64_t* table, const char* from, E value, char* to) {
  const int64_t columns = r.s.out[r.s.ndim - 1];
  auto copy_one = [&](int64_t j) {
    E e = value;
    if (table[j] != kOutside) memcpy(&e, from + table[j] * int64_t(sizeof(E)), sizeof(E));
    memcpy(to + j * int64_t(sizeof(E)), &e, sizeof(E));
  };
  for (int64_t j = 0; j < r.low; ++j) copy_one(j);
  copy(to + r.low * int64_t(sizeof(E)), from + (r.low - r.s.before[r.s.ndim - 1]) * int64_t(sizeof(E)),
       (r.high - r.low) * int64_t(sizeof(E)));
  for (int64_t j = r.high; j < columns; ++j) copy_one(j);
}

// Rows [first, end) of the output, of single elements.
template <class E>
void copy_rows(const Rows& r, const int64_t* const* tables, const void* value, const char* x, char* y,
               int64_t first, int64_t end) {
  const int last = r.s.ndim - 1;
  const int64_t bytes = r.s.out[last] * int64_t(sizeof(E)), height = last > 0 ? r.s.out[last - 1] : 1;
  E fill_value = E();
  if (value != nullptr) memcpy(&fill_value, value, sizeof(E));
  Counter at(r, first);
  for (int64_t row = first; row < end; ++row, at.next()) {
    bool outside;
    const char* from = x + at.source(tables, r.s.step, &outside);
    if (outside) {
      fill(y + row * bytes, bytes, r.s.element, value);
      continue;
    }
    // The rows of one plane, without counting through all dimensions for each.
    int64_t i = height > 1 ? row % height : 0;
    if (height > 1) from -= tables[last - 1][i] * r.s.step[last - 1];
    for (;;) {
      const int64_t source = height > 1 ? tables[last - 1][i] : 0;
      char* const to = y + row * bytes;
      if (source == kOutside) {
        fill(to, bytes, r.s.element, value);
      } else {
        copy_row<E>(r, tables[last], from + (height > 1 ? source * r.s.step[last - 1] : 0), fill_value, to);
      }
      if (++i >= height || row + 1 >= end) break;
      ++row;
      at.next();
    }
  }
}

}  // namespace

pynn_status forward(const Shape& given, const void* value, const void* x, void* y) {
  if (given.ndim == 0) {
    memcpy(y, x, size_t(given.element));
    return PYNN_OK;
  }
  const Rows r(given);
  const int last = r.s.ndim - 1;
  const int64_t columns = r.s.out[last], bytes = columns * r.item, step = r.s.step[last];
  if (r.rows * bytes == 0) return PYNN_OK;
  const Scratch scratch(size_t(r.table_size()) * sizeof(int64_t));
  if (!scratch) return no_memory();
  const int64_t* tables[PYNN_MAX_DIMS];
  r.fill_tables(scratch.as<int64_t>(), tables);
  parallel_ranges(r.rows, most(1, kChunkBytes / bytes), [&](int64_t first, int64_t end) {
    if (step == r.item && r.item == r.s.element && (r.item == 4 || r.item == 8)) {
      const auto rows = r.item == 4 ? copy_rows<uint32_t> : copy_rows<uint64_t>;
      rows(r, tables, value, static_cast<const char*>(x), static_cast<char*>(y), first, end);
      return;
    }
    Counter at(r, first);
    for (int64_t row = first; row < end; ++row, at.next()) {
      char* const to = static_cast<char*>(y) + row * bytes;
      bool outside;
      const char* from = static_cast<const char*>(x) + at.source(tables, r.s.step, &outside);
      if (outside) {
        fill(to, bytes, r.s.element, value);
        continue;
      }
      copy_items(r, tables[last], step, from, 0, r.low, value, to);
      if (step == r.item) {
        memcpy(to + r.low * r.item, from + (r.low - r.s.before[last]) * step,
               size_t((r.high - r.low) * r.item));
      } else {
        copy_items(r, tables[last], step, from, r.low, r.high, value, to);
      }
      copy_items(r, tables[last], step, from, r.high, columns, value, to);
    }
  });
  return PYNN_OK;
}

template <class T>
pynn_status backward(const Shape& given, const T* dy, T* dx) {
  if (given.ndim == 0) {
    *dx = *dy;
    return PYNN_OK;
  }
  Shape dense = given;  // of dx
  int64_t size = given.element;
  for (int d = given.ndim - 1; d >= 0; --d) {
    dense.step[d] = size;
    size *= given.in[d];
  }
  const Rows r(dense);
  const int last = r.s.ndim - 1;
  const int64_t columns = r.s.out[last], item = r.item / int64_t(sizeof(T));
  // What lies in front of the first padded dimension is independent.
  int first_padded = 0;
  int64_t blocks = 1;
  while (first_padded < last && r.s.before[first_padded] == 0 &&
         r.s.out[first_padded] == r.s.in[first_padded]) {
    blocks *= r.s.in[first_padded++];
  }
  if (size == 0) return PYNN_OK;
  const int64_t rows = blocks > 0 ? r.rows / blocks : 0, block = size / int64_t(sizeof(T)) / blocks;
  const Scratch scratch(size_t(r.table_size()) * sizeof(int64_t));
  if (!scratch) return no_memory();
  const int64_t* tables[PYNN_MAX_DIMS];
  r.fill_tables(scratch.as<int64_t>(), tables);
  const int64_t group = most(1, kChunkBytes / most(1, rows * columns * r.item));
  parallel_ranges(blocks, group, [&](int64_t begin, int64_t end) {
    memset(dx + begin * block, 0, size_t((end - begin) * block) * sizeof(T));
    Counter at(r, begin * rows);
    for (int64_t row = begin * rows; row < end * rows; ++row, at.next()) {
      bool outside;
      T* const to = dx + at.source(tables, r.s.step, &outside) / int64_t(sizeof(T));
      const T* const from = dy + row * columns * item;
      auto add_items = [&](int64_t j0, int64_t j1) {
        for (int64_t j = j0; j < j1; ++j) {
          T* const d = to + tables[last][j] * item;
          for (int64_t i = 0; i < item; ++i) d[i] += from[j * item + i];
        }
      };
      add_items(0, r.low);
      T* const d = to + (r.low - r.s.before[last]) * item;
      const T* const f = from + r.low * item;
      for (int64_t i = 0; i < (r.high - r.low) * item; ++i) d[i] += f[i];
      add_items(r.high, columns);
    }
  });
  return PYNN_OK;
}

template pynn_status backward<float>(const Shape&, const float*, float*);
template pynn_status backward<double>(const Shape&, const double*, double*);

}  // namespace pad
}  // namespace pynn
