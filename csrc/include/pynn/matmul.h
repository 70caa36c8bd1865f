/* Matrix products with a fused epilogue. float32 and float64, bfloat16 and float16 (summed in float32 and
 * rounded once; in bfloat16 products denormal inputs may count as 0); PYNN_UNSUPPORTED for other dtypes,
 * for operands of different dtypes, and for strides that are no multiple of the element size. */
#ifndef PYNN_MATMUL_H
#define PYNN_MATMUL_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = act(alpha * (a @ b) + bias + beta * out)
 *
 * a (..., M, K), b (..., K, N), out (..., M, N): ndim >= 2, any strides; leading dimensions broadcast to
 * those of out. Transposed operands are views with swapped strides and are not copied by the caller.
 * bias: NULL or an array of N elements (its shape (N) or any that ends in N after ones), added to every row.
 * beta == 0: out is not read, so it may hold anything. K == 0: the product is zero.
 * Every product is computed, zeros too: 0 * inf is NaN. out must not overlap a, b or bias. */
PYNN_API pynn_status pynn_matmul(const pynn_array* a, const pynn_array* b, const pynn_array* bias,
                                 pynn_activation act, double alpha, double beta, pynn_array* out);

/* The same for one matrix, without descriptors: strides in elements, (row, column) for each matrix.
 * bias: NULL or n contiguous elements. What the small-matrix path of a binding calls. */
PYNN_API pynn_status pynn_gemm_f32(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_row,
                                   int64_t a_col, const float* b, int64_t b_row, int64_t b_col,
                                   const float* bias, pynn_activation act, float alpha, float beta, float* c,
                                   int64_t c_row, int64_t c_col);
PYNN_API pynn_status pynn_gemm_f64(int64_t m, int64_t n, int64_t k, const double* a, int64_t a_row,
                                   int64_t a_col, const double* b, int64_t b_row, int64_t b_col,
                                   const double* bias, pynn_activation act, double alpha, double beta,
                                   double* c, int64_t c_row, int64_t c_col);

/* out = column sums of x + beta * out: x (..., N), ndim >= 1, any strides, summed over every dimension but
 * the last; out has N elements. The bias gradient of a linear layer. Blocks of rows are added pairwise. */
PYNN_API pynn_status pynn_column_sum(const pynn_array* x, double beta, pynn_array* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_MATMUL_H */
