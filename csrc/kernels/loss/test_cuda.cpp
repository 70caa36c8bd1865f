// The CUDA losses, emulated, beside the CPU's.
#include <vector>

#include "cuda/testing.h"
#include "kernels/loss/cuda.h"

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

template <class T>
void test_pairs(int64_t n, int64_t offset) {
  Random random{uint64_t(n)};
  GpuArray<T> x(n, offset), y(n, offset), out(n, offset), out_cpu(n), dx(n, offset), dy(n), dx_cpu(n),
      dy_cpu(n);
  x.fill([&] { return random.uniform(0.05, 0.95); });
  y.fill([&] { return random.uniform(0.05, 0.95); });
  for (int kind = 0; kind < PYNN_LOSS_COUNT; ++kind) {
    if (kind == PYNN_LOSS_HINGE) y.fill([&] { return random.below(2) ? 1.0 : -1.0; });
    for (const auto reduction : {PYNN_LOSS_NONE, PYNN_LOSS_MEAN, PYNN_LOSS_SUM}) {
      set_context("loss " + std::to_string(kind) + ", reduction " + std::to_string(reduction) + ", n " +
                  std::to_string(n));
      const int64_t results = reduction == PYNN_LOSS_NONE ? n : 1;
      GpuArray<T> g(results);
      g.fill([&] { return random.uniform(0.5, 1.5); });
      const cuda::PairLoss loss = {pynn_loss_kind(kind), GpuType<T>::dtype, n, x.data(), y.data(),
                                   {0.4, 1e-8},          reduction};
      GpuWorkspace workspace(int64_t(cuda::loss_workspace(loss)));
      CHECK_OK(cuda::loss_forward(loss, out.data(), workspace.data(), nullptr));
      CHECK_OK(cuda::loss_backward(loss, g.data(), dx.data(), dy.data(), nullptr));
      CHECK(workspace.intact());
      const pynn_array xs = describe(x, 1, &n), ys = describe(y, 1, &n), gs = describe(g, 1, &results);
      pynn_array outs = describe(out_cpu, 1, &results), dxs = describe(dx_cpu, 1, &n),
                 dys = describe(dy_cpu, 1, &n);
      CHECK_EQ(pynn_loss(loss.kind, &xs, &ys, loss.options, reduction, &outs), PYNN_OK);
      CHECK_EQ(pynn_loss_backward(loss.kind, &gs, &xs, &ys, loss.options, reduction, &dxs, &dys), PYNN_OK);
      const double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-13;
      compare("loss", out, out_cpu, tolerance);
      compare("dx", dx, dx_cpu, tolerance);
      compare("dy", dy, dy_cpu, tolerance);
    }
  }
  set_context("");
}

template <class T>
void test_classes(int64_t samples, int64_t classes, int64_t inner) {
  const int64_t n = samples * classes * inner, positions = samples * inner,
                shape[] = {samples, classes, inner};
  const int64_t target_shape[] = {samples, inner};
  Random random{uint64_t(n)};
  GpuArray<T> x(n), weight(classes), dx(n), dx_cpu(n);
  GpuArray<int64_t> target(positions);
  x.fill([&] { return random.normal() * 3; });
  weight.fill([&] { return random.uniform(0.5, 2); });
  target.fill([&] { return double(random.below(classes)); });
  if (positions > 2) target.set(1, -100);
  for (const bool weighted : {false, true}) {
    for (const bool likelihood : {false, true}) {
      for (const double smoothing : {0.0, 0.1}) {
        if (likelihood && smoothing > 0) continue;
        for (const auto reduction : {PYNN_LOSS_NONE, PYNN_LOSS_MEAN, PYNN_LOSS_SUM}) {
          set_context("classes " + std::to_string(classes) + ", inner " + std::to_string(inner) +
                      ", weighted " + std::to_string(weighted) + ", smoothing " + std::to_string(smoothing) +
                      ", likelihood " + std::to_string(likelihood) + ", reduction " +
                      std::to_string(reduction));
          const bool each = reduction == PYNN_LOSS_NONE;
          const int64_t results = each ? positions : 1, one = 1;
          GpuArray<T> out(results), out_cpu(results), g(results);
          g.fill([&] { return random.uniform(0.5, 1.5); });
          const cuda::ClassLoss loss = {GpuType<T>::dtype,
                                        samples,
                                        classes,
                                        inner,
                                        x.data(),
                                        target.data(),
                                        weighted ? weight.data() : nullptr,
                                        -100,
                                        smoothing,
                                        likelihood,
                                        reduction};
          GpuWorkspace workspace(int64_t(cuda::class_loss_workspace(loss)));
          CHECK_OK(cuda::class_loss_forward(loss, out.data(), workspace.data(), nullptr));
          CHECK_OK(cuda::class_loss_backward(loss, g.data(), dx.data(), workspace.data(), nullptr));
          CHECK(workspace.intact());
          const pynn_array xs = describe(x, 3, shape), ts = describe(target, 2, target_shape),
                           ws = describe(weight, 1, &classes);
          pynn_array outs = each ? describe(out_cpu, 2, target_shape) : describe(out_cpu, 1, &one);
          const pynn_array gs = each ? describe(g, 2, target_shape) : describe(g, 1, &one);
          pynn_array dxs = describe(dx_cpu, 3, shape);
          const pynn_class_loss cpu = {&xs,        &ts,      weighted ? &ws : nullptr, -100, smoothing,
                                       likelihood, reduction};
          CHECK_EQ(pynn_class_loss_forward(&cpu, &outs), PYNN_OK);
          CHECK_EQ(pynn_class_loss_backward(&cpu, &gs, &dxs), PYNN_OK);
          const double tolerance = sizeof(T) == 4 ? 1e-5 : 1e-12;
          compare("loss", out, out_cpu, tolerance);
          compare("dx", dx, dx_cpu, tolerance);
        }
      }
    }
  }
  set_context("");
}

