// A thread a unit of a row.
#include "kernels/recurrent/cuda_steps.h"

#include "cuda/grid.h"
#include "cuda/launch.h"
#include "kernels/recurrent/cuda_cell.h"

namespace pynn::cuda {
namespace {

template <int kCell, class T>
__global__ void __launch_bounds__(kThreads)
    forward_kernel(const ForwardArrays<T> a, int64_t t, int64_t rows, const T* z, T* h) {
  constexpr int kGates = kGatesOf<kCell>;
  const int64_t hidden = a.hidden, start = a.steps.start(t), earlier = a.steps.before(t);
  for (int64_t i = first_of_thread(); i < rows * hidden; i += stride_of_grid()) {
    const int64_t row = i / hidden, unit = i - row * hidden;
    T input[kGates], state[kGates];
#pragma unroll
    for (int g = 0; g < kGates; ++g) {
      input[g] = a.sums[((start + row) * kGates + g) * hidden + unit];
      state[g] = z[(row * kGates + g) * hidden + unit];
      if (a.b_ih) input[g] += a.b_ih[g * hidden + unit];
      if (a.b_hh) (kCell == PYNN_CELL_GRU && g == 2 ? state : input)[g] += a.b_hh[g * hidden + unit];
    }
    const bool known = a.steps.has(earlier, row);
    if constexpr (kCell == PYNN_CELL_LSTM) {
      T held[5];
      h[i] = lstm_forward(input, state, (known ? a.c_n : a.c0)[i], held);
      a.c_n[i] = held[4];
      if (a.held) {
#pragma unroll
        for (int g = 0; g < 5; ++g) a.held[((start + row) * 5 + g) * hidden + unit] = held[g];
      }
    } else if constexpr (kCell == PYNN_CELL_GRU) {
      T held[4];
      const T* const before = known ? a.y + a.steps.start(earlier) * hidden : a.h0;
      h[i] = gru_forward(input, state, before[i], held);
      if (a.held) {
#pragma unroll
        for (int g = 0; g < 4; ++g) a.held[((start + row) * 4 + g) * hidden + unit] = held[g];
      }
    } else {
      h[i] = rnn_forward(a.relu, input[0], state[0]);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) last_kernel(const Steps steps, int64_t out, const T* y, T* h_n) {
  for (int64_t i = first_of_thread(); i < steps.batch * out; i += stride_of_grid()) {
    h_n[i] = y[steps.start(steps.last_step(i / out)) * out + i];
  }
}

template <int kCell, class T>
__global__ void __launch_bounds__(kThreads)
    backward_kernel(const BackwardArrays<T> a, int64_t t, int64_t rows, bool whole, const T* dh_given, T* carried,
                    T* bent) {
  constexpr int kGates = kGatesOf<kCell>, kHeld = kHeldOf<kCell>;
  const int64_t hidden = a.hidden, start = a.steps.start(t), earlier = a.steps.before(t), later = a.steps.after(t);
  for (int64_t i = first_of_thread(); i < rows * hidden; i += stride_of_grid()) {
    const int64_t row = i / hidden, unit = i - row * hidden, place = start * hidden + i;
    const bool goes_on = a.steps.has(later, row), known = a.steps.has(earlier, row);
    const int64_t before = known ? a.steps.start(earlier) + row : row;
    T dh = whole || goes_on ? dh_given[i] : a.dh_n ? a.dh_n[i] : T(0);
    if (!whole) {
      if (kCell == PYNN_CELL_GRU && goes_on) dh += carried[i];
      if (a.dy) dh += a.dy[place];
    }
    T d[kGates];
    if constexpr (kCell == PYNN_CELL_LSTM || kCell == PYNN_CELL_GRU) {
      T held[kHeld], extra[kHeld] = {};
#pragma unroll
      for (int g = 0; g < kHeld; ++g) {
        const int64_t at = ((start + row) * kHeld + g) * hidden + unit;
        held[g] = a.held[at];
        if (a.dheld) extra[g] = a.dheld[at];
      }
      if constexpr (kCell == PYNN_CELL_LSTM) {
        const T c_before = known ? a.held[(before * 5 + 4) * hidden + unit] : a.c0[i];
        T dc = goes_on ? carried[i] : a.dc_n ? a.dc_n[i] : T(0);
        lstm_backward(dh, held, c_before, extra, dc, d, bent ? bent + place : nullptr);
        carried[i] = dc;
      } else {
        const T h_before = (known ? a.y : a.h0)[before * hidden + unit];
        T input;
        carried[i] = gru_backward(dh, held, h_before, extra, d, &input);
        T* const to = a.d_input + (start + row) * kGates * hidden + unit;
        to[0] = d[0];
        to[hidden] = d[1];
        to[2 * hidden] = input;
      }
    } else {
      d[0] = rnn_backward(a.relu, dh, a.y[place]);
    }
#pragma unroll
    for (int g = 0; g < kGates; ++g) a.d[((start + row) * kGates + g) * hidden + unit] = d[g];
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    projected_kernel(const BackwardArrays<T> a, int64_t t, int64_t rows, const T* dh, T* all) {
  const int64_t out = a.out, start = a.steps.start(t), later = a.steps.after(t);
  for (int64_t i = first_of_thread(); i < rows * out; i += stride_of_grid()) {
    T sum = a.steps.has(later, i / out) ? dh[i] : a.dh_n ? a.dh_n[i] : T(0);
    if (a.dy) sum += a.dy[start * out + i];
    all[i] = sum;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    before_kernel(const Steps steps, int64_t total, int64_t out, const T* h0, const T* y, T* before) {
  for (int64_t i = first_of_thread(); i < total * out; i += stride_of_grid()) {
    const int64_t place = i / out;
    int64_t t = place / steps.batch;
    if (steps.starts) {
      int64_t low = 0, high = steps.steps;  // step `low` begins at or before the place, step `high` behind it
      while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (steps.starts[middle] <= place) {
          low = middle;
        } else {
          high = middle;
        }
      }
      t = low;
    }
    const int64_t row = place - steps.start(t), earlier = steps.before(t), unit = i - place * out;
    before[i] = steps.has(earlier, row) ? y[(steps.start(earlier) + row) * out + unit] : h0[row * out + unit];
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) add_kernel(int64_t n, const T* from, T* to) {
  for (int64_t i = first_of_thread(); i < n; i += stride_of_grid()) to[i] += from[i];
}

}  // namespace

template <class T>
Status step_forward(int cell, const ForwardArrays<T>& a, int64_t t, int64_t rows, const T* z, T* h,
                    cudaStream_t stream) {
  const auto kernel = cell == PYNN_CELL_LSTM  ? forward_kernel<PYNN_CELL_LSTM, T>
                      : cell == PYNN_CELL_GRU ? forward_kernel<PYNN_CELL_GRU, T>
                                              : forward_kernel<PYNN_CELL_RNN_TANH, T>;
  return launch(kernel, blocks_for(rows * a.hidden), dim3(kThreads), 0, stream, a, t, rows, z, h);
}

template <class T>
Status last_states(const Steps& steps, int64_t out, const T* y, T* h_n, cudaStream_t stream) {
  return launch(last_kernel<T>, blocks_for(steps.batch * out), dim3(kThreads), 0, stream, steps, out, y, h_n);
}

template <class T>
Status step_backward(int cell, const BackwardArrays<T>& a, int64_t t, int64_t rows, bool whole, const T* dh, T* carried,
                     T* bent, cudaStream_t stream) {
  const auto kernel = cell == PYNN_CELL_LSTM  ? backward_kernel<PYNN_CELL_LSTM, T>
                      : cell == PYNN_CELL_GRU ? backward_kernel<PYNN_CELL_GRU, T>
                                              : backward_kernel<PYNN_CELL_RNN_TANH, T>;
  return launch(kernel, blocks_for(rows * a.hidden), dim3(kThreads), 0, stream, a, t, rows, whole, dh, carried, bent);
}

template <class T>
Status projected_gradient(const BackwardArrays<T>& a, int64_t t, int64_t rows, const T* dh, T* all,
                          cudaStream_t stream) {
  return launch(projected_kernel<T>, blocks_for(rows * a.out), dim3(kThreads), 0, stream, a, t, rows, dh, all);
}

template <class T>
Status states_before(const Steps& steps, int64_t total, int64_t out, const T* h0, const T* y, T* before,
                     cudaStream_t stream) {
  return launch(before_kernel<T>, blocks_for(total * out), dim3(kThreads), 0, stream, steps, total, out, h0, y, before);
}

template <class T>
Status add_to(int64_t n, const T* from, T* to, cudaStream_t stream) {
  return launch(add_kernel<T>, blocks_for(n), dim3(kThreads), 0, stream, n, from, to);
}

#define PYNN_INSTANTIATE(T)                                                                                          \
  template Status step_forward<T>(int, const ForwardArrays<T>&, int64_t, int64_t, const T*, T*, cudaStream_t);       \
  template Status last_states<T>(const Steps&, int64_t, const T*, T*, cudaStream_t);                                 \
  template Status step_backward<T>(int, const BackwardArrays<T>&, int64_t, int64_t, bool, const T*, T*, T*,          \
                                   cudaStream_t);                                                                    \
  template Status projected_gradient<T>(const BackwardArrays<T>&, int64_t, int64_t, const T*, T*, cudaStream_t);     \
  template Status states_before<T>(const Steps&, int64_t, int64_t, const T*, const T*, T*, cudaStream_t);            \
  template Status add_to<T>(int64_t, const T*, T*, cudaStream_t);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace pynn::cuda
