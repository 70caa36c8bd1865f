/* Pointwise functions, and softmax along a dimension, from plain C. */
#include <math.h>

#include "capi/test_c.h"

int main(void) {
  const int64_t four[] = {4}, cube[] = {1, 2, 2};
  int64_t i[] = {7, -7, 3, 0}, j[] = {2, 2, -2, 5}, k[4];
  float x[] = {1, 2, 3, 4}, g[] = {1, 1, 1, 1}, w = 0.5f, dx[4], dw;
  unsigned char t[4];
  pynn_array a = {NULL, NULL, NULL, 1, PYNN_INT64}, b, c, test, f, out;
  const pynn_array* pair[2];
  a.data = i, a.shape = four;
  b = c = test = f = a;
  b.data = j, c.data = k;
  test.data = t, test.dtype = PYNN_BOOL;
  f.data = x, f.dtype = PYNN_FLOAT32;
  pair[0] = &a, pair[1] = &b;
  CHECK(pynn_pointwise(PYNN_P_REMAINDER, pair, 2, 0, &c) == PYNN_OK);
  CHECK(k[0] == 1 && k[1] == 1 && k[2] == -1 && k[3] == 0);
  CHECK(pynn_pointwise(PYNN_P_GT, pair, 2, 0, &test) == PYNN_OK);
  CHECK(t[0] == 1 && t[1] == 0 && t[2] == 1 && t[3] == 0);
  x[1] = -2;
  CHECK(pynn_prelu_backward(PYNN_FLOAT32, 1, 1, 4, 1, g, x, &w, dx, &dw) == PYNN_OK);
  CHECK(dx[0] == 1 && dx[1] == 0.5f && dw == -2);
  x[1] = 2;
  f.shape = cube, f.ndim = 3;
  out = f;
  out.data = dx;
  CHECK(pynn_softmax(PYNN_SOFTMAX, &f, 1, &out) == PYNN_OK); /* of (1, 3) and (2, 4) */
  CHECK(close_to(dx[0], 1 / (1 + exp(2))) && close_to(dx[0] + dx[2], 1));
  CHECK(pynn_softmax_backward(PYNN_SOFTMAX, &f, &out, 1, &out) == PYNN_OK);
  CHECK(close_to(dx[2], 2 * exp(2) / ((1 + exp(2)) * (1 + exp(2)))));
  CHECK(pynn_softmax(PYNN_SOFTMAX, &f, 3, &out) == PYNN_INVALID);
  return summary();
}
