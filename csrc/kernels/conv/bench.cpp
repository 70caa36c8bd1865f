// Speed of convolutions and their gradients beside the machine's own peak, measured in the same run.
//   bench_conv [threads]
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/bench_peak.h"
#include "pynn/conv.h"

namespace {

struct Layer {
  const char* name;
  int64_t n, c, h, o, r, stride, pad, groups;
};

template <class F>
double time_of(const F& once) {
  return pynn::bench::time_ns(once, 1.5e8);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) pynn::set_num_threads(std::atoi(argv[1]));
  const double top = pynn::bench::peak_gflops(pynn::num_threads());
  std::printf("%s, %d threads: peak %.0f GF/s\n", pynn::isa_name(pynn::active_isa()), pynn::num_threads(),
              top);
  std::printf("%-34s %10s %9s | %10s %9s | %10s %9s\n", "layer", "forward us", "% peak", "data us", "% peak",
              "weight us", "% peak");
  const Layer layers[] = {
      {"CIFAR 3->32 3x3 32x32 b32", 32, 3, 32, 32, 3, 1, 1, 1},
      {"CIFAR 32->64 3x3 32x32 b32", 32, 32, 32, 64, 3, 1, 1, 1},
      {"CIFAR 64->128 3x3 16x16 b32", 32, 64, 16, 128, 3, 1, 1, 1},
      {"CIFAR 128->128 3x3 8x8 b32", 32, 128, 8, 128, 3, 1, 1, 1},
      {"ResNet 3->64 7x7/2 224 b1", 1, 3, 224, 64, 7, 2, 3, 1},
      {"ResNet 64->64 3x3 56 b1", 1, 64, 56, 64, 3, 1, 1, 1},
      {"ResNet 64->256 1x1 56 b1", 1, 64, 56, 256, 1, 1, 0, 1},
      {"ResNet 256->64 1x1 56 b1", 1, 256, 56, 64, 1, 1, 0, 1},
      {"ResNet 128->128 3x3/2 56 b1", 1, 128, 56, 128, 3, 2, 1, 1},
      {"ResNet 128->128 3x3 28 b1", 1, 128, 28, 128, 3, 1, 1, 1},
      {"ResNet 256->256 3x3 14 b1", 1, 256, 14, 256, 3, 1, 1, 1},
      {"ResNet 512->512 3x3 7 b1", 1, 512, 7, 512, 3, 1, 1, 1},
      {"ResNet 512->512 3x3 7 b16", 16, 512, 7, 512, 3, 1, 1, 1},
      {"MNIST 1->16 3x3 28 b32", 32, 1, 28, 16, 3, 1, 1, 1},
      {"depthwise 96 3x3 56 b4", 4, 96, 56, 96, 3, 1, 1, 96},
      {"depthwise 96 3x3/2 56 b4", 4, 96, 56, 96, 3, 2, 1, 96},
      {"depthwise 384 5x5 14 b8", 8, 384, 14, 384, 5, 1, 2, 384},
      {"depthwise 960 3x3 7 b8", 8, 960, 7, 960, 3, 1, 1, 960},
      {"ResNeXt 128 3x3 56 32 groups", 1, 128, 56, 128, 3, 1, 1, 32},
  };
  for (const Layer& l : layers) {
    pynn_conv conv = {2, {l.stride, l.stride}, {l.pad, l.pad}, {l.pad, l.pad}, {1, 1}, l.groups};
    const int64_t oh = (l.h + 2 * l.pad - l.r) / l.stride + 1;
    const int64_t xs[] = {l.n, l.c, l.h, l.h}, ws[] = {l.o, l.c / l.groups, l.r, l.r},
                  ys[] = {l.n, l.o, oh, oh};
    std::vector<float> x(size_t(l.n * l.c * l.h * l.h)), w(size_t(l.o * (l.c / l.groups) * l.r * l.r)),
        y(size_t(l.n * l.o * oh * oh)), gx(x.size()), gw(w.size());
    unsigned seed = 1;
    for (auto* v : {&x, &w, &y}) {
      for (float& e : *v) e = float(int(seed = seed * 1664525u + 1013904223u)) * 0x1p-31f;
    }
    pynn_array xa = {x.data(), xs, nullptr, 4, PYNN_FLOAT32}, wa = {w.data(), ws, nullptr, 4, PYNN_FLOAT32},
               ya = {y.data(), ys, nullptr, 4, PYNN_FLOAT32}, gxa = xa, gwa = wa;
    gxa.data = gx.data();
    gwa.data = gw.data();
    const double flops = 2.0 * double(y.size()) * double(l.c / l.groups * l.r * l.r);
    const double data =
        time_of([&] { pynn_conv_backward_data(&conv, &ya, &wa, nullptr, PYNN_ACT_NONE, 0, &gxa); });
    const double weight = time_of([&] { pynn_conv_backward_weight(&conv, &xa, &ya, 0, &gwa); });
    const double forward = time_of([&] { pynn_conv_forward(&conv, &xa, &wa, nullptr, PYNN_ACT_RELU, &ya); });
    auto percent = [&](double t) { return 100 * flops / t / top; };
    std::printf("%-34s %10.1f %8.1f%% | %10.1f %8.1f%% | %10.1f %8.1f%%\n", l.name, forward / 1e3,
                percent(forward), data / 1e3, percent(data), weight / 1e3, percent(weight));
  }
  return 0;
}
