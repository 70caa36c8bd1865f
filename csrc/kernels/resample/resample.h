// Resizing planes by weighted sums of neighbours: the variants' table and the loops around it.
#pragma once
#include <cstdint>
#include <type_traits>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace resample {

// Along one dimension: output i is the sum of weights[k] * input[indices[k]] over start[i] <= k < start[i + 1].
template <class T>
struct Axis {
  typedef typename std::conditional<sizeof(T) == 4, int32_t, int64_t>::type Near;
  int64_t in, out;
  bool plain;  // output i is input i
  const int64_t *start, *indices;
  const T* weights;
  // The same for vectors, of which each makes its outputs from two that lie from base[vector] on; null where more would
  // be needed. Tap t of output i is at t * out + i, filled up by weights of 0 where outputs have different numbers.
  int taps;
  bool filled;
  const Near* near;
  const T* near_weights;
  const int64_t* base;
};

template <class T>
struct Geometry {
  int64_t planes;
  Axis<T> axis[3];  // depth, height, width
  bool copies;      // one tap, weight 1: nearest
  bool twice;       // along the width each element is picked twice
  int64_t plane_in() const { return axis[0].in * axis[1].in * axis[2].in; }
  int64_t plane_out() const { return axis[0].out * axis[1].out * axis[2].out; }
  int64_t rows_out() const { return planes * axis[0].out * axis[1].out; }
};

// Output rows first <= r < last of all planes; row: axis[2].in and two vectors' elements.
template <class T>
struct Kernels {
  void (*resize)(const Geometry<T>& g, int64_t first, int64_t last, const T* x, T* out, T* row);
  int lanes;  // of the vectors that Axis::near is for, or 0: it has no use for them
};

using Table = FloatTable<Kernels>;
const Table& table();  // of the ISA in use

struct Task {
  pynn_resample_mode mode;
  bool align_corners;
  int64_t planes;
  int64_t in[3], out[3];
  double scale[3];  // input elements an output element, 0: in / out
};

// False where there is no memory for tables.
template <class T>
bool run_forward(const Task& task, const T* x, T* out);
template <class T>
bool run_backward(const Task& task, const T* grad, T* dx);

}  // namespace resample
}  // namespace pynn
