#define PYNN_ISA_NAMESPACE avx512
#include "kernels/conv/impl.h"
