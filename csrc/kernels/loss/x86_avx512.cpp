#define PYNN_ISA_NAMESPACE avx512
#include "kernels/loss/impl.h"
