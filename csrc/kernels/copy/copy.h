// Copies of strided arrays to row-major memory, and rows joined.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace copy {

// strides of x in bytes; out is row-major. item: bytes of an element, 1, 2, 4 or 8.
void run(int ndim, const int64_t* shape, const int64_t* strides, int64_t item, const char* x, char* out);

// out[r] = rows r of the parts, one behind the other: bytes[i] from x[i] + r * steps[i].
void join(int64_t rows, int64_t parts, const char* const* x, const int64_t* bytes, const int64_t* steps, char* out);

}  // namespace copy
}  // namespace pynn
