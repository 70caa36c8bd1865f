/* pynn/attention.h from plain C: one query over two keys, by hand. */
#include <math.h>

#include "capi/test_c.h"

static pynn_array matrix(float* data, const int64_t* shape, int ndim) {
  pynn_array x = {NULL, NULL, NULL, 0, PYNN_FLOAT32};
  x.data = data;
  x.shape = shape;
  x.ndim = ndim;
  return x;
}

int main(void) {
  const int64_t one[] = {1, 1}, two[] = {2, 1}, rows[] = {1};
  float q[] = {2}, k[] = {0.5f, -1}, v[] = {3, 5}, out[1], lse[1], g[] = {1}, dq[1], dk[2], dv[2];
  pynn_array aq = matrix(q, one, 2), ak = matrix(k, two, 2), av = matrix(v, two, 2), ao = matrix(out, one, 2),
             al = matrix(lse, rows, 1), ag = matrix(g, one, 2), adq = matrix(dq, one, 2),
             adk = matrix(dk, two, 2), adv = matrix(dv, two, 2);
  pynn_attention args = {NULL, NULL, NULL, NULL, 0, 1, 0, 0, 0};
  const double a = exp(1), b = exp(-2), p = a / (a + b), mean = 3 * p + 5 * (1 - p);
  args.q = &aq;
  args.k = &ak;
  args.v = &av;
  CHECK(pynn_attention_forward(&args, &ao, &al) == PYNN_OK);
  CHECK(fabs(out[0] - mean) < 1e-6 && fabs(lse[0] - log(a + b)) < 1e-6);
  CHECK(pynn_attention_backward(&args, &ao, &al, &ag, NULL, &adq, &adk, &adv) == PYNN_OK);
  CHECK(fabs(dv[0] - p) < 1e-6 && fabs(dv[1] - (1 - p)) < 1e-6);
  CHECK(fabs(dk[0] - 2 * p * (3 - mean)) < 1e-6 && fabs(dk[1] - 2 * (1 - p) * (5 - mean)) < 1e-6);
  CHECK(fabs(dq[0] - (0.5 * p * (3 - mean) - (1 - p) * (5 - mean))) < 1e-6);
  args.is_causal = 1; /* the only query sees the first key alone */
  CHECK(pynn_attention_forward(&args, &ao, &al) == PYNN_OK && out[0] == 3);
  return summary();
}
