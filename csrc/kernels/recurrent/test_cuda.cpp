// Recurrent layers on the GPU, emulated, against the CPU's: resident in one launch, and step by step.
#include <cmath>
#include <vector>

#include "base/testing.h"
#include "cuda/gpu.h"
#include "cuda/testing.h"
#include "kernels/recurrent/cuda.h"
#include "kernels/recurrent/cuda_resident.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

struct Case {
  int cell = PYNN_CELL_LSTM;
  bool reverse = false, bias = true, keep = true;
  int64_t steps = 1, batch = 1, input = 1, hidden = 1, projection = 0;
  std::vector<int64_t> sizes;

  int64_t out() const { return projection ? projection : hidden; }
  int64_t gates() const { return cell == PYNN_CELL_LSTM ? 4 : cell == PYNN_CELL_GRU ? 3 : 1; }
  int64_t held() const { return (cell == PYNN_CELL_LSTM ? 5 : cell == PYNN_CELL_GRU ? 4 : 0) * hidden; }
  int64_t total() const {
    if (sizes.empty()) return steps * batch;
    int64_t n = 0;
    for (int64_t size : sizes) n += size;
    return n;
  }
  std::string text() const {
    return "cell " + std::to_string(cell) + " T " + std::to_string(steps) + " N " + std::to_string(batch) + " I " +
           std::to_string(input) + " H " + std::to_string(hidden) + " P " + std::to_string(projection) +
           (reverse ? " reverse" : "") + (bias ? "" : " no bias") + (keep ? "" : " held by nobody") +
           (sizes.empty() ? "" : " sizes");
  }
};

// All arrays of a layer: what goes in, and what comes out of one of the two sides.
template <class T>
struct Inputs {
  std::vector<T> x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, dy, dh_n, dc_n, dheld;

  explicit Inputs(const Case& c) {
    Random random(5);
    const int64_t sums = c.gates() * c.hidden;
    const bool lstm = c.cell == PYNN_CELL_LSTM;
    const auto fill = [&](std::vector<T>& to, int64_t n, double scale) {
      to.resize(size_t(n));
      for (T& value : to) value = T(random.normal() * scale);
    };
    fill(x, c.total() * c.input, 1);
    fill(h0, c.batch * c.out(), 0.5);
    fill(c0, lstm ? c.batch * c.hidden : 0, 0.5);
    fill(w_ih, sums * c.input, 1 / std::sqrt(double(c.input + 1)));
    fill(w_hh, sums * c.out(), 1 / std::sqrt(double(c.out())));
    fill(b_ih, c.bias ? sums : 0, 0.2);
    fill(b_hh, c.bias ? sums : 0, 0.2);
    fill(w_hr, c.projection * c.hidden, 1 / std::sqrt(double(c.hidden)));
    fill(dy, c.total() * c.out(), 1);
    fill(dh_n, c.batch * c.out(), 1);
    fill(dc_n, c0.empty() ? 0 : c.batch * c.hidden, 1);
    fill(dheld, c.total() * c.held(), 0.1);
  }
  pynn_recurrent layer(const Case& c) const {
    pynn_recurrent layer = {};
    layer.cell = c.cell;
    layer.dtype = dtype_of<T>;
    layer.reverse = c.reverse;
    layer.steps = c.steps;
    layer.batch = c.batch;
    layer.input = c.input;
    layer.hidden = c.hidden;
    layer.projection = c.projection;
    layer.sizes = c.sizes.empty() ? nullptr : c.sizes.data();
    layer.w_ih = w_ih.data();
    layer.w_hh = w_hh.data();
    layer.b_ih = c.bias ? b_ih.data() : nullptr;
    layer.b_hh = c.bias ? b_hh.data() : nullptr;
    layer.w_hr = c.projection ? w_hr.data() : nullptr;
    return layer;
  }
};

template <class T>
struct Results {
  std::vector<T> y, h_n, c_n, held, dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh, dw_hr;

  Results(const Case& c, const Inputs<T>& in)
      : y(in.dy.size()),
        h_n(in.h0.size()),
        c_n(in.c0.size()),
        held(c.keep ? in.dheld.size() : 0),
        dx(in.x.size()),
        dh0(in.h0.size()),
        dc0(in.c0.size()),
        dw_ih(in.w_ih.size()),
        dw_hh(in.w_hh.size()),
        db_ih(size_t(c.gates() * c.hidden)),
        db_hh(db_ih.size()),
        dw_hr(in.w_hr.size()) {}

