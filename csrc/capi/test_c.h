/* What the plain C programs test with. CLOSE_TOLERANCE, defined before this is included, is close_to's. */
#ifndef PYNN_TEST_C_H
#define PYNN_TEST_C_H
#include <math.h>
#include <stdio.h>

#include "pynn/pynn.h"

#ifndef CLOSE_TOLERANCE
#define CLOSE_TOLERANCE 1e-6
#endif

static int passed = 0, failed = 0;

#define CHECK(condition)                                     \
  do {                                                       \
    if (condition) {                                         \
      ++passed;                                              \
    } else {                                                 \
      ++failed;                                              \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
    }                                                        \
  } while (0)

static inline int close_to(double a, double b) { return fabs(a - b) <= CLOSE_TOLERANCE * (1 + fabs(b)); }

/* A C-contiguous array over data. */
static inline pynn_array array_of(void* data, const int64_t* shape, int ndim, int dtype) {
  pynn_array a;
  a.data = data;
  a.shape = shape;
  a.strides = NULL;
  a.ndim = ndim;
  a.dtype = dtype;
  return a;
}

/* What main returns. */
static inline int summary(void) {
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
#endif /* PYNN_TEST_C_H */
