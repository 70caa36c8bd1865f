// Convolutions as products of matrices that are never made (implicit GEMM), by the tiles of
// matmul/cuda_tile.h. Images were copied to channels last, every group's channels filled up with zeros to
// whole 16-byte chunks; a chunk is one tap's channels of one pixel, copied to shared memory from where it
// lies, or zeros where the tap meets the padding.
#pragma once
#include "cuda/strided.h"
#include "kernels/matmul/cuda_mma.h"

namespace pynn::cuda {

// Places of a grid (depth, height, width) numbered through all images, and where they are.
struct PixelGrid {
  Divider image, plane, line;  // pixels of an image, of a plane, of a line

  PYNN_DEVICE void place(int pixel, int& n, int& z, int& y, int& x) const {
    n = int(image.divide(uint32_t(pixel)));
    const uint32_t within = uint32_t(pixel) - uint32_t(n) * image.divisor;
    const uint32_t deep = plane.divide(within), flat = within - deep * plane.divisor;
    const uint32_t high = line.divide(flat);
    z = int(deep), y = int(high), x = int(flat - high * line.divisor);
  }
};

// Where the pixels of a result lie in a channel of it.
struct PixelColumns {
  PixelGrid grid;
  int64_t image, first;  // elements: from image to image, to the first pixel
  int64_t step[3];
  bool dense;  // pixels of an image are neighbours

  PYNN_DEVICE bool exists(int) const { return true; }
  PYNN_DEVICE int64_t at(int pixel) const {
    int n, z, y, x;
    grid.place(pixel, n, z, y, x);
    return n * image + first + z * step[0] + y * step[1] + x * step[2];
  }
  PYNN_DEVICE bool neighbours(int pixel, int count) const {
    return dense && pixel - int(grid.image.divide(uint32_t(pixel)) * grid.image.divisor) + count <=
                        int(grid.image.divisor);
  }
};

// What a result's pixel q reads for tap t: the source's pixel q * step + origin + t * tap_step, by dimension.
struct Taps {
  int count[3], step[3], origin[3], tap_step[3];
  int size[3];  // of the source
};

template <class T>
struct GatherProduct {
  const T *source, *weights;  // source [image][pixel][group][channels], weights [group][row][tap][channels]
  int64_t pixel;              // elements from pixel to pixel
  int channels;               // of a group, filled up
  int k, part, tiles_m, tiles_n, parts;
  int pixels;  // of the source, an image
  Taps taps;
  Result<T, PixelColumns> result;  // its batch is the groups
};

// Panels along K of the source: a line a pixel of the result, its K the taps and channels.
template <class T, int kExtent, int kThreads>
class GatherCursor {
  using Own = Share<T, kExtent, true, kThreads>;

 public:
  PYNN_DEVICE GatherCursor(const GatherProduct<T>& p, int group, int start, int k, int end)
      : p_(p), source_(p.source + group * p.channels), left_(end - k - Own::chunk() * kChunk<T>) {
    const int at = k + Own::chunk() * kChunk<T>, tap = at / p.channels;
    channel_ = at - tap * p.channels;
    x_ = tap % p.taps.count[2];
    y_ = tap / p.taps.count[2] % p.taps.count[1];
    z_ = tap / p.taps.count[2] / p.taps.count[1];
#pragma unroll
    for (int i = 0; i < Own::kCopies; ++i) {
      const int pixel = start + Own::line(i);
      int n, z, y, x;
      p.result.columns.grid.place(min(pixel, p.result.n - 1), n, z, y, x);
      z = z * p.taps.step[0] + p.taps.origin[0];
      y = y * p.taps.step[1] + p.taps.origin[1];
      x = x * p.taps.step[2] + p.taps.origin[2];
      image_[i] = pixel < p.result.n ? n * p.pixels : -1;
      plane_[i] = z;
      place_[i] = y * 65536 + (x & 0xffff);  // sizes and steps are below 2^15
    }
  }
  PYNN_DEVICE void load(unsigned char* panel) {
    const Taps& t = p_.taps;
    const int dz = z_ * t.tap_step[0], dy = y_ * t.tap_step[1], dx = x_ * t.tap_step[2];
#pragma unroll
    for (int i = 0; i < Own::kCopies; ++i) {
      const int z = plane_[i] + dz, y = (place_[i] >> 16) + dy, x = int(short(place_[i])) + dx;
      const bool there = left_ > 0 && image_[i] >= 0 && unsigned(z) < unsigned(t.size[0]) &&
                         unsigned(y) < unsigned(t.size[1]) && unsigned(x) < unsigned(t.size[2]);
      const int pixel = image_[i] + (z * t.size[1] + y) * t.size[2] + x;
      async_copy16(panel + Own::place(i), there ? source_ + pixel * p_.pixel + channel_ : p_.source,
                   there ? 16 : 0);
    }
    left_ -= kPanelDepth<T>;
    channel_ += kPanelDepth<T>;
    while (channel_ >= p_.channels) {
      channel_ -= p_.channels;
      if (++x_ < t.count[2]) continue;
      x_ = 0;
      if (++y_ < t.count[1]) continue;
      y_ = 0;
      ++z_;
    }
  }