  // bits: which gradients are given and wanted.
  pynn_recurrent_gradients gradients(const Inputs<T>& in, unsigned bits) {
    pynn_recurrent_gradients g = {};
    const auto given = [&](const std::vector<T>& from) { return from.empty() ? nullptr : from.data(); };
    const auto wanted = [&](std::vector<T>& to) { return to.empty() ? nullptr : to.data(); };
    g.x = in.x.data(), g.h0 = in.h0.data(), g.c0 = given(in.c0), g.y = y.data(), g.held = given(held);
    if (bits & 1) g.dy = in.dy.data();
    if (bits & 2) g.dh_n = in.dh_n.data(), g.dc_n = given(in.dc_n);
    if (bits & 4) g.dheld = given(in.dheld);
    if (bits & 8) g.dx = dx.data(), g.dh0 = dh0.data(), g.dc0 = wanted(dc0);
    if (bits & 16) g.dw_ih = dw_ih.data(), g.dw_hh = dw_hh.data(), g.dw_hr = wanted(dw_hr);
    if (bits & 32) g.db_ih = db_ih.data(), g.db_hh = db_hh.data();
    return g;
  }
};

template <class T>
void check_close(const char* name, const std::vector<T>& found, const std::vector<T>& expected, double tolerance) {
  double largest = 1, worst = 0;
  for (T value : expected) largest = std::fmax(largest, std::fabs(double(value)));
  bool numbers = true;
  for (size_t i = 0; i < found.size(); ++i) {
    worst = std::fmax(worst, std::fabs(double(found[i]) - double(expected[i])));
    numbers = numbers && std::isfinite(double(found[i]));
  }
  report(numbers && worst <= tolerance * largest, __FILE__, __LINE__, name, pair_text(worst, tolerance * largest));
}

template <class T>
void test_case(const Case& c, unsigned bits = 63) {
  set_context(c.text() + (sizeof(T) == 4 ? " float32" : " float64"));
  const double eps = sizeof(T) == 4 ? 1.2e-7 : 2.3e-16;
  const double tolerance = 40 * eps * (2 + double(c.steps) / 4) * std::sqrt(double(c.hidden + c.input));
  const Inputs<T> in(c);
  const pynn_recurrent layer = in.layer(c);
  Results<T> cpu(c, in), gpu(c, in);
  const auto place = [](std::vector<T>& v) { return v.empty() ? nullptr : v.data(); };
  CHECK_EQ(pynn_recurrent_forward(&layer, in.x.data(), in.h0.data(), in.c0.empty() ? nullptr : in.c0.data(),
                                  cpu.y.data(), cpu.h_n.data(), place(cpu.c_n), place(cpu.held)),
           PYNN_OK);
  {
    Guarded<char> workspace((cuda::recurrent_forward_bytes(layer) + 255) / 256 * 256);
    CHECK_OK(cuda::recurrent_forward(layer, in.x.data(), in.h0.data(), in.c0.empty() ? nullptr : in.c0.data(),
                                     gpu.y.data(), gpu.h_n.data(), place(gpu.c_n), place(gpu.held), workspace.data(),
                                     nullptr));
    CHECK(workspace.intact());
  }
  check_close("y", gpu.y, cpu.y, tolerance);
  check_close("h_n", gpu.h_n, cpu.h_n, tolerance);
  check_close("c_n", gpu.c_n, cpu.c_n, tolerance);
  check_close("held", gpu.held, cpu.held, tolerance);
  if (!c.keep) return;
  const pynn_recurrent_gradients wanted = cpu.gradients(in, bits);
  CHECK_EQ(pynn_recurrent_backward(&layer, &wanted), PYNN_OK);
  pynn_recurrent_gradients asked = gpu.gradients(in, bits);
  asked.y = wanted.y;
  asked.held = wanted.held;
  Guarded<char> workspace((cuda::recurrent_backward_bytes(layer, asked) + 255) / 256 * 256);
  CHECK_OK(cuda::recurrent_backward(layer, asked, workspace.data(), nullptr));
  CHECK(workspace.intact());
  check_close("dx", gpu.dx, cpu.dx, 8 * tolerance);
  check_close("dh0", gpu.dh0, cpu.dh0, 8 * tolerance);
  check_close("dc0", gpu.dc0, cpu.dc0, 8 * tolerance);
  check_close("dw_ih", gpu.dw_ih, cpu.dw_ih, 8 * tolerance);
  check_close("dw_hh", gpu.dw_hh, cpu.dw_hh, 8 * tolerance);
  check_close("db_ih", gpu.db_ih, cpu.db_ih, 8 * tolerance);
  check_close("db_hh", gpu.db_hh, cpu.db_hh, 8 * tolerance);
  check_close("dw_hr", gpu.dw_hr, cpu.dw_hr, 8 * tolerance);
}

