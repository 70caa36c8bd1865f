/* Convolution, windows and padding from plain C: every entry point once, with a result worked out by hand. */
#include <string.h>

#include "capi/test_c.h"

static int equal(const float* a, const float* b, int n) { return memcmp(a, b, (size_t)n * sizeof *a) == 0; }

static void test_conv1d(void) {
  const int64_t xs[] = {1, 1, 5}, ws[] = {1, 1, 3}, bs[] = {1}, ys[] = {1, 1, 3};
  float x[] = {1, 2, 3, 4, 5}, w[] = {1, 0, -1}, bias[] = {10}, y[3], dx[5], dw[3], db[1];
  const float expected_y[] = {8, 8, 14};
  pynn_conv conv = {1, {2}, {1}, {1}, {1}, 1};
  pynn_array xa = array_of(x, xs, 3, PYNN_FLOAT32), wa = array_of(w, ws, 3, PYNN_FLOAT32),
             ba = array_of(bias, bs, 1, PYNN_FLOAT32), ya = array_of(y, ys, 3, PYNN_FLOAT32),
             dxa = array_of(dx, xs, 3, PYNN_FLOAT32), dwa = array_of(dw, ws, 3, PYNN_FLOAT32),
             dba = array_of(db, bs, 1, PYNN_FLOAT32);
  CHECK(pynn_conv_forward(&conv, &xa, &wa, &ba, PYNN_ACT_RELU, &ya) == PYNN_OK);
  CHECK(equal(y, expected_y, 3));
  CHECK(pynn_conv_backward_weight(&conv, &xa, &ya, 0, &dwa) == PYNN_OK);
  /* taps read (0 2 4), (1 3 5), (2 4 0) */
  CHECK(dw[0] == 8 * 2 + 14 * 4 && dw[1] == 8 + 8 * 3 + 14 * 5 && dw[2] == 8 * 2 + 8 * 4);
  CHECK(pynn_conv_backward_data(&conv, &ya, &wa, NULL, PYNN_ACT_NONE, 0, &dxa) == PYNN_OK);
  CHECK(dx[0] == 0 && dx[1] == 8 - 8 && dx[2] == 0 && dx[3] == 14 - 8 && dx[4] == 0);
  CHECK(pynn_conv_backward_bias(&ya, 0, &dba) == PYNN_OK);
  CHECK(db[0] == 30);
  conv.dims = 4;
  CHECK(pynn_conv_forward(&conv, &xa, &wa, &ba, PYNN_ACT_NONE, &ya) == PYNN_INVALID);
  CHECK(strstr(pynn_last_error(), "dims is 4") != NULL);
}

static void test_conv3d(void) {
  const int64_t xs[] = {1, 1, 2, 2, 2}, ws[] = {1, 1, 2, 2, 2}, ys[] = {1, 1, 1, 1, 1};
  double x[] = {1, 2, 3, 4, 5, 6, 7, 8}, w[] = {1, 1, 1, 1, 2, 2, 2, 2}, y[1];
  const pynn_conv conv = {3, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 1};
  pynn_array xa = array_of(x, xs, 5, PYNN_FLOAT64), wa = array_of(w, ws, 5, PYNN_FLOAT64),
             ya = array_of(y, ys, 5, PYNN_FLOAT64);
  CHECK(pynn_conv_forward(&conv, &xa, &wa, NULL, PYNN_ACT_NONE, &ya) == PYNN_OK);
  CHECK(y[0] == 10 + 2 * 26);
}

static void test_columns(void) {
  const int64_t xs[] = {1, 1, 2, 3}, ys[] = {1, 4, 2}, kernel[] = {2, 2};
  float x[] = {1, 2, 3, 4, 5, 6}, y[8], back[6];
  const float expected[] = {1, 2, 2, 3, 4, 5, 5, 6}, sums[] = {1, 4, 3, 4, 10, 6};
  const pynn_conv conv = {2, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1};
  pynn_array xa = array_of(x, xs, 4, PYNN_FLOAT32), ya = array_of(y, ys, 3, PYNN_FLOAT32),
             backa = array_of(back, xs, 4, PYNN_FLOAT32);
  CHECK(pynn_unfold(&conv, kernel, &xa, &ya) == PYNN_OK);
  CHECK(equal(y, expected, 8));
  CHECK(pynn_fold(&conv, kernel, &ya, &backa) == PYNN_OK);
  CHECK(equal(back, sums, 6));
}

static void test_pad(void) {
  const int64_t xs[] = {3}, ys[] = {6}, before[] = {2}, after[] = {1};
  float x[] = {1, 2, 3}, y[6], dx[3], value = 9;
  const float constant[] = {9, 9, 1, 2, 3, 9}, reflect[] = {3, 2, 1, 2, 3, 2}, sums[] = {1, 6, 6};
  pynn_array xa = array_of(x, xs, 1, PYNN_FLOAT32), ya = array_of(y, ys, 1, PYNN_FLOAT32),
             dxa = array_of(dx, xs, 1, PYNN_FLOAT32);
  CHECK(pynn_pad(PYNN_PAD_CONSTANT, before, after, &value, &xa, &ya) == PYNN_OK);
  CHECK(equal(y, constant, 6));
  CHECK(pynn_pad(PYNN_PAD_REFLECT, before, after, NULL, &xa, &ya) == PYNN_OK);
  CHECK(equal(y, reflect, 6));
  CHECK(pynn_pad_backward(PYNN_PAD_REFLECT, before, after, &ya, &dxa) == PYNN_OK);
  CHECK(equal(dx, sums, 3));
}

static void test_algo(void) {
  CHECK(pynn_conv_set_algo("winograd") == PYNN_OK);
  CHECK(strcmp(pynn_conv_get_algo(), "winograd") == 0);
  CHECK(pynn_conv_set_algo("fft") == PYNN_INVALID);
  CHECK(pynn_conv_set_algo("auto") == PYNN_OK);
}

int main(void) {
  test_algo();
  test_conv1d();
  test_conv3d();
  test_columns();
  test_pad();
  return summary();
}
