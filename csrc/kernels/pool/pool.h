// Pools over planes of up to three dimensions: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace pool {

// Of one window along one dimension: its `taps` elements in the input, begin, begin + step, ... below end, and what
// it counts as in an average's divisor.
struct Range {
  int64_t begin, end, taps, count;
};

// Three dimensions, innermost last; missing ones have size 1. Planes are row-major and follow each other.
// Adaptive pools (bins) have ranges only, no kernel or stride.
struct Geometry {
  int64_t planes;
  int64_t in[3], out[3];
  int64_t kernel, stride, pad;  // along the width, without taps that reach no element
  int64_t step[3];              // dilation
  bool bins;
  bool halves;  // 2 x 2 windows of stride 2, all inside: halves height and width
  bool whole;   // one window that is the plane
  int64_t window_rows;  // most rows that a window has
  int64_t buffer;       // elements of a padded row, with slack for whole vectors
  int64_t finder;       // elements of what finds maxima vector by vector; 0 where windows are too large or uneven
  int64_t margin, line; // of a row of windows' gradients: elements before it, and in all, that reach past its ends
  const Range* range[3];

  int64_t plane_in() const { return in[0] * in[1] * in[2]; }
  int64_t plane_out() const { return out[0] * out[1] * out[2]; }
  int64_t rows_out() const { return planes * out[0] * out[1]; }
};

constexpr int64_t kSlack = 32;       // elements behind a buffer's row that vectors may touch
constexpr int64_t kTogether = 4;     // output rows whose windows' rows are reduced before their columns
constexpr int64_t kMostTaps = 4096;  // of a window where maxima are looked for vector by vector

// Forward kernels work on output rows first <= r < last of all planes, backward ones on planes. counts: of each
// output column, Range::count as T. scratch: Geometry's buffers, see pool.cpp.
template <class T>
struct Kernels {
  void (*max)(const Geometry& g, int64_t first, int64_t last, const T* x, T* out, T* scratch);
  void (*max_indices)(const Geometry& g, int64_t first, int64_t last, const T* x, T* out, int64_t* indices,
                      T* scratch);
  void (*max_backward)(const Geometry& g, int64_t first, int64_t last, const T* grad, const T* x, T* dx,
                       T* scratch);
  void (*average)(const Geometry& g, int64_t first, int64_t last, const T* x, const T* counts, T* out,
                  T* scratch);
  void (*average_backward)(const Geometry& g, int64_t first, int64_t last, const T* grad, const T* counts,
                           T* dx, T* scratch);
};

using Table = FloatTable<Kernels>;
const Table& table();  // of the ISA in use

// Windows as pynn_pool says, or bins where it is null. count_include_pad and divisor as pynn_avg_pool.
struct Task {
  const pynn_pool* windows;
  bool count_include_pad;
  int64_t divisor;
  int64_t planes;
  int64_t in[3], out[3];
};

// False where there is no memory for tables and buffers.
template <class T>
bool run_max(const Task& task, const T* x, T* out, int64_t* indices);  // indices may be null, but of bins
template <class T>
bool run_max_backward(const Task& task, const T* grad, const T* x, T* dx);
template <class T>
bool run_average(const Task& task, const T* x, T* out);
template <class T>
bool run_average_backward(const Task& task, const T* grad, T* dx);

// dx zero, then grad added where indices say, within each plane. False, before anything is written, for an index
// that is in no plane.
template <class T>
bool run_scatter(int64_t planes, int64_t size_in, int64_t size_out, const T* grad, const int64_t* indices, T* dx);

}  // namespace pool
}  // namespace pynn
