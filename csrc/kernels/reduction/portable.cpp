#define PYNN_ISA_NAMESPACE portable
#define PYNN_ISA_NAME "portable"
#include "kernels/reduction/impl.h"
