// Arrays of any strides over one shape, as pointwise kernels walk them: dimensions merged where they can be,
// the innermost cut into packs of 16 bytes where all arrays allow it, divisions by multiplication.
#pragma once
#include <cstdint>

#include "cuda/status.h"
#include "cuda/types.h"

namespace pynn::cuda {

// Division by a constant: n / d as the high half of n * m, shifted, for n < 2^31.
struct Divider {
  uint32_t divisor = 1, multiplier = 0, shift = 0;
  Divider() = default;
  explicit Divider(uint32_t d) : divisor(d) {
    while (shift < 32 && (uint64_t(1) << shift) < d) ++shift;
    multiplier = uint32_t(((uint64_t(1) << 32) * ((uint64_t(1) << shift) - d)) / d + 1);
  }
#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)
  PYNN_DEVICE uint32_t divide(uint32_t n) const { return (__umulhi(n, multiplier) + n) >> shift; }
#endif
};

constexpr int kMaxArrays = 4;  // inputs and the output, which is the last

// What a launch is told. An array without data is the number in `immediate`.
struct Operand {
  const void* data = nullptr;
  const int64_t* strides = nullptr;  // in bytes, one a dimension of the common shape, 0 where it is broadcast
  int dtype = PYNN_FLOAT32;
  double number = 0;  // where data is null and dtype is floating
  int64_t whole = 0;  // where data is null and dtype is not
};

// What a kernel gets: `packs` places of `width` elements each along the innermost dimension.
struct Strided {
  int ndim = 0;
  uint32_t packs = 0, tail = 0;                // tail: elements after the last whole pack of one dense row
  Divider sizes[PYNN_MAX_DIMS];                // innermost first, in packs
  int64_t strides[PYNN_MAX_DIMS][kMaxArrays];  // in bytes, a pack's step innermost
  char* data[kMaxArrays] = {};
  bool single[kMaxArrays] = {};  // the innermost dimension is broadcast
  double number[kMaxArrays] = {};
  int64_t whole[kMaxArrays] = {};

#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)
  // Where pack i of the first kArrays arrays lies.
  template <int kArrays>
  PYNN_DEVICE void offsets(uint32_t i, int64_t (&out)[kArrays]) const {
#pragma unroll
    for (int k = 0; k < kArrays; ++k) out[k] = 0;
    for (int d = 0; d + 1 < ndim; ++d) {
      const uint32_t whole_rows = sizes[d].divide(i), place = i - whole_rows * sizes[d].divisor;
#pragma unroll
      for (int k = 0; k < kArrays; ++k) out[k] += int64_t(place) * strides[d][k];
      i = whole_rows;
    }
#pragma unroll
    for (int k = 0; k < kArrays; ++k) out[k] += int64_t(i) * strides[ndim - 1][k];
  }
#endif
};

// The shape and operands (the output last) with dimensions sorted by the output's strides and merged. Calls
// body(const Strided&, bool packed) once for every piece of fewer than 2^31 places; packed says that packs of
// `width` elements may be read and written.
template <class Body>
Status for_each_piece(int ndim, const int64_t* shape, const Operand* operands, int arrays, int width,
                      const Body& body) {
  if (ndim > PYNN_MAX_DIMS) return Status(PYNN_UNSUPPORTED, "%d dimensions; at most %d", ndim, PYNN_MAX_DIMS);
  // Outermost first, without dimensions of size 1.
  int64_t sizes[PYNN_MAX_DIMS + 1], strides[PYNN_MAX_DIMS + 1][kMaxArrays];
  int count = 0;
  for (int d = 0; d < ndim; ++d) {
    if (shape[d] == 0) return Status();
    if (shape[d] == 1) continue;
    int64_t own[kMaxArrays];
    for (int k = 0; k < arrays; ++k)
      own[k] = operands[k].data && operands[k].strides ? operands[k].strides[d] : 0;
    const auto magnitude = [](int64_t x) { return x < 0 ? -x : x; };
    int at = count++;
    for (; at > 0 && magnitude(strides[at - 1][arrays - 1]) < magnitude(own[arrays - 1]); --at) {
      sizes[at] = sizes[at - 1];
      for (int k = 0; k < arrays; ++k) strides[at][k] = strides[at - 1][k];
    }
    sizes[at] = shape[d];
    for (int k = 0; k < arrays; ++k) strides[at][k] = own[k];
  }
  if (count == 0) {
    sizes[0] = 1;
    for (int k = 0; k < arrays; ++k)
      strides[0][k] = operands[k].data ? int64_t(size_of(operands[k].dtype)) : 0;
    count = 1;
  }
  int merged = 1;
  for (int d = 1; d < count; ++d) {
    bool together = true;
    for (int k = 0; k < arrays; ++k)
      together = together && strides[merged - 1][k] == strides[d][k] * sizes[d];
    if (together) {
      sizes[merged - 1] *= sizes[d];
      for (int k = 0; k < arrays; ++k) strides[merged - 1][k] = strides[d][k];
    } else {
      sizes[merged] = sizes[d];
      for (int k = 0; k < arrays; ++k) strides[merged][k] = strides[d][k];
      ++merged;
    }
  }
  count = merged;
  // Packs: the innermost steps are one element or none, everything else keeps packs aligned.
  bool packed = width > 1 && (count == 1 || sizes[count - 1] % width == 0);
  for (int k = 0; k < arrays && packed; ++k) {
    if (!operands[k].data) continue;
    const int64_t item = int64_t(size_of(operands[k].dtype)), inner = strides[count - 1][k];
    if (inner == 0 && k + 1 < arrays) continue;
    packed = inner == item && is_aligned(operands[k].data, size_t(item) * size_t(width));
    for (int d = 0; d + 1 < count && packed; ++d) packed = strides[d][k] % (item * width) == 0;
  }
  const int64_t step = packed ? width : 1;
  // Pieces along the outermost dimension.
  int64_t inside = 1;
  for (int d = 1; d < count; ++d) inside *= d + 1 == count ? sizes[d] / step : sizes[d];
  constexpr int64_t kMost = (int64_t(1) << 31) - 1;
  if (inside > kMost) {
    return Status(PYNN_UNSUPPORTED, "%lld elements within the outermost dimension; fewer than 2^31",
                  (long long)inside);
  }
  int64_t most = kMost / inside;
  if (count == 1) most = most / step * step;
  for (int64_t first = 0; first < sizes[0]; first += most) {
    const int64_t rows = sizes[0] - first < most ? sizes[0] - first : most;
    Strided piece;
    piece.ndim = count;
    for (int d = 0; d < count; ++d) {
      const int from = count - 1 - d;
      const int64_t size = from == 0 ? rows : sizes[from];
      const int64_t places = d == 0 ? size / step : size;
      piece.sizes[d] = Divider(uint32_t(places > 0 ? places : 1));
      for (int k = 0; k < arrays; ++k) piece.strides[d][k] = strides[from][k] * (d == 0 ? step : 1);
    }
    piece.packs = uint32_t(count == 1 ? rows / step : rows * inside);
    piece.tail = uint32_t(count == 1 ? rows % step : 0);
    for (int k = 0; k < arrays; ++k) {
      piece.data[k] = operands[k].data
                          ? static_cast<char*>(const_cast<void*>(operands[k].data)) + first * strides[0][k]
                          : nullptr;
      piece.single[k] = strides[count - 1][k] == 0;
      piece.number[k] = operands[k].number;
      piece.whole[k] = operands[k].whole;
    }
    PYNN_TRY(body(piece, packed));
  }
  return Status();
}

}  // namespace pynn::cuda
