// A row is a copy and a run of zeros: memcpy and memset are at the memory's speed for any element.
#include "kernels/triangle/triangle.h"

#include <cstring>

#include "base/pool.h"
#include "base/sizes.h"

namespace pynn {
namespace triangle {

void run(bool upper, int64_t diagonal, int64_t rows, int64_t height, int64_t width, int64_t item,
         const char* x, char* out) {
  constexpr int64_t kEach = 256 << 10;  // bytes of a task
  parallel_ranges(rows, most(1, kEach / (width * item)), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      // Columns below `cut` are left of the diagonal, or for the lower triangle on it too.
      const int64_t beyond = row % height + diagonal + (upper ? 0 : 1);
      const int64_t cut = beyond < 0 ? 0 : least(beyond, width);
      const char* from = x + row * width * item;
      char* to = out + row * width * item;
      const int64_t begin = upper ? cut : 0, end = upper ? width : cut;
      if (to != from) std::memcpy(to + begin * item, from + begin * item, size_t((end - begin) * item));
      std::memset(to, 0, size_t(begin * item));
      std::memset(to + end * item, 0, size_t((width - end) * item));
    }
  });
}

}  // namespace triangle
}  // namespace pynn
