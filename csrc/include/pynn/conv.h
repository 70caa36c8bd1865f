/* 2-D convolution (cross-correlation, as torch's), forward and backward. float32 and float64.
 *
 * Layout: every array is NCHW, C-contiguous (PYNN_UNSUPPORTED otherwise; the caller makes it so):
 *   x (N, C, H, W), w (O, C / groups, R, S), bias (O), y (N, O, OH, OW) with
 *   OH = (H + pad_top + pad_bottom - dilation_h * (R - 1) - 1) / stride_h + 1, OW alike.
 * N, O and C may be 0. A kernel that does not fit into the padded input is PYNN_INVALID.
 * beta == 0: the output is not read; beta == 1 accumulates into it (gradients). */
#ifndef PYNN_CONV_H
#define PYNN_CONV_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pynn_conv2d {
  int64_t stride_h, stride_w;                       /* >= 1 */
  int64_t pad_top, pad_bottom, pad_left, pad_right; /* >= 0, zeros */
  int64_t dilation_h, dilation_w;                   /* >= 1 */
  int64_t groups;                                   /* >= 1, divides C and O */
} pynn_conv2d;

/* y = act(conv(x, w) + bias); bias may be NULL */
PYNN_API pynn_status pynn_conv2d_forward(const pynn_conv2d* conv, const pynn_array* x, const pynn_array* w,
                                         const pynn_array* bias, pynn_activation act, pynn_array* y);

/* dx = gradient of x + beta * dx */
PYNN_API pynn_status pynn_conv2d_backward_data(const pynn_conv2d* conv, const pynn_array* dy,
                                               const pynn_array* w, double beta, pynn_array* dx);

/* dw = gradient of w + beta * dw */
PYNN_API pynn_status pynn_conv2d_backward_weight(const pynn_conv2d* conv, const pynn_array* x,
                                                 const pynn_array* dy, double beta, pynn_array* dw);

/* db = sum of dy over N, OH, OW + beta * db; dy (N, O, ...) of any rank >= 2, db (O) */
PYNN_API pynn_status pynn_conv2d_backward_bias(const pynn_array* dy, double beta, pynn_array* db);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_CONV_H */
