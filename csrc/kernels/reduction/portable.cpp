#define PYNN_ISA_NAMESPACE portable
#include "kernels/reduction/impl.h"
