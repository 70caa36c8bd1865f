// The GPU's convolutions, emulated, against plain loops in double.
#include <vector>

#include "cuda/testing.h"
#include "cuda/types.h"
#include "kernels/conv/cuda.h"

using namespace pynn::cuda;
using namespace pynn::testing;

namespace {

template <class T>
constexpr pynn_dtype kDtype = std::is_same_v<T, __half>          ? PYNN_FLOAT16
                              : std::is_same_v<T, __nv_bfloat16> ? PYNN_BFLOAT16
                              : std::is_same_v<T, float>         ? PYNN_FLOAT32
                                                                 : PYNN_FLOAT64;

// An array of elements that start at an aligned address.
template <class T>
struct Elements {
  std::vector<T> memory;
  T* data;
  explicit Elements(int64_t n) : memory(size_t(n) + 64) {
    const auto start = reinterpret_cast<uintptr_t>(memory.data());
    data = memory.data() + (64 - start % 64) % 64 / sizeof(T);
  }
  Elements(int64_t n, Random& random) : Elements(n) {
    for (T& x : memory) x = narrow<T>(random.normal());
  }
  double operator[](int64_t i) const { return double(widen(data[i])); }
};

// (images, channels, size) in memory, channels last or not.
Images images_of(const void* data, int64_t channels, const int64_t* size, bool last) {
  Images x = {};
  x.data = data;
  const int64_t pixels = size[0] * size[1] * size[2], step = last ? channels : 1;
  x.image = channels * pixels, x.channel = last ? 1 : pixels;
  x.at[0] = size[1] * size[2] * step, x.at[1] = size[2] * step, x.at[2] = step;
  return x;
}
int64_t place(const Images& x, int64_t n, int64_t c, int64_t pixel, const int64_t* size) {
  return n * x.image + c * x.channel + pixel / (size[1] * size[2]) * x.at[0] +
         pixel / size[2] % size[1] * x.at[1] + pixel % size[2] * x.at[2];
}

// Calls body(image, filter, out pixel, channel of its group, in pixel, tap) for every product there is.
template <class Body>
void each_product(const Conv& c, const Body& body) {
  for (int64_t n = 0; n < c.images; ++n) {
    for (int64_t o = 0; o < c.filters; ++o) {
      for (int64_t p = 0; p < c.out_size(); ++p) {
        const int64_t q[3] = {p / (c.out[1] * c.out[2]), p / c.out[2] % c.out[1], p % c.out[2]};
        for (int64_t t = 0; t < c.taps(); ++t) {
          const int64_t r[3] = {t / (c.kernel[1] * c.kernel[2]), t / c.kernel[2] % c.kernel[1],
                                t % c.kernel[2]};
          int64_t in = 0;
          bool inside = true;
          for (int d = 0; d < 3; ++d) {
            const int64_t at = q[d] * c.stride[d] + r[d] * c.dilation[d] - c.before[d];
            inside = inside && at >= 0 && at < c.in[d];
            in = in * c.in[d] + at;
          }
          if (!inside) continue;
          for (int64_t channel = 0; channel < c.group_channels(); ++channel) body(n, o, p, channel, in, t);
        }
      }
    }
  }
}

struct Sum {
  double value = 0, size = 0;
  void add(double x) { value += x, size += std::fabs(x); }
};

template <class T>
void check_sums(const char* what, const Elements<T>& got, const std::vector<Sum>& sums, double terms,
                Float32 mode) {
  const bool tf32 = std::is_same_v<T, float> && mode == Float32::tf32;
  const double eps = sizeof(T) == 8 ? 0x1p-53 : 0x1p-24, operand = tf32 ? 0x1p-11 : 0;
  const double result = std::is_same_v<T, __half> ? 0x1p-11 : std::is_same_v<T, __nv_bfloat16> ? 0x1p-8 : 0;
  double worst = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    const double allowed = (2 + std::sqrt(terms)) * 2 * eps * sums[i].size + 2 * operand * sums[i].size +
                           result * std::fabs(sums[i].value) + 1e-30 + (sizeof(T) == 2 ? 0x1p-24 : 0);
    const double error = std::fabs(got[int64_t(i)] - sums[i].value) / allowed;
    worst = error <= worst ? worst : error;  // NaN is taken
  }
  ::pynn::testing::report(worst <= 1, __FILE__, __LINE__, what,
                          std::to_string(worst) + " of what is allowed");
}

