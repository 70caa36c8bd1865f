#define PYNN_ISA_NAMESPACE portable
#include "kernels/softmax/impl.h"
