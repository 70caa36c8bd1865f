// Copies of strided arrays to row-major memory.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace copy {

// strides of x in bytes; out is row-major. item: bytes of an element, 1, 2, 4 or 8.
void run(int ndim, const int64_t* shape, const int64_t* strides, int64_t item, const char* x, char* out);

}  // namespace copy
}  // namespace pynn