// 16-bit floats: beside double.
template <class T>
void test_halves() {
  constexpr int64_t kRows = 5, kClasses = 70;
  Random random(1);
  GpuArray<T> x(kRows * kClasses), out(kRows);
  GpuArray<int64_t> target(kRows);
  x.fill([&] { return random.normal() * 3; });
  target.fill([&] { return double(random.below(kClasses)); });
  const cuda::ClassLoss loss = {GpuType<T>::dtype, kRows, kClasses, 1,     x.data(),      target.data(),
                                nullptr,           -100,  0,        false, PYNN_LOSS_NONE};
  CHECK_OK(cuda::class_loss_forward(loss, out.data(), nullptr, nullptr));
  for (int64_t r = 0; r < kRows; ++r) {
    double sum = 0;
    for (int64_t k = 0; k < kClasses; ++k) sum += std::exp(x.at(r * kClasses + k));
    const double want = std::log(sum) - x.at(r * kClasses + target.data()[r]);
    CHECK_CLOSE(out.at(r), want, GpuType<T>::epsilon * want);
  }
}

// A target that is no class: NaN, and nothing outside is read.
void test_wrong_targets() {
  GpuArray<float> x(12), out(1), g(1), dx(12);
  GpuArray<int64_t> target(3);
  target.set(0, 1);
  target.set(1, 4);
  target.set(2, -1);
  g.set(0, 1);
  for (const bool likelihood : {false, true}) {
    const cuda::ClassLoss loss = {PYNN_FLOAT32, 3,    4, 1,          x.data(),     target.data(),
                                  nullptr,      -100, 0, likelihood, PYNN_LOSS_SUM};
    GpuWorkspace workspace(int64_t(cuda::class_loss_workspace(loss)));
    CHECK_OK(cuda::class_loss_forward(loss, out.data(), workspace.data(), nullptr));
    CHECK_OK(cuda::class_loss_backward(loss, g.data(), dx.data(), workspace.data(), nullptr));
    CHECK(std::isnan(out.at(0)) && std::isnan(dx.at(4)) && std::isnan(dx.at(8)) && !std::isnan(dx.at(0)));
  }
}

}  // namespace

int main() {
  for_each_order([] {
    for (const int64_t n : {1, 5, 1030}) {
      test_pairs<float>(n, 0);
      test_pairs<double>(n, 1);
    }
    test_pairs<float>(9001, 1);  // several blocks
    const int64_t sizes[][3] = {{1, 1, 1}, {6, 3, 1}, {7, 70, 1}, {3, 1100, 1}, {2, 5, 9}};
    for (const auto& s : sizes) {
      test_classes<float>(s[0], s[1], s[2]);
      test_classes<double>(s[0], s[1], s[2]);
    }
    test_halves<__half>();
    test_halves<__nv_bfloat16>();
    test_wrong_targets();
  });
  return summary();
}
