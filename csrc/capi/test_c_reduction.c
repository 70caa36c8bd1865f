/* Reductions, scans, sorting, casts and triangles from plain C: every entry point once. */
#include <math.h>
#include <string.h>

#include "capi/test_c.h"

static float data[6] = {1, 5, 3, 4, 2, 6};
static const int64_t shape[] = {2, 3}, rows[] = {2, 1}, columns[] = {1, 3}, six[] = {6};
static const pynn_array x = {data, shape, NULL, 2, PYNN_FLOAT32};

static void test_reduce(void) {
  float two[2], three[3], one;
  uint8_t flag;
  int64_t count;
  pynn_array by_row = array_of(two, rows, 2, PYNN_FLOAT32),
             by_column = array_of(three, columns, 2, PYNN_FLOAT32);
  pynn_array all = array_of(&one, NULL, 0, PYNN_FLOAT32), some = array_of(&flag, NULL, 0, PYNN_BOOL);
  pynn_array counted = array_of(&count, NULL, 0, PYNN_INT64);
  CHECK(pynn_reduce(PYNN_REDUCE_SUM, &x, 0, &by_row) == PYNN_OK && two[0] == 9 && two[1] == 12);
  CHECK(pynn_reduce(PYNN_REDUCE_MAX, &x, 0, &by_column) == PYNN_OK && three[0] == 4 && three[2] == 6);
  CHECK(pynn_reduce(PYNN_REDUCE_MEAN, &x, 0, &all) == PYNN_OK && one == 3.5f);
  CHECK(pynn_reduce(PYNN_REDUCE_NORM, &x, 1, &all) == PYNN_OK && one == 21);
  CHECK(pynn_reduce(PYNN_REDUCE_ALL, &x, 0, &some) == PYNN_OK && flag == 1);
  CHECK(pynn_reduce(PYNN_REDUCE_COUNT, &x, 0, &counted) == PYNN_OK && count == 6);
  CHECK(pynn_reduce(PYNN_REDUCE_SUM, &x, 0, &counted) == PYNN_INVALID);
  CHECK(strstr(pynn_last_error(), "int64") != NULL && strstr(pynn_last_error(), "float32") != NULL);
}

static void test_places_and_moments(void) {
  int64_t place[2];
  float best[2], g[2] = {1, 2}, dx[6], var[2], mean[2];
  pynn_array values = array_of(best, rows, 2, PYNN_FLOAT32), grad = array_of(g, rows, 2, PYNN_FLOAT32);
  pynn_array out = array_of(dx, shape, 2, PYNN_FLOAT32);
  pynn_array variances = array_of(var, rows, 2, PYNN_FLOAT32), means = array_of(mean, rows, 2, PYNN_FLOAT32);
  CHECK(pynn_extreme(0, &x, 1, 2, place, &values) == PYNN_OK && place[0] == 1 && place[1] == 2 &&
        best[0] == 5);
  CHECK(pynn_extreme_backward(&x, 1, 2, &values, &grad, &out) == PYNN_OK && dx[1] == 1 && dx[5] == 2 &&
        dx[0] == 0);
  CHECK(pynn_variance(&x, 1, 2, 1, &variances, &means) == PYNN_OK && close_to(var[0], 4) && mean[1] == 4);
  CHECK(pynn_variance_backward(&x, 1, 2, 1, &grad, &out) == PYNN_OK && close_to(dx[0], -2) &&
        close_to(dx[5], 4));
}

static void test_many(void) {
  float a[] = {3}, b[] = {0, 4};
  void* tensors[] = {a, b};
  const int64_t sizes[] = {1, 2};
  double norm, sum;
  pynn_array out = array_of(b, sizes + 1, 1, PYNN_FLOAT32);
  CHECK(pynn_total_norm(PYNN_FLOAT32, 2, sizes, (const void* const*)tensors, 2, &norm) == PYNN_OK &&
        norm == 5);
  CHECK(pynn_scale_many(PYNN_FLOAT32, 2, sizes, tensors, 0.5) == PYNN_OK && a[0] == 1.5f && b[1] == 2);
  CHECK(pynn_fill(&out, 7) == PYNN_OK && b[0] == 7 && b[1] == 7);
  CHECK(pynn_sum_f32(6, data, &sum) == PYNN_OK && sum == 21);
}

