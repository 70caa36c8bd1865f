// Pointwise work over arrays with any strides.
//
// Dimensions are sorted by the output's strides, merged where every operand allows it, and
// walked as boxes over two of them. Where the innermost runs are contiguous (or one value) in
// all operands, the kernels read them in place; else tiles of up to 512 elements are packed,
// computed by the very same kernels, and written back, so strides never change a result.
#pragma once
#include <algorithm>
#include <cstring>

#include "base/pool.h"
#include "kernels/elementwise/elementwise.h"

namespace pynn {
namespace elementwise {
constexpr int kTile = 512;         // elements of a packed tile
constexpr int kAcross = 16;        // and its height where an operand runs across the output
constexpr int64_t kShortRun = 16;  // shorter contiguous runs are cheaper packed

template <int kOperands>
struct Axis {  // not initialised: a layout holds many, and uses few
  int64_t size;
  int64_t strides[kOperands];
};
template <int kOperands>
constexpr Axis<kOperands> kNoAxis = {1, {}};

// After normalise(): axes[0] is the innermost of the output.
template <int kOperands>
struct Layout {
  int ndim = 0;
  Axis<kOperands> axes[PYNN_MAX_DIMS];
  char* data[kOperands];
};

template <int kOperands>
Layout<kOperands> normalise(const Strided& arrays) {
  constexpr int out = kOperands - 1;
  Layout<kOperands> layout;
  for (int k = 0; k < kOperands; ++k) layout.data[k] = arrays.data[k];
  Axis<kOperands> axes[PYNN_MAX_DIMS];
  int count = 0;
  for (int i = arrays.ndim - 1; i >= 0; --i) {
    if (arrays.shape[i] == 1) continue;
    Axis<kOperands> axis;
    axis.size = arrays.shape[i];
    for (int k = 0; k < kOperands; ++k) axis.strides[k] = arrays.strides[k][i];
    if (axis.strides[out] < 0) {  // walk this one backwards
      for (int k = 0; k < kOperands; ++k) {
        layout.data[k] += (axis.size - 1) * axis.strides[k];
        axis.strides[k] = -axis.strides[k];
      }
    }
    int place = count++;
    for (; place > 0 && axes[place - 1].strides[out] > axis.strides[out]; --place)
      axes[place] = axes[place - 1];
    axes[place] = axis;
  }
  for (int i = 0; i < count; ++i) {
    if (layout.ndim > 0) {
      Axis<kOperands>& last = layout.axes[layout.ndim - 1];
      bool merge = true;
      for (int k = 0; k < kOperands; ++k) merge &= axes[i].strides[k] == last.size * last.strides[k];
      if (merge) {
        last.size *= axes[i].size;
        continue;
      }
    }
    layout.axes[layout.ndim++] = axes[i];
  }
  if (layout.ndim == 0) layout.axes[layout.ndim++] = kNoAxis<kOperands>;  // a single element
  return layout;
}

template <class T>
bool one_run(int64_t row_stride, int64_t column_stride, int64_t columns) {
  return column_stride == int64_t(sizeof(T)) && row_stride == columns * column_stride;
}

// One operand's tile, rows of `columns` elements, as a contiguous block.
template <class T>
void pack(const char* data, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t columns,
          T* tile) {
  const auto read = [](const char* p) { return *reinterpret_cast<const T*>(p); };
  if (one_run<T>(row_stride, column_stride, columns)) {
    columns *= rows;
    rows = 1;
  }
  if (column_stride == int64_t(sizeof(T))) {
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(tile + r * columns, data + r * row_stride, size_t(columns) * sizeof(T));
  } else if (row_stride == int64_t(sizeof(T))) {
    for (int64_t c = 0; c < columns; ++c) {
      const T* column = reinterpret_cast<const T*>(data + c * column_stride);
      for (int64_t r = 0; r < rows; ++r) tile[r * columns + c] = column[r];
    }
  } else {
    for (int64_t r = 0; r < rows; ++r) {
      const char* row = data + r * row_stride;
      for (int64_t c = 0; c < columns; ++c) tile[r * columns + c] = read(row + c * column_stride);
    }
  }
}

template <class T>
void unpack(const T* tile, char* data, int64_t row_stride, int64_t column_stride, int64_t rows,
            int64_t columns) {
  if (one_run<T>(row_stride, column_stride, columns)) {
    columns *= rows;
    rows = 1;
  }
  for (int64_t r = 0; r < rows; ++r) {
    char* row = data + r * row_stride;
    if (column_stride == int64_t(sizeof(T))) {
      std::memcpy(row, tile + r * columns, size_t(columns) * sizeof(T));
    } else {
      for (int64_t c = 0; c < columns; ++c)
        *reinterpret_cast<T*>(row + c * column_stride) = tile[r * columns + c];
    }
  }
}

// Boxes of rows x columns elements over two axes, and every index of the others.
template <int kOperands>
struct Boxes {
  Axis<kOperands> column, row;  // row.size is 1 where there is no second axis
  int others = 0;
  Axis<kOperands> other[PYNN_MAX_DIMS];
  int64_t columns, rows;  // of one box
  int64_t column_boxes, row_boxes, count;

