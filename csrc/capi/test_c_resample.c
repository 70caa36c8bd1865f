/* pynn/resample.h from plain C: every entry point once. */
#include <stdio.h>

#include "pynn/pynn.h"

int main(void) {
  const int64_t in[] = {1, 2}, out[] = {1, 4};
  const pynn_resample how = {1, PYNN_RESAMPLE_NEAREST, 0, {0, 0, 0}};
  float x[] = {1, 2}, y[4], back[2];
  pynn_array a = {NULL, NULL, NULL, 2, PYNN_FLOAT32}, b = {NULL, NULL, NULL, 2, PYNN_FLOAT32};
  int failed = 0;
  a.data = x;
  a.shape = in;
  b.data = y;
  b.shape = out;
  failed += pynn_resample_forward(&how, &a, &b) != PYNN_OK;
  failed += !(y[0] == 1 && y[1] == 1 && y[2] == 2 && y[3] == 2);
  a.data = back;
  failed += pynn_resample_backward(&how, &b, &a) != PYNN_OK;
  failed += !(back[0] == 2 && back[1] == 4);
  printf("%d passed, %d failed\n", 4 - failed, failed);
  return failed == 0 ? 0 : 1;
}
