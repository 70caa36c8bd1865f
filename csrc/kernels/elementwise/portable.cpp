#define PYNN_ISA_NAMESPACE portable
#include "kernels/elementwise/impl.h"