struct Workspace {
  std::vector<unsigned char> memory;
  explicit Workspace(size_t bytes) : memory(bytes + 256, 0xff) {}
  void* data() {
    const auto start = reinterpret_cast<uintptr_t>(memory.data());
    return memory.data() + (256 - start % 256) % 256;
  }
};

template <class T>
void check_conv(Conv c, bool bias, bool relu, bool last, Random& random, bool forward_only = false) {
  c.dtype = kDtype<T>;
  for (int d = 0; d < 3; ++d) {
    c.out[d] = (c.in[d] + 2 * c.before[d] - c.dilation[d] * (c.kernel[d] - 1) - 1) / c.stride[d] + 1;
  }
  char text[300];
  std::snprintf(text, sizeof text,
                "%s %s mode %d, %lld images of %lld channels, %lld filters, %lld groups, in %lld %lld %lld, "
                "kernel %lld "
                "%lld %lld, stride %lld %lld, dilation %lld, last %d",
                name_of(c.dtype), path_name(path()), int(c.float32), (long long)c.images,
                (long long)c.channels, (long long)c.filters, (long long)c.groups, (long long)c.in[0],
                (long long)c.in[1], (long long)c.in[2], (long long)c.kernel[0], (long long)c.kernel[1],
                (long long)c.kernel[2], (long long)c.stride[1], (long long)c.stride[2],
                (long long)c.dilation[1], last);
  set_context(text);
  const int64_t weights = c.filters * c.group_channels() * c.taps();
  const Elements<T> x(c.images * c.channels * c.in_size(), random), w(weights, random), b(c.filters, random);
  const Elements<T> dy(c.images * c.filters * c.out_size(), random);
  Elements<T> y(c.images * c.filters * c.out_size()), dx(c.images * c.channels * c.in_size()), dw(weights),
      db(c.filters);
  const Images in = images_of(x.data, c.channels, c.in, last),
               grad = images_of(dy.data, c.filters, c.out, last);
  std::vector<Sum> y_sums(size_t(c.images * c.filters * c.out_size())), dx_sums(dx.memory.size() - 64),
      dw_sums(static_cast<size_t>(weights)), db_sums(static_cast<size_t>(c.filters));
  each_product(c, [&](int64_t n, int64_t o, int64_t p, int64_t channel, int64_t pixel, int64_t t) {
    const int64_t from = o / c.group_filters() * c.group_channels() + channel;
    const int64_t weight = (o * c.group_channels() + channel) * c.taps() + t;
    const double value = x[place(in, n, from, pixel, c.in)], slope = dy[place(grad, n, o, p, c.out)];
    y_sums[size_t((n * c.filters + o) * c.out_size() + p)].add(value * w[weight]);
    dx_sums[size_t((n * c.channels + from) * c.in_size() + pixel)].add(slope * w[weight]);
    dw_sums[size_t(weight)].add(slope * value);
  });
  for (int64_t i = 0; i < int64_t(y_sums.size()); ++i) {
    Sum& sum = y_sums[size_t(i)];
    if (bias) sum.add(b[i / c.out_size() % c.filters]);
    if (relu && sum.value < 0) sum.value = 0;
    const int64_t n = i / c.filters / c.out_size(), o = i / c.out_size() % c.filters;
    db_sums[size_t(o)].add(dy[place(grad, n, o, i % c.out_size(), c.out)]);
  }
  Workspace forward(conv_forward_workspace(c, in)), data(conv_data_workspace(c, grad)),
      weight(conv_weight_workspace(c, in, grad)), biases(conv_bias_workspace(c));
  CHECK_OK(conv_forward(c, in, w.data, bias ? b.data : nullptr, relu ? PYNN_ACT_RELU : PYNN_ACT_NONE, y.data,
                        forward.data(), nullptr));
  check_sums("forward", y, y_sums, double(c.group_channels() * c.taps()), c.float32);
  if (forward_only) return;
  CHECK_OK(conv_data(c, grad, w.data, dx.data, data.data(), nullptr));
  CHECK_OK(conv_weight(c, in, grad, dw.data, weight.data(), nullptr));
  CHECK_OK(conv_bias(c, grad, db.data, biases.data(), nullptr));
  check_sums("data", dx, dx_sums, double(c.group_filters() * c.taps()), c.float32);
  check_sums("weight", dw, dw_sums, double(c.images * c.out_size()), c.float32);
  check_sums("bias", db, db_sums, double(c.images * c.out_size()), Float32::exact);
}

