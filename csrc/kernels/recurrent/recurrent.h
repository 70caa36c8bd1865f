// Recurrent layers: what one step does after its matrix products (one table an ISA), and the loops around it.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/recurrent.h"

namespace pynn {
namespace recurrent {

// A matrix of some step: rows `row` elements apart, contiguous columns.
template <class T>
struct Rows {
  T* data;
  int64_t row;
};

// One step of `units` units for `rows` rows. The gates' sums stand in `gates`, but for the recurrent product
// where it comes apart in `z`; gate g of unit u is at gates + g * gate + u.
template <class T>
struct ForwardStep {
  int64_t rows, units;
  Rows<T> gates;  // rnn: the sums, and where h goes. gru: r, z, n, and W_hn h' + b_hn where z is null
  int64_t gate;
  Rows<const T> z;  // null: the sums in `gates` have it
  int64_t z_gate;
  const T* b_hn;           // of gru with z; may be null
  Rows<const T> h_before;  // of gru
  Rows<const T> c_before;  // of lstm, as the next
  Rows<T> c;
  Rows<T> h;
  bool keep;  // the activated gates (and gru's W_hn h' + b_hn) are written to `gates`
};

// The gradients of one step's gates' sums, from that of h.
template <class T>
struct BackwardStep {
  int64_t rows, units;
  Rows<const T> gates;  // as forward left them. rnn: h
  int64_t gate;
  Rows<const T> dy;        // null: zero. Added to dh
  Rows<const T> dgates;    // null: zero. Of the gates themselves, laid out as they are
  Rows<const T> h_before;  // of gru
  Rows<const T> c_before;  // of lstm, as the next four
  Rows<const T> c;
  Rows<const T> dcell;  // null: zero. Of c itself
  Rows<T> dc;           // in: of c, from the step after; out: of c_before
  Rows<T> bent;         // null, or where o tanh(c) goes
  Rows<T> dh;           // in: of h, from the step after. gru: out: the part of h_before's that passes by z
  Rows<T> d;            // out, gate by gate. gru: r, z, W_hn h' + b_hn, W_in x + b_in
};

template <class T>
struct Kernels {
  void (*forward[PYNN_CELL_COUNT])(const ForwardStep<T>&);
  void (*backward[PYNN_CELL_COUNT])(const BackwardStep<T>&);
};

using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use

template <class T>
pynn_status run_forward(const pynn_recurrent& layer, const T* x, const T* h0, const T* c0, T* y, T* h_n,
                        T* c_n, T* held);
template <class T>
pynn_status run_backward(const pynn_recurrent& layer, const pynn_recurrent_gradients& gradients);

}  // namespace recurrent
}  // namespace pynn
