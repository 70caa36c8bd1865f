// Copies of images and weights with channels last, a group's channels filled up with zeros to whole 16-byte
// chunks.
#pragma once
#include "kernels/conv/cuda_gather.h"

namespace pynn::cuda {

// to[image][pixel][group][filled] = from, by words of 16 or 32 bits.
template <class Word>
struct PackImages {
  const Word* from;
  int64_t image, channel, at[3];
  Word* to;
  PixelGrid grid;
  int pixels;                    // of all images
  int groups, channels, filled;  // of a group
  int tiles;                     // along groups * filled
  bool channels_last;            // in memory already: neighbouring threads read channels
};

constexpr int kImageTile = 32;

template <class Word>
__global__ void __launch_bounds__(256) pack_images(const __grid_constant__ PackImages<Word> job) {
  __shared__ Word tile[kImageTile][kImageTile + 1];  // [pixel][channel]
  const int x = int(threadIdx.x) % kImageTile, y0 = int(threadIdx.x) / kImageTile;
  const int pixel0 = int(blockIdx.x / unsigned(job.tiles)) * kImageTile;
  const int place0 = int(blockIdx.x % unsigned(job.tiles)) * kImageTile, places = job.groups * job.filled;
  for (int y = y0; y < kImageTile; y += 256 / kImageTile) {
    const int p = job.channels_last ? y : x, c = job.channels_last ? x : y, pixel = pixel0 + p,
              place = place0 + c;
    if (pixel >= job.pixels || place >= places) continue;
    const int group = place / job.filled, within = place - group * job.filled;
    Word word = 0;
    if (within < job.channels) {
      int n, z, row, column;
      job.grid.place(pixel, n, z, row, column);
      word = job.from[n * job.image + (int64_t(group) * job.channels + within) * job.channel + z * job.at[0] +
                      row * job.at[1] + column * job.at[2]];
    }
    tile[p][c] = word;
  }
  __syncthreads();
  for (int y = y0; y < kImageTile; y += 256 / kImageTile) {
    if (pixel0 + y < job.pixels && place0 + x < places)
      job.to[int64_t(pixel0 + y) * places + place0 + x] = tile[y][x];
  }
}

// to[group][row][tap][filled]: rows are a group's filters and channels its channels, or, turned, the other
// way round. Of the kernel's taps those that begin at `first` and lie `step` apart.
template <class Word>
struct PackWeights {
  const Word* from;  // (filters, channels of a group, kernel)
  Word* to;
  int rows, channels, filled;
  int64_t size;  // elements of `to`
  int count[3], first[3], step[3], kernel[3];
  bool turned;
};

template <class Word>
__global__ void __launch_bounds__(256) pack_weights(const __grid_constant__ PackWeights<Word> job) {
  const int64_t i = blockIdx.x * int64_t(256) + threadIdx.x;
  if (i >= job.size) return;
  const int channel = int(i % job.filled), taps = job.count[0] * job.count[1] * job.count[2];
  const int tap = int(i / job.filled % taps);
  const int64_t outer = i / job.filled / taps, group = outer / job.rows, row = outer % job.rows;
  Word word = 0;
  if (channel < job.channels) {
    const int x = job.first[2] + tap % job.count[2] * job.step[2];
    const int y = job.first[1] + tap / job.count[2] % job.count[1] * job.step[1];
    const int z = job.first[0] + tap / job.count[2] / job.count[1] * job.step[0];
    const int64_t filter = job.turned ? group * job.channels + channel : group * job.rows + row;
    const int64_t within = job.turned ? row : channel, of = job.turned ? job.rows : job.channels;
    word = job.from[((filter * of + within) * job.kernel[0] + z) * job.kernel[1] * job.kernel[2] +
                    y * job.kernel[2] + x];
  }
  job.to[i] = word;
}

}  // namespace pynn::cuda
