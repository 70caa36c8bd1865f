// Convolutions and their gradients against double-precision loops, on every ISA of this machine.
#include <vector>

#include "base/pool.h"
#include "kernels/conv/cases.h"

namespace {

using namespace pynn::testing;

const int64_t kFar = 1 << 30;
const Flat kFlat[] = {
    {1, 1, 5, 5, 1, 3, 3, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {2, 3, 9, 8, 5, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 4, 7, 7, 20, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {1, 3, 33, 35, 16, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 6, 12, 13, 10, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}},
    {2, 6, 11, 12, 9, 2, 4, {3, 2, 0, 1, 2, 1, 1, 1, 1}},
    {1, 8, 15, 17, 12, 3, 3, {1, 1, 2, 2, 2, 2, 2, 2, 1}},
    {1, 8, 15, 18, 12, 3, 2, {2, 3, 2, 1, 0, 4, 3, 2, 1}},
    {2, 8, 10, 10, 12, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {2, 9, 10, 11, 12, 1, 1, {2, 2, 0, 0, 0, 0, 1, 1, 1}},
    {2, 8, 10, 10, 12, 1, 1, {1, 1, 1, 0, 0, 1, 1, 1, 1}},
    {2, 12, 9, 10, 8, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 4}},
    {2, 24, 9, 10, 36, 3, 3, {1, 2, 1, 1, 1, 1, 1, 1, 3}},
    {2, 7, 20, 21, 7, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 7}},
    {2, 5, 20, 37, 10, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 5}},
    {1, 4, 9, 40, 4, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 4}},
    {1, 4, 9, 40, 4, 3, 3, {1, 3, 1, 1, 1, 1, 2, 2, 4}},
    {3, 2, 1, 1, 3, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {1, 3, 4, 4, 2, 4, 4, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {1, 3, 4, 5, 11, 7, 7, {1, 1, 3, 3, 3, 3, 1, 1, 1}},
    {1, 60, 9, 9, 20, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {1, 130, 6, 7, 17, 3, 3, {2, 1, 1, 1, 1, 1, 1, 1, 1}},
    {1, 3, 40, 40, 9, 1, 5, {1, 1, 0, 0, 2, 2, 1, 1, 1}},
    {1, 3, 2, 2, 9, 1, 1, {5, 5, 0, 0, 0, 0, 1, 1, 1}},
    {1, 3, 3, 3, 9, 1, 1, {2, 2, 4, 4, 4, 4, 1, 1, 1}},
    {1, 2, 25, 3, 9, 25, 3, {1, 1, 12, 12, 1, 1, 1, 1, 1}},
    {2, 16, 32, 32, 20, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 3, 32, 32, 32, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {3, 20, 14, 14, 40, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}},
    {2, 100, 12, 12, 80, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {3, 64, 24, 24, 64, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 64}},
    {1, 2, 70, 80, 12, 7, 7, {2, 2, 3, 3, 3, 3, 1, 1, 1}},
    {1, 60, 7, 7, 60, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {13, 10, 5, 5, 60, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    // filters in the lanes: few pixels and many, where they lie and as patches, over images, groups, scattered
    {1, 200, 7, 7, 90, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {3, 200, 5, 5, 90, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {2, 96, 14, 14, 48, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 600, 5, 6, 80, 1, 1, {2, 2, 0, 0, 0, 0, 1, 1, 1}},
    {1, 128, 6, 6, 128, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 2}},
    // filters in the lanes over frames: rows in parts, last panels of few filters, phases of unlike sizes, groups
    {2, 11, 28, 28, 37, 5, 5, {1, 1, 2, 2, 2, 2, 1, 1, 1}},
    {1, 16, 9, 300, 20, 1, 5, {1, 1, 0, 0, 2, 2, 1, 1, 1}},
    {2, 33, 13, 29, 16, 4, 4, {2, 2, 1, 1, 1, 1, 1, 1, 1}},
    {1, 20, 29, 31, 18, 5, 4, {3, 2, 2, 1, 1, 0, 1, 1, 1}},
    {1, 68, 17, 15, 44, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 2}},
    {1, 32, 3, 270, 32, 3, 3, {1, 2, 1, 1, 1, 1, 1, 1, 1}},
    // the weight gradient: written once, in groups, of more taps than are kept, of blocks that are shared out
    {1, 40, 5, 5, 40, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {1, 24, 5, 6, 93, 3, 3, {1, 1, 1, 0, 1, 1, 1, 1, 3}},
    {1, 17, 3, 200, 33, 1, 140, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
    {3, 40, 20, 20, 36, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    // planes: depthwise with square kernels, padded unevenly, in steps of two
    {2, 5, 9, 21, 5, 5, 5, {1, 1, 2, 1, 0, 4, 1, 1, 5}},
    {1, 3, 16, 35, 3, 7, 7, {1, 1, 3, 3, 3, 3, 1, 1, 3}},
    {2, 3, 7, 7, 3, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 3}},
    {2, 3, 17, 18, 3, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 3}},
    {3, 2, 40, 71, 2, 3, 3, {2, 2, 0, 1, 2, 1, 1, 1, 2}},
    {2, 2, 33, 34, 2, 5, 5, {2, 2, 2, 1, 4, 2, 1, 1, 2}},
    {1, 3, 20, 65, 3, 7, 7, {2, 2, 3, 2, 3, 6, 1, 1, 3}},
    {1, 2, 9, 9, 2, 3, 3, {2, 2, 5, 3, 4, 3, 1, 1, 2}},
    {1, 4, 9, 40, 4, 5, 5, {1, 2, 2, 2, 2, 2, 1, 1, 4}},
    {3, 1, 2, 1, 1, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 3, 8, 9, 3, 3, 3, {1, 1, 0, -2, 0, -1, 1, 1, 3}},
    {1, 200, 6, 6, 16, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    // the end of the input left out
    {2, 3, 11, 12, 5, 3, 3, {1, 2, 1, -2, 0, -3, 1, 1, 1}},
    // so much padding that a padded copy would not fit into memory
    {1, 1, 4, 4, 1, 3, 3, {kFar, kFar, kFar, kFar, kFar, kFar, 1, 1, 1}},
    {2, 2, 9, 9, 2, 3, 3, {1 << 20, 3000, 1 << 20, 1 << 20, 6000, 6000, 1, 2, 2}},
    {1, 2, 5, 6, 2, 2, 2, {kFar, kFar, kFar, kFar, kFar, kFar, kFar, kFar, 2}},
    {0, 3, 8, 8, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 0, 8, 8, 4, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 3, 8, 8, 0, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {2, 16, 0, 5, 16, 1, 1, {1, 1, 1, 0, 0, 0, 1, 1, 1}},
};

std::vector<Case> deep_cases() {
  auto make = [](int dims, int64_t n, int64_t c, int64_t o, std::vector<int64_t> in, std::vector<int64_t> k,
                 const pynn_conv& g) { return Case(dims, n, c, o, in.data(), k.data(), g); };
  return {
      make(1, 2, 5, 7, {33}, {3}, {1, {1}, {1}, {1}, {1}, 1}),
      make(1, 2, 6, 9, {100}, {9}, {1, {2}, {4}, {3}, {2}, 3}),
      make(1, 1, 30, 30, {300}, {5}, {1, {1}, {2}, {2}, {1}, 1}),
      make(1, 3, 8, 8, {300}, {7}, {1, {3}, {3}, {3}, {1}, 8}),
      make(3, 2, 3, 5, {5, 6, 7}, {3, 3, 3}, {3, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 1}),
      make(3, 1, 6, 8, {7, 9, 20}, {2, 3, 3}, {3, {2, 1, 2}, {1, 0, 2}, {0, 1, 1}, {1, 2, 1}, 2}),
      make(3, 2, 4, 4, {6, 9, 18}, {3, 3, 3}, {3, {1, 2, 1}, {1, 1, 1}, {1, 1, 1}, {2, 1, 1}, 4}),
      make(3, 1, 20, 17, {4, 9, 12}, {3, 1, 3}, {3, {1, 1, 1}, {1, 0, 1}, {1, 0, 1}, {1, 1, 1}, 1}),
      make(3, 2, 8, 12, {3, 4, 5}, {1, 1, 1}, {3, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 1}),
      make(3, 1, 70, 16, {3, 4, 4}, {3, 3, 3}, {3, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 1}),
  };
}

template <class T>
void test_cases() {
  for (const Flat& k : kFlat) check_case<T>(k.whole());
  for (const Case& k : deep_cases()) check_case<T>(k);
  for (int layout = 1; layout <= 3; ++layout) {
    for (int i : {1, 4, 8, 9, 11, 13, 28, 32, 34, 37}) check_case<T>(kFlat[i].whole(), layout);
    for (const Case& k : deep_cases()) check_case<T>(k, layout);
  }
}

// Columns against the places they name; fold is unfold's adjoint, element for element.
template <class T>
void check_columns(const Case& k, int layout) {
  Buffers<T> b(k);
  const int64_t pixels = k.out_size(), size = k.n * k.c * k.taps() * pixels;
  Guarded<T> y(size), back(b.x.size());
  std::vector<T> expected(size_t(size), T(0));
  Sums sums(b.x.size());
  for (int64_t i = 0; i < size; ++i) {
    const int64_t p = i % pixels, t = i / pixels % k.taps(), plane = i / pixels / k.taps();
    const int64_t at[] = {p / k.out[2] / k.out[1], p / k.out[2] % k.out[1], p % k.out[2]};
    const int64_t tap[] = {t / k.kernel[2] / k.kernel[1], t / k.kernel[2] % k.kernel[1], t % k.kernel[2]};
    int64_t from = 0;
    bool inside = true;
    for (int d = 0; d < 3; ++d) {
      const int64_t place =
          d < k.dims() ? at[d] * k.conv.stride[d] - k.conv.pad_before[d] + tap[d] * k.conv.dilation[d] : 0;
      inside = inside && place >= 0 && place < k.in[d];
      from = from * k.in[d] + place;
    }
    if (!inside) continue;
    expected[size_t(i)] = b.x[plane * k.in_size() + from];
    sums.add(plane * k.in_size() + from, double(T(i % 7) - T(3)));
  }
  const int64_t y_shape[] = {k.n, k.c * k.taps(), pixels};
  const Laid<T> x(b.xa(), layout);
  pynn_array ya = {y.data(), y_shape, nullptr, 3, dtype_of<T>}, backa = b.array(back, b.x_shape);
  CHECK_EQ(int(pynn_unfold(&k.conv, k.kernel, &x.array, &ya)), int(PYNN_OK));
  CHECK(size == 0 || std::memcmp(y.data(), expected.data(), size_t(size) * sizeof(T)) == 0);
  for (int64_t i = 0; i < size; ++i) y[i] = T(i % 7) - T(3);
  CHECK_EQ(int(pynn_fold(&k.conv, k.kernel, &ya, &backa)), int(PYNN_OK));
  compare("fold", k, back, sums);
  CHECK(y.intact());
}

template <class T>
void test_columns() {
  for (const Flat& k : kFlat) {
    if (k.n * k.c > 0 && k.g[2] < 100) check_columns<T>(k.whole(), k.w % 2 ? 2 : 0);
  }
  for (const Case& k : deep_cases()) check_columns<T>(k, 0);
  const Case k = kFlat[1].whole();
  Buffers<T> b(k);
  const Laid<T> last(b.xa(), 1);
  pynn_array y = b.xa();
  const int64_t y_shape[] = {2, 27, 72};
  y.shape = y_shape;
  y.ndim = 3;
  CHECK_EQ(int(pynn_unfold(&k.conv, k.kernel, &last.array, &y)), int(PYNN_UNSUPPORTED));
  CHECK(says("contiguous"));
  const int64_t large[] = {30, 3};
  CHECK_EQ(int(pynn_unfold(&k.conv, large, &last.array, &y)), int(PYNN_INVALID));
  CHECK(says("(30, 3)"));
  CHECK_EQ(int(pynn_fold(&k.conv, k.kernel, &y, &y)), int(PYNN_INVALID));
}

Case random_case(Random& random) {
  const int dims = int(1 + random.below(3));
  const int64_t groups = random.below(3) == 0 ? 1 + random.below(6) : 1;
  const int64_t most = dims == 3 ? 9 : dims == 2 ? 20 : 90;
  pynn_conv g = {};
  int64_t in[3], kernel[3];
  for (int d = 0; d < dims; ++d) {
    in[d] = 1 + random.below(most);
    g.dilation[d] = random.below(3) ? 1 : 1 + random.below(3);
    kernel[d] = 1 + random.below(dims == 3 ? 3 : 6);
    g.stride[d] = random.below(2) ? 1 : 1 + random.below(4);
    g.pad_before[d] = random.below(4);
    g.pad_after[d] = random.below(5) - 1;
    const int64_t short_by = g.dilation[d] * (kernel[d] - 1) + 1 - in[d] - g.pad_before[d] - g.pad_after[d];
    if (short_by > 0) g.pad_after[d] += short_by;
  }
  g.groups = groups;
  const int64_t c = groups * (1 + random.below(random.below(2) ? 4 : 30)),
                o = groups * (1 + random.below(30));
  return Case(dims, random.below(4), c, o, in, kernel, g);
}

template <class T>
void test_threads() {
  const int before = pynn::num_threads();
  std::vector<Case> cases;
  const Flat flat[] = {{4, 16, 32, 32, 32, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                       {4, 3, 40, 40, 32, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}},
                       {6, 32, 24, 24, 32, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 32}},
                       {4, 70, 20, 20, 60, 1, 1, {1, 1, 0, 0, 0, 0, 1, 1, 1}},
                       {1, 96, 30, 30, 128, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                       {1, 160, 7, 7, 160, 3, 3, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                       {9, 70, 7, 7, 90, 3, 3, {2, 2, 1, 1, 1, 1, 1, 1, 1}}};
  for (const Flat& f : flat) cases.push_back(f.whole());
  const int64_t size[] = {8, 16, 16}, kernel[] = {3, 3, 3};
  cases.push_back(Case(3, 2, 12, 20, size, kernel, {3, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 1}));
  for (const Case& k : cases) {
    Buffers<T> b(k);
    pynn_array xa = b.xa(), wa = b.wa(), ya = b.ya(), ba = b.ba();
    auto all = [&](int threads) {
      pynn::set_num_threads(threads);
      Guarded<T> y(b.y.size()), gx(b.x.size()), gw(b.w.size()), gb(k.o);
      pynn_array y2 = b.array(y, b.y_shape), gxa = b.array(gx, b.x_shape), gwa = b.array(gw, b.w_shape),
                 gba = ba;
      gba.data = gb.data();
      CHECK_EQ(int(pynn_conv_forward(&k.conv, &xa, &wa, &ba, PYNN_ACT_RELU, &y2)), 0);
      CHECK_EQ(int(pynn_conv_backward_data(&k.conv, &ya, &wa, nullptr, PYNN_ACT_NONE, 0, &gxa)), 0);
      CHECK_EQ(int(pynn_conv_backward_weight(&k.conv, &xa, &ya, 0, &gwa)), 0);
      CHECK_EQ(int(pynn_conv_backward_bias(&ya, 0, &gba)), 0);
      std::vector<T> bits;
      for (const Guarded<T>* g : {&y, &gx, &gw, &gb})
        bits.insert(bits.end(), g->data(), g->data() + g->size());
      return bits;
    };
    const std::vector<T> one = all(1);
    for (int threads : {2, 3}) {
      const std::vector<T> more = all(threads);
      CHECK(std::memcmp(one.data(), more.data(), one.size() * sizeof(T)) == 0);
    }
  }
  pynn::set_num_threads(before);
}

// What lies outside a window must not reach it: an infinity stays where it is read.
template <class T>
void test_infinity() {
  const int64_t size[] = {6, 20}, kernel[] = {3, 3};
  for (int64_t groups : {1, 4}) {
    const Case k(2, 1, 4, 4, size, kernel, {2, {1, 1}, {1, 1}, {1, 1}, {1, 1}, groups});
    Buffers<T> b(k);
    b.x[5 * 20 + 19] = std::numeric_limits<T>::infinity();  // the last pixel of channel 0
    pynn_array xa = b.xa(), wa = b.wa(), ya = b.ya();
    CHECK_EQ(int(pynn_conv_forward(&k.conv, &xa, &wa, nullptr, PYNN_ACT_NONE, &ya)), 0);
    for (int64_t i = 0; i < b.y.size(); ++i) {
      const int64_t filter = i / 120, y = i % 120 / 20, x = i % 20;
      const bool reads = y >= 4 && x >= 18 && (groups == 1 || filter == 0);
      CHECK(std::isfinite(b.y[i]) == !reads);
    }
  }
}

void test_errors() {
  float data[512] = {};
  int64_t xs[] = {1, 2, 4, 4}, ws[] = {3, 2, 3, 3}, ys[] = {1, 3, 2, 2}, big[] = {3, 2, 5, 5},
          other[] = {3, 1, 3, 3};
  int64_t turned[] = {4 * 18, 4, 4 * 6, 4 * 2}, odd[] = {4 * 33, 4 * 16, 4 * 4, 6};
  pynn_conv conv = {2, {1, 1, 0}, {0, 0, 0}, {0, 0, 0}, {1, 1, 0}, 1};
  pynn_array x = {data, xs, nullptr, 4, PYNN_FLOAT32}, w = {data, ws, nullptr, 4, PYNN_FLOAT32},
             y = {data, ys, nullptr, 4, PYNN_FLOAT32}, large = {data, big, nullptr, 4, PYNN_FLOAT32},
             few = {data, other, nullptr, 4, PYNN_FLOAT32}, last = {data, ws, turned, 4, PYNN_FLOAT32},
             halves = {data, xs, odd, 4, PYNN_FLOAT32};
  const pynn_activation none = PYNN_ACT_NONE;
  CHECK_EQ(int(pynn_conv_forward(&conv, &x, &w, nullptr, none, &y)), int(PYNN_OK));
  CHECK_EQ(int(pynn_conv_forward(&conv, &x, &large, nullptr, none, &y)), int(PYNN_INVALID));
  CHECK(says("(3, 2, 5, 5)") && says("(1, 2, 4, 4)") && says("(4, 4)"));
  CHECK_EQ(int(pynn_conv_forward(&conv, &x, &few, nullptr, none, &y)), int(PYNN_INVALID));
  CHECK(says("(3, 1, 3, 3)"));
  CHECK_EQ(int(pynn_conv_forward(&conv, &x, &last, nullptr, none, &y)), int(PYNN_UNSUPPORTED));
  CHECK(says("contiguous"));
  CHECK_EQ(int(pynn_conv_forward(&conv, &halves, &w, nullptr, none, &y)), int(PYNN_UNSUPPORTED));
  CHECK(says("multiples"));
  CHECK_EQ(int(pynn_conv_forward(&conv, &x, &w, nullptr, none, &x)), int(PYNN_INVALID));
  CHECK(says("(1, 3, 2, 2)"));
  CHECK_EQ(int(pynn_conv_forward(&conv, &x, &w, &y, none, &y)), int(PYNN_INVALID));
  CHECK_EQ(int(pynn_conv_forward(nullptr, &x, &w, nullptr, none, &y)), int(PYNN_INVALID));
  CHECK_EQ(int(pynn_conv_backward_data(&conv, &w, &w, nullptr, none, 0, &x)), int(PYNN_INVALID));
  for (int field = 0; field < 4; ++field) {
    for (const int64_t bad : {-INT64_MAX, INT64_MAX}) {
      pynn_conv wrong = conv;
      (field == 0   ? wrong.stride
       : field == 1 ? wrong.pad_before
       : field == 2 ? wrong.pad_after
                    : wrong.dilation)[1] = bad;
      CHECK_EQ(int(pynn_conv_forward(&wrong, &x, &w, nullptr, none, &y)), int(PYNN_INVALID));
      CHECK(says("9223372036854775807"));
    }
  }
  for (int dims : {0, 1, 3, 4}) {
    pynn_conv wrong = conv;
    wrong.dims = dims;
    wrong.stride[2] = wrong.dilation[2] = 1;
    CHECK_EQ(int(pynn_conv_forward(&wrong, &x, &w, nullptr, none, &y)), int(PYNN_INVALID));
  }
  conv.groups = 2;
  CHECK_EQ(int(pynn_conv_forward(&conv, &x, &w, nullptr, none, &y)), int(PYNN_INVALID));
  CHECK(says("groups 2"));
}

}  // namespace

int main() {
  pynn::conv::set_algorithm(pynn::conv::Algorithm::direct);  // Winograd's way: test_winograd.cpp
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::conv::table().isa, isa) == 0);
    test_cases<float>();
    test_cases<double>();
    test_threads<float>();
    test_threads<double>();
    test_infinity<float>();
    test_infinity<double>();
    test_columns<float>();
    test_columns<double>();
    fuzz([](Random& random) {
      const Case k = random_case(random);
      const int layout = int(random.below(5));
      if (random.below(2)) {
        check_case<float>(k, layout < 4 ? layout : 0);
      } else {
        check_case<double>(k, layout < 4 ? layout : 0);
      }
    });
  });
  test_errors();
  return summary();
}
