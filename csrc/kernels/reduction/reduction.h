// Sums over all elements of contiguous arrays: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace reduction {

// Each works on one block of at most kBlock elements, in float32 lanes added in a fixed order.
constexpr int64_t kBlock = 2048;

struct Table {
  const char* isa;
  float (*sum)(int64_t n, const float* x);
  float (*squared_error)(int64_t n, const float* x, const float* y);
  void (*scaled_difference)(int64_t n, const float* x, const float* y, float scale, float* out);
};

const Table& table();  // of the ISA in use

double sum(int64_t n, const float* x);
double squared_error(int64_t n, const float* x, const float* y);
void scaled_difference(int64_t n, const float* x, const float* y, float scale, float* out);

}  // namespace reduction
}  // namespace pynn
