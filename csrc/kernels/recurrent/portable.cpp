#define PYNN_ISA_NAMESPACE portable
#include "kernels/recurrent/impl.h"
