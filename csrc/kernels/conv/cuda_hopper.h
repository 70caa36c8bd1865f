// Implicit products on sm_90a: the loop of matmul/cuda_hopper.h, its panels of pixels laid out by the copy
// engine itself (im2col): 128 bytes of channels for a run of pixels and one tap.
#pragma once
#include "kernels/conv/cuda_gather.h"
#include "kernels/matmul/cuda_hopper.h"

namespace pynn::cuda {

// Where windows of the source stand for pixel q: at q * step + lower; a tap is read `base` + tap * tap_step
// further.
struct WindowTaps {
  int count[2], step[2], lower[2], base[2], tap_step[2];  // of height and width
};

template <class T>
struct HopperGather {
  TensorMap a, b;                        // a: the weights, (filled channels, taps, rows); b: the source
  int k, part, tiles_m, tiles_n, parts;  // K: taps times channel blocks of kDepth
  int blocks;                            // of channels
  WindowTaps taps;
  Result<T, PixelColumns> result;
};

template <class T>
struct HopperWeight {
  TensorMap a, b;                        // a: dy, (filled filters, pixels); b: x
  int k, part, tiles_m, tiles_n, parts;  // K: pixels of dy
  int blocks;  // of channels, in which columns are counted: (tap, block, 64 channels)
  PixelGrid grid;
  WindowTaps taps;
  Result<T, WeightColumns> result;
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDACC__)

// A panel of pixels from `pixel` on, for one tap and one block of channels.
PYNN_DEVICE void load_pixels(unsigned char* to, const TensorMap* map, Barrier* barrier, const PixelGrid& grid,
                             const WindowTaps& taps, int pixel, int tap, int channel) {
  int n, z, y, x;
  grid.place(pixel, n, z, y, x);
  const int down = tap / taps.count[1], right = tap - down * taps.count[1];
  tma_load_pixels(to, map, barrier, channel, x * taps.step[1] + taps.lower[1],
                  y * taps.step[0] + taps.lower[0], n, taps.base[1] + right * taps.tap_step[1],
                  taps.base[0] + down * taps.tap_step[0]);
}

// Calls load(place, k, stage, barrier) for every stage in turn, as it becomes free.
template <class Tile, class Product, class Load>
PYNN_DEVICE void each_stage(const Product& p, unsigned char* stages, Barrier* full, Barrier* empty,
                            const Load& load) {
  int stage = 0, phase = 0;
  const int64_t tiles = int64_t(p.tiles_m) * p.tiles_n * p.parts;
  for (int64_t index = blockIdx.x; index < tiles; index += gridDim.x) {
    const Place place = place_of_block(index, p.tiles_m, p.tiles_n, p.parts);
    const int end = min(p.k, (place.part + 1) * p.part);
    for (int k = place.part * p.part; k < end; k += Tile::kDepth) {
      barrier_wait(empty + stage, phase ^ 1);
      barrier_expect(full + stage, Tile::kStageBytes);
      load(place, k, stages + stage * Tile::kStageBytes, full + stage);
      if (++stage == Tile::kStages) stage = 0, phase ^= 1;
    }
  }
}

#endif

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    hopper_gather(const __grid_constant__ HopperGather<typename Tile::Element> p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDACC__)
  run_block<Tile>(p, [&](unsigned char* stages, Barrier* full, Barrier* empty) {
    each_stage<Tile>(p, stages, full, empty,
                     [&](const Place& place, int k, unsigned char* to, Barrier* barrier) {
                       const int step = k / Tile::kDepth, tap = step / p.blocks,
                                 channel = (step - tap * p.blocks) * Tile::kDepth;
                       tma_load(to, &p.a, barrier, channel, tap, place.row * Tile::kM);
                       load_pixels(to + Tile::kABytes, &p.b, barrier, p.result.columns.grid, p.taps,
                                   place.column * Tile::kN, tap, channel);
                     });
  });
#endif
}

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    hopper_weight(const __grid_constant__ HopperWeight<typename Tile::Element> p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDACC__)
  run_block<Tile>(p, [&](unsigned char* stages, Barrier* full, Barrier* empty) {
    each_stage<Tile>(
        p, stages, full, empty, [&](const Place& place, int k, unsigned char* to, Barrier* barrier) {
          load_panel<Tile::kM, false, Tile::kLineElements>(to, &p.a, barrier, k, place.row * Tile::kM, 0);
          to += Tile::kABytes;
#pragma unroll
          for (int i = 0; i < Tile::kN; i += Tile::kLineElements) {
            // Columns behind the last one read its tap again; nothing of them is stored.
            const int block = min((place.column * Tile::kN + i) / Tile::kLineElements,
                                  p.result.n / Tile::kLineElements - 1);
            const int tap = block / p.blocks;
            load_pixels(to + i * kHopperLine, &p.b, barrier, p.grid, p.taps, k, tap,
                        (block - tap * p.blocks) * Tile::kLineElements);
          }
        });
  });
#endif
}

}  // namespace pynn::cuda
