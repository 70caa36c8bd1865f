// The CUDA reductions, emulated, beside sums in double: which dimensions, what strides, how many blocks a
// result.
#include <vector>

#include "cuda/testing.h"
#include "kernels/reduction/cuda.h"

using namespace pynn::testing;
namespace cuda = pynn::cuda;

namespace {

constexpr int kDims = 3;

// An array of three dimensions lying in some order in memory, with gaps of `gap` elements between the
// innermost.
struct Layout {
  int64_t shape[kDims], strides[kDims], room;  // strides in elements
  Layout(const int64_t (&sizes)[kDims], const int (&order)[kDims], int64_t gap) {
    int64_t step = gap;
    for (int i = kDims - 1; i >= 0; --i) {
      shape[order[i]] = sizes[order[i]];
      strides[order[i]] = step;
      step *= sizes[order[i]];
    }
    room = step;
  }
};

template <class T>
struct Case {
  Layout layout;
  GpuArray<T> x;
  bool reduce[kDims];
  int64_t out_shape[kDims], out_strides[kDims], byte_strides[kDims], results = 1, elements = 1;

  Case(const Layout& layout, unsigned which, int64_t offset) : layout(layout), x(layout.room, offset) {
    for (int d = kDims - 1; d >= 0; --d) {
      reduce[d] = which >> d & 1;
      out_shape[d] = reduce[d] ? 1 : layout.shape[d];
      out_strides[d] = reduce[d] ? 0 : results;
      byte_strides[d] = layout.strides[d] * int64_t(sizeof(T));
      results *= out_shape[d];
      elements *= reduce[d] ? layout.shape[d] : 1;
    }
  }
  cuda::Reducible reducible() const {
    return {kDims, layout.shape, reduce, GpuType<T>::dtype, x.data(), byte_strides, out_strides};
  }
  // f(result, place among its elements, x) in row-major order.
  template <class F>
  void each(const F& f) const {
    std::vector<int64_t> seen(size_t(results), 0);
    for (int64_t i = 0; i < layout.shape[0]; ++i) {
      for (int64_t j = 0; j < layout.shape[1]; ++j) {
        for (int64_t k = 0; k < layout.shape[2]; ++k) {
          const int64_t r = i * out_strides[0] + j * out_strides[1] + k * out_strides[2];
          f(r, seen[size_t(r)]++,
            x.at(i * layout.strides[0] + j * layout.strides[1] + k * layout.strides[2]));
        }
      }
    }
  }
};

template <class T, class Out>
GpuArray<Out> reduced(const Case<T>& c, pynn_reduce_op op, double p = 0) {
  cuda::Reduction plan;
  GpuArray<Out> out(c.results);
  CHECK(cuda::plan(c.reducible(), &plan));
  GpuWorkspace workspace(int64_t(cuda::workspace_bytes(plan)));
  CHECK_OK(cuda::reduce(op, GpuType<T>::dtype, plan, c.x.data(), p, out.data(), workspace.data(), nullptr));
  CHECK(out.intact() && workspace.intact());
  return out;
}

template <class T>
void test_floats(Case<T>& c) {
  Random random(17);
  c.x.fill([&] { return random.normal() + 0.5; });
  std::vector<double> sum(size_t(c.results), 0), most(sum.size(), -1e30), squares(sum), mean(sum), var(sum);
  std::vector<int64_t> place(sum.size(), 0);
  c.each([&](int64_t r, int64_t i, double x) {
    sum[size_t(r)] += x;
    squares[size_t(r)] += x * x;
    if (x > most[size_t(r)]) {
      most[size_t(r)] = x;
      place[size_t(r)] = i;
    }
  });
  for (size_t r = 0; r < sum.size(); ++r) mean[r] = sum[r] / double(c.elements);
  c.each(
      [&](int64_t r, int64_t, double x) { var[size_t(r)] += (x - mean[size_t(r)]) * (x - mean[size_t(r)]); });
  const auto sums = reduced<T, T>(c, PYNN_REDUCE_SUM), means = reduced<T, T>(c, PYNN_REDUCE_MEAN),
             maxima = reduced<T, T>(c, PYNN_REDUCE_MAX), norms = reduced<T, T>(c, PYNN_REDUCE_NORM, 2);
  cuda::Reduction plan;
  CHECK(cuda::plan(c.reducible(), &plan));
  GpuWorkspace workspace(int64_t(cuda::workspace_bytes(plan)));
  GpuArray<T> variances(c.results), middles(c.results), values(c.results);
  GpuArray<int64_t> places(c.results);
  CHECK_OK(cuda::reduce_variance(GpuType<T>::dtype, plan, c.x.data(), 0, variances.data(), middles.data(),
                                 workspace.data(), nullptr));
  CHECK_OK(cuda::reduce_place(false, GpuType<T>::dtype, plan, c.x.data(), places.data(), values.data(),
                              workspace.data(), nullptr));
  CHECK(workspace.intact() && variances.intact() && middles.intact() && values.intact() && places.intact());
  const bool single = c.reduce[0] + c.reduce[1] + c.reduce[2] == 1;
  // Rounding once, and float32 sums of what 16-bit floats and float32 hold.
  const double wide = sizeof(T) == 8 ? 1e-13 : 2e-6, once = GpuType<T>::epsilon;
  for (int64_t r = 0; r < c.results; ++r) {
    const size_t i = size_t(r);
    CHECK_CLOSE(sums.at(r), sum[i], once * std::fabs(sum[i]) + wide * std::sqrt(double(c.elements)) * 4);
    CHECK_CLOSE(means.at(r), mean[i], once * std::fabs(mean[i]) + wide * 4);
    CHECK_EQ(maxima.at(r), most[i]);
    CHECK_EQ(values.at(r), most[i]);
    if (single) CHECK_EQ(places.at(r), place[i]);
    CHECK_CLOSE(norms.at(r), std::sqrt(squares[i]), (once + wide) * std::sqrt(squares[i]));
    CHECK_CLOSE(variances.at(r), var[i] / double(c.elements),
                (once + 4 * wide) * (1 + var[i] / double(c.elements)));
    CHECK_CLOSE(middles.at(r), mean[i], once * std::fabs(mean[i]) + wide * 4);
  }
}

template <class T>
void test_integers(Case<T>& c) {
  Random random(5);
  c.x.fill([&] { return double(random.below(3)); });
  std::vector<int64_t> sum(size_t(c.results), 0), count(sum);
  std::vector<double> least(sum.size(), 9);
  c.each([&](int64_t r, int64_t, double x) {
    sum[size_t(r)] += int64_t(x);
    count[size_t(r)] += x != 0;
    least[size_t(r)] = std::fmin(least[size_t(r)], x);
  });
  const auto sums = reduced<T, int64_t>(c, PYNN_REDUCE_SUM),
             counts = reduced<T, int64_t>(c, PYNN_REDUCE_COUNT);
  const auto any = reduced<T, uint8_t>(c, PYNN_REDUCE_ANY), all = reduced<T, uint8_t>(c, PYNN_REDUCE_ALL);
  const auto minima = reduced<T, T>(c, PYNN_REDUCE_MIN);
  for (int64_t r = 0; r < c.results; ++r) {
    CHECK_EQ(sums.at(r), double(sum[size_t(r)]));
    CHECK_EQ(counts.at(r), double(count[size_t(r)]));
    CHECK_EQ(any.at(r), double(count[size_t(r)] > 0));
    CHECK_EQ(all.at(r), double(count[size_t(r)] == c.elements));
    CHECK_EQ(minima.at(r), least[size_t(r)]);
  }
}

void test_layouts() {
  const int orders[][kDims] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}};
  const int64_t sizes[] = {3, 5, 8};
  for (const auto& order : orders) {
    for (const int64_t gap : {1, 2}) {
      for (unsigned which = 0; which < 8; ++which) {
        for (const int64_t offset : {0, 1}) {
          set_context("dimensions " + std::to_string(which) + ", innermost " + std::to_string(order[2]) +
                      ", gap " + std::to_string(gap) + ", offset " + std::to_string(offset));
          const Layout layout(sizes, order, gap);
          for_each_float([&](auto type) {
            Case<decltype(type)> c(layout, which, offset);
            test_floats(c);
          });
          Case<int32_t> ints(layout, which, offset);
          test_integers(ints);
          Case<uint8_t> bytes(layout, which, offset);
          test_integers(bytes);
        }
      }
    }
  }
  set_context("");
}

