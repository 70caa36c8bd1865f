/* 16-bit floats from plain C. */
#include "capi/test_c.h"

int main(void) {
  const float wide[4] = {1.0f, -2.5f, 0.0f, 3.0f};
  float back[4];
  uint16_t bf16[4], fp16[4], out[4];
  const int64_t shape[2] = {2, 2};
  pynn_array from = {(void*)wide, shape, NULL, 2, PYNN_FLOAT32}, to = {bf16, shape, NULL, 2, PYNN_BFLOAT16};
  pynn_array again = {back, shape, NULL, 2, PYNN_FLOAT32}, product = {out, shape, NULL, 2, PYNN_BFLOAT16};
  int i;
  CHECK(pynn_convert_half(&from, &to) == PYNN_OK);
  CHECK(bf16[0] == 0x3f80 && bf16[1] == 0xc020 && bf16[2] == 0 && bf16[3] == 0x4040);
  CHECK(pynn_convert_half(&to, &again) == PYNN_OK);
  for (i = 0; i < 4; ++i) CHECK(back[i] == wide[i]);
  to.data = fp16;
  to.dtype = PYNN_FLOAT16;
  CHECK(pynn_convert_half(&from, &to) == PYNN_OK);
  CHECK(fp16[0] == 0x3c00 && fp16[1] == 0xc100);
  CHECK(pynn_unary_half(PYNN_RELU, PYNN_BFLOAT16, 4, bf16, 0, 0, out) == PYNN_OK);
  CHECK(out[0] == 0x3f80 && out[1] == 0);
  CHECK(pynn_binary_half(PYNN_ADD, PYNN_BFLOAT16, 4, bf16, bf16, 0, 0, out) == PYNN_OK);
  CHECK(out[0] == 0x4000);
  CHECK(pynn_binary_half_scalar(PYNN_SUB, PYNN_BFLOAT16, 4, bf16, 1.0f, 1, out) == PYNN_OK);
  CHECK(out[0] == 0 && out[2] == 0x3f80);
  to.data = bf16;
  to.dtype = PYNN_BFLOAT16;
  CHECK(pynn_matmul(&to, &to, NULL, PYNN_ACT_NONE, 1, 0, &product) == PYNN_OK); /* [[1, -2.5], [0, 3]]^2 */
  CHECK(out[0] == 0x3f80 && out[1] == 0xc120 && out[2] == 0 && out[3] == 0x4110);
  CHECK(pynn_bf16_native() == 0 || pynn_bf16_native() == 1);
  return summary();
}
