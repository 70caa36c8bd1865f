// A layer step by step: a step's products are matrix products of their own, and one launch computes all units of it.
#pragma once
#include "cuda/status.h"
#include "kernels/recurrent/cuda_layer.h"

namespace pynn::cuda {

// Step t of forward for all its rows, given z = h_before W_hh' (rows, gates * hidden). The cells are kept in c_n, the
// state goes to `h` (rows, hidden), which is a part of y unless there is a projection.
template <class T>
Status step_forward(int cell, const ForwardArrays<T>& arrays, int64_t t, int64_t rows, const T* z, T* h,
                    cudaStream_t stream);
// h_n = y after each sequence's last step.
template <class T>
Status last_states(const Steps& steps, int64_t out, const T* y, T* h_n, cudaStream_t stream);

// Step t of backward for all its rows. dh (rows, hidden): with whole, all of h's gradient; else what comes from the step
// after, through W_hh, for the rows that have one. carried (batch, hidden): lstm dc, gru what passes by z. bent: null, or
// where o tanh(c) goes (rows of all steps, hidden).
template <class T>
Status step_backward(int cell, const BackwardArrays<T>& arrays, int64_t t, int64_t rows, bool whole, const T* dh,
                     T* carried, T* bent, cudaStream_t stream);
// The whole gradient of a projected h: all (rows, out) = dh or dh_n, + dy.
template <class T>
Status projected_gradient(const BackwardArrays<T>& arrays, int64_t t, int64_t rows, const T* dh, T* all,
                          cudaStream_t stream);

// The state before each row of all steps: (rows, out).
template <class T>
Status states_before(const Steps& steps, int64_t total, int64_t out, const T* h0, const T* y, T* before,
                     cudaStream_t stream);
// to += from
template <class T>
Status add_to(int64_t n, const T* from, T* to, cudaStream_t stream);

}  // namespace pynn::cuda
