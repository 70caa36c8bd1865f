// The GPU's optimizer steps, emulated, against the CPU's kernels.
#include <vector>

#include "base/testing.h"
#include "cuda/testing.h"
#include "kernels/optim/cuda.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

// Tensors of odd sizes, one off its alignment, one without elements; more than fit one launch.
class Tensors {
 public:
  Tensors(int kinds, uint64_t seed) {
    Random random(seed);
    std::vector<int64_t> wanted = {1, 3, 0, 4, 4095, 4096, 4097, 9000};
    for (int i = 0; i < 60; ++i) wanted.push_back(int64_t(1 + i % 7));
    for (int64_t size : wanted) sizes.push_back(size);
    data.resize(size_t(kinds));
    lists.resize(size_t(kinds));
    for (int k = 0; k < kinds; ++k) {
      for (size_t i = 0; i < sizes.size(); ++i) {
        std::vector<float> values(size_t(sizes[i]) + 1);
        // Squares and their maxima are not negative, and more than the means' squares.
        for (float& value : values) value = k < 2 ? float(random.normal()) : float(random.uniform(2, 3));
        data[size_t(k)].push_back(values);
      }
    }
    point();
    steps.assign(sizes.size(), 3);
    for (size_t i = 0; i < sizes.size(); i += 5) steps[i] = 0;
  }
  Tensors(const Tensors& other) : sizes(other.sizes), steps(other.steps), data(other.data), lists(other.lists) { point(); }
  float* const* list(int kind) const { return lists[size_t(kind)].data(); }
  const float* const* gradients() const { return const_cast<const float* const*>(list(1)); }
  int64_t count() const { return int64_t(sizes.size()); }
  float* const* step_list() {
    step_pointers.clear();
    for (float& step : steps) step_pointers.push_back(&step);
    return step_pointers.data();
  }

  std::vector<int64_t> sizes;
  std::vector<float> steps;
  std::vector<std::vector<std::vector<float>>> data;

 private:
  void point() {
    for (size_t k = 0; k < data.size(); ++k) {
      lists[k].clear();
      for (size_t i = 0; i < sizes.size(); ++i) lists[k].push_back(data[k][i].data() + (i % 3 == 1 ? 1 : 0));
    }
  }
  std::vector<std::vector<float*>> lists;
  std::vector<float*> step_pointers;
};

void check_same(const Tensors& a, const Tensors& b) {
  double worst = 0;
  for (size_t k = 0; k < a.data.size(); ++k) {
    for (size_t i = 0; i < a.sizes.size(); ++i) {
      for (size_t j = 0; j < a.data[k][i].size(); ++j) {
        worst = std::fmax(worst, ulp_error(a.data[k][i][j], b.data[k][i][j]));
      }
    }
  }
  // Rounded alike, step by step, where the CPU has fma.
  CHECK_CLOSE(worst, 0, active_isa() == Isa(0) ? 64 : 0);
  CHECK(a.steps == b.steps);
}

void test_sgd() {
  for (int bits = 0; bits < 32; ++bits) {
    const bool momentum = bits & 1, decay = bits & 2, nesterov = bits & 4, maximize = bits & 8, first = bits & 16;
    if (nesterov && !momentum) continue;
    const pynn_sgd options = {0.1, momentum ? 0.9 : 0, nesterov ? 0 : 0.2, decay ? 0.01 : 0, nesterov, maximize};
    Tensors cpu(3, 1), gpu(cpu);
    const std::vector<uint8_t> firsts(cpu.sizes.size(), 1);
    CHECK_EQ(pynn_sgd_f32(&options, cpu.count(), cpu.sizes.data(), cpu.list(0), cpu.gradients(),
                          momentum ? cpu.list(2) : nullptr, first ? firsts.data() : nullptr),
             PYNN_OK);
    CHECK_OK(cuda::optim_sgd(options, gpu.count(), gpu.sizes.data(), gpu.list(0), gpu.gradients(),
                          momentum ? gpu.list(2) : nullptr, first, nullptr));
    check_same(gpu, cpu);
  }
}

void test_adam() {
  for (int bits = 0; bits < 16; ++bits) {
    const pynn_adam options = {0.01, 0.9, 0.999, 1e-8, bits & 1 ? 0.1 : 0, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1};
    Tensors cpu(5, 2), gpu(cpu);
    std::vector<char> scratch(size_t(cuda::optim_adam_bytes(gpu.count())));
    CHECK_EQ(pynn_adam_f32(&options, cpu.count(), cpu.sizes.data(), cpu.list(0), cpu.gradients(), cpu.list(2),
                           cpu.list(3), options.amsgrad ? cpu.list(4) : nullptr, cpu.step_list()),
             PYNN_OK);
    CHECK_OK(cuda::optim_adam(options, gpu.count(), gpu.sizes.data(), gpu.list(0), gpu.gradients(), gpu.list(2),
                           gpu.list(3), options.amsgrad ? gpu.list(4) : nullptr, gpu.step_list(), scratch.data(),
                           nullptr));
    check_same(gpu, cpu);
  }
}

void test_rmsprop() {
  for (int bits = 0; bits < 16; ++bits) {
    const pynn_rmsprop options = {0.01,           0.99, 1e-8, bits & 1 ? 0.9 : 0, bits & 2 ? 0.1 : 0, bits >> 2 & 1,
                                  bits >> 3 & 1};
    Tensors cpu(5, 3), gpu(cpu);
    for (Tensors* t : {&cpu, &gpu}) {  // a mean square is more than the square of the mean
      for (auto& square : t->data[2]) {
        for (float& value : square) value += 12;
      }
    }
    CHECK_EQ(pynn_rmsprop_f32(&options, cpu.count(), cpu.sizes.data(), cpu.list(0), cpu.gradients(), cpu.list(2),
                              options.centered ? cpu.list(3) : nullptr, options.momentum > 0 ? cpu.list(4) : nullptr,
                              cpu.step_list()),
             PYNN_OK);
    CHECK_OK(cuda::optim_rmsprop(options, gpu.count(), gpu.sizes.data(), gpu.list(0), gpu.gradients(), gpu.list(2),
                              options.centered ? gpu.list(3) : nullptr, options.momentum > 0 ? gpu.list(4) : nullptr,
                              gpu.step_list(), nullptr));
    check_same(gpu, cpu);
  }
}

}  // namespace

int main() {
  test_sgd();
  test_adam();
  test_rmsprop();
  CHECK_OK(cuda::optim_sgd({0.1, 0, 0, 0, 0, 0}, 0, nullptr, nullptr, nullptr, nullptr, false, nullptr));
  return summary();
}
