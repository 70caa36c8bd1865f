#define PYNN_ISA_NAMESPACE portable
#include "kernels/pool/impl.h"
