/* pynn/loss.h from plain C: every entry point once. */
#include <math.h>

#include "capi/test_c.h"

int main(void) {
  const int64_t three[] = {3}, planes[] = {1, 2, 3}, flat[] = {1, 3};
  float x[] = {1, 2, 4}, y[] = {1, 0, 1}, each[3], one, grad = 3, dx[3], dy[3], dl[6];
  float logits[] = {0, 1, 0, 0, 1, 1}; /* two classes at three positions */
  const double beta = 2;
  int64_t classes[] = {0, 1, -100};
  pynn_array ax = array_of(x, three, 1, PYNN_FLOAT32), ay = array_of(y, three, 1, PYNN_FLOAT32),
             aeach = array_of(each, three, 1, PYNN_FLOAT32), aone = array_of(&one, NULL, 0, PYNN_FLOAT32),
             agrad = array_of(&grad, NULL, 0, PYNN_FLOAT32), adx = array_of(dx, three, 1, PYNN_FLOAT32),
             ady = array_of(dy, three, 1, PYNN_FLOAT32), al = array_of(logits, planes, 3, PYNN_FLOAT32),
             adl = array_of(dl, planes, 3, PYNN_FLOAT32), at = array_of(classes, flat, 2, PYNN_INT64);
  pynn_class_loss args;

  CHECK(pynn_loss(PYNN_LOSS_MSE, &ax, &ay, NULL, PYNN_LOSS_NONE, &aeach) == PYNN_OK);
  CHECK(each[0] == 0 && each[1] == 4 && each[2] == 9);
  CHECK(pynn_loss(PYNN_LOSS_MSE, &ax, &ay, NULL, PYNN_LOSS_MEAN, &aone) == PYNN_OK);
  CHECK(close_to(one, 13.0 / 3));
  CHECK(pynn_loss_backward(PYNN_LOSS_MSE, &agrad, &ax, &ay, NULL, PYNN_LOSS_MEAN, &adx, &ady) == PYNN_OK);
  CHECK(dx[0] == 0 && close_to(dx[1], 4) && close_to(dy[2], -6));
  CHECK(pynn_loss(PYNN_LOSS_SMOOTH_L1, &ax, &ay, &beta, PYNN_LOSS_SUM, &aone) == PYNN_OK);
  CHECK(close_to(one, 0 + 1 + 2));
  CHECK(pynn_loss(PYNN_LOSS_SMOOTH_L1, &ax, &ay, NULL, PYNN_LOSS_SUM, &aone) == PYNN_INVALID);

  args.x = &al;
  args.target = &at;
  args.weight = NULL;
  args.ignore_index = -100;
  args.label_smoothing = 0;
  args.log_probabilities = 0;
  args.reduction = PYNN_LOSS_MEAN;
  CHECK(pynn_class_loss_forward(&args, &aone) == PYNN_OK);
  CHECK(close_to(one, log(2.0)));
  CHECK(pynn_class_loss_backward(&args, &agrad, &adl) == PYNN_OK);
  CHECK(close_to(dl[0], -0.75) && close_to(dl[1], 0.75) && dl[2] == 0 && close_to(dl[3], 0.75));
  args.log_probabilities = 1;
  CHECK(pynn_class_loss_forward(&args, &aone) == PYNN_OK);
  CHECK(close_to(one, -0.5));
  return summary();
}
