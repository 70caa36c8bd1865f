// 16-bit floats, kept as bits: conversions, and pointwise functions that compute in float32.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace half {

struct Table {
  const char* isa;
  // n elements each; to_*: rounded to nearest even, NaN stays NaN, too large becomes infinity.
  void (*from_bfloat16)(int64_t n, const uint16_t* x, float* out);
  void (*from_float16)(int64_t n, const uint16_t* x, float* out);
  void (*to_bfloat16)(int64_t n, const float* x, uint16_t* out);
  void (*to_float16)(int64_t n, const float* x, uint16_t* out);

  using Widen = void (*)(int64_t n, const uint16_t* x, float* out);
  using Narrow = void (*)(int64_t n, const float* x, uint16_t* out);
  Widen widen(int dtype) const { return dtype == PYNN_BFLOAT16 ? from_bfloat16 : from_float16; }
  Narrow narrow(int dtype) const { return dtype == PYNN_BFLOAT16 ? to_bfloat16 : to_float16; }
};

const Table& table();  // of the ISA in use

inline bool is_half(int dtype) { return dtype == PYNN_BFLOAT16 || dtype == PYNN_FLOAT16; }

// n contiguous elements between a 16-bit dtype and float32, on the pool's threads where there are enough.
void widen(int dtype, int64_t n, const uint16_t* x, float* out);
void narrow(int dtype, int64_t n, const float* x, uint16_t* out);

// The same for arrays of one shape and any strides; one of them is float32.
void convert(const pynn_array& x, pynn_array& out);

// out = op(x), n contiguous elements of a 16-bit dtype, computed by the float32 kernels a cache block at a
// time.
void unary(pynn_unary_op op, int dtype, int64_t n, const uint16_t* x, float alpha, float beta, uint16_t* out);
void binary(pynn_binary_op op, int dtype, int64_t n, const uint16_t* a, const uint16_t* b, float alpha,
            float beta, uint16_t* out);
// One operand is a number, in float32 as it is given.
void binary_scalar(pynn_binary_op op, int dtype, int64_t n, const uint16_t* x, float value, bool value_first,
                   uint16_t* out);

}  // namespace half
}  // namespace pynn
