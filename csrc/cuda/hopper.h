// The copy engine (TMA) of sm_90 and the barriers in shared memory that count its bytes.
#pragma once
#include "cuda/device.h"
#include "cuda/status.h"
#if defined(__CUDACC__)
#include <cuda.h>  // types alone: the driver's function is looked up, nothing links to libcuda
#else
#include "cuda/mma.h"
#endif

namespace pynn::cuda {

// An array of up to five dimensions in device memory, the first one contiguous, and the box of it that one
// copy brings to shared memory: lines of 128 bytes, swizzled. What lies outside of the array is zeros.
struct MapShape {
  pynn_dtype dtype;  // float16, bfloat16 or float32, which is rounded to TF32 on its way if round_tf32
  bool round_tf32;
  const void* data;  // aligned to 16 bytes
  int dims;
  uint64_t size[5];
  uint64_t step[5];  // bytes from element to element; [0] is not read, the others are multiples of 16
  uint32_t box[5];   // box[0] elements are 128 bytes
};

// Images with channels last, and the columns of pixels that one copy brings: `pixels` places of a window that
// moves by `stride` through the box from `lower` (left, top) to size - 1 + `upper`, line by line and image by
// image, 128 bytes of channels each, a tap's offset beside the place. What lies outside of the image is
// zeros.
struct PixelMapShape {
  pynn_dtype dtype;
  bool round_tf32;
  const void* data;           // aligned to 16 bytes
  uint64_t size[4], step[4];  // channels, width, height, images; bytes as above
  int lower[2], upper[2];     // of width and height, -128 to 127
  uint32_t stride[2];         // 1 to 8
  uint32_t channels, pixels;  // channels are 128 bytes, pixels up to 256
};
inline bool has_pixel_map(const PixelMapShape& s) {
  for (int d = 0; d < 2; ++d) {
    if (s.lower[d] < -128 || s.lower[d] > 127 || s.upper[d] < -128 || s.upper[d] > 127 || s.stride[d] > 8)
      return false;
  }
  return true;
}

#if defined(__CUDACC__)

using TensorMap = CUtensorMap;

#if defined(__CUDA_ARCH__)
#define PYNN_ARCH_ __CUDA_ARCH__
#else
#define PYNN_ARCH_ 0
#endif
#if PYNN_ARCH_ >= 900

struct Barrier {
  uint64_t state;
};

PYNN_DEVICE unsigned barrier_place(Barrier* barrier) { return unsigned(__cvta_generic_to_shared(barrier)); }

// A phase ends after `arrivals` arrivals and all bytes that were expected.
PYNN_DEVICE void barrier_init(Barrier* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier_place(barrier)), "r"(arrivals)
               : "memory");
}
// Shows barriers that were made to the copy engine; __syncthreads() shows them to the other threads.
PYNN_DEVICE void barrier_publish() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
PYNN_DEVICE void barrier_arrive(Barrier* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier_place(barrier)) : "memory");
}
PYNN_DEVICE void barrier_expect(Barrier* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier_place(barrier)),
               "r"(bytes)
               : "memory");
}
// Waits for the end of the phase of this parity; phases are counted from 0.
PYNN_DEVICE void barrier_wait(Barrier* barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "waiting:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra finished;\n"
      "bra waiting;\n"
      "finished:\n"
      "}" ::"r"(barrier_place(barrier)),
      "r"(parity)
      : "memory");
}

