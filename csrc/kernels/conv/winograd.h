// Winograd's F(4x4, 3x3): tiles of 4x4 outputs from 6x6 patches that lie 4 apart, by 36 products in place of
// 144.
//   y = A^T [(G w G^T) * (B^T d B)] A, summed over channels (and the pieces of a larger kernel) in the middle
// Points 0, +-11/16, +-3/2 and infinity: see the README for their error. The kernels' interface, and runs of
// tiles.
#pragma once
#include <cstdint>

namespace pynn {
namespace conv {

constexpr int kTile = 4;     // outputs of a tile, one way
constexpr int kPatch = 6;    // its inputs
constexpr int kPlaces = 36;  // places of a patch

// Tiles [tile, tile + count) of a chunk that lie side by side in an image.
struct TileRun {
  int64_t from;  // the first patch's first element in a plane of the source: may lie outside
  int64_t to;    // the first tile's first pixel in a plane of the output
  int32_t tile, count;
  int32_t top, bottom;    // rows [top, bottom) of the patches lie within the source,
  int32_t left, right;    // and columns [left, right) of 4 count + 2 (of tiles alone: 4 count)
  int32_t height, width;  // rows and columns of pixels that are there: up to 4 and 4 count
  bool whole;             // all columns of the output
};

// Where tile t, channel c and place p are: v[p * place + t / panel * panel_step + c * channel + t % panel].
template <class T>
struct PatchArgs {
  const T* src;
  int64_t src_row, src_plane, channels;
  const TileRun* runs;
  int64_t run_count, tiles;
  T* scratch;  // patch_scratch(tiles) elements
  T* v;
  int64_t place, panel, panel_step, channel;
};

constexpr int kLaneTiles = 8;                                        // of a run, with channels in the lanes
constexpr int kLaneColumns = kTile * kLaneTiles + kPatch - kTile;

// A run's tiles of one vector of channels. Column x of row r: rows[r][x * lanes], for x in [left, right).
template <class T>
struct LanePatchArgs {
  const T* rows[kPatch];
  const TileRun* run;
  T* v;  // place p of tile t: v[p * place + t * tile]
  int64_t place, tile;
};

template <class T>
struct PixelArgs {
  const T* m;  // place p of row i and tile t: m[p * place + i * row + t]
  int64_t place, row, rows, tiles;
  const TileRun* runs;
  int64_t run_count;
  T* scratch;     // tile_scratch(tiles) elements
  const T* bias;  // of the rows, or nullptr
  bool relu;
  T beta;
  T* out;
  int64_t out_row, out_plane;
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
  // u[p * u_step + i] = place p of G g G^T, for 9 taps g[t * g_step + i], i < n
  void (*weights)(const T* g, int64_t g_step, int64_t n, T* u, int64_t u_step);
  // B^T d B of tiles of channels. Whole vectors are stored: tiles are rounded up to them.
  void (*patches)(const PatchArgs<T>& a);
  // Pixels of channels, as many as vectors have lanes or fewer, side by side: to[x * lanes + c] = src[c * plane + x].
  void (*turn)(const T* src, int64_t plane, int channels, int64_t columns, T* to);
  // The patches' transform with channels in the lanes, and of A y A^T, where the run is of tiles alone.
  void (*lane_patches)(const LanePatchArgs<T>& a);
  void (*lane_gradients)(const LanePatchArgs<T>& a);
  // out = act(A^T m A + bias + beta * out). Whole vectors of m are read.
  void (*pixels)(const PixelArgs<T>& a);
  // out = G^T m G + beta * out. Whole vectors of m are read.
  void (*taps)(const TapsArgs<T>& a);
};

// Elements of scratch, for vectors of up to 16.
constexpr int64_t patch_pitch(int64_t tiles) { return tiles + 40; }
constexpr int64_t row_pitch(int64_t tiles) { return 4 * tiles + 152; }
constexpr int64_t patch_scratch(int64_t tiles) {
  return kPlaces * patch_pitch(tiles) + (kPatch + 1) * row_pitch(tiles);
}
constexpr int64_t tile_scratch(int64_t tiles) { return kTile * row_pitch(tiles); }

}  // namespace conv
}  // namespace pynn
