// Pointwise work over arrays with any strides.
//
// Dimensions are sorted by the output's strides, merged where every operand allows it, and
// walked as boxes over two of them. Where the innermost runs are contiguous (or one value) in
// all operands, the kernels read them in place; else tiles of up to 512 elements are packed,
// computed by the very same kernels, and written back, so strides never change a result.
#include <algorithm>
#include <cstring>

#include "base/pool.h"
#include "kernels/elementwise/elementwise.h"

namespace pynn {
namespace elementwise {
namespace {

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
template <class T, int kOperands>
int row_axis_of(const Layout<kOperands>& layout, bool* across) {
  for (int k = 0; k + 1 < kOperands; ++k) {
    if (layout.axes[0].strides[k] == int64_t(sizeof(T))) continue;
    for (int i = 1; i < layout.ndim; ++i) {
      if (layout.axes[i].strides[k] != int64_t(sizeof(T))) continue;
      *across = true;
      return i;
    }
  }
  *across = false;
  return 1;
}

template <class T, int kOperands>
Boxes<kOperands> tiles_of(const Layout<kOperands>& layout) {
  bool across;
  const int row_axis = row_axis_of<T>(layout, &across);
  const int64_t width = layout.axes[0].size, height = row_axis < layout.ndim ? layout.axes[row_axis].size : 1;
  const int64_t columns = std::min<int64_t>(width, across ? kTile / kAcross : kTile);
  return Boxes<kOperands>(layout, row_axis, columns, std::min<int64_t>(height, kTile / columns));
}

}  // namespace

template <class T>
void unary_strided(pynn_unary_op op, const Strided& arrays, T alpha, T beta) {
  const Layout<2> layout = normalise<2>(arrays);
  const Axis<2>& inner = layout.axes[0];
  const int64_t element = sizeof(T);
  const bool in_place = inner.size == 1 || (inner.strides[0] == element && inner.strides[1] == element);
  const auto at = [](char* p) { return reinterpret_cast<T*>(p); };
  if (in_place && layout.ndim == 1) {
    unary_contiguous(op, inner.size, at(layout.data[0]), alpha, beta, at(layout.data[1]));
    return;
  }
  const auto kernel = kernels<T>().unary[op];
  const int64_t chunk = chunk_of(op);
  if (in_place && inner.size >= kShortRun) {
    const Boxes<2> runs(layout, 0, chunk, 1);
    run_boxes(layout, runs, chunk,
              [&](char** data, int64_t, int64_t n) { kernel(n, at(data[0]), alpha, beta, at(data[1])); });
    return;
  }
  const Boxes<2> tiles = tiles_of<T>(layout);
  run_boxes(layout, tiles, chunk, [&](char** data, int64_t rows, int64_t columns) {
    T tile[kTile];
    pack(data[0], tiles.row.strides[0], tiles.column.strides[0], rows, columns, tile);
    kernel(rows * columns, tile, alpha, beta, tile);
    unpack(tile, data[1], tiles.row.strides[1], tiles.column.strides[1], rows, columns);
  });
}

template <class T>
void binary_strided(pynn_binary_op op, const Strided& arrays, T alpha, T beta) {
  const Layout<3> layout = normalise<3>(arrays);
  const Axis<3>& inner = layout.axes[0];
  const int64_t element = sizeof(T);
  const auto at = [](char* p) { return reinterpret_cast<T*>(p); };
  const bool a_runs = inner.strides[0] == element, b_runs = inner.strides[1] == element;
  const bool in_place =
      inner.size == 1 || (inner.strides[2] == element && (a_runs || inner.strides[0] == 0) &&
                          (b_runs || inner.strides[1] == 0) && (a_runs || b_runs));
  const int64_t chunk = chunk_of(op);
  if (in_place && (layout.ndim == 1 || inner.size >= kShortRun)) {
    const Mode mode = inner.size == 1 || (a_runs && b_runs) ? kBoth : a_runs ? kScalarB : kScalarA;
    const auto kernel = kernels<T>().binary[op][mode];
    const Boxes<3> runs(layout, 0, chunk, 1);
    run_boxes(layout, runs, chunk, [&](char** data, int64_t, int64_t n) {
      kernel(n, at(data[0]), at(data[1]), alpha, beta, at(data[2]));
    });
    return;
  }
  const auto& variants = kernels<T>().binary[op];
  const Boxes<3> tiles = tiles_of<T>(layout);
  const Axis<3>&column = tiles.column, &row = tiles.row;
  const bool b_single = column.strides[1] == 0 && row.strides[1] == 0;
  run_boxes(layout, tiles, chunk, [&](char** data, int64_t rows, int64_t columns) {
    T first[kTile], second[kTile];
    pack(data[0], row.strides[0], column.strides[0], rows, columns, first);
    const T* b = at(data[1]);
    if (!b_single) {
      pack(data[1], row.strides[1], column.strides[1], rows, columns, second);
      b = second;
    }
    variants[b_single ? kScalarB : kBoth](rows * columns, first, b, alpha, beta, first);
    unpack(first, data[2], row.strides[2], column.strides[2], rows, columns);
  });
}

template void unary_strided(pynn_unary_op, const Strided&, float, float);
template void unary_strided(pynn_unary_op, const Strided&, double, double);
template void binary_strided(pynn_binary_op, const Strided&, float, float);
template void binary_strided(pynn_binary_op, const Strided&, double, double);

}  // namespace elementwise
}  // namespace pynn
