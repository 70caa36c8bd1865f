#define PYNN_ISA_NAMESPACE avx512
#define PYNN_ISA_NAME "avx512"
#include "kernels/reduction/impl.h"