// Results that several blocks share, rows and columns; and rows that a warp takes.
void test_sizes() {
  struct {
    int64_t sizes[kDims];
    unsigned which;
  } const cases[] = {
      {{1, 1, 40001}, 4}, {{2, 1, 9000}, 4}, {{300, 1, 37}, 1}, {{1, 70, 129}, 4}, {{1, 1, 0}, 4}};
  for (const auto& c : cases) {
    set_context("size " + std::to_string(c.sizes[0]) + " x " + std::to_string(c.sizes[2]));
    const Layout layout(c.sizes, {0, 1, 2}, 1);
    Case<float> floats(layout, c.which, 0);
    cuda::Reduction plan;
    if (layout.room == 0) {
      CHECK(!cuda::plan(floats.reducible(), &plan));
      continue;
    }
    test_floats(floats);
    Case<__nv_bfloat16> halves(layout, c.which, 0);
    test_floats(halves);
  }
  set_context("");
}

// The same bits in every order of threads: no atomics.
void test_deterministic() {
  const Layout layout({1, 1, 30011}, {0, 1, 2}, 1);
  Case<float> c(layout, 4, 0);
  Random random(3);
  c.x.fill([&] { return random.normal(); });
  pynn::emulation::set_order(pynn::emulation::Order::reverse);
  const double reverse = reduced<float, float>(c, PYNN_REDUCE_SUM).at(0);
  pynn::emulation::set_order(pynn::emulation::Order::forward);
  CHECK_EQ((reduced<float, float>(c, PYNN_REDUCE_SUM).at(0)), reverse);
}

