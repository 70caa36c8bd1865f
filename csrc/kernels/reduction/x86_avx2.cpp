#define PYNN_ISA_NAMESPACE avx2
#define PYNN_ISA_NAME "avx2"
#include "kernels/reduction/impl.h"
