#define PYNN_ISA_NAMESPACE portable
#include "kernels/random/impl.h"
