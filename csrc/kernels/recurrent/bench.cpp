// ms and share of the machine's peak, forward, forward that keeps what backward needs, and backward, over
// common sizes: bench_recurrent [threads]
#include "base/bench.h"

#include <cstdlib>
#include <vector>

#include "base/bench_peak.h"
#include "pynn/pynn.h"

using pynn::bench::time_ns;

namespace {

struct Size {
  int64_t steps, batch, input, hidden;
};

void measure(int cell, const char* name, const Size& s, double peak) {
  const int64_t gates = cell == PYNN_CELL_LSTM ? 4 : cell == PYNN_CELL_GRU ? 3 : 1, rows = gates * s.hidden;
  const auto made = [](int64_t n) {
    std::vector<float> x(static_cast<size_t>(n));
    uint32_t state = 1;
    for (float& value : x) value = float(int32_t(state = state * 1664525u + 1013904223u)) * 0x1p-34f;
    return x;
  };
  const std::vector<float> x = made(s.steps * s.batch * s.input), start = made(s.batch * s.hidden),
                           w_ih = made(rows * s.input), w_hh = made(rows * s.hidden), bias = made(rows);
  const pynn_recurrent layer = {cell,        PYNN_FLOAT32, 0,           s.steps, s.batch,
                                s.input,     s.hidden,     0,           nullptr, w_ih.data(),
                                w_hh.data(), bias.data(),  bias.data(), nullptr};
  std::vector<float> y = made(s.steps * s.batch * s.hidden), h_n(start), c_n(start), dy(y), dx(x),
                     dw_ih(w_ih), dw_hh(w_hh), db_ih(bias), db_hh(bias),
                     held(size_t(s.steps * s.batch * pynn_recurrent_held(&layer)));
  const auto forward = [&](float* keep) {
    pynn_recurrent_forward(&layer, x.data(), start.data(), start.data(), y.data(), h_n.data(), c_n.data(),
                           keep);
  };
  const double inference = time_ns([&] { forward(nullptr); }),
               training = time_ns([&] { forward(held.data()); });
  pynn_recurrent_gradients g = {};
  g.x = x.data(), g.h0 = g.c0 = start.data(), g.y = y.data(), g.held = held.data(), g.dy = dy.data();
  g.dx = dx.data(), g.dw_ih = dw_ih.data(), g.dw_hh = dw_hh.data(), g.db_ih = db_ih.data(),
  g.db_hh = db_hh.data();
  const double backward = time_ns([&] { pynn_recurrent_backward(&layer, &g); });
  const double flops = 2.0 * double(s.steps * s.batch * rows) * double(s.input + s.hidden);
  std::printf("%-5s %5lld %5lld %5lld %5lld %9.3f %4.0f %9.3f %4.0f %9.3f %4.0f\n", name, (long long)s.steps,
              (long long)s.batch, (long long)s.input, (long long)s.hidden, inference / 1e6,
              100 * flops / inference / peak, training / 1e6, 100 * flops / training / peak, backward / 1e6,
              100 * 2 * flops / backward / peak);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) pynn_set_num_threads(std::atoi(argv[1]));
  const double peak = pynn::bench::peak_gflops(pynn_get_num_threads());
  std::printf(
      "isa %s, %d threads, peak %.0f GF/s; ms and %% of peak\n%-5s %5s %5s %5s %5s %9s %4s %9s %4s %9s %4s\n",
      pynn_isa(), pynn_get_num_threads(), peak, "cell", "T", "N", "I", "H", "inference", "%", "training", "%",
      "backward", "%");
  const Size sizes[] = {{100, 32, 64, 128}, {100, 32, 128, 128}, {20, 16, 64, 64},   {200, 64, 128, 256},
                        {50, 7, 20, 20},    {30, 32, 300, 300},  {20, 16, 512, 512}, {50, 1, 512, 512}};
  for (const Size& s : sizes) {
    measure(PYNN_CELL_LSTM, "lstm", s, peak);
    measure(PYNN_CELL_GRU, "gru", s, peak);
    measure(PYNN_CELL_RNN_TANH, "rnn", s, peak);
  }
  return 0;
}
