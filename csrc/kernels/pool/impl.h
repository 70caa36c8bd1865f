// Pools of one ISA: the table of kernels.
#pragma once
#include "kernels/pool/backward.h"
#include "kernels/pool/forward.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace pool {

using ::pynn::pool::Table;

extern const Table table;
const Table table = {PYNN_ISA_NAME,
                     {&max_rows<float>, &max_rows_indices<float>, &max_backward<float>, &average_rows<float>,
                      &average_backward<float>},
                     {&max_rows<double>, &max_rows_indices<double>, &max_backward<double>,
                      &average_rows<double>, &average_backward<double>}};

}  // namespace pool
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
