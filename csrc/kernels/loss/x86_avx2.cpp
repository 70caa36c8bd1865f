#define PYNN_ISA_NAMESPACE avx2
#include "kernels/loss/impl.h"