Conv shape(int64_t images, int64_t channels, int64_t filters, int64_t groups, int64_t depth, int64_t height,
           int64_t width, int64_t kernel_z, int64_t kernel_y, int64_t kernel_x) {
  Conv c = {};
  c.images = images, c.channels = channels, c.filters = filters, c.groups = groups;
  c.in[0] = depth, c.in[1] = height, c.in[2] = width;
  c.kernel[0] = kernel_z, c.kernel[1] = kernel_y, c.kernel[2] = kernel_x;
  for (int d = 0; d < 3; ++d) c.stride[d] = c.dilation[d] = 1;
  return c;
}
Conv with(Conv c, int64_t stride, int64_t before, int64_t dilation) {
  for (int d = c.in[0] > 1 ? 0 : 1; d < 3; ++d)
    c.stride[d] = stride, c.before[d] = before, c.dilation[d] = dilation;
  return c;
}

template <class T>
void convolutions(Float32 mode, bool thorough) {
  Random random(5);
  std::vector<Conv> all = {
      with(shape(2, 16, 24, 1, 1, 7, 6, 1, 3, 3), 1, 1, 1),  // channels of whole chunks
      with(shape(2, 5, 9, 1, 1, 8, 9, 1, 3, 2), 2, 1, 1),    // chunks filled up, four phases
      with(shape(1, 12, 20, 2, 1, 9, 7, 1, 2, 3), 1, 2, 2),  // groups, dilation
  };
  if (thorough) {
    all.push_back(with(shape(3, 3, 10, 1, 1, 9, 9, 1, 3, 3), 1, 1, 1));  // a first layer
    all.push_back(with(shape(2, 6, 6, 6, 1, 6, 7, 1, 3, 3), 1, 1, 1));   // depthwise
    all.push_back(
        with(shape(2, 4, 8, 4, 1, 8, 7, 1, 5, 5), 2, 2, 1));  // depthwise with two filters a channel
    all.push_back(with(shape(2, 8, 16, 1, 3, 5, 4, 2, 3, 2), 2, 1, 1));   // three dimensions
    all.push_back(with(shape(2, 16, 72, 1, 1, 5, 5, 1, 1, 1), 1, 0, 1));  // 1 x 1
    all.push_back(
        with(shape(2, 16, 72, 1, 1, 5, 5, 1, 3, 3), 1, 1, 1));  // the larger tile of a weight gradient
    all.push_back(with(shape(1, 8, 8, 1, 1, 9, 8, 1, 1, 2), 3, 0, 2));    // strides over what no tap reaches
    all.push_back(with(shape(1, 132, 8, 1, 1, 4, 4, 1, 2, 2), 1, 1, 1));  // parts of K
    if (mode != Float32::exact)
      all.push_back(with(shape(4, 8, 8, 1, 1, 18, 18, 1, 2, 2), 1, 1, 1));  // many pixels
  }
  bool odd = false;
  for (Conv c : all) {
    c.float32 = mode;
    check_conv<T>(c, odd, !odd, odd, random);
    odd = !odd;
  }
}

