#define PYNN_ISA_NAMESPACE avx512
#include "kernels/resample/impl.h"
