// ns a call for the six tensors of a 20-64-32-1 net, and GB/s for one large tensor.
#include "base/bench.h"

#include <vector>

#include "pynn/pynn.h"

using pynn::bench::time_ns;

namespace {

void run(const char* name, const std::vector<int64_t>& sizes) {
  std::vector<std::vector<float>> data[5];
  std::vector<float*> lists[5], step_list;
  int64_t total = 0;
  for (int64_t n : sizes) total += n;
  for (int k = 0; k < 5; ++k) {
    for (int64_t n : sizes) data[k].emplace_back(size_t(n), 0.01f);
    for (auto& tensor : data[k]) lists[k].push_back(tensor.data());
  }
  std::vector<float> steps(sizes.size(), 0.0f);
  for (float& step : steps) step_list.push_back(&step);
  const int64_t count = int64_t(sizes.size());
  const pynn_sgd plain = {1e-6, 0, 0, 0, 0, 0}, momentum = {1e-6, 0.9, 0, 0, 0, 0};
  const pynn_adam adam = {1e-6, 0.9, 0.999, 1e-8, 0, 0, 0, 0};
  const pynn_rmsprop rms = {1e-6, 0.99, 1e-8, 0, 0, 0, 0};
  const auto line = [&](const char* what, int arrays, const auto& call) {
    const double ns = time_ns(call);
    std::printf("%-10s %-14s %14.1f ns %8.3f ns/el %8.1f GB/s\n", name, what, ns, ns / double(total),
                4.0 * arrays * double(total) / ns);
  };
  float** p = lists[0].data();
  float** g = lists[1].data();
  line("sgd", 3, [&] { pynn_sgd_f32(&plain, count, sizes.data(), p, g, nullptr, nullptr); });
  line("sgd momentum", 5,
       [&] { pynn_sgd_f32(&momentum, count, sizes.data(), p, g, lists[2].data(), nullptr); });
  line("adam", 7, [&] {
    pynn_adam_f32(&adam, count, sizes.data(), p, g, lists[2].data(), lists[3].data(), nullptr,
                  step_list.data());
  });
  line("rmsprop", 5, [&] {
    pynn_rmsprop_f32(&rms, count, sizes.data(), p, g, lists[2].data(), nullptr, nullptr, nullptr);
  });
}

}  // namespace

int main() {
  std::printf("isa %s, %d threads\n", pynn_isa(), pynn_get_num_threads());
  run("six tiny", {16, 4, 8, 2, 4, 1});
  run("mlp", {1280, 64, 2048, 32, 32, 1});
  run("4M", {4 << 20});
  return 0;
}
