#define PYNN_ISA_NAMESPACE portable
#include "kernels/index/impl.h"
