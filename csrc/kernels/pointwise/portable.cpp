#define PYNN_ISA_NAMESPACE portable
#include "kernels/pointwise/impl.h"
