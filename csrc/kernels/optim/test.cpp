// Every option against a float64 step from the same float32 state; tails, many tensors, threads,
// skipped tensors, step counts and wrong arguments.
#include <cmath>
#include <memory>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/optim/optim.h"

using namespace pynn::testing;

namespace {

constexpr double kEps = 6e-8;

// A set of tensors with guarded data: parameters, gradients, three states, a step count each.
struct Net {
  std::vector<int64_t> sizes;
  std::vector<std::unique_ptr<Guarded<float>>> data[5];
  std::vector<float*> lists[5];
  std::vector<float> steps;
  std::vector<float*> step_list;
  std::vector<std::vector<double>> before[5];

  Net(const std::vector<int64_t>& shape, uint64_t seed) : sizes(shape), steps(shape.size(), 0.0f) {
    Random random(seed);
    for (int k = 0; k < 5; ++k) {
      for (int64_t n : sizes) {
        data[k].push_back(std::make_unique<Guarded<float>>(n));
        float* p = data[k].back()->data();
        for (int64_t i = 0; i < n; ++i) p[i] = k < 2 ? float(random.normal()) : 0.0f;
        lists[k].push_back(p);
      }
    }
    for (float& step : steps) step_list.push_back(&step);
  }
  void new_gradients(uint64_t seed) {
    Random random(seed);
    for (size_t t = 0; t < sizes.size(); ++t) {
      for (int64_t i = 0; i < sizes[t]; ++i) lists[1][t][i] = float(random.normal());
    }
  }
  void remember() {
    for (int k = 0; k < 5; ++k) {
      before[k].clear();
      for (size_t t = 0; t < sizes.size(); ++t) before[k].emplace_back(lists[k][t], lists[k][t] + sizes[t]);
    }
  }
  bool intact() const {
    for (const auto& list : data) {
      for (const auto& tensor : list) {
        if (!tensor->intact()) return false;
      }
    }
    return true;
  }
  // step(old values of one element by k, new values) checked for all elements.
  template <class F>
  void check(const F& reference) {
    for (size_t t = 0; t < sizes.size(); ++t) {
      for (int64_t i = 0; i < sizes[t]; ++i) {
        double old_values[5], expected[5];
        for (int k = 0; k < 5; ++k) expected[k] = old_values[k] = before[k][t][size_t(i)];
        reference(old_values, expected);
        double update = std::fabs(expected[0] - old_values[0]);  // and the terms that may cancel in it
        for (int k = 1; k < 5; ++k) update += 0.1 * std::fabs(old_values[k]);
        CHECK_CLOSE(lists[0][t][i], expected[0], kEps * (8 * update + 3 * std::fabs(old_values[0])));
        CHECK_EQ(lists[1][t][i], float(old_values[1]));
        for (int k = 2; k < 5; ++k) {
          const double size = std::fabs(old_values[1]) + std::fabs(expected[k]) + std::fabs(old_values[k]);
          CHECK_CLOSE(lists[k][t][i], expected[k], kEps * (6 * size + 1));
        }
      }
    }
    CHECK(intact());
  }
};

const std::vector<int64_t> kSizes = {1280, 64, 2048, 32, 31, 1, 0, 17, 7};

void test_sgd(const char* isa) {
  for (int variant = 0; variant < 16; ++variant) {
    const bool momentum = variant & 1, nesterov = momentum && (variant & 2), decay = variant & 4,
               maximize = variant & 8;
    const pynn_sgd o = {0.1, momentum ? 0.9 : 0, nesterov ? 0 : 0.3, decay ? 0.01 : 0, nesterov, maximize};
    Net net(kSizes, 1);
    std::vector<uint8_t> first(kSizes.size(), 1);
    for (int step = 0; step < 4; ++step) {
      set_context(std::string(isa) + " sgd " + std::to_string(variant) + " step " + std::to_string(step));
      net.new_gradients(uint64_t(10 + step));
      net.remember();
      CHECK_EQ(
          pynn_sgd_f32(&o, int64_t(kSizes.size()), kSizes.data(), net.lists[0].data(), net.lists[1].data(),
                       momentum ? net.lists[2].data() : nullptr, step == 0 ? first.data() : nullptr),
          PYNN_OK);
      net.check([&](const double* old, double* now) {
        double g = maximize ? -old[1] : old[1];
        if (decay) g += 0.01 * old[0];
        if (momentum) {
          now[2] = step == 0 ? g : 0.9 * old[2] + (1 - o.dampening) * g;
          g = nesterov ? g + 0.9 * now[2] : now[2];
        }
        now[0] = old[0] - 0.1 * g;
      });
    }
  }
}

void test_adam(const char* isa) {
  for (int variant = 0; variant < 12; ++variant) {
    const int decay = variant % 3;
    const bool amsgrad = variant & 4, maximize = variant & 8;
    const double beta1 = maximize ? 0.3 : 0.9, beta2 = 0.99;
    const pynn_adam o = {0.01, beta1, beta2, 1e-8, decay != 0 ? 0.1 : 0, decay == 2, amsgrad, maximize};
    Net net(kSizes, 2);
    for (int step = 0; step < 4; ++step) {
      set_context(std::string(isa) + " adam " + std::to_string(variant) + " step " + std::to_string(step));
      net.new_gradients(uint64_t(20 + step));
      net.remember();
      CHECK_EQ(pynn_adam_f32(&o, int64_t(kSizes.size()), kSizes.data(), net.lists[0].data(),
                             net.lists[1].data(), net.lists[2].data(), net.lists[3].data(),
                             amsgrad ? net.lists[4].data() : nullptr, net.step_list.data()),
               PYNN_OK);
      for (float count : net.steps) CHECK_EQ(count, step + 1);
      net.check([&](const double* old, double* now) {
        double g = maximize ? -old[1] : old[1], p = old[0];
        if (decay == 1) g += 0.1 * p;
        if (decay == 2) p *= 1 - 0.01 * 0.1;
        now[2] = beta1 * old[2] + (1 - beta1) * g;
        now[3] = beta2 * old[3] + (1 - beta2) * g * g;
        if (amsgrad) now[4] = std::fmax(old[4], now[3]);
        const double root = std::sqrt(1 - std::pow(beta2, step + 1));
        now[0] = p - 0.01 / (1 - std::pow(beta1, step + 1)) * now[2] /
                         (std::sqrt(amsgrad ? now[4] : now[3]) / root + 1e-8);
      });
    }
  }
}

void test_rmsprop(const char* isa) {
  for (int variant = 0; variant < 16; ++variant) {
    const bool momentum = variant & 1, centered = variant & 2, decay = variant & 4, maximize = variant & 8;
    const pynn_rmsprop o = {0.01, 0.9, 0.1, momentum ? 0.8 : 0, decay ? 0.1 : 0, centered, maximize};
    Net net(kSizes, 3);
    for (int step = 0; step < 4; ++step) {
      set_context(std::string(isa) + " rmsprop " + std::to_string(variant) + " step " + std::to_string(step));
      net.new_gradients(uint64_t(30 + step));
      net.remember();
      CHECK_EQ(
          pynn_rmsprop_f32(&o, int64_t(kSizes.size()), kSizes.data(), net.lists[0].data(),
                           net.lists[1].data(), net.lists[2].data(), centered ? net.lists[3].data() : nullptr,
                           momentum ? net.lists[4].data() : nullptr, net.step_list.data()),
          PYNN_OK);
      CHECK_EQ(net.steps[0], step + 1);
      net.check([&](const double* old, double* now) {
        double g = maximize ? -old[1] : old[1];
        if (decay) g += 0.1 * old[0];
        now[2] = 0.9 * old[2] + 0.1 * g * g;
        double square = now[2];
        if (centered) {
          now[3] = old[3] + 0.1 * (g - old[3]);
          square -= now[3] * now[3];
        }
        const double step_size = g / (std::sqrt(square) + 0.1);
        if (momentum) now[4] = 0.8 * old[4] + step_size;
        now[0] = old[0] - 0.01 * (momentum ? now[4] : step_size);
      });
    }
  }
}

void test_skipped(const char* isa) {
  set_context(std::string(isa) + " skipped");
  Net net({5, 5}, 4);
  net.remember();
  std::vector<float*> grads = net.lists[1];
  grads[0] = nullptr;
  const pynn_adam o = {0.01, 0.9, 0.999, 1e-8, 0, 0, 0, 0};
  CHECK_EQ(pynn_adam_f32(&o, 2, net.sizes.data(), net.lists[0].data(), grads.data(), net.lists[2].data(),
                         net.lists[3].data(), nullptr, net.step_list.data()),
           PYNN_OK);
  CHECK(net.steps[0] == 0 && net.steps[1] == 1);
  CHECK(net.lists[0][0][0] == float(net.before[0][0][0]) && net.lists[0][1][0] != float(net.before[0][1][0]));
  float nan = std::nanf(""), zero = 0;  // amsgrad's maximum keeps NaN, old or new
  for (float old : {nan, zero}) {
    const pynn_adam ams = {0.01, 0.9, 0.999, 1e-8, 0, 0, 1, 0};
    float p = 1, g = std::isnan(old) ? 1.0f : nan, m = 0, v = 0, most = old, step = 0;
    float *ps = &p, *gs = &g, *ms = &m, *vs = &v, *ws = &most, *ss = &step;
    const int64_t one = 1;
    CHECK_EQ(pynn_adam_f32(&ams, 1, &one, &ps, &gs, &ms, &vs, &ws, &ss), PYNN_OK);
    CHECK(std::isnan(most) && std::isnan(p));
  }
}

void test_threads(const char* isa) {
  set_context(std::string(isa) + " threads");
  const std::vector<int64_t> sizes = {200000, 3, 0, 70001, 64, 31, 65536};
  std::vector<float> results[2];
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    Net net(sizes, 6);
    const pynn_adam adam = {0.01, 0.9, 0.999, 1e-8, 0.01, 1, 0, 0};
    const pynn_sgd sgd = {0.1, 0.9, 0, 0, 1, 0};
    const int64_t count = int64_t(sizes.size());
    std::vector<uint8_t> first(sizes.size(), 1);
    CHECK_EQ(pynn_adam_f32(&adam, count, sizes.data(), net.lists[0].data(), net.lists[1].data(),
                           net.lists[2].data(), net.lists[3].data(), nullptr, net.step_list.data()),
             PYNN_OK);
    CHECK_EQ(pynn_sgd_f32(&sgd, count, sizes.data(), net.lists[0].data(), net.lists[1].data(),
                          net.lists[4].data(), first.data()),
             PYNN_OK);
    CHECK(net.intact());
    for (size_t t = 0; t < sizes.size(); ++t) {
      results[threads - 1].insert(results[threads - 1].end(), net.lists[0][t], net.lists[0][t] + sizes[t]);
    }
  }
  CHECK(results[0] == results[1]);
}

