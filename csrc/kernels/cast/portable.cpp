#define PYNN_ISA_NAMESPACE portable
#include "kernels/cast/impl.h"
