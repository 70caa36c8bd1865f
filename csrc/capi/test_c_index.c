/* pynn/index.h from plain C: every entry point once. */
#include "capi/test_c.h"

int main(void) {
  const pynn_rows rows = {1, 3, 2, 2 * sizeof(float), 1};
  const int64_t index[] = {2, -3}, shape[] = {2}, full[] = {3};
  int64_t along[] = {2, 0}, places[3], count;
  float table[] = {1, 2, 3, 4, 5, 6}, out[4], sums[6], picked[2];
  const unsigned char mask[] = {1, 0, 1};
  pynn_array x = {NULL, NULL, NULL, 1, PYNN_FLOAT32}, at = {NULL, NULL, NULL, 1, PYNN_INT64},
             y = {NULL, NULL, NULL, 1, PYNN_FLOAT32};
  CHECK(pynn_take_rows(&rows, table, index, out) == PYNN_OK);
  CHECK(out[0] == 5 && out[1] == 6 && out[2] == 1 && out[3] == 2);
  CHECK(pynn_add_rows(&rows, PYNN_FLOAT32, index, out, NULL, 0, 1, sums) == PYNN_OK);
  CHECK(sums[0] == 0 && sums[2] == 0 && sums[4] == 5 && sums[5] == 6);
  CHECK(pynn_put_rows(&rows, index, out + 2, 1, sums) == PYNN_OK);
  CHECK(sums[0] == 1 && sums[3] == 0 && sums[5] == 2);
  x.data = table;
  x.shape = full;
  at.data = along;
  at.shape = shape;
  y.data = picked;
  y.shape = shape;
  CHECK(pynn_gather(&x, 0, &at, 0, &y) == PYNN_OK);
  CHECK(picked[0] == 3 && picked[1] == 1);
  CHECK(pynn_scatter(&at, 0, 0, &y, 1, &x) == PYNN_OK);
  CHECK(table[0] == 2 && table[1] == 2 && table[2] == 6);
  CHECK(pynn_nonzero(3, mask, places, &count) == PYNN_OK);
  CHECK(count == 2 && places[0] == 0 && places[1] == 2);
  return summary();
}