 private:
  const GatherProduct<T>& p_;
  const T* source_;
  int left_, channel_, x_, y_, z_;  // what this thread copies next
  int image_[Own::kCopies], plane_[Own::kCopies], place_[Own::kCopies];
};

// result[row][pixel] = sum of weights over taps and channels: the forward pass, and the data gradient with a
// stride of the result's own.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    gather_product(const __grid_constant__ GatherProduct<typename Tile::Element> p) {
  using T = typename Tile::Element;
  PYNN_DYNAMIC_SHARED(unsigned char, shared);
  const Place place = place_of_block(int64_t(blockIdx.x), p.tiles_m, p.tiles_n, p.parts);
  const int first = place.part * p.part, end = min(p.k, first + p.part);
  MatrixCursor<T, Tile::kM, true, Tile::kThreads> a(p.weights + int64_t(place.batch) * p.result.m * p.k, p.k,
                                                    p.result.m, place.row * Tile::kM, first, end);
  GatherCursor<T, Tile::kN, Tile::kThreads> b(p, place.batch, place.column * Tile::kN, first, end);
  Sums<Tile> sums = {};
  multiply<Tile, true, true>(shared, a, b, (end - first + kPanelDepth<T> - 1) / kPanelDepth<T>, sums);
  store_tile<Tile>(p.result, place, sums);
}

// Columns of a weight gradient: (tap, channel filled up) in a row (channel, tap).
struct WeightColumns {
  Divider filled;
  int channels, taps;

  PYNN_DEVICE bool exists(int column) const {
    return column - int(filled.divide(uint32_t(column)) * filled.divisor) < channels;
  }
  PYNN_DEVICE int64_t at(int column) const {
    const int tap = int(filled.divide(uint32_t(column)));
    return int64_t(column - tap * int(filled.divisor)) * taps + tap;
  }
  PYNN_DEVICE bool neighbours(int, int) const { return false; }
};

template <class T>
struct WeightProduct {
  const T *x, *dy;                       // [image][pixel][group][channels] and [image][pixel][group][filters]
  int64_t x_pixel, dy_pixel;             // elements from pixel to pixel
  int channels, filters;                 // of a group, filled up
  int k, part, tiles_m, tiles_n, parts;  // K: the pixels of dy
  int pixels;                            // of x, an image
  PixelGrid grid;                        // of dy
  Taps taps;
  Result<T, WeightColumns> result;  // its batch is the groups
};

// Panels across K of the patches: a line a pixel of dy, along it the taps and channels.
template <class T, int kExtent, int kThreads>
class PatchCursor {
  using Own = Share<T, kExtent, false, kThreads>;

 public:
  PYNN_DEVICE PatchCursor(const WeightProduct<T>& p, int group, int start, int k, int end)
      : p_(p), pixel_(k + Own::line(0)), end_(end) {
    const int column = start + Own::chunk() * kChunk<T>, tap = column / p.channels;
    there_ = column < p.result.n;
    source_ = p.x + group * p.channels + column - tap * p.channels;
    x_ = tap % p.taps.count[2] * p.taps.tap_step[2] + p.taps.origin[2];
    y_ = tap / p.taps.count[2] % p.taps.count[1] * p.taps.tap_step[1] + p.taps.origin[1];
    z_ = tap / p.taps.count[2] / p.taps.count[1] * p.taps.tap_step[0] + p.taps.origin[0];
  }
  PYNN_DEVICE void load(unsigned char* panel) {
    const Taps& t = p_.taps;
#pragma unroll
    for (int i = 0; i < Own::kCopies; ++i) {
      const int at = pixel_ + i * Own::kApart;
      int n, z, y, x;
      p_.grid.place(min(at, p_.k - 1), n, z, y, x);
      z = z * t.step[0] + z_, y = y * t.step[1] + y_, x = x * t.step[2] + x_;
      const bool there = there_ && at < end_ && unsigned(z) < unsigned(t.size[0]) &&
                         unsigned(y) < unsigned(t.size[1]) && unsigned(x) < unsigned(t.size[2]);
      const int pixel = n * p_.pixels + (z * t.size[1] + y) * t.size[2] + x;
      async_copy16(panel + Own::place(i), there ? source_ + pixel * p_.x_pixel : p_.x, there ? 16 : 0);
    }
    pixel_ += kPanelDepth<T>;
  }

 private:
  const WeightProduct<T>& p_;
  const T* source_;
  int pixel_, end_, x_, y_, z_;
  bool there_;
};

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    weight_product(const __grid_constant__ WeightProduct<typename Tile::Element> p) {
  using T = typename Tile::Element;
  PYNN_DYNAMIC_SHARED(unsigned char, shared);
  const Place place = place_of_block(int64_t(blockIdx.x), p.tiles_m, p.tiles_n, p.parts);
  const int first = place.part * p.part, end = min(p.k, first + p.part);
  MatrixCursor<T, Tile::kM, false, Tile::kThreads> a(p.dy + place.batch * p.filters, p.dy_pixel, p.filters,
                                                     place.row * Tile::kM, first, end);
  PatchCursor<T, Tile::kN, Tile::kThreads> b(p, place.batch, place.column * Tile::kN, first, end);
  Sums<Tile> sums = {};
  multiply<Tile, false, false>(shared, a, b, (end - first + kPanelDepth<T> - 1) / kPanelDepth<T>, sums);
  store_tile<Tile>(p.result, place, sums);
}

}  // namespace pynn::cuda
