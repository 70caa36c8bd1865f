// The CUDA normalizations, emulated, beside the CPU's.
#include <vector>

#include "cuda/testing.h"
#include "kernels/norm/cuda.h"

using namespace pynn::testing;
namespace cuda = pynn::cuda;

namespace {

template <class T>
pynn_array describe(GpuArray<T>& x, int ndim, const int64_t* shape) {
  return {x.data(), shape, nullptr, ndim, GpuType<T>::dtype};
}
template <class T>
void compare(const char* name, const GpuArray<T>& got, const GpuArray<T>& want, double tolerance) {
  const std::string before = counts().context;
  set_context(before + ", " + name);
  CHECK(got.intact());
  for (int64_t i = 0; i < want.size(); ++i)
    CHECK_CLOSE(got.at(i), want.at(i), tolerance * (1 + std::fabs(want.at(i))));
  set_context(before);
}

constexpr double kEps = 1e-5;

// (outer, channels, inner): row-major where inner > 1, else channels last.
template <class T>
void test_batch(int64_t outer, int64_t channels, int64_t inner, int64_t offset) {
  set_context("batch norm of " + std::to_string(outer) + " x " + std::to_string(channels) + " x " +
              std::to_string(inner) + ", " + std::to_string(sizeof(T)) + " bytes, offset " +
              std::to_string(offset));
  const int64_t n = outer * channels * inner, shape[] = {outer, channels, inner};
  const int ndim = inner > 1 ? 3 : 2;
  Random random{uint64_t(n)};
  GpuArray<T> x(n, offset), g(n, offset), w(channels), b(channels), y(n, offset), y_cpu(n), mean(channels),
      mean_cpu(channels), var(channels), var_cpu(channels);
  x.fill([&] { return 2 * random.normal() + 3; });
  g.fill([&] { return random.normal(); });
  w.fill([&] { return random.uniform(0.5, 2); });
  b.fill([&] { return random.normal(); });
  const cuda::Channels where = {GpuType<T>::dtype, outer, channels, inner};
  GpuWorkspace workspace(int64_t(cuda::batch_norm_workspace(where)));
  CHECK_OK(cuda::batch_norm(where, x.data(), w.data(), b.data(), kEps, y.data(), mean.data(), var.data(),
                            workspace.data(), nullptr));
  const pynn_array xs = describe(x, ndim, shape), gs = describe(g, ndim, shape),
                   ws = describe(w, 1, &channels), bs = describe(b, 1, &channels);
  pynn_array ys = describe(y_cpu, ndim, shape), means = describe(mean_cpu, 1, &channels),
             vars = describe(var_cpu, 1, &channels);
  CHECK_EQ(pynn_batch_norm(&xs, &ws, &bs, kEps, PYNN_ACT_NONE, &ys, &means, &vars), PYNN_OK);
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-12;
  compare("y", y, y_cpu, tolerance);
  compare("mean", mean, mean_cpu, tolerance);
  compare("var", var, var_cpu, tolerance);
  for (const bool given : {false, true}) {
    GpuArray<T> dx(n, offset), dx_cpu(n),
        v[4] = {GpuArray<T>(channels), GpuArray<T>(channels), GpuArray<T>(channels), GpuArray<T>(channels)};
    GpuArray<T> v_cpu[4] = {GpuArray<T>(channels), GpuArray<T>(channels), GpuArray<T>(channels),
                            GpuArray<T>(channels)};
    const cuda::NormGradients out = {dx.data(), v[0].data(), v[1].data(), given ? v[2].data() : nullptr,
                                     given ? v[3].data() : nullptr};
    CHECK_OK(cuda::batch_norm_backward(where, g.data(), x.data(), mean_cpu.data(), var_cpu.data(), w.data(),
                                       kEps, given, out, workspace.data(), nullptr));
    CHECK(workspace.intact());
    pynn_array dxs = describe(dx_cpu, ndim, shape), vs[4];
    for (int i = 0; i < 4; ++i) vs[i] = describe(v_cpu[i], 1, &channels);
    const pynn_norm_gradients cpu = {&dxs, &vs[0], &vs[1], given ? &vs[2] : nullptr,
                                     given ? &vs[3] : nullptr};
    CHECK_EQ(
        pynn_batch_norm_backward(&gs, &xs, &means, &vars, &ws, nullptr, kEps, PYNN_ACT_NONE, given, &cpu),
        PYNN_OK);
    const double wide = tolerance * std::sqrt(double(outer * inner));
    compare(given ? "dx, given" : "dx", dx, dx_cpu, tolerance);
    const char* names[] = {"dweight", "dbias", "dmean", "dvar"};
    for (int i = 0; i < (given ? 4 : 2); ++i) compare(names[i], v[i], v_cpu[i], wide);
  }
  GpuArray<T> running(channels), spread(channels);
  CHECK_OK(cuda::batch_norm_update(GpuType<T>::dtype, channels, mean.data(), var.data(), 0.25, 2,
                                   running.data(), spread.data(), nullptr));
  for (int64_t c = 0; c < channels; ++c) {
    CHECK_CLOSE(running.at(c), 0.25 * mean.at(c), tolerance * 10);
    CHECK_CLOSE(spread.at(c), 0.5 * var.at(c), tolerance * 10);
  }
  set_context("");
}

// x (n, channels, inner) normalised over groups of channels; groups 0: layer norm over all but n; -1: root
// mean square.
template <class T>
void test_rows(int64_t n, int64_t channels, int64_t inner, int64_t groups, int64_t offset) {
  set_context("rows of " + std::to_string(n) + " x " + std::to_string(channels) + " x " +
              std::to_string(inner) + ", groups " + std::to_string(groups) + ", offset " +
              std::to_string(offset));
  const bool grouped = groups > 0, centred = groups >= 0;
  const int64_t elements = n * channels * inner, shape[] = {n, channels, inner};
  const int64_t rows = grouped ? n * groups : n, columns = elements / rows;
  const int64_t parameters = grouped ? channels : columns;
  const cuda::Rows where = {GpuType<T>::dtype, rows, columns, grouped ? groups : 1,
                            grouped ? columns / (channels / groups) : 1};
  Random random{uint64_t(elements)};
  GpuArray<T> x(elements, offset), g(elements, offset), w(parameters), b(parameters), y(elements, offset),
      y_cpu(elements), mean(rows), rstd(rows), mean_cpu(rows), rstd_cpu(rows), dx(elements, offset),
      dx_cpu(elements), dw(parameters), dw_cpu(parameters), db(parameters), db_cpu(parameters);
  x.fill([&] { return 2 * random.normal() + 1; });
  g.fill([&] { return random.normal(); });
  w.fill([&] { return random.uniform(0.5, 2); });
  b.fill([&] { return random.normal(); });
  const pynn_array xs = describe(x, 3, shape), gs = describe(g, 3, shape), ws = describe(w, 1, &parameters),
                   bs = describe(b, 1, &parameters);
  pynn_array ys = describe(y_cpu, 3, shape), means = describe(mean_cpu, 1, &rows),
             rstds = describe(rstd_cpu, 1, &rows), dxs = describe(dx_cpu, 3, shape),
             dws = describe(dw_cpu, 1, &parameters), dbs = describe(db_cpu, 1, &parameters);
  const pynn_norm_gradients cpu = {&dxs, &dws, centred ? &dbs : nullptr, nullptr, nullptr};
  const cuda::NormGradients out = {dx.data(), dw.data(), centred ? db.data() : nullptr, nullptr, nullptr};
  GpuWorkspace workspace(int64_t(cuda::row_norm_workspace(where)));
  if (centred) {
    CHECK_OK(cuda::row_norm(where, true, x.data(), w.data(), b.data(), kEps, y.data(), mean.data(),
                            rstd.data(), nullptr));
    if (grouped) {
      CHECK_EQ(pynn_group_norm(&xs, groups, &ws, &bs, kEps, &ys, &means, &rstds), PYNN_OK);
      CHECK_EQ(pynn_group_norm_backward(&gs, &xs, groups, &means, &rstds, &ws, &cpu), PYNN_OK);
    } else {
      CHECK_EQ(pynn_layer_norm(&xs, 2, &ws, &bs, kEps, &ys, &means, &rstds), PYNN_OK);
      CHECK_EQ(pynn_layer_norm_backward(&gs, &xs, 2, &means, &rstds, &ws, &cpu), PYNN_OK);
    }
    CHECK_OK(cuda::row_norm_backward(where, true, g.data(), x.data(), mean.data(), rstd.data(), w.data(), 0,
                                     out, workspace.data(), nullptr));
  } else {
    CHECK_OK(
        cuda::row_norm(where, false, x.data(), w.data(), nullptr, kEps, y.data(), nullptr, nullptr, nullptr));
    CHECK_EQ(pynn_rms_norm(&xs, 2, &ws, kEps, &ys), PYNN_OK);
    CHECK_EQ(pynn_rms_norm_backward(&gs, &xs, 2, &ws, kEps, &cpu), PYNN_OK);
    CHECK_OK(cuda::row_norm_backward(where, false, g.data(), x.data(), nullptr, nullptr, w.data(), kEps, out,
                                     workspace.data(), nullptr));
  }
  CHECK(workspace.intact());
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-12;
  compare("y", y, y_cpu, tolerance);
  if (centred) {
    compare("mean", mean, mean_cpu, tolerance);
    compare("rstd", rstd, rstd_cpu, tolerance);
    compare("dbias", db, db_cpu, tolerance * 4);
  }
  compare("dx", dx, dx_cpu, tolerance);
  compare("dweight", dw, dw_cpu, tolerance * 4);
  set_context("");
}

template <class T>
void test_all() {
  for (const int64_t offset : {0, 1}) {
    test_batch<T>(3, 5, 8, offset);
    test_batch<T>(2, 3, 7, offset);
    test_batch<T>(40, 8, 1, offset);
    test_batch<T>(300, 37, 1, offset);
    test_batch<T>(2, 2, 9000, offset);  // several blocks a channel
    for (const int64_t groups : {-1, 0, 1, 2, 4}) {
      test_rows<T>(3, 4, 8, groups, offset);
      test_rows<T>(2, 4, 5, groups, offset);
      test_rows<T>(5, 8, 300, groups, offset);
    }
  }
}

}  // namespace

int main() {
  for_each_order([] {
    test_all<float>();
    test_all<double>();
  });
  return summary();
}
