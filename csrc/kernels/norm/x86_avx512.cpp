#define PYNN_ISA_NAMESPACE avx512
#include "kernels/norm/impl.h"
