// The reduction kernels of one ISA: four accumulators, so that additions do not wait for each other.
#pragma once
#include "kernels/reduction/floats.h"
#include "kernels/reduction/integers.h"
#include "kernels/reduction/places.h"
#include "kernels/reduction/reduction.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace reduction {

using ::pynn::reduction::Table;

extern const Table table;
const Table table = {PYNN_ISA_NAME,
                     float_panels<float>(),
                     float_panels<double>(),
                     integer_panels<uint8_t>(),
                     integer_panels<int8_t>(),
                     integer_panels<int16_t>(),
                     integer_panels<int32_t>(),
                     integer_panels<int64_t>(),
                     float_kernels<float>(),
                     float_kernels<double>()};

}  // namespace reduction
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
