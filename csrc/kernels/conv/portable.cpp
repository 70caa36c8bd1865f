#define PYNN_ISA_NAMESPACE portable
#include "kernels/conv/impl.h"
