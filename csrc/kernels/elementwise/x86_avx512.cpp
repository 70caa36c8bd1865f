#define PYNN_ISA_NAMESPACE avx512
#include "kernels/elementwise/impl.h"
