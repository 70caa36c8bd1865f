#define PYNN_ISA_NAMESPACE portable
#include "kernels/scan/impl.h"
