// Resizing planes by weighted sums of neighbours: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/pynn.h"

namespace pynn {
namespace resample {

constexpr int kMostTaps = 4;

// Along one dimension: output i is the sum of weights[t * out + i] * input[indices[t * out + i]] over the taps t.
template <class T>
struct Axis {
  int64_t in, out;
  int taps;
  const int64_t* indices;
  const T* weights;
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

// forward works on output rows first <= r < last of all planes, backward on planes; row: axis[2].in elements.
template <class T>
struct Kernels {
  void (*forward)(const Geometry<T>& g, int64_t first, int64_t last, const T* x, T* out, T* row);
  void (*backward)(const Geometry<T>& g, int64_t first, int64_t last, const T* grad, T* dx, T* row);
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
