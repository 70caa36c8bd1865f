#define PYNN_ISA_NAMESPACE avx2
#include "kernels/reduction/impl.h"
