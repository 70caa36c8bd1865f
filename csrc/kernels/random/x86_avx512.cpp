#define PYNN_ISA_NAMESPACE avx512
#include "kernels/random/impl.h"
