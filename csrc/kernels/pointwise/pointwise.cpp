#include "kernels/pointwise/pointwise.h"

#define PYNN_FAMILY pointwise
#define PYNN_KERNELS "kernels/pointwise/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace pointwise {
namespace {

struct Operation {
  int inputs;
  unsigned kinds;
};
constexpr Operation operations[] = {
#define PYNN_POINTWISE(name, Op, inputs, kinds) {inputs, kinds},
#include "kernels/pointwise/ops.inc"
#undef PYNN_POINTWISE
};
static_assert(sizeof operations / sizeof *operations == PYNN_POINTWISE_COUNT, "ops.inc lists every operation");

}  // namespace

int inputs_of(pynn_pointwise_op op) { return operations[op].inputs; }
unsigned kinds_of(pynn_pointwise_op op) { return operations[op].kinds; }

}  // namespace pointwise
}  // namespace pynn
