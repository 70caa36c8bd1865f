/* Recurrent layers from plain C: a step of each cell with known values, and its gradients. */
#include <math.h>
#include <string.h>

#define CLOSE_TOLERANCE 1e-12
#include "capi/test_c.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* Two steps of one unit: h = tanh(2 x + h' / 2 + 0.25). */
static void test_rnn(void) {
  const double w_ih[] = {2}, w_hh[] = {0.5}, b[] = {0.25}, x[] = {0.1, -0.3}, h0[] = {0.4}, dy[] = {0, 1};
  const double first = tanh(0.2 + 0.2 + 0.25), second = tanh(-0.6 + first / 2 + 0.25);
  const double d2 = 1 - second * second, d1 = d2 * 0.5 * (1 - first * first);
  double y[2], h_n[1], dx[2], dh0[1], dw_ih[1], dw_hh[1], db[1];
  pynn_recurrent layer;
  pynn_recurrent_gradients g;
  memset(&layer, 0, sizeof layer);
  memset(&g, 0, sizeof g);
  layer.cell = PYNN_CELL_RNN_TANH;
  layer.dtype = PYNN_FLOAT64;
  layer.steps = 2;
  layer.batch = layer.input = layer.hidden = 1;
  layer.w_ih = w_ih;
  layer.w_hh = w_hh;
  layer.b_ih = b;
  CHECK(pynn_recurrent_held(&layer) == 0);
  CHECK(pynn_recurrent_forward(&layer, x, h0, NULL, y, h_n, NULL, NULL) == PYNN_OK);
  CHECK(close_to(y[0], first) && close_to(y[1], second) && h_n[0] == y[1]);
  g.x = x;
  g.h0 = h0;
  g.y = y;
  g.dy = dy;
  g.dx = dx;
  g.dh0 = dh0;
  g.dw_ih = dw_ih;
  g.dw_hh = dw_hh;
  g.db_ih = db;
  CHECK(pynn_recurrent_backward(&layer, &g) == PYNN_OK);
  CHECK(close_to(dx[1], 2 * d2) && close_to(dx[0], 2 * d1) && close_to(dh0[0], d1 / 2));
  CHECK(close_to(dw_ih[0], d1 * x[0] + d2 * x[1]) && close_to(dw_hh[0], d1 * h0[0] + d2 * first));
  CHECK(close_to(db[0], d1 + d2));
  layer.reverse = 1;
  layer.cell = PYNN_CELL_RNN_RELU;
  CHECK(pynn_recurrent_forward(&layer, x, h0, NULL, y, h_n, NULL, NULL) == PYNN_OK);
  CHECK(y[1] == 0 && close_to(y[0], 0.45) && h_n[0] == y[0]);
}

/* Two sequences, of one and of two steps. */
static void test_lstm(void) {
  const double w_ih[] = {1, 2, 3, 4}, w_hh[] = {0, 0, 0, 0}, x[] = {0.1, 0.2, 0.3}, zero[] = {0, 0};
  const int64_t sizes[] = {2, 1};
  double y[3], h_n[2], c_n[2], held[15], c;
  pynn_recurrent layer;
  memset(&layer, 0, sizeof layer);
  layer.cell = PYNN_CELL_LSTM;
  layer.dtype = PYNN_FLOAT64;
  layer.steps = layer.batch = 2;
  layer.input = layer.hidden = 1;
  layer.sizes = sizes;
  layer.w_ih = w_ih;
  layer.w_hh = w_hh;
  CHECK(pynn_recurrent_held(&layer) == 5);
  CHECK(pynn_recurrent_forward(&layer, x, zero, zero, y, h_n, c_n, held) == PYNN_OK);
  c = sigmoid(0.2) * tanh(0.6);
  CHECK(close_to(c_n[1], c) && close_to(h_n[1], sigmoid(0.8) * tanh(c)) && h_n[1] == y[1]);
  c = sigmoid(0.1) * tanh(0.3);
  c = sigmoid(0.6) * c + sigmoid(0.3) * tanh(0.9);
  CHECK(close_to(c_n[0], c) && close_to(y[2], sigmoid(1.2) * tanh(c)) && h_n[0] == y[2]);
  CHECK(close_to(held[10], sigmoid(0.3)) && close_to(held[14], c));
}

static void test_gru(void) {
  const double w_ih[] = {1, 2, 3}, w_hh[] = {0, 0, 5}, b_hh[] = {0, 0, 0.5}, x[] = {0.1}, h0[] = {0.4};
  const double r = sigmoid(0.1), z = sigmoid(0.2), n = tanh(0.3 + r * 2.5);
  double y[1], h_n[1];
  pynn_recurrent layer;
  memset(&layer, 0, sizeof layer);
  layer.cell = PYNN_CELL_GRU;
  layer.dtype = PYNN_FLOAT64;
  layer.steps = layer.batch = layer.input = layer.hidden = 1;
  layer.w_ih = w_ih;
  layer.w_hh = w_hh;
  layer.b_hh = b_hh;
  CHECK(pynn_recurrent_held(&layer) == 4);
  CHECK(pynn_recurrent_forward(&layer, x, h0, NULL, y, h_n, NULL, NULL) == PYNN_OK);
  CHECK(close_to(y[0], (1 - z) * n + z * 0.4) && h_n[0] == y[0]);
  layer.projection = 1;
  CHECK(pynn_recurrent_forward(&layer, x, h0, NULL, y, h_n, NULL, NULL) == PYNN_INVALID);
  CHECK(strstr(pynn_last_error(), "only lstm") != NULL);
}

int main(void) {
  test_rnn();
  test_lstm();
  test_gru();
  return summary();
}
