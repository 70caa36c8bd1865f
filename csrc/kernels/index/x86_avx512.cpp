#define PYNN_ISA_NAMESPACE avx512
#include "kernels/index/impl.h"
