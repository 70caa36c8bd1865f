#define PYNN_ISA_NAMESPACE avx2
#include "kernels/norm/impl.h"
