#define PYNN_ISA_NAMESPACE avx2
#include "kernels/resample/impl.h"
