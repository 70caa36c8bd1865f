// Rows joined side by side (cat along a dimension: a row is what lies behind it in memory).
#include <cstdint>
#include <cstring>

#include "base/pool.h"
#include "base/sizes.h"
#include "kernels/copy/copy.h"

namespace pynn {
namespace copy {
namespace {

constexpr int64_t kChunkBytes = 128 << 10;  // that a thread copies at a time

// Rows of a few bytes, whose size the compiler knows.
template <int64_t kBytes>
void copy_rows(int64_t rows, const char* from, int64_t step, char* to, int64_t width) {
  for (int64_t r = 0; r < rows; ++r) std::memcpy(to + r * width, from + r * step, size_t(kBytes));
}

void copy_rows(int64_t rows, int64_t bytes, const char* from, int64_t step, char* to, int64_t width) {
  if (bytes == 4) return copy_rows<4>(rows, from, step, to, width);
  if (bytes == 8) return copy_rows<8>(rows, from, step, to, width);
  if (bytes == 1) return copy_rows<1>(rows, from, step, to, width);
  if (bytes == 2) return copy_rows<2>(rows, from, step, to, width);
  if (bytes == 16) return copy_rows<16>(rows, from, step, to, width);
  for (int64_t r = 0; r < rows; ++r) copy_bytes(to + r * width, from + r * step, bytes);
}

}  // namespace

void join(int64_t rows, int64_t parts, const char* const* x, const int64_t* bytes, const int64_t* steps, char* out) {
  int64_t width = 0;
  for (int64_t i = 0; i < parts; ++i) width += bytes[i];
  if (width <= kChunkBytes) {
    parallel_ranges(rows, kChunkBytes / width, [&](int64_t first, int64_t last) {
      char* to = out + first * width;
      for (int64_t i = 0; i < parts; to += bytes[i++]) {
        copy_rows(last - first, bytes[i], x[i] + first * steps[i], steps[i], to, width);
      }
    });
    return;
  }
  // Long rows are cut, wherever their parts end.
  parallel_ranges(rows * width, kChunkBytes, [&](int64_t first, int64_t last) {
    int64_t row = first / width, part = 0, at = first % width;  // at: in the part's row
    for (; at >= bytes[part]; ++part) at -= bytes[part];
    while (first < last) {
      const int64_t count = least(last - first, bytes[part] - at);
      copy_bytes(out + first, x[part] + row * steps[part] + at, count);
      first += count;
      at = 0;
      if (++part == parts) part = 0, ++row;
    }
  });
}

}  // namespace copy
}  // namespace pynn
