#define PYNN_ISA_NAMESPACE portable
#include "kernels/optim/impl.h"
