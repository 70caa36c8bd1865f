#define PYNN_ISA_NAMESPACE avx512
#include "kernels/softmax/impl.h"
