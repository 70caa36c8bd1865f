// Convolution over 1 to 3 dimensions on a GPU, and its gradients; lower ranks have sizes of 1 in front.
// Experimental: not yet run on a GPU.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "kernels/matmul/cuda.h"
#include "pynn/pynn.h"

namespace pynn::cuda {

struct Conv {
  pynn_dtype dtype;  // of all arrays: float16, bfloat16, float32 or float64
  Float32 float32;
  int64_t images, channels, filters, groups;
  int64_t in[3], kernel[3], out[3];  // depth, height, width
  int64_t stride[3], before[3], dilation[3];

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t group_channels() const { return channels / groups; }
  int64_t group_filters() const { return filters / groups; }
};

// Images (images, channels, depth, height, width) in memory; steps in elements.
struct Images {
  const void* data;
  int64_t image, channel, at[3];
};

// Weights (filters, channels / groups, kernel), bias and all results are contiguous. The same bits at every
// call. A workspace has as many bytes as the function beside says, aligned to 16; nullptr where that is 0.

// y = act(conv(x, w) + bias)
size_t conv_forward_workspace(const Conv& c, const Images& x);
Status conv_forward(const Conv& c, const Images& x, const void* w, const void* bias, pynn_activation act,
                    void* y, void* workspace, cudaStream_t stream);

// dx = the gradient of x: a transposed convolution of dy
size_t conv_data_workspace(const Conv& c, const Images& dy);
Status conv_data(const Conv& c, const Images& dy, const void* w, void* dx, void* workspace,
                 cudaStream_t stream);

// dw = the gradient of w
size_t conv_weight_workspace(const Conv& c, const Images& x, const Images& dy);
Status conv_weight(const Conv& c, const Images& x, const Images& dy, void* dw, void* workspace,
                   cudaStream_t stream);

// db[o] = the sum of dy over images and pixels
size_t conv_bias_workspace(const Conv& c);
Status conv_bias(const Conv& c, const Images& dy, void* db, void* workspace, cudaStream_t stream);

// Windows as columns, y (images, channels, taps, out), and their adjoint: x = the sums of the columns y where
// unfold took them from. filters and groups are not read; x and y are contiguous where they are written, y
// always.
Status unfold(const Conv& c, const Images& x, void* y, cudaStream_t stream);
Status fold(const Conv& c, const void* y, void* x, cudaStream_t stream);

}  // namespace pynn::cuda
