// Winograd's F(4x4, 3x3): tiles of 4x4 outputs from 6x6 patches that lie 4 apart, by 36 products in place of
// 144.
//   y = A^T [(G w G^T) * (B^T d B)] A, summed over channels (and the pieces of a larger kernel) in the middle
// Points 0, +-11/16, +-3/2 and infinity: see the README for their error. The kernels' interface, and runs of
// tiles. Channels (or filters) lie in the lanes of vectors throughout, so that maps of any width fill them.
#pragma once
#include <cstdint>

namespace pynn {
namespace conv {

constexpr int kTile = 4;      // outputs of a tile, one way
constexpr int kPatch = 6;     // its inputs
constexpr int kPlaces = 36;   // places of a patch
constexpr int kRunTiles = 8;  // of a run, at most
constexpr int kRunColumns = kTile * kRunTiles + kPatch - kTile;

// Tiles [tile, tile + count) of a chunk that lie side by side in an image.
struct TileRun {
  int64_t from;  // the first patch's first element in a plane of the source: may lie outside
  int64_t to;    // the first tile's first pixel in a plane of the output
  int32_t tile, count;
  int32_t top, bottom;    // rows [top, bottom) of the patches lie within the source,
  int32_t left, right;    // and columns [left, right) of 4 count + 2 (of tiles alone: 4 count)
  int32_t height, width;  // rows and columns of pixels that are there: up to 4 and 4 count
};

// A run's tiles of a vector of channels, of which the first `lanes` are stored. Column x of row r:
// rows[r][x * width ...], for x in [left, right).
template <class T>
struct PatchArgs {
  const T* rows[kPatch];
  const TileRun* run;
  int lanes;
  T* v;  // place p of tile t: v[p * place + t * tile]
  int64_t place, tile;
};

// A run's pixels of a vector of filters, dense: to[(y * run->width + x) * width ...].
template <class T>
struct PixelArgs {
  const T* m;  // place p of tile t: m[p * place + t * tile]
  int64_t place, tile;
  const TileRun* run;
  int lanes;
  const T* bias;  // of the lanes, or nullptr
  bool relu;
  T* to;
};

// Of the 9 taps, `count` are kept: from[i] goes to out[row * out_row + channel * out_channel + to[i]].
template <class T>
struct TapsArgs {
  const T* m;  // place p of row i and channel c: m[p * place + i * row + c]
  int64_t place, row, rows, channels;
  T beta;
  int count, from[9];
  int64_t to[9];
  T* out;
  int64_t out_row, out_channel;
};

template <class T>
struct WinogradKernels {
  // u[p * u_step + i] = place p of G g G^T, for 9 taps g[t][i], i < n
  void (*weights)(const T* const* g, int64_t n, T* u, int64_t u_step);
  // Pixels of channels, as many as vectors have lanes or fewer, side by side: to[x * width + c] = src[c * plane + x].
  void (*turn)(const T* src, int64_t plane, int channels, int64_t columns, T* to);
  // B^T d B, and of the tiles of a gradient A y A^T.
  void (*patches)(const PatchArgs<T>& a);
  void (*gradients)(const PatchArgs<T>& a);
  // act(A^T m A + bias). Whole vectors of m are read.
  void (*pixels)(const PixelArgs<T>& a);
  // out = G^T m G + beta * out. Whole vectors of m are read.
  void (*taps)(const TapsArgs<T>& a);
};

}  // namespace conv
}  // namespace pynn