  Boxes(const Layout<kOperands>& layout, int row_axis, int64_t box_columns, int64_t box_rows)
      : columns(box_columns), rows(box_rows) {
    column = layout.axes[0];
    row = kNoAxis<kOperands>;
    count = 1;
    for (int i = 1; i < layout.ndim; ++i) {
      if (i == row_axis) {
        row = layout.axes[i];
      } else {
        other[others++] = layout.axes[i];
        count *= layout.axes[i].size;
      }
    }
    column_boxes = (column.size + columns - 1) / columns;
    row_boxes = (row.size + rows - 1) / rows;
    count *= column_boxes * row_boxes;
  }

  // f(operand pointers, rows, columns) for boxes first <= i < last.
  template <class F>
  void visit(const Layout<kOperands>& layout, int64_t first, int64_t last, const F& f) const {
    for (int64_t i = first; i < last; ++i) {
      int64_t rest = i;
      const int64_t c = rest % column_boxes * columns;
      rest /= column_boxes;
      const int64_t r = rest % row_boxes * rows;
      rest /= row_boxes;
      char* data[kOperands];
      for (int k = 0; k < kOperands; ++k)
        data[k] = layout.data[k] + c * column.strides[k] + r * row.strides[k];
      for (int j = 0; j < others; ++j) {
        const int64_t index = rest % other[j].size;
        rest /= other[j].size;
        for (int k = 0; k < kOperands; ++k) data[k] += index * other[j].strides[k];
      }
      f(data, std::min(rows, row.size - r), std::min(columns, column.size - c));
    }
  }
};

// Runs boxes in chunks of about `chunk` elements.
template <int kOperands, class F>
void run_boxes(const Layout<kOperands>& layout, const Boxes<kOperands>& boxes, int64_t chunk, const F& f) {
  const int64_t box = std::min(boxes.columns, boxes.column.size) * std::min(boxes.rows, boxes.row.size);
  const int64_t each = std::max<int64_t>(1, chunk / std::max<int64_t>(1, box));
  parallel_ranges(boxes.count, each,
                  [&](int64_t first, int64_t last) { boxes.visit(layout, first, last, f); });
}

// The axis that an input runs along where the output runs along axis 0, else the next one.
template <int kOperands>
int row_axis_of(const Layout<kOperands>& layout, const int* sizes, bool* across) {
  for (int k = 0; k + 1 < kOperands; ++k) {
    if (layout.axes[0].strides[k] == sizes[k] || layout.axes[0].strides[k] == 0) continue;
    for (int i = 1; i < layout.ndim; ++i) {
      if (layout.axes[i].strides[k] != sizes[k]) continue;
      *across = true;
      return i;
    }
  }
  *across = false;
  return 1;
}

template <int kOperands>
Boxes<kOperands> tiles_of(const Layout<kOperands>& layout, const int* sizes) {
  bool across;
  const int row_axis = row_axis_of(layout, sizes, &across);
  const int64_t width = layout.axes[0].size, height = row_axis < layout.ndim ? layout.axes[row_axis].size : 1;
  const int64_t columns = std::min<int64_t>(width, across ? kTile / kAcross : kTile);
  return Boxes<kOperands>(layout, row_axis, columns, std::min<int64_t>(height, kTile / columns));
}

// pack and unpack for an element of `size` bytes.
inline void pack(int size, const char* data, int64_t row_stride, int64_t column_stride, int64_t rows,
                 int64_t columns, void* tile) {
  switch (size) {
    case 1:
      return pack(data, row_stride, column_stride, rows, columns, static_cast<uint8_t*>(tile));
    case 2:
      return pack(data, row_stride, column_stride, rows, columns, static_cast<uint16_t*>(tile));
    case 4:
      return pack(data, row_stride, column_stride, rows, columns, static_cast<float*>(tile));
    default:
      return pack(data, row_stride, column_stride, rows, columns, static_cast<double*>(tile));
  }
}
inline void unpack(int size, const void* tile, char* data, int64_t row_stride, int64_t column_stride,
                   int64_t rows, int64_t columns) {
  switch (size) {
    case 1:
      return unpack(static_cast<const uint8_t*>(tile), data, row_stride, column_stride, rows, columns);
    case 2:
      return unpack(static_cast<const uint16_t*>(tile), data, row_stride, column_stride, rows, columns);
    case 4:
      return unpack(static_cast<const float*>(tile), data, row_stride, column_stride, rows, columns);
    default:
      return unpack(static_cast<const double*>(tile), data, row_stride, column_stride, rows, columns);
  }
}

// Runs kernel(n, data, single) over all elements: data are the operands' pointers, contiguous but for the
// inputs in the bit mask `single`, which are one value each.
// sizes: bytes of an element of each operand. may_single(mask): whether the kernel takes such a mask.
template <int kOperands, class MaySingle, class Kernel>
void run_strided(const Strided& arrays, const int* sizes, int64_t chunk, const MaySingle& may_single,
                 const Kernel& kernel) {
  constexpr int out = kOperands - 1;
  const Layout<kOperands> layout = normalise<kOperands>(arrays);
  const Axis<kOperands>& inner = layout.axes[0];
  unsigned single = 0;
  bool in_place = inner.size == 1 || inner.strides[out] == sizes[out];
  for (int k = 0; k < out; ++k) {
    if (inner.size == 1 || inner.strides[k] == sizes[k]) continue;
    if (inner.strides[k] != 0) in_place = false;
    single |= 1u << k;
  }
  if (in_place && may_single(single) && (layout.ndim == 1 || inner.size >= kShortRun)) {
    const Boxes<kOperands> runs(layout, 0, chunk, 1);
    run_boxes(layout, runs, chunk, [&](char** data, int64_t, int64_t n) { kernel(n, data, single); });
    return;
  }
  const Boxes<kOperands> tiles = tiles_of(layout, sizes);
  const Axis<kOperands>&column = tiles.column, &row = tiles.row;
  // Inputs of one value all through stay so, where the kernel takes them.
  unsigned constant = 0;
  for (int k = 0; k < out; ++k) {
    if (column.strides[k] == 0 && row.strides[k] == 0) constant |= 1u << k;
  }
  if (!may_single(constant)) constant = 0;
  run_boxes(layout, tiles, chunk, [&](char** data, int64_t rows, int64_t columns) {
    alignas(64) char buffers[kOperands][kTile * 8];
    char* at[kOperands];
    for (int k = 0; k < kOperands; ++k) {
      const bool direct = column.strides[k] == sizes[k] && (rows == 1 || row.strides[k] == columns * sizes[k]);
      at[k] = direct || (constant >> k & 1) ? data[k] : buffers[k];
      if (k < out && at[k] == buffers[k])
        pack(sizes[k], data[k], row.strides[k], column.strides[k], rows, columns, buffers[k]);
    }
    kernel(rows * columns, at, constant);
    if (at[out] == buffers[out])
      unpack(sizes[out], buffers[out], data[out], row.strides[out], column.strides[out], rows, columns);
  });
}

}  // namespace elementwise
}  // namespace pynn
