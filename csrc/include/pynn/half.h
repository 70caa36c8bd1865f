/* 16-bit floats: conversions, and pointwise functions that compute in float32 and round once.
 * dtype: PYNN_BFLOAT16 or PYNN_FLOAT16. Rounding is to nearest even; NaN stays NaN, and what is too large
 * becomes infinity. pynn_unary, pynn_binary, pynn_matmul and pynn_column_sum take these dtypes too. */
#ifndef PYNN_HALF_H
#define PYNN_HALF_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = x in out's dtype: one of them float32, the other a 16-bit float; one shape, any strides. */
PYNN_API pynn_status pynn_convert_half(const pynn_array* x, pynn_array* out);

/* Over n contiguous elements of a 16-bit dtype. op: a pynn_unary_op or pynn_binary_op. out may be an input. */
PYNN_API pynn_status pynn_unary_half(int op, int dtype, int64_t n, const void* x, float alpha, float beta,
                                     void* out);
PYNN_API pynn_status pynn_binary_half(int op, int dtype, int64_t n, const void* a, const void* b,
                                      float alpha, float beta, void* out);
/* out = op(x, value), or op(value, x) where value_first is not 0; value is not rounded to 16 bits. */
PYNN_API pynn_status pynn_binary_half_scalar(int op, int dtype, int64_t n, const void* x, float value,
                                             int value_first, void* out);

/* Whether bfloat16 products use the CPU's own dot product (AVX512_BF16) rather than float32. */
PYNN_API int pynn_bf16_native(void);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_HALF_H */