static void test_scan(void) {
  float out[6], ones[6] = {1, 1, 1, 1, 1, 1}, dx[6];
  int64_t places[6];
  pynn_array y = array_of(out, shape, 2, PYNN_FLOAT32), g = array_of(ones, shape, 2, PYNN_FLOAT32);
  pynn_array d = array_of(dx, shape, 2, PYNN_FLOAT32);
  CHECK(pynn_scan(PYNN_SCAN_SUM, 0, &x, 1, &y) == PYNN_OK && out[2] == 9 && out[5] == 12);
  CHECK(pynn_scan_backward(PYNN_SCAN_SUM, NULL, NULL, &g, 1, &d) == PYNN_OK && dx[0] == 3 && dx[2] == 1);
  CHECK(pynn_scan(PYNN_SCAN_PROD, 0, &x, 0, &y) == PYNN_OK && out[3] == 4 && out[5] == 18);
  CHECK(pynn_scan_backward(PYNN_SCAN_PROD, &x, NULL, &g, 0, &d) == PYNN_OK && dx[0] == 5 && dx[3] == 1);
  CHECK(pynn_scan_extreme(0, &x, 1, &y, places) == PYNN_OK && out[2] == 5 && places[2] == 1);
}

static void test_order(void) {
  float out[6], dx[6];
  int64_t places[6];
  pynn_array y = array_of(out, shape, 2, PYNN_FLOAT32), one = array_of(out, rows, 2, PYNN_FLOAT32);
  pynn_array d = array_of(dx, shape, 2, PYNN_FLOAT32);
  CHECK(pynn_sort(&x, 1, 0, &y, places) == PYNN_OK && out[0] == 1 && out[1] == 3 && places[1] == 2);
  CHECK(pynn_topk(&x, 1, 1, 1, &one, places) == PYNN_OK && out[0] == 5 && out[1] == 6 && places[0] == 1);
  CHECK(pynn_put_along(&one, places, 1, &d) == PYNN_OK && dx[0] == 0 && dx[1] == 5 && dx[5] == 6);
  CHECK(pynn_select(&x, 1, 1, 0, &one, places) == PYNN_OK && out[0] == 3 && out[1] == 4 && places[1] == 0);
}

static void test_cast(void) {
  float from[6] = {-1.5f, 0, 2.9f, 300, NAN, 1};
  int64_t whole[6];
  uint8_t flags[6];
  const pynn_array in = array_of(from, six, 1, PYNN_FLOAT32);
  pynn_array integers = array_of(whole, six, 1, PYNN_INT64), bools = array_of(flags, six, 1, PYNN_BOOL);
  CHECK(pynn_cast(&in, &integers) == PYNN_OK && whole[0] == -1 && whole[2] == 2 && whole[3] == 300);
  CHECK(pynn_cast(&in, &bools) == PYNN_OK && flags[0] == 1 && flags[1] == 0 && flags[4] == 1);
}

static void test_triangle(void) {
  float out[6];
  pynn_array y = array_of(out, shape, 2, PYNN_FLOAT32);
  CHECK(pynn_triangle(0, &x, 0, &y) == PYNN_OK && out[0] == 1 && out[1] == 0 && out[3] == 4 && out[4] == 2);
  CHECK(pynn_triangle(1, &x, 1, &y) == PYNN_OK && out[0] == 0 && out[1] == 5 && out[5] == 6 && out[4] == 0);
}

int main(void) {
  test_reduce();
  test_places_and_moments();
  test_many();
  test_scan();
  test_order();
  test_cast();
  test_triangle();
  return summary();
}
