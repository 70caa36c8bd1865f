// Pointwise kernels for all element types: integer arithmetic, logic, comparisons, choices, conversions.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace pointwise {

// The element types an operation takes (a bit each), and what it is besides.
enum Kinds : unsigned {
  kBool = 1u << PYNN_BOOL,
  kInts = 1u << PYNN_UINT8 | 1u << PYNN_INT8 | 1u << PYNN_INT16 | 1u << PYNN_INT32 | 1u << PYNN_INT64,
  kFloats = 1u << PYNN_FLOAT32 | 1u << PYNN_FLOAT64,
  kAll = kBool | kInts | kFloats,
  kTests = 1u << 16,    // results are bool
  kChooses = 1u << 17,  // the first input is bool
  kDivides = 1u << 18,  // the last input must not be 0
};
constexpr int kDtypes = 10;  // pynn_dtype

// data: the inputs, then the output, of n contiguous elements; single: the last input is one value.
using Kernel = void (*)(int64_t n, char* const* data, bool single, double alpha);

struct Table {
  const char* isa;
  Kernel kernels[PYNN_POINTWISE_COUNT][kDtypes];
};
const Table& table();  // of the ISA in use

int inputs_of(pynn_pointwise_op op);
unsigned kinds_of(pynn_pointwise_op op);

}  // namespace pointwise
}  // namespace pynn
