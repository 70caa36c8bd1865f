// A recurrent layer as its kernels on the GPU see it.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "pynn/recurrent.h"

namespace pynn::cuda {

constexpr int gates_of(int cell) { return cell == PYNN_CELL_LSTM ? 4 : cell == PYNN_CELL_GRU ? 3 : 1; }
// Elements a row of what forward holds for backward.
constexpr int held_of(int cell) { return cell == PYNN_CELL_LSTM ? 5 : cell == PYNN_CELL_GRU ? 4 : 0; }

// The same as constants, which kernels may use.
template <int kCell>
constexpr int kGatesOf = gates_of(kCell);
template <int kCell>
constexpr int kHeldOf = held_of(kCell);

// Which rows a step has, and where its state comes from.
struct Steps {
  int64_t steps, batch;
  bool reverse;
  const int64_t* starts;  // device memory: first row of each step, and the end; null: every step has `batch` rows

#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)
  PYNN_DEVICE int64_t start(int64_t t) const { return starts ? starts[t] : t * batch; }
  PYNN_DEVICE int64_t rows(int64_t t) const { return starts ? starts[t + 1] - starts[t] : batch; }
  // The step at place s of the order they are computed in; those before and after step t in that order, or -1.
  PYNN_DEVICE int64_t step(int64_t s) const { return reverse ? steps - 1 - s : s; }
  PYNN_DEVICE int64_t before(int64_t t) const { return !reverse ? t - 1 : t + 1 < steps ? t + 1 : -1; }
  PYNN_DEVICE int64_t after(int64_t t) const { return reverse ? t - 1 : t + 1 < steps ? t + 1 : -1; }
  PYNN_DEVICE bool has(int64_t t, int64_t row) const { return t >= 0 && row < rows(t); }
  // The steps in which a row's sequence begins and ends, in the order they are computed in.
  PYNN_DEVICE int64_t first_step(int64_t row) const { return reverse ? latest(row) : 0; }
  PYNN_DEVICE int64_t last_step(int64_t row) const { return reverse ? 0 : latest(row); }
  // The latest step that has the row.
  PYNN_DEVICE int64_t latest(int64_t row) const {
    if (!starts) return steps - 1;
    int64_t low = 0, high = steps;  // step `low` has the row, step `high` not
    while (high - low > 1) {
      const int64_t middle = low + (high - low) / 2;
      if (rows(middle) > row) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }
#endif
};

// ---- what forward reads and writes ----
template <class T>
struct ForwardArrays {
  Steps steps;
  int64_t hidden, out;     // out: size of h
  bool relu;               // of rnn
  const T* sums;           // x W_ih': (rows, gates * hidden)
  const T *w_hh, *b_ih, *b_hh;  // biases may be null
  const T *h0, *c0;
  T *y, *h_n, *c_n, *held;  // held may be null
};

// ---- and backward ----
template <class T>
struct BackwardArrays {
  Steps steps;
  int64_t hidden, out;
  bool relu;
  const T* w_hh;
  const T *h0, *c0, *y, *held;
  const T *dy, *dh_n, *dc_n, *dheld;  // may be null
  T* d;        // gradients of the gates' sums as W_hh's product has them: (rows, gates * hidden)
  T* d_input;  // gru: as W_ih's has them
  T *dh0, *dc0;  // may be null
};

}  // namespace pynn::cuda
