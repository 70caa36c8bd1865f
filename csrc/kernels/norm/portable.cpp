#define PYNN_ISA_NAMESPACE portable
#include "kernels/norm/impl.h"
