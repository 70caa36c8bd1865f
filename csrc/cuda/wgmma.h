// The tensor cores of sm_90a (wgmma): a warpgroup, four warps, multiplies 64 x K by K x N from shared memory
// into registers, asynchronously. Part of hopper.h.
//
// d holds 64 x N floats over the lanes of the group: warp w has rows 16 w to 16 w + 15, in fragments of 8
// columns as mma()'s d (cuda/mma.h). A descriptor names a matrix in shared memory whose 128-byte lines are
// swizzled as the copy engine lays them out, from an address aligned to 1024 bytes:
//   lines along K     lines of one row each; eight rows are `stride` bytes from the next eight
//   lines across K    (16-bit types) lines of one k each, 64 rows or columns long; eight k are `stride` bytes
//   from the
//                     next eight, and 64 rows `lead` bytes from the next 64
#pragma once
#include "cuda/device.h"

namespace pynn::cuda {

#if defined(__CUDACC__)

PYNN_DEVICE uint64_t matrix_descriptor(const void* start, int lead, int stride) {
  const uint64_t place = __cvta_generic_to_shared(start);
  return (place & 0x3ffff) >> 4 | uint64_t(lead >> 4) << 16 | uint64_t(stride >> 4) << 32 | uint64_t(1) << 62;
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
PYNN_DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
PYNN_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits until at most kGroups committed groups are under way.
template <int kGroups>
PYNN_DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kGroups) : "memory");
}

#define PYNN_OUT8(j)                                                                                \
  "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3]), "+f"(d[j + 1][0]), "+f"(d[j + 1][1]), \
      "+f"(d[j + 1][2]), "+f"(d[j + 1][3])
#define PYNN_OUT64(j)                                                                       \
  PYNN_OUT8(j + 0), PYNN_OUT8(j + 2), PYNN_OUT8(j + 4), PYNN_OUT8(j + 6), PYNN_OUT8(j + 8), \
      PYNN_OUT8(j + 10), PYNN_OUT8(j + 12), PYNN_OUT8(j + 14)
#define PYNN_NAMES64                                                                 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "           \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define PYNN_NAMES128                                                                            \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                       \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "             \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "             \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "             \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "             \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "             \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

template <class T, int kN, bool kAcrossA, bool kAcrossB>
struct Wgmma;

#define PYNN_WGMMA16(T, n, names, outs, a_name, b_name, add_name, ta_name, tb_name, types)         \
  template <bool kAcrossA, bool kAcrossB>                                                          \
  struct Wgmma<T, n, kAcrossA, kAcrossB> {                                                         \
    static PYNN_DEVICE void multiply(float (&d)[n / 8][4], uint64_t a, uint64_t b, int add) {      \
      asm volatile("{.reg .pred p; setp.ne.b32 p, " add_name                                       \
                   ", 0;"                                                                          \
                   "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." types " {" names "}, " a_name \
                   ", " b_name ", p, 1, 1, " ta_name ", " tb_name ";}"                             \
                   : outs                                                                          \
                   : "l"(a), "l"(b), "r"(add), "n"(int(kAcrossA)), "n"(int(kAcrossB)));            \
    }                                                                                              \
  };
#define PYNN_WGMMA32(n, names, outs, a_name, b_name, add_name)                                    \
  template <>                                                                                     \
  struct Wgmma<float, n, false, false> {                                                          \
    static PYNN_DEVICE void multiply(float (&d)[n / 8][4], uint64_t a, uint64_t b, int add) {     \
      asm volatile("{.reg .pred p; setp.ne.b32 p, " add_name                                      \
                   ", 0;"                                                                         \
                   "wgmma.mma_async.sync.aligned.m64n" #n "k8.f32.tf32.tf32 {" names "}, " a_name \
                   ", " b_name ", p, 1, 1;}"                                                      \
                   : outs                                                                         \
                   : "l"(a), "l"(b), "r"(add));                                                   \
    }                                                                                             \
  };
