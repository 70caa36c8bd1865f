// The steps of one ISA: see recurrent.h. Rows are independent; a row goes a vector of units at a time.
#pragma once
#include "kernels/recurrent/recurrent.h"
#include "simd/math.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace recurrent {
namespace {

using ::pynn::recurrent::BackwardStep;
using ::pynn::recurrent::ForwardStep;
using ::pynn::recurrent::Kernels;
using ::pynn::recurrent::Rows;
using ::pynn::recurrent::Table;

template <class T>
PYNN_INLINE T* at(Rows<T> rows, int64_t r) {
  return rows.data + r * rows.row;
}

// Loads and stores of whole vectors, or of the n units at the right edge.
template <class T, bool kWhole>
struct Edge {
  int n;
  PYNN_INLINE Vec<T> operator()(const T* p) const { return kWhole ? load(p) : load_n(p, n); }
  PYNN_INLINE void put(T* p, Vec<T> x) const {
    if (kWhole) {
      store(p, x);
    } else {
      store_n(p, x, n);
    }
  }
};

// unit(edge, row, place) for every vector of units of every row.
template <class T, class Unit>
PYNN_INLINE void over_units(int64_t rows, int64_t units, const Unit& unit) {
  constexpr int kLanes = Vec<T>::lanes;
  const int64_t whole = units / kLanes * kLanes;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t u = 0; u < whole; u += kLanes) unit(Edge<T, true>{kLanes}, r, u);
    if (whole < units) unit(Edge<T, false>{int(units - whole)}, r, whole);
  }
}

// ---- the gates' functions: at most 3 ulp, without the steps that math.h takes for less ----

// 1 / (1 + exp(-x)), 0 where that is below the least normal number: so one power of two does where no instruction
// scales.
PYNN_INLINE Vec<float> gate_sigmoid(Vec<float> x) {
  const Vec<float> one = set1(1.0f);
  Vec<float> p;
  const Vec<int32_t> n = reduce_exp(max(set1(-87.0f), min(set1(89.0f), -x)), &p);
#if defined(__AVX512F__)
  return one / (one + scale(p + one, n));
#else
  const Vec<float> factor = power_of_two(n);
  return one / (one + fma(p, factor, factor));
#endif
}
PYNN_INLINE Vec<double> gate_sigmoid(Vec<double> x) { return sigmoid(x); }

PYNN_INLINE Vec<float> gate_tanh(Vec<float> x) {
  const Vec<float> a = abs(x), e = expm1_negative(-(a + a));
  return copysign(e / (set1(2.0f) + e), x);
}
PYNN_INLINE Vec<double> gate_tanh(Vec<double> x) { return tanh(x); }

// ---- forward ----

template <class T, bool kRelu>
void rnn_forward(const ForwardStep<T>& s) {
  over_units<T>(s.rows, s.units, [&](auto edge, int64_t r, int64_t u) __attribute__((always_inline)) {
    Vec<T> sum = edge(at(s.gates, r) + u);
    if (s.z.data != nullptr) sum = sum + edge(at(s.z, r) + u);
    edge.put(at(s.h, r) + u, kRelu ? max(zero<T>(), sum) : gate_tanh(sum));  // NaN in the second stays
  });
}

template <class T>
void lstm_forward(const ForwardStep<T>& s) {
  over_units<T>(s.rows, s.units, [&](auto edge, int64_t r, int64_t u) __attribute__((always_inline)) {
    T* gates = at(s.gates, r) + u;
    Vec<T> i = edge(gates), f = edge(gates + s.gate), g = edge(gates + 2 * s.gate),
           o = edge(gates + 3 * s.gate);
    if (s.z.data != nullptr) {
      const T* z = at(s.z, r) + u;
      i = i + edge(z);
      f = f + edge(z + s.z_gate);
      g = g + edge(z + 2 * s.z_gate);
      o = o + edge(z + 3 * s.z_gate);
    }
    i = gate_sigmoid(i);
    f = gate_sigmoid(f);
    g = gate_tanh(g);
    o = gate_sigmoid(o);
    const Vec<T> c = fma(f, edge(at(s.c_before, r) + u), i * g);
    if (s.keep) {
      edge.put(gates, i);
      edge.put(gates + s.gate, f);
      edge.put(gates + 2 * s.gate, g);
      edge.put(gates + 3 * s.gate, o);
    }
    edge.put(at(s.c, r) + u, c);
    edge.put(at(s.h, r) + u, o * gate_tanh(c));
  });
}

template <class T>
void gru_forward(const ForwardStep<T>& s) {
  over_units<T>(s.rows, s.units, [&](auto edge, int64_t r, int64_t u) __attribute__((always_inline)) {
    T* gates = at(s.gates, r) + u;
    Vec<T> reset = edge(gates), keep = edge(gates + s.gate), below;
    if (s.z.data != nullptr) {
      const T* z = at(s.z, r) + u;
      reset = reset + edge(z);
      keep = keep + edge(z + s.z_gate);
      below = edge(z + 2 * s.z_gate);
      if (s.b_hn != nullptr) below = below + edge(s.b_hn + u);
    } else {
      below = edge(gates + 3 * s.gate);
    }
    reset = gate_sigmoid(reset);
    keep = gate_sigmoid(keep);
    const Vec<T> fresh = gate_tanh(fma(reset, below, edge(gates + 2 * s.gate)));
    if (s.keep) {
      edge.put(gates, reset);
      edge.put(gates + s.gate, keep);
      edge.put(gates + 2 * s.gate, fresh);
      edge.put(gates + 3 * s.gate, below);
    }
    const Vec<T> one = set1(T(1));
    edge.put(at(s.h, r) + u, fma(one - keep, fresh, keep * edge(at(s.h_before, r) + u)));
  });
}

