#define PYNN_ISA_NAMESPACE avx512
#include "kernels/pointwise/impl.h"