// So many pixels that the paths take their larger tiles.
void large_tiles() {
  Random random(6);
  set_path(Path::mma);
  check_conv<__half>(with(shape(2, 8, 72, 1, 1, 64, 64, 1, 1, 1), 1, 0, 1), true, false, false, random, true);
  check_conv<float>(with(shape(2, 8, 72, 1, 1, 64, 64, 1, 1, 1), 1, 0, 1), true, false, false, random, true);
  set_path(Path::hopper);
  check_conv<__half>(with(shape(6, 8, 72, 1, 1, 64, 64, 1, 1, 1), 1, 0, 1), true, false, false, random, true);
}

template <class T>
void windows(Conv c) {
  Random random(9);
  for (int d = 0; d < 3; ++d) {
    c.out[d] = (c.in[d] + 2 * c.before[d] - c.dilation[d] * (c.kernel[d] - 1) - 1) / c.stride[d] + 1;
  }
  c.dtype = kDtype<T>;
  set_context("windows");
  const int64_t columns = c.images * c.channels * c.taps() * c.out_size();
  const Elements<T> x(c.images * c.channels * c.in_size(), random), g(columns, random);
  Elements<T> y(columns), back(c.images * c.channels * c.in_size());
  const Images in = images_of(x.data, c.channels, c.in, true);
  std::vector<Sum> y_sums(static_cast<size_t>(columns)), x_sums(back.memory.size() - 64);
  Conv one = c;
  one.filters = one.groups = 1;
  each_product(one, [&](int64_t n, int64_t, int64_t p, int64_t channel, int64_t pixel, int64_t t) {
    const int64_t column = ((n * c.channels + channel) * c.taps() + t) * c.out_size() + p;
    y_sums[size_t(column)].add(x[place(in, n, channel, pixel, c.in)]);
    x_sums[size_t((n * c.channels + channel) * c.in_size() + pixel)].add(g[column]);
  });
  CHECK_OK(unfold(c, in, y.data, nullptr));
  CHECK_OK(fold(c, g.data, back.data, nullptr));
  check_sums("unfold", y, y_sums, 1, Float32::exact);
  check_sums("fold", back, x_sums, 9, Float32::exact);
}

void empty() {
  set_context("empty");
  float memory[64] = {};
  Conv c = with(shape(0, 2, 3, 1, 1, 4, 4, 1, 3, 3), 1, 0, 1);
  c.dtype = PYNN_FLOAT32;
  c.out[0] = 1, c.out[1] = c.out[2] = 2;
  const Images x = images_of(memory, 2, c.in, false), dy = images_of(memory, 3, c.out, false);
  CHECK_OK(conv_forward(c, x, memory, nullptr, PYNN_ACT_NONE, memory, nullptr, nullptr));
  CHECK_OK(conv_data(c, dy, memory, memory, nullptr, nullptr));
  float dw[54], db[3];
  std::fill(dw, dw + 54, 3.f);
  CHECK_OK(conv_weight(c, x, dy, dw, nullptr, nullptr));
  CHECK_OK(conv_bias(c, dy, db, nullptr, nullptr));
  CHECK_EQ(dw[0], 0);
  CHECK_EQ(dw[53], 0);
  CHECK_EQ(db[2], 0);
}

}  // namespace

int main() {
  for (const Path way : {Path::simt, Path::mma, Path::hopper, Path::automatic}) {
    set_path(way);
    const bool all = way != Path::automatic;
    if (way != Path::hopper) convolutions<float>(Float32::split, true);  // there by mma, as above
    convolutions<__nv_bfloat16>(Float32::split, all);
    convolutions<__half>(Float32::split, false);
    if (way == Path::mma || way == Path::hopper) convolutions<float>(Float32::tf32, false);
  }
  convolutions<double>(Float32::split, true);
  for_each_order([] { convolutions<float>(Float32::exact, false); });
  large_tiles();
  windows<float>(with(shape(2, 3, 1, 1, 1, 7, 6, 1, 3, 2), 2, 1, 1));
  windows<__half>(with(shape(1, 2, 1, 1, 1, 6, 9, 1, 2, 3), 1, 2, 2));
  windows<double>(with(shape(1, 2, 1, 1, 3, 4, 5, 2, 2, 1), 1, 0, 1));
  empty();
  set_path(Path::automatic);
  return summary();
}
