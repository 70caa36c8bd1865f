#define PYNN_ISA_NAMESPACE portable
#include "kernels/resample/impl.h"
