#include "kernels/cast/cast.h"

#include <cstring>

#include "base/pool.h"
#include "base/sizes.h"

#define PYNN_FAMILY cast
#define PYNN_KERNELS "kernels/cast/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace cast {
namespace {

constexpr int64_t kEach = 128 << 10;  // elements of a task
constexpr int64_t kTile = 512;        // elements gathered from a strided row at a time

template <class T>
void gather(int64_t n, int64_t stride, const char* x, void* tile) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(static_cast<T*>(tile) + i, x + i * stride, sizeof(T));
}

void gather(int64_t item, int64_t n, int64_t stride, const char* x, void* tile) {
  if (item == 1) return gather<uint8_t>(n, stride, x, tile);
  if (item == 2) return gather<uint16_t>(n, stride, x, tile);
  if (item == 4) return gather<uint32_t>(n, stride, x, tile);
  gather<uint64_t>(n, stride, x, tile);
}

}  // namespace

int kind_of(int dtype) {
  switch (dtype) {
    case PYNN_BOOL:
      return kBool;
    case PYNN_UINT8:
      return kUint8;
    case PYNN_INT8:
      return kInt8;
    case PYNN_INT16:
      return kInt16;
    case PYNN_INT32:
      return kInt32;
    case PYNN_INT64:
      return kInt64;
    case PYNN_FLOAT32:
      return kFloat32;
    case PYNN_FLOAT64:
      return kFloat64;
    default:
      return -1;
  }
}

void run(int from, int to, int64_t item, int64_t out_item, int ndim, const int64_t* shape,
         const int64_t* strides, const char* x, char* out) {
  const Convert convert = table().convert[from][to];
  // Dimensions that lie one after the other, merged; size[0] is the innermost.
  int64_t size[PYNN_MAX_DIMS], step[PYNN_MAX_DIMS];
  int count = 0;
  for (int i = ndim - 1; i >= 0; --i) {
    if (shape[i] == 1) continue;
    if (count > 0 && strides[i] == size[count - 1] * step[count - 1]) {
      size[count - 1] *= shape[i];
    } else {
      size[count] = shape[i];
      step[count++] = strides[i];
    }
  }
  if (count == 0) return convert(1, x, out);
  int64_t rows = 1;
  for (int i = 1; i < count; ++i) rows *= size[i];
  if (rows == 1 && step[0] == item) {
    parallel_ranges(size[0], kEach, [&](int64_t first, int64_t last) {
      convert(last - first, x + first * item, out + first * out_item);
    });
    return;
  }
  parallel_ranges(rows, most(1, kEach / size[0]), [&](int64_t first, int64_t last) {
    alignas(64) char tile[kTile * 8];
    for (int64_t row = first; row < last; ++row) {
      const char* at = x;
      int64_t rest = row;
      for (int i = 1; i < count; ++i) {
        at += rest % size[i] * step[i];
        rest /= size[i];
      }
      char* const result = out + row * size[0] * out_item;
      if (step[0] == item) {
        convert(size[0], at, result);
        continue;
      }
      for (int64_t i = 0; i < size[0]; i += kTile) {
        const int64_t n = least(kTile, size[0] - i);
        gather(item, n, step[0], at + i * step[0], tile);
        convert(n, tile, result + i * out_item);
      }
    }
  });
}

}  // namespace cast
}  // namespace pynn