PYNN_WGMMA16(__half, 128, PYNN_NAMES64, PYNN_OUT64(0), "%64", "%65", "%66", "%67", "%68", "f16.f16")
PYNN_WGMMA16(__nv_bfloat16, 128, PYNN_NAMES64, PYNN_OUT64(0), "%64", "%65", "%66", "%67", "%68", "bf16.bf16")
#define PYNN_OUT128 PYNN_OUT64(0), PYNN_OUT64(16)
PYNN_WGMMA16(__half, 256, PYNN_NAMES128, PYNN_OUT128, "%128", "%129", "%130", "%131", "%132", "f16.f16")
PYNN_WGMMA16(__nv_bfloat16, 256, PYNN_NAMES128, PYNN_OUT128, "%128", "%129", "%130", "%131", "%132",
             "bf16.bf16")
PYNN_WGMMA32(128, PYNN_NAMES64, PYNN_OUT64(0), "%64", "%65", "%66")
PYNN_WGMMA32(256, PYNN_NAMES128, PYNN_OUT128, "%128", "%129", "%130")
#undef PYNN_WGMMA16
#undef PYNN_WGMMA32
#undef PYNN_OUT128
#undef PYNN_OUT64
#undef PYNN_OUT8
#undef PYNN_NAMES64
#undef PYNN_NAMES128
#endif

#else

// A descriptor of the emulation has the same fields; addresses count from the block's dynamic shared memory.
inline uint64_t matrix_descriptor(const void* start, int lead, int stride) {
  const auto* base = static_cast<const unsigned char*>(emulation::dynamic_shared());
  const uint64_t place = uint64_t(static_cast<const unsigned char*>(start) - base);
  return (place & 0x3ffff) >> 4 | uint64_t(lead >> 4) << 16 | uint64_t(stride >> 4) << 32 | uint64_t(1) << 62;
}

inline void wgmma_fence() {}
inline void wgmma_commit() {}
template <int>
inline void wgmma_wait() {}

// A thread computes its own part of d from shared memory as the descriptors say, at once.
template <class T, int kN, bool kAcrossA, bool kAcrossB>
struct Wgmma {
  static constexpr int kDepth = 32 / int(sizeof(T));

  // Element (i, k), i a row of A or a column of B.
  static float element(uint64_t descriptor, bool across, int i, int k) {
    const uint64_t start = (descriptor & 0x3fff) << 4, lead = (descriptor >> 16 & 0x3fff) << 4;
    const uint64_t stride = (descriptor >> 32 & 0x3fff) << 4;
    uint64_t place = across ? start + i / 64 * lead + k / 8 * stride + k % 8 * 128 + i % 64 * sizeof(T)
                            : start + i / 8 * stride + i % 8 * 128 + k * sizeof(T);
    place ^= (place >> 7 & 7) << 4;
    T value;
    std::memcpy(&value, static_cast<const unsigned char*>(emulation::dynamic_shared()) + place, sizeof value);
    if constexpr (sizeof(T) == 4) return emulation::float_of(emulation::bits_of(value) & 0xffffe000u);
    return float(value);
  }

  static void multiply(float (&d)[kN / 8][4], uint64_t a, uint64_t b, int add) {
    const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) % 128 / 32 * 16 + lane / 4;
    float left[2][kDepth];
    for (int h = 0; h < 2; ++h) {
      for (int k = 0; k < kDepth; ++k) left[h][k] = element(a, kAcrossA, row + h * 8, k);
    }
    for (int j = 0; j < kN / 8; ++j) {
      for (int e = 0; e < 2; ++e) {
        float right[kDepth];
        for (int k = 0; k < kDepth; ++k) right[k] = element(b, kAcrossB, j * 8 + lane % 4 * 2 + e, k);
        for (int h = 0; h < 2; ++h) {
          float sum = add ? d[j][h * 2 + e] : 0.f;
          for (int k = 0; k < kDepth; ++k) sum += left[h][k] * right[k];
          d[j][h * 2 + e] = sum;
        }
      }
    }
  }
};

#endif

}  // namespace pynn::cuda
