// What conv.cpp and weight.cpp share: how work is cut, and patches into pieces.
#pragma once
#include "kernels/conv/conv.h"

namespace pynn {
namespace conv {

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Where a tap reads: source row = oy * step_y + dy, column = ox * step_x + dx; weight index r * kernel_w + s.
struct Tap {
  int64_t dy, dx, weight;
};

// The grid of output pixels, and the plane they read.
struct Grid {
  int64_t out_h, out_w, step_y, step_x, in_h, in_w;
};

// Pieces of pixels [first, first + count) for one tap, `to` counted from the first; returns how many.
// `pieces` has room for count (a piece a pixel at worst).
int cut_pieces(const Grid& grid, const Tap& tap, int64_t first, int64_t count, int lanes, Piece* pieces);

// Multiply-adds under which a call stays on one thread, and those a chunk should have. As in matmul,
// shape alone decides how work is cut.
constexpr int64_t kSerialMacs = 1 << 20;
constexpr int64_t kChunkMacs = 1 << 19;

pynn_status no_memory(size_t bytes);

}  // namespace conv
}  // namespace pynn
