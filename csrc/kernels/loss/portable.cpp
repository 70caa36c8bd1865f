#define PYNN_ISA_NAMESPACE portable
#include "kernels/loss/impl.h"
