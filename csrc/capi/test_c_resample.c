/* pynn/resample.h from plain C: every entry point once. */
#include "capi/test_c.h"

int main(void) {
  const int64_t in[] = {1, 2}, out[] = {1, 4};
  const pynn_resample how = {1, PYNN_RESAMPLE_NEAREST, 0, {0, 0, 0}};
  float x[] = {1, 2}, y[4], back[2];
  pynn_array a = {NULL, NULL, NULL, 2, PYNN_FLOAT32}, b = {NULL, NULL, NULL, 2, PYNN_FLOAT32};
  a.data = x;
  a.shape = in;
  b.data = y;
  b.shape = out;
  CHECK(pynn_resample_forward(&how, &a, &b) == PYNN_OK);
  CHECK(y[0] == 1 && y[1] == 1 && y[2] == 2 && y[3] == 2);
  a.data = back;
  CHECK(pynn_resample_backward(&how, &b, &a) == PYNN_OK);
  CHECK(back[0] == 2 && back[1] == 4);
  return summary();
}
