/* pynn/norm.h from plain C: every entry point once. */
#include <math.h>
#include <string.h>

#define CLOSE_TOLERANCE 1e-5
#include "capi/test_c.h"

static pynn_array floats(float* data, const int64_t* shape, int ndim) {
  return array_of(data, shape, ndim, PYNN_FLOAT32);
}

int main(void) {
  const int64_t shape[] = {2, 2, 2}, channels[] = {2}, columns[] = {4}, rows[] = {2}, groups[] = {2, 1};
  float x[] = {0, 2, 10, 10, 4, 6, 10, 14}, y[8], g[] = {1, 0, 0, 0, 0, 0, 0, 0}, dx[8];
  float mean[2], var[2], running_mean[] = {0, 0}, running_var[] = {1, 1}, weight[] = {2, 1}, bias[] = {1, -1};
  float dw[4], db[4], row_mean[2], row_rstd[2], wide[] = {1, 1, 1, 2};
  pynn_array ax = floats(x, shape, 3), ay = floats(y, shape, 3), ag = floats(g, shape, 3),
             adx = floats(dx, shape, 3), amean = floats(mean, channels, 1), avar = floats(var, channels, 1),
             arm = floats(running_mean, channels, 1), arv = floats(running_var, channels, 1),
             aw = floats(weight, channels, 1), ab = floats(bias, channels, 1), adw = floats(dw, channels, 1),
             adb = floats(db, channels, 1), lw = floats(wide, columns, 1), ldw = floats(dw, columns, 1),
             ldb = floats(db, columns, 1), lm = floats(row_mean, rows, 1), lr = floats(row_rstd, rows, 1),
             gm = floats(row_mean, groups, 2), gr = floats(row_rstd, groups, 2);
  pynn_norm_gradients out;
  double mid, rstd;

  /* channel 0 holds 0, 2, 4, 6: mean 3, variance 5 */
  CHECK(pynn_batch_norm(&ax, &aw, &ab, 0, PYNN_ACT_NONE, &ay, &amean, &avar) == PYNN_OK);
  CHECK(close_to(mean[0], 3) && close_to(var[0], 5) && close_to(mean[1], 11) && close_to(var[1], 3));
  CHECK(close_to(y[0], -3 / sqrt(5.0) * 2 + 1) && close_to(y[7], 3 / sqrt(3.0) - 1));
  CHECK(pynn_batch_norm_update(&amean, &avar, 0.5, 4.0 / 3, &arm, &arv) == PYNN_OK);
  CHECK(close_to(running_mean[0], 1.5) && close_to(running_var[0], 0.5 + 5 * 4.0 / 6));
  CHECK(pynn_batch_norm_fixed(&ax, &amean, &avar, &aw, &ab, 0, PYNN_ACT_RELU, &ay) == PYNN_OK);
  CHECK(y[0] == 0 && close_to(y[7], 3 / sqrt(3.0) - 1));

  memset(&out, 0, sizeof out);
  out.x = &adx;
  out.weight = &adw;
  out.bias = &adb;
  CHECK(pynn_batch_norm_backward(&ag, &ax, &amean, &avar, &aw, NULL, 0, PYNN_ACT_NONE, 0, &out) == PYNN_OK);
  rstd = 1 / sqrt(5.0);
  CHECK(close_to(dw[0], -3 * rstd) && close_to(db[0], 1) && dw[1] == 0);
  CHECK(close_to(dx[0], 2 * rstd * (1 - 0.25 - 9.0 / 5 / 4)) && dx[2] == 0);
  CHECK(pynn_batch_norm_backward(&ag, &ax, &amean, &avar, &aw, NULL, 0, PYNN_ACT_NONE, 1, &out) == PYNN_OK);
  CHECK(close_to(dx[0], 2 * rstd) && dx[1] == 0);

  /* row 0 holds 0, 2, 10, 10: mean 5.5, variance 20.75 */
  CHECK(pynn_layer_norm(&ax, 2, &lw, NULL, 0, &ay, &lm, &lr) == PYNN_OK);
  rstd = 1 / sqrt(20.75);
  CHECK(close_to(row_mean[0], 5.5) && close_to(row_rstd[0], rstd));
  CHECK(close_to(y[0], -5.5 * rstd) && close_to(y[3], 9 * rstd));
  out.weight = &ldw;
  out.bias = &ldb;
  CHECK(pynn_layer_norm_backward(&ag, &ax, 2, &lm, &lr, &lw, &out) == PYNN_OK);
  CHECK(close_to(dx[0], rstd * (1 - 0.25 - 5.5 * 5.5 / 20.75 / 4)) && close_to(dw[0], -5.5 * rstd));
  CHECK(db[0] == 1 && db[1] == 0 && dx[4] == 0);

  CHECK(pynn_rms_norm(&ax, 2, NULL, 0, &ay) == PYNN_OK);
  mid = sqrt((4 + 200) / 4.0);
  CHECK(y[0] == 0 && close_to(y[2], 10 / mid));
  out.bias = NULL;
  CHECK(pynn_rms_norm_backward(&ag, &ax, 2, NULL, 0, &out) == PYNN_OK);
  CHECK(close_to(dx[0], 1 / mid) && dw[0] == 0);

  /* one group: the same statistics as the layer's, the parameters a channel's */
  out.weight = &adw;
  out.bias = &adb;
  CHECK(pynn_group_norm(&ax, 1, &aw, &ab, 0, &ay, &gm, &gr) == PYNN_OK);
  CHECK(close_to(y[0], -5.5 * rstd * 2 + 1) && close_to(y[3], 4.5 * rstd - 1) && close_to(row_mean[0], 5.5));
  CHECK(pynn_group_norm_backward(&ag, &ax, 1, &gm, &gr, &aw, &out) == PYNN_OK);
  CHECK(close_to(dx[0], 2 * rstd * (1 - 0.25 - 5.5 * 5.5 / 20.75 / 4)) && close_to(dw[0], -5.5 * rstd));
  CHECK(pynn_group_norm(&ax, 3, NULL, NULL, 0, &ay, &gm, &gr) == PYNN_INVALID);
  return summary();
}
