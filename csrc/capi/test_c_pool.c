/* pynn/pool.h from plain C: every entry point once. */
#include "capi/test_c.h"

static pynn_array array(void* data, const int64_t* shape, int dtype) {
  pynn_array a = {NULL, NULL, NULL, 3, 0};
  a.data = data;
  a.shape = shape;
  a.dtype = dtype;
  return a;
}

int main(void) {
  const int64_t full[] = {1, 2, 4}, small[] = {1, 1, 2};
  const pynn_pool pool = {2, {2, 2, 1}, {2, 2, 1}, {0, 0, 0}, {1, 1, 1}};
  float values[] = {1, 8, 3, 4, 5, 6, 7, 2}, pooled[2], grads[] = {10, 20}, back[8];
  int64_t places[2];
  const pynn_array x = array(values, full, PYNN_FLOAT32), dy = array(grads, small, PYNN_FLOAT32);
  pynn_array y = array(pooled, small, PYNN_FLOAT32), dx = array(back, full, PYNN_FLOAT32),
             at = array(places, small, PYNN_INT64);
  CHECK(pynn_max_pool(&pool, &x, &y, &at) == PYNN_OK);
  CHECK(pooled[0] == 8 && pooled[1] == 7 && places[0] == 1 && places[1] == 6);
  CHECK(pynn_max_pool_backward(&pool, &dy, &x, &dx) == PYNN_OK);
  CHECK(back[0] == 0 && back[1] == 10 && back[6] == 20);
  CHECK(pynn_pool_scatter(2, &dy, &at, &dx) == PYNN_OK);
  CHECK(back[0] == 0 && back[1] == 10 && back[6] == 20);
  CHECK(pynn_avg_pool(&pool, 1, 0, &x, &y) == PYNN_OK);
  CHECK(pooled[0] == 5 && pooled[1] == 4);
  CHECK(pynn_avg_pool_backward(&pool, 1, 2, &dy, &dx) == PYNN_OK);
  CHECK(back[0] == 5 && back[5] == 5 && back[7] == 10);
  CHECK(pynn_adaptive_max_pool(2, &x, &y, &at) == PYNN_OK);
  CHECK(pooled[0] == 8 && places[1] == 6);
  CHECK(pynn_adaptive_avg_pool(2, &x, &y) == PYNN_OK);
  CHECK(pooled[0] == 5 && pooled[1] == 4);
  CHECK(pynn_adaptive_avg_pool_backward(2, &dy, &dx) == PYNN_OK);
  CHECK(back[0] == 2.5f && back[7] == 5);
  return summary();
}
