// Triangles of row-major matrices of elements of any size.
#pragma once
#include <cstdint>

namespace pynn {
namespace triangle {

// `rows` counts the rows of all matrices, of `height` rows each.
void run(bool upper, int64_t diagonal, int64_t rows, int64_t height, int64_t width, int64_t item,
         const char* x, char* out);

}  // namespace triangle
}  // namespace pynn
