// Recurrent layers on the GPU: pynn/recurrent.h's, over whole sequences. Experimental: not yet run on a GPU.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "pynn/recurrent.h"

namespace pynn::cuda {

// As pynn_recurrent_forward; pointers are to device memory, but for layer.sizes. Workspace:
// recurrent_forward_bytes(), aligned to 256.
int64_t recurrent_forward_bytes(const pynn_recurrent& layer);
Status recurrent_forward(const pynn_recurrent& layer, const void* x, const void* h0, const void* c0, void* y, void* h_n,
                         void* c_n, void* held, void* workspace, cudaStream_t stream);

// As pynn_recurrent_backward. Workspace: recurrent_backward_bytes(), which depends on which gradients are wanted.
int64_t recurrent_backward_bytes(const pynn_recurrent& layer, const pynn_recurrent_gradients& gradients);
Status recurrent_backward(const pynn_recurrent& layer, const pynn_recurrent_gradients& gradients, void* workspace,
                          cudaStream_t stream);

}  // namespace pynn::cuda