// The box from (x, y, z) on, by one thread; its bytes arrive at the barrier.
PYNN_DEVICE void tma_load(void* to, const TensorMap* map, Barrier* barrier, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
      "%5}], "
      "[%2];" ::"r"(unsigned(__cvta_generic_to_shared(to))),
      "l"(map), "r"(barrier_place(barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
}
// The pixels from the window at (x, y) of an image on, `right` and `down` of it, channels from `channel` on.
PYNN_DEVICE void tma_load_pixels(void* to, const TensorMap* map, Barrier* barrier, int channel, int x, int y,
                                 int image, int right, int down) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4, %5, %6}], "
      "[%2], {%7, %8};" ::"r"(unsigned(__cvta_generic_to_shared(to))),
      "l"(map), "r"(barrier_place(barrier)), "r"(channel), "r"(x), "r"(y), "r"(image),
      "h"((unsigned short)right), "h"((unsigned short)down)
      : "memory");
}
PYNN_DEVICE void tma_prefetch(const TensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

#endif
#undef PYNN_ARCH_

#else

struct TensorMap {
  MapShape shape;
  PixelMapShape pixels;
};

struct Barrier {
  int32_t bytes;  // still expected
  uint16_t waiting;
  uint8_t arrivals, phase;
};
static_assert(sizeof(Barrier) == 8);

inline void barrier_turn(Barrier* barrier) {
  if (barrier->waiting > 0 || barrier->bytes != 0) return;
  barrier->waiting = barrier->arrivals;
  barrier->phase ^= 1;
}
inline void barrier_init(Barrier* barrier, int arrivals) {
  *barrier = {0, uint16_t(arrivals), uint8_t(arrivals), 0};
}
inline void barrier_publish() {}
inline void barrier_arrive(Barrier* barrier) {
  if (barrier->waiting == 0)
    emulation::stop("more threads arrive at a barrier than the %d it was made for", barrier->arrivals);
  --barrier->waiting;
  barrier_turn(barrier);
}
inline void barrier_expect(Barrier* barrier, int bytes) {
  barrier->bytes += bytes;
  barrier_arrive(barrier);
}
inline void barrier_wait(Barrier* barrier, int parity) {
  while (barrier->phase == parity) emulation::pause();
}

inline void tma_load(void* to, const TensorMap* map, Barrier* barrier, int x, int y, int z) {
  const MapShape& s = map->shape;
  const int item = s.dtype == PYNN_FLOAT32 ? 4 : 2, at[3] = {x, y, z};
  auto* const base = static_cast<unsigned char*>(emulation::dynamic_shared());
  const uint64_t start = uint64_t(static_cast<unsigned char*>(to) - base);
  if (start % 1024 != 0)
    emulation::stop("tma_load(): the box starts at %llu, which is no multiple of 1024",
                    (unsigned long long)start);
  uint64_t line = 0;
  for (uint32_t k = 0; k < s.box[2]; ++k) {
    for (uint32_t j = 0; j < s.box[1]; ++j, ++line) {
      for (uint32_t i = 0; i < s.box[0]; ++i) {
        const int64_t place[3] = {at[0] + int64_t(i), at[1] + int64_t(j), at[2] + int64_t(k)};
        bool inside = true;
        int64_t offset = place[0] * item;
        for (int d = 0; d < 3; ++d) {
          inside = inside && place[d] >= 0 && place[d] < int64_t(s.size[d]);
          if (d > 0) offset += place[d] * int64_t(s.step[d]);
        }
        uint64_t target = start + line * 128 + i * uint64_t(item);
        target ^= (target >> 7 & 7) << 4;
        uint32_t word = 0;
        if (inside) std::memcpy(&word, static_cast<const unsigned char*>(s.data) + offset, size_t(item));
        if (s.round_tf32) word = round_tf32(word);
        std::memcpy(base + target, &word, size_t(item));
      }
    }
  }
  barrier->bytes -= int32_t(line * 128);
  barrier_turn(barrier);
}
inline void tma_load_pixels(void* to, const TensorMap* map, Barrier* barrier, int channel, int x, int y,
                            int image, int right, int down) {
  const PixelMapShape& s = map->pixels;
  const int item = s.dtype == PYNN_FLOAT32 ? 4 : 2;
  auto* const base = static_cast<unsigned char*>(emulation::dynamic_shared());
  const uint64_t start = uint64_t(static_cast<unsigned char*>(to) - base);
  if (start % 1024 != 0 || right < 0 || right > 255 || down < 0 || down > 255) {
    emulation::stop("tma_load_pixels(): to %llu, offsets %d and %d", (unsigned long long)start, right, down);
  }
  for (uint32_t p = 0; p < s.pixels; ++p) {
    const int64_t column = x + right, line = y + down;
    const bool inside = column >= 0 && column < int64_t(s.size[1]) && line >= 0 &&
                        line < int64_t(s.size[2]) && image < int64_t(s.size[3]);
    for (uint32_t i = 0; i < s.channels; ++i) {
      uint64_t target = start + p * 128 + i * uint64_t(item);
      target ^= (target >> 7 & 7) << 4;
      uint32_t word = 0;
      if (inside && channel + int64_t(i) < int64_t(s.size[0])) {
        const int64_t offset = (channel + int64_t(i)) * item + column * int64_t(s.step[1]) +
                               line * int64_t(s.step[2]) + image * int64_t(s.step[3]);
        std::memcpy(&word, static_cast<const unsigned char*>(s.data) + offset, size_t(item));
      }
      if (s.round_tf32) word = round_tf32(word);
      std::memcpy(base + target, &word, size_t(item));
    }
    x += int(s.stride[0]);
    if (x <= int(s.size[1]) - 1 + s.upper[0]) continue;
    x = s.lower[0];
    y += int(s.stride[1]);
    if (y <= int(s.size[2]) - 1 + s.upper[1]) continue;
    y = s.lower[1];
    ++image;
  }
  barrier->bytes -= int32_t(s.pixels * 128);
  barrier_turn(barrier);
}
inline void tma_prefetch(const TensorMap*) {}

#endif

// The copy engine's description of such an array. PYNN_INVALID where the driver has none.
Status make_map(const MapShape& shape, TensorMap* map);
Status make_map(const PixelMapShape& shape, TensorMap* map);

// Registers of the calling warpgroup, for all of its threads: fewer for one that copies, more for those that
// multiply.
#if defined(__CUDACC__)
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
template <int kRegisters>
PYNN_DEVICE void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
PYNN_DEVICE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
#endif
#else
template <int>
inline void give_registers() {}
template <int>
inline void take_registers() {}
#endif

}  // namespace pynn::cuda
