#include "kernels/copy/copy.h"

#include <cstring>

#include "base/pool.h"
#include "base/sizes.h"

namespace pynn {
namespace copy {
namespace {

constexpr int64_t kChunkBytes = 128 << 10;  // that a thread copies at a time
constexpr int64_t kTile = 16;               // elements of a transposed tile's side: a cache line of float32

struct Dim {
  int64_t size, in, out;  // strides in bytes
};

// Dimensions of more than one element, outermost first, merged where x runs on from one to the next.
struct Layout {
  int ndim = 0;
  Dim dim[PYNN_MAX_DIMS];
  int64_t count(int last) const {  // elements of the first dimensions
    int64_t n = 1;
    for (int i = 0; i < last; ++i) n *= dim[i].size;
    return n;
  }
};

Layout merged(int ndim, const int64_t* shape, const int64_t* strides, int64_t item) {
  Layout layout;
  for (int i = 0; i < ndim; ++i) {
    if (shape[i] == 1) continue;
    Dim* last = layout.ndim > 0 ? &layout.dim[layout.ndim - 1] : nullptr;
    if (last != nullptr && last->in == strides[i] * shape[i]) {
      last->size *= shape[i];
      last->in = strides[i];
    } else {
      layout.dim[layout.ndim++] = {shape[i], strides[i], 0};
    }
  }
  int64_t dense = item;
  for (int i = layout.ndim - 1; i >= 0; --i) {
    layout.dim[i].out = dense;
    dense *= layout.dim[i].size;
  }
  return layout;
}

// Offsets of the places of the first dimensions of a layout.
class Walk {
 public:
  Walk(const Layout& layout, int dims, int64_t place) : layout_(layout), dims_(dims) {
    for (int i = dims - 1; i >= 0; --i) {
      at_[i] = place % layout.dim[i].size;
      place /= layout.dim[i].size;
      in += at_[i] * layout.dim[i].in;
      out += at_[i] * layout.dim[i].out;
    }
  }
  void next() {
    for (int i = dims_ - 1; i >= 0; --i) {
      const Dim& d = layout_.dim[i];
      in += d.in;
      out += d.out;
      if (++at_[i] < d.size) return;
      in -= d.size * d.in;
      out -= d.size * d.out;
      at_[i] = 0;
    }
  }
  int64_t in = 0, out = 0;

 private:
  const Layout& layout_;
  int dims_;
  int64_t at_[PYNN_MAX_DIMS];
};

template <class E>
void copy_row(const Dim& row, const char* x, char* out) {
  E* to = reinterpret_cast<E*>(out);
  const E* from = reinterpret_cast<const E*>(x);
  const int64_t n = row.size;
  if (row.in == int64_t(sizeof(E))) {
    copy_bytes(out, x, n * int64_t(sizeof(E)));
  } else if (row.in == -int64_t(sizeof(E))) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[-i];
  } else if (row.in == 0) {
    const E value = *from;
    for (int64_t i = 0; i < n; ++i) to[i] = value;
  } else if (row.in == 2 * int64_t(sizeof(E))) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[2 * i];
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = *reinterpret_cast<const E*>(x + i * row.in);
  }
}

// Tiles of a plane whose columns x holds next to each other: `down` runs densely in x, `across` in out.
template <class E>
void transpose(const Dim& down, int64_t first, int64_t last, const Dim& across, const char* x, char* out) {
  for (int64_t c = 0; c < across.size; c += kTile) {
    const int64_t end = least(across.size, c + kTile);
    for (int64_t r = first; r < last; ++r) {
      E* to = reinterpret_cast<E*>(out + r * down.out);
      const char* from = x + r * int64_t(sizeof(E));
      for (int64_t i = c; i < end; ++i) to[i] = *reinterpret_cast<const E*>(from + i * across.in);
    }
  }
}

template <class E>
void run_elements(Layout layout, const char* x, char* out) {
  const int last = layout.ndim - 1;
  const Dim across = layout.dim[last];
  int dense = -1;
  for (int i = 0; i < last; ++i) {
    if (layout.dim[i].in == int64_t(sizeof(E)) && layout.dim[i].size >= 4) dense = i;
  }
  if (dense >= 0 && across.in != int64_t(sizeof(E)) && across.in != 0 && across.size >= 4) {
    const Dim down = layout.dim[dense];
    for (int i = dense; i + 1 < last; ++i) layout.dim[i] = layout.dim[i + 1];
    const int64_t strips = ceil_div(down.size, kTile);
    const int64_t each = most(1, kChunkBytes / (kTile * across.size * int64_t(sizeof(E))));
    parallel_ranges(layout.count(last - 1) * strips, each, [&](int64_t first, int64_t end) {
      Walk walk(layout, last - 1, first / strips);
      for (int64_t p = first; p < end; ++p) {
        const int64_t from = p % strips * kTile;
        transpose<E>(down, from, least(down.size, from + kTile), across, x + walk.in, out + walk.out);
        if (p % strips == strips - 1) walk.next();
      }
    });
    return;
  }
  const int64_t bytes = across.size * int64_t(sizeof(E));
  parallel_ranges(layout.count(last), most(1, kChunkBytes / bytes), [&](int64_t first, int64_t end) {
    Walk walk(layout, last, first);
    for (int64_t r = first; r < end; ++r, walk.next()) copy_row<E>(across, x + walk.in, out + walk.out);
  });
}

}  // namespace

void run(int ndim, const int64_t* shape, const int64_t* strides, int64_t item, const char* x, char* out) {
  const Layout layout = merged(ndim, shape, strides, item);
  if (layout.ndim == 0) {
    std::memcpy(out, x, size_t(item));
  } else if (layout.ndim == 1 && layout.dim[0].in == item) {
    const int64_t bytes = layout.dim[0].size * item;
    parallel_ranges(bytes, kChunkBytes, [&](int64_t first, int64_t last) {
      copy_bytes(out + first, x + first, last - first);
    });
  } else if (item == 4) {
    run_elements<uint32_t>(layout, x, out);
  } else if (item == 8) {
    run_elements<uint64_t>(layout, x, out);
  } else if (item == 2) {
    run_elements<uint16_t>(layout, x, out);
  } else {
    run_elements<uint8_t>(layout, x, out);
  }
}

}  // namespace copy
}  // namespace pynn
