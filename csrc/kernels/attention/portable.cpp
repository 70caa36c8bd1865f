#define PYNN_ISA_NAMESPACE portable
#include "kernels/attention/impl.h"