// A variance keeps its digits beside a large mean; NaN is the largest and the smallest.
void test_corners() {
  const Layout layout({1, 1, 5000}, {0, 1, 2}, 1);
  Case<float> c(layout, 4, 0);
  for (int64_t i = 0; i < 5000; ++i) c.x.set(i, 10000 + double(i % 2));
  cuda::Reduction plan;
  CHECK(cuda::plan(c.reducible(), &plan));
  GpuWorkspace workspace(int64_t(cuda::workspace_bytes(plan)));
  GpuArray<float> variance(1);
  CHECK_OK(cuda::reduce_variance(PYNN_FLOAT32, plan, c.x.data(), 0, variance.data(), nullptr,
                                 workspace.data(), nullptr));
  CHECK_CLOSE(variance.at(0), 0.25, 1e-4);
  c.x.set(77, NAN);
  CHECK(std::isnan(reduced<float, float>(c, PYNN_REDUCE_MAX).at(0)));
  CHECK(std::isnan(reduced<float, float>(c, PYNN_REDUCE_MIN).at(0)));
  GpuArray<int64_t> place(1);
  CHECK_OK(cuda::reduce_place(true, PYNN_FLOAT32, plan, c.x.data(), place.data(), nullptr, workspace.data(),
                              nullptr));
  CHECK_EQ(place.at(0), 77);
}

}  // namespace

int main() {
  for_each_order([] {
    test_layouts();
    test_sizes();
    test_corners();
  });
  test_deterministic();
  return summary();
}