// ---- backward ----

template <class T, class E>
PYNN_INLINE Vec<T> plus(E edge, Rows<const T> rows, int64_t r, int64_t u, Vec<T> x) {
  return rows.data == nullptr ? x : x + edge(at(rows, r) + u);
}

template <class T, bool kRelu>
void rnn_backward(const BackwardStep<T>& s) {
  over_units<T>(s.rows, s.units, [&](auto edge, int64_t r, int64_t u) __attribute__((always_inline)) {
    const Vec<T> dh = plus<T>(edge, s.dy, r, u, edge(at(s.dh, r) + u)), h = edge(at(s.gates, r) + u);
    // A product with 0 or 1, as in the reference: NaN and infinities pass on alike.
    const Vec<T> slope = kRelu ? select(h > zero<T>(), set1(T(1)), zero<T>()) : fnma(h, h, set1(T(1)));
    edge.put(at(s.d, r) + u, dh * slope);
  });
}

template <class T>
void lstm_backward(const BackwardStep<T>& s) {
  const Vec<T> one = set1(T(1));
  over_units<T>(s.rows, s.units, [&](auto edge, int64_t r, int64_t u) __attribute__((always_inline)) {
    const T* gates = at(s.gates, r) + u;
    const Vec<T> i = edge(gates), f = edge(gates + s.gate), g = edge(gates + 2 * s.gate),
                 o = edge(gates + 3 * s.gate);
    const Vec<T> bent = gate_tanh(edge(at(s.c, r) + u)), dh = plus<T>(edge, s.dy, r, u, edge(at(s.dh, r) + u));
    Vec<T> dc = plus<T>(edge, s.dcell, r, u, edge(at(s.dc, r) + u));
    dc = fma(dh * o, fnma(bent, bent, one), dc);
    Vec<T> di = dc * g, df = dc * edge(at(s.c_before, r) + u), dg = dc * i, d_o = dh * bent;
    if (s.dgates.data != nullptr) {
      const T* extra = at(s.dgates, r) + u;
      di = di + edge(extra);
      df = df + edge(extra + s.gate);
      dg = dg + edge(extra + 2 * s.gate);
      d_o = d_o + edge(extra + 3 * s.gate);
    }
    T* d = at(s.d, r) + u;
    edge.put(d, di * i * (one - i));
    edge.put(d + s.gate, df * f * (one - f));
    edge.put(d + 2 * s.gate, dg * fnma(g, g, one));
    edge.put(d + 3 * s.gate, d_o * o * (one - o));
    edge.put(at(s.dc, r) + u, dc * f);
    if (s.bent.data != nullptr) edge.put(at(s.bent, r) + u, o * bent);
  });
}

template <class T>
void gru_backward(const BackwardStep<T>& s) {
  const Vec<T> one = set1(T(1));
  over_units<T>(s.rows, s.units, [&](auto edge, int64_t r, int64_t u) __attribute__((always_inline)) {
    const T* gates = at(s.gates, r) + u;
    const Vec<T> reset = edge(gates), keep = edge(gates + s.gate), fresh = edge(gates + 2 * s.gate),
                 below = edge(gates + 3 * s.gate);
    const Vec<T> dh = plus<T>(edge, s.dy, r, u, edge(at(s.dh, r) + u));
    Vec<T> dkeep = dh * (edge(at(s.h_before, r) + u) - fresh), dfresh = dh * (one - keep);
    Vec<T> more_reset = zero<T>(), more_below = zero<T>();
    if (s.dgates.data != nullptr) {
      const T* extra = at(s.dgates, r) + u;
      more_reset = edge(extra);
      dkeep = dkeep + edge(extra + s.gate);
      dfresh = dfresh + edge(extra + 2 * s.gate);
      more_below = edge(extra + 3 * s.gate);
    }
    dfresh = dfresh * fnma(fresh, fresh, one);
    const Vec<T> dreset = fma(dfresh, below, more_reset) * reset * (one - reset);
    T* d = at(s.d, r) + u;
    edge.put(d, dreset);
    edge.put(d + s.gate, dkeep * keep * (one - keep));
    edge.put(d + 2 * s.gate, fma(dfresh, reset, more_below));
    edge.put(d + 3 * s.gate, dfresh);
    edge.put(at(s.dh, r) + u, dh * keep);
  });
}

template <class T>
constexpr Kernels<T> all_kernels() {
  return {{&rnn_forward<T, false>, &rnn_forward<T, true>, &lstm_forward<T>, &gru_forward<T>},
          {&rnn_backward<T, false>, &rnn_backward<T, true>, &lstm_backward<T>, &gru_backward<T>}};
}

}  // namespace

extern const Table table;
const Table table = {PYNN_ISA_NAME, all_kernels<float>(), all_kernels<double>()};

}  // namespace recurrent
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
