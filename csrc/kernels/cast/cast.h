// Conversions between dtypes: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace cast {

// The dtypes with conversions here, in the table's order.
enum Kind { kBool, kUint8, kInt8, kInt16, kInt32, kInt64, kFloat32, kFloat64, kKinds };
int kind_of(int dtype);  // -1 for the others

using Convert = void (*)(int64_t n, const void* x, void* out);  // n contiguous elements

struct Table {
  const char* isa;
  Convert convert[kKinds][kKinds];  // from, to
};

const Table& table();  // of the ISA in use

// Strides in bytes; the output is contiguous. No dimension is 0.
void run(int from, int to, int64_t item, int64_t out_item, int ndim, const int64_t* shape,
         const int64_t* strides, const char* x, char* out);

}  // namespace cast
}  // namespace pynn
