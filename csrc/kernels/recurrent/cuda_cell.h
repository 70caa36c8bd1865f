// One unit of one row in one step: the formulas of impl.h, an element at a time.
#pragma once
#include "cuda/device.h"
#include "kernels/recurrent/cuda_layer.h"

namespace pynn::cuda {

PYNN_DEVICE float gate_exp(float x) { return expf(x); }
PYNN_DEVICE double gate_exp(double x) { return exp(x); }
PYNN_DEVICE float gate_tanh(float x) { return tanhf(x); }
PYNN_DEVICE double gate_tanh(double x) { return tanh(x); }
PYNN_DEVICE float gate_fma(float x, float y, float z) { return fmaf(x, y, z); }
PYNN_DEVICE double gate_fma(double x, double y, double z) { return fma(x, y, z); }
template <class T>
PYNN_DEVICE T gate_sigmoid(T x) {
  return T(1) / (T(1) + gate_exp(-x));
}

// Forward: `input` are the sums of x with its bias, `state` those of h with its bias; `held` becomes what backward needs.
// Returns h.

template <class T>
PYNN_DEVICE T rnn_forward(bool relu, T input, T state) {
  const T sum = state + input;
  if (!relu) return gate_tanh(sum);
  return sum < T(0) ? T(0) : sum;  // NaN stays
}

template <class T>
PYNN_DEVICE T lstm_forward(const T (&input)[4], const T (&state)[4], T c_before, T (&held)[5]) {
  const T i = gate_sigmoid(state[0] + input[0]), f = gate_sigmoid(state[1] + input[1]);
  const T g = gate_tanh(state[2] + input[2]), o = gate_sigmoid(state[3] + input[3]);
  const T c = gate_fma(f, c_before, i * g);
  held[0] = i;
  held[1] = f;
  held[2] = g;
  held[3] = o;
  held[4] = c;
  return o * gate_tanh(c);
}

template <class T>
PYNN_DEVICE T gru_forward(const T (&input)[3], const T (&state)[3], T h_before, T (&held)[4]) {
  const T reset = gate_sigmoid(state[0] + input[0]), keep = gate_sigmoid(state[1] + input[1]), below = state[2];
  const T fresh = gate_tanh(gate_fma(reset, below, input[2]));
  held[0] = reset;
  held[1] = keep;
  held[2] = fresh;
  held[3] = below;
  return gate_fma(T(1) - keep, fresh, keep * h_before);
}

// ---- backward: dh is the whole gradient of h; d gets those of the sums ----

template <class T>
PYNN_DEVICE T rnn_backward(bool relu, T dh, T h) {
  const T slope = relu ? (h > T(0) ? T(1) : T(0)) : gate_fma(-h, h, T(1));
  return dh * slope;
}

// extra: gradients of the gates and the cell themselves. dc: of c, from the step after; becomes that of c_before.
template <class T>
PYNN_DEVICE void lstm_backward(T dh, const T (&held)[5], T c_before, const T (&extra)[5], T& dc, T (&d)[4], T* bent) {
  const T i = held[0], f = held[1], g = held[2], o = held[3], tanh_c = gate_tanh(held[4]);
  const T all = gate_fma(dh * o, gate_fma(-tanh_c, tanh_c, T(1)), dc + extra[4]);
  d[0] = (all * g + extra[0]) * i * (T(1) - i);
  d[1] = (all * c_before + extra[1]) * f * (T(1) - f);
  d[2] = (all * i + extra[2]) * gate_fma(-g, g, T(1));
  d[3] = (dh * tanh_c + extra[3]) * o * (T(1) - o);
  dc = all * f;
  if (bent) *bent = o * tanh_c;
}

// d: r, z, W_hn h' + b_hn; fresh: of W_in x + b_in. Returns the part of h_before's gradient that passes by z.
template <class T>
PYNN_DEVICE T gru_backward(T dh, const T (&held)[4], T h_before, const T (&extra)[4], T (&d)[3], T* input) {
  const T reset = held[0], keep = held[1], fresh = held[2], below = held[3];
  const T dkeep = dh * (h_before - fresh) + extra[1];
  const T dfresh = (dh * (T(1) - keep) + extra[2]) * gate_fma(-fresh, fresh, T(1));
  d[0] = gate_fma(dfresh, below, extra[0]) * reset * (T(1) - reset);
  d[1] = dkeep * keep * (T(1) - keep);
  d[2] = gate_fma(dfresh, reset, extra[3]);
  *input = dfresh;
  return dh * keep;
}

}  // namespace pynn::cuda
