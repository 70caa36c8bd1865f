/* pynn/copy.h from plain C. */
#include "capi/test_c.h"

int main(void) {
  const int64_t shape[] = {3, 2}, turned[] = {4, 12};
  float x[] = {1, 2, 3, 4, 5, 6}, y[6];
  pynn_array a = {NULL, NULL, NULL, 2, PYNN_FLOAT32}, b = {NULL, NULL, NULL, 2, PYNN_FLOAT32};
  a.data = x;
  a.shape = b.shape = shape;
  a.strides = turned; /* 2 x 3, transposed */
  b.data = y;
  CHECK(pynn_copy(&a, &b) == PYNN_OK);
  CHECK(y[0] == 1 && y[1] == 4 && y[2] == 2 && y[3] == 5 && y[4] == 3 && y[5] == 6);
  return summary();
}