void test_many_tensors() {
  Net net(std::vector<int64_t>(100, 3), 8);  // more than fit on the stack
  const pynn_sgd o = {0.5, 0, 0, 0, 0, 0};
  net.remember();
  CHECK_EQ(
      pynn_sgd_f32(&o, 100, net.sizes.data(), net.lists[0].data(), net.lists[1].data(), nullptr, nullptr),
      PYNN_OK);
  net.check([](const double* old, double* now) { now[0] = old[0] - 0.5 * old[1]; });
}

void test_errors() {
  Net net({4}, 7);
  const pynn_sgd sgd = {0.1, 0.9, 0, 0, 0, 0};
  const pynn_adam adam = {0.1, 0.9, 0.99, 1e-8, 0, 0, 1, 0};
  const pynn_rmsprop rms = {0.1, 0.9, 1e-8, 0, 0, 1, 0};
  float** p = net.lists[0].data();
  float** g = net.lists[1].data();
  float** s = net.lists[2].data();
  const int64_t* n = net.sizes.data();
  CHECK_EQ(pynn_sgd_f32(nullptr, 1, n, p, g, s, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_sgd_f32(&sgd, 1, n, p, g, nullptr, nullptr), PYNN_INVALID);
  CHECK(says("buffers"));
  CHECK_EQ(pynn_sgd_f32(&sgd, -1, n, p, g, s, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_sgd_f32(&sgd, 0, nullptr, nullptr, nullptr, nullptr, nullptr), PYNN_OK);
  CHECK_EQ(pynn_adam_f32(&adam, 1, n, p, g, s, s, nullptr, net.step_list.data()), PYNN_INVALID);
  CHECK(says("amsgrad"));
  CHECK_EQ(pynn_adam_f32(&adam, 1, n, p, g, s, s, s, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_rmsprop_f32(&rms, 1, n, p, g, s, nullptr, nullptr, nullptr), PYNN_INVALID);
  float* missing[] = {nullptr};
  CHECK_EQ(pynn_sgd_f32(&sgd, 1, n, missing, g, s, nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_adam_f32(&adam, 1, n, p, g, s, s, s, missing), PYNN_INVALID);
  CHECK_EQ(net.steps[0], 0);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::optim::table().isa, isa) == 0);
    test_sgd(isa);
    test_adam(isa);
    test_rmsprop(isa);
    test_skipped(isa);
    test_threads(isa);
  });
  test_many_tensors();
  test_errors();
  return summary();
}
