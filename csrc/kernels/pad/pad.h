// Padding as copies of rows; no arithmetic, so one variant for all machines.
#pragma once
#include <cstddef>
#include <cstdint>

#include "pynn/pad.h"

namespace pynn {
namespace pad {

struct Shape {
  int ndim;
  int64_t in[PYNN_MAX_DIMS], out[PYNN_MAX_DIMS], before[PYNN_MAX_DIMS];
  int64_t step[PYNN_MAX_DIMS];  // bytes, of the input
  int64_t element;              // bytes
  pynn_pad_mode mode;
};

pynn_status forward(const Shape& s, const void* value, const void* x, void* y);
template <class T>
pynn_status backward(const Shape& s, const T* dy, T* dx);

}  // namespace pad
}  // namespace pynn
