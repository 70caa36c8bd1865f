/* Convolution (cross-correlation, as torch's) over 1, 2 or 3 dimensions, forward and backward. float32 and float64.
 *
 * Layout: x (N, C, *in), w (O, C / groups, *kernel), bias (O), y (N, O, *out), by spatial dimension
 *   out = (in + pad_before + pad_after - dilation * (kernel - 1) - 1) / stride + 1.
 * Inputs x, dy may have any strides of whole elements: rows that are contiguous are read in place, others
 * (channels-last memory) are copied once unless the kernel is 1x1. w, bias and all outputs are C-contiguous
 * (PYNN_UNSUPPORTED otherwise).
 * N, O and C may be 0. A kernel that does not fit into the padded input is PYNN_INVALID.
 * beta == 0: the output is not read; beta == 1 accumulates into it (gradients).
 * A transposed convolution is the data gradient, of weights (C_in, C_out / groups, *kernel), into an output of the
 * size wanted. */
#ifndef PYNN_CONV_H
#define PYNN_CONV_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pynn_conv {
  int32_t dims; /* spatial dimensions, 1 .. 3: how many entries of the arrays are read */
  int64_t stride[3];      /* >= 1 */
  int64_t pad_before[3];  /* zeros, >= 0 */
  int64_t pad_after[3];   /* zeros; a negative amount leaves out the end */
  int64_t dilation[3];    /* >= 1 */
  int64_t groups;         /* >= 1, divides C and O */
} pynn_conv;

/* y = act(conv(x, w) + bias); bias may be NULL */
PYNN_API pynn_status pynn_conv_forward(const pynn_conv* conv, const pynn_array* x, const pynn_array* w,
                                       const pynn_array* bias, pynn_activation act, pynn_array* y);

/* dx = act(gradient of x + bias + beta * dx); bias (C) may be NULL: a transposed convolution's */
PYNN_API pynn_status pynn_conv_backward_data(const pynn_conv* conv, const pynn_array* dy, const pynn_array* w,
                                             const pynn_array* bias, pynn_activation act, double beta,
                                             pynn_array* dx);

/* dw = gradient of w + beta * dw */
PYNN_API pynn_status pynn_conv_backward_weight(const pynn_conv* conv, const pynn_array* x, const pynn_array* dy,
                                               double beta, pynn_array* dw);

/* db = sum of dy over all but its second dimension + beta * db; dy (N, O, ...) contiguous of any rank >= 2, db (O) */
PYNN_API pynn_status pynn_conv_backward_bias(const pynn_array* dy, double beta, pynn_array* db);

/* y (N, C * prod(kernel), prod(out)) = the windows of x (N, C, *in) as columns (im2col); conv->groups is not read.
 * Rows of x are contiguous (PYNN_UNSUPPORTED otherwise), other strides are free. */
PYNN_API pynn_status pynn_unfold(const pynn_conv* conv, const int64_t* kernel, const pynn_array* x, pynn_array* y);

/* x (N, C, *in) = the sums of the columns y where unfold took them from: unfold's gradient. */
PYNN_API pynn_status pynn_fold(const pynn_conv* conv, const int64_t* kernel, const pynn_array* y, pynn_array* x);

/* Which way computes kernels of 3x3, and larger ones by pieces of 3x3, in float32 (2-D and 3-D, stride 1, dilation 1, groups 1)
 * and their gradients: "direct", sums of products in order; "winograd", fewer products, but an error some 2 to 4 times as large, relative to the largest result, and an
 * infinite or NaN input makes all of its tile's outputs NaN; "auto" (at first, or what the environment variable
 * PYNN_CONV_ALGO says), the faster one by shape. For the whole process; a call uses what is set when it starts.
 * PYNN_INVALID for other names. */
PYNN_API const char* pynn_conv_get_algo(void);
PYNN_API pynn_status pynn_conv_set_algo(const char* name);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_CONV_H */
