/* The public header from plain C: every family once, as a program that embeds pynn would call it. */
#include "capi/test_c.h"

#include <math.h>
#include <string.h>

static void test_library(void) {
  CHECK(strlen(pynn_version()) > 0);
  CHECK(strlen(pynn_compiler()) > 0);
  CHECK(pynn_isa_supported("portable"));
  CHECK(!pynn_isa_supported("abacus"));
  CHECK(!pynn_isa_supported(NULL));
  CHECK(pynn_isa_supported(pynn_isa()));
  CHECK(pynn_isa_note() != NULL);
  CHECK(pynn_set_isa("abacus") == PYNN_INVALID);
  CHECK(strstr(pynn_last_error(), "abacus") != NULL);
  CHECK(pynn_set_num_threads(0) == PYNN_INVALID);
  CHECK(pynn_set_num_threads(2) == PYNN_OK);
  CHECK(pynn_get_num_threads() == 2);
}

static void test_memory(void) {
  pynn_memory before, during;
  void* block;
  pynn_memory_stats(&before);
  block = pynn_alloc(1000);
  CHECK(block != NULL && (uintptr_t)block % 64 == 0);
  pynn_memory_stats(&during);
  CHECK(during.in_use_bytes >= before.in_use_bytes + 1000);
  pynn_free(block);
  pynn_free(NULL);
  pynn_trim();
  pynn_memory_stats(&during);
  CHECK(during.in_use_bytes == before.in_use_bytes);
  pynn_memory_stats(NULL);
  pynn_free(pynn_alloc(3 << 20));
  pynn_memory_stats(&during);
  CHECK(during.peak_bytes >= 3 << 20 && during.cached_bytes >= 3 << 20);
  pynn_memory_reset_peak();
  pynn_memory_set_limit(1 << 20);
  CHECK(pynn_memory_limit() == 1 << 20);
  pynn_memory_stats(&during);
  CHECK(during.peak_bytes < 3 << 20 && during.cached_bytes <= 1 << 20);
  pynn_memory_set_limit(UINT64_MAX);
  CHECK(pynn_memory_limit() > 1 << 20);
}

static void test_elementwise(void) {
  const int64_t shape[] = {2, 3}, row_shape[] = {3}, turned[] = {4, 8};
  float a[] = {1, 2, 3, 4, 5, 6}, row[] = {10, 20, 30}, out[6];
  pynn_array x = {NULL, NULL, NULL, 2, PYNN_FLOAT32}, y = {NULL, NULL, NULL, 1, PYNN_FLOAT32}, result;
  int i;
  x.data = a;
  x.shape = shape;
  y.data = row;
  y.shape = row_shape;
  result = x;
  result.data = out;
  CHECK(pynn_binary(PYNN_ADD, &x, &y, 0, 0, &result) == PYNN_OK);
  CHECK(out[0] == 11 && out[5] == 36);
  x.strides = turned; /* a 3 x 2 array, transposed */
  CHECK(pynn_unary(PYNN_COPY, &x, 0, 0, &result) == PYNN_OK);
  CHECK(out[0] == 1 && out[1] == 3 && out[3] == 2);
  CHECK(pynn_unary_f32(PYNN_TANH, 6, a, 0, 0, out) == PYNN_OK);
  for (i = 0; i < 6; ++i) CHECK(close_to(out[i], tanh(a[i])));
}

static void test_softmax(void) {
  float x[] = {1, 2, 3, 3, 2, 1}, out[6], stats[4], loss, total, one = 1;
  const int64_t target[] = {2, 0};
  pynn_cross_entropy args = {2, 3, NULL, 3, NULL, NULL, -100, 0};
  const double sum = exp(-2) + exp(-1) + 1;
  CHECK(pynn_softmax_f32(2, 3, x, 3, out, 3) == PYNN_OK);
  CHECK(close_to(out[2], 1 / sum) && close_to(out[3], 1 / sum));
  args.x = x;
  args.target = target;
  CHECK(pynn_cross_entropy_mean_f32(&args, &loss, &total, stats) == PYNN_OK);
  CHECK(close_to(loss, log(sum)) && total == 2);
  CHECK(pynn_cross_entropy_backward_f32(&args, stats, &one, 0, &total, out, 3) == PYNN_OK);
  CHECK(close_to(out[2], (1 / sum - 1) / 2) && close_to(out[0], exp(-2) / sum / 2));
}

static void test_optim(void) {
  const int64_t sizes[] = {2, 1};
  float p0[] = {1, 2}, p1[] = {3}, g0[] = {1, -1}, g1[] = {0.5f}, m0[2] = {0}, m1[1] = {0}, v0[2] = {0},
        v1[1] = {0};
  float step[2] = {0, 0};
  float *params[] = {p0, p1}, *means[] = {m0, m1}, *squares[] = {v0, v1}, *steps[] = {step, step + 1};
  const float* grads[] = {g0, g1};
  const pynn_sgd sgd = {0.5, 0, 0, 0, 0, 0};
  const pynn_adam adam = {0.1, 0.9, 0.999, 1e-8, 0, 0, 0, 0};
  CHECK(pynn_sgd_f32(&sgd, 2, sizes, params, grads, NULL, NULL) == PYNN_OK);
  CHECK(p0[0] == 0.5f && p0[1] == 2.5f && p1[0] == 2.75f);
  CHECK(pynn_adam_f32(&adam, 2, sizes, params, grads, means, squares, NULL, steps) == PYNN_OK);
  CHECK(close_to(p0[0], 0.4) && close_to(p1[0], 2.65) && step[1] == 1); /* the first step is lr long */
}

int main(void) {
  test_library();
  test_memory();
  test_elementwise();
  test_softmax();
  test_optim();
  return summary();
}
