#define PYNN_ISA_NAMESPACE portable
#include "kernels/matmul/impl.h"