Case make(int cell, int64_t steps, int64_t batch, int64_t input, int64_t hidden, bool reverse = false,
          std::vector<int64_t> sizes = std::vector<int64_t>()) {
  Case c;
  c.sizes.swap(sizes);
  c.cell = cell;
  c.steps = steps;
  c.batch = batch;
  c.input = input;
  c.hidden = hidden;
  c.reverse = reverse;
  return c;
}

template <class T>
void test_small() {
  for (int cell = 0; cell < PYNN_CELL_COUNT; ++cell) {
    for (const bool reverse : {false, true}) {
      test_case<T>(make(cell, 5, 3, 4, 7, reverse));
      const Case sized = make(cell, 4, 5, 3, 33, reverse, {5, 3, 3, 1});  // two blocks share their rows
      test_case<T>(sized);
      for (unsigned bits : {0u, 1u, 2u, 9u, 18u, 33u}) test_case<T>(sized, bits);
    }
    Case other = make(cell, 1, 1, 2, 20);
    test_case<T>(other);
    other.bias = false;
    other.steps = 3;
    test_case<T>(other);
    other.keep = false;
    test_case<T>(other);
    test_case<T>(make(cell, 2, 21, 1, 12));  // rows in several passes
  }
  for (const bool reverse : {false, true}) {
    Case projected = make(PYNN_CELL_LSTM, 4, 5, 3, 9, reverse);
    projected.projection = 4;
    test_case<T>(projected);
    Case sized = make(PYNN_CELL_LSTM, 4, 5, 3, 9, reverse, {5, 4, 2, 2});
    sized.projection = 4;
    test_case<T>(sized);
  }
}

// Sizes that take more multiprocessors than the emulated GPU has by itself.
void test_large(int major) {
  const cuda::Gpu before = cuda::this_gpu();
  cuda::set_gpu({major, 0, 40});
  for (const int cell : {PYNN_CELL_RNN_TANH, PYNN_CELL_LSTM, PYNN_CELL_GRU}) {
    test_case<float>(make(cell, 3, 2, 3, 64));
    test_case<float>(make(cell, 2, 11, 3, 100, true));
    test_case<float>(make(cell, 2, 3, 3, 130));
    test_case<float>(make(cell, 2, 2, 3, 258));
    for (const bool reverse : {false, true}) test_case<float>(make(cell, 4, 5, 3, 33, reverse, {5, 3, 3, 1}));
  }
  cuda::set_gpu(before);
  for (const int cell : {PYNN_CELL_LSTM, PYNN_CELL_GRU}) test_case<float>(make(cell, 2, 3, 3, 130));  // step by step
}

void test_plan(const cuda::Gpu& gpu) {
  for (const int cell : {PYNN_CELL_RNN_TANH, PYNN_CELL_LSTM, PYNN_CELL_GRU}) {
    for (const int64_t hidden : {1, 20, 32, 33, 64, 128, 129, 200, 256, 512}) {
      for (const int64_t batch : {1, 3, 64, 500}) {
        for (const bool backward : {false, true}) {
          const cuda::ResidentPlan plan = cuda::resident_plan(cell, backward, hidden, batch, gpu);
          CHECK(plan.fits);
          CHECK(plan.lanes * plan.each >= hidden);
          CHECK(plan.blocks * plan.units >= hidden && (plan.blocks - 1) * plan.units < hidden);
          CHECK(plan.groups * plan.group_rows >= batch && (plan.groups - 1) * plan.group_rows < batch);
          CHECK(plan.blocks * plan.groups <= gpu.processors);
          CHECK(!plan.cluster || (gpu.major == 9 && plan.blocks <= 8));
        }
      }
    }
  }
  CHECK(!cuda::resident_plan(PYNN_CELL_LSTM, false, 513, 8, gpu).fits);
  CHECK(!cuda::resident_plan(PYNN_CELL_LSTM, false, 512, 8, {8, 0, 20}).fits);  // its blocks would not be there together
}

}  // namespace

int main() {
  test_plan({8, 0, 108});
  test_plan({9, 0, 132});
  for_each_order([] {
    test_small<float>();
    test_small<double>();
  });
  test_large(8);
  test_large(9);
  return summary();
}
