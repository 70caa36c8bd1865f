/* pynn/random.h from plain C: every entry point once. */
#include <math.h>

#include "capi/test_c.h"

int main(void) {
  const int64_t n = 8;
  uint32_t words[8];
  int64_t whole[8], order[8];
  float u[8], z[8], x[8] = {1, 1, 1, 1, 1, 1, 1, 1}, y[8], b[8];
  pynn_array out = {NULL, NULL, NULL, 1, PYNN_FLOAT32}, in;
  int i, j, met;
  out.shape = &n;
  in = out;
  in.data = x;
  CHECK(pynn_random_words(0, 0, n, words) == PYNN_OK);
  CHECK(words[0] == 0x6627e8d5u && words[3] == 0x9b00dbd8u);
  out.data = u;
  CHECK(pynn_uniform(0, 0, 0, 1, &out) == PYNN_OK);
  CHECK(u[0] == (float)(words[0] >> 8) / 16777216);
  out.data = z;
  CHECK(pynn_normal(0, 0, 0, 1, &out) == PYNN_OK);
  CHECK(fabs(z[0] - sqrt(-2 * log((words[0] + 1.0) / 4294967296.0)) *
                        cos(6.283185307179586 * words[1] / 4294967296.0)) < 1e-6);
  out.data = b;
  CHECK(pynn_bernoulli(0, 0, 0.5, &out) == PYNN_OK);
  out.data = y;
  CHECK(pynn_dropout(0, 0, 0.5, &in, &out) == PYNN_OK);
  for (i = 0; i < 8; ++i) CHECK(b[i] == (u[i] < 0.5f) && y[i] == (u[i] < 0.5f ? 0 : 2));
  CHECK(pynn_random_integers(0, 0, 0, 10, n, whole) == PYNN_OK);
  CHECK(whole[0] == (int64_t)(((uint64_t)words[0] << 32 | words[1]) % 10));
  CHECK(pynn_permutation(0, 0, n, order) == PYNN_OK);
  for (i = 0; i < 8; ++i) {
    for (met = 0, j = 0; j < 8; ++j) met += order[j] == i;
    CHECK(met == 1);
  }
  return summary();
}
