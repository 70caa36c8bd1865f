#define PYNN_ISA_NAMESPACE portable
#include "kernels/half/impl.h"
