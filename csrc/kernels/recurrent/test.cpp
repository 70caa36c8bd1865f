// Layers of every kind against float64 loops; lengths, directions, projections; special values; threads;
// wrong arguments.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/recurrent/recurrent.h"

using namespace pynn::testing;

namespace {

using Doubles = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Case {
  int cell = PYNN_CELL_LSTM;
  bool reverse = false, bias = true, keep = true;
  int64_t steps = 1, batch = 1, input = 1, hidden = 1, projection = 0;
  std::vector<int64_t> sizes;

  int64_t gates() const { return cell == PYNN_CELL_LSTM ? 4 : cell == PYNN_CELL_GRU ? 3 : 1; }
  int64_t out() const { return projection ? projection : hidden; }
  int64_t rows(int64_t t) const { return sizes.empty() ? batch : sizes[size_t(t)]; }
  int64_t total() const {
    int64_t n = 0;
    for (int64_t t = 0; t < steps; ++t) n += rows(t);
    return n;
  }
  std::string text() const {
    return " cell " + std::to_string(cell) + " T " + std::to_string(steps) + " N " + std::to_string(batch) +
           " I " + std::to_string(input) + " H " + std::to_string(hidden) + " P " +
           std::to_string(projection) + (reverse ? " reverse" : "") + (bias ? "" : " no bias") +
           (sizes.empty() ? "" : " sizes");
  }
};

// Inputs, results, their gradients and the inputs' gradients of one layer.
enum { kX, kH0, kC0, kWih, kWhh, kBih, kBhh, kWhr, kInputs };
enum { kY, kHn, kCn, kHeld, kOutputs };

struct Sizes {
  int64_t in[kInputs], out[kOutputs];
  explicit Sizes(const Case& c) {
    const int64_t g = c.gates() * c.hidden;
    const bool lstm = c.cell == PYNN_CELL_LSTM;
    const int64_t sizes_in[] = {
        c.total() * c.input, c.batch * c.out(), lstm ? c.batch * c.hidden : 0, g * c.input, g * c.out(),
        c.bias ? g : 0,      c.bias ? g : 0,    c.projection * c.hidden};
    const int64_t held = lstm ? 5 * c.hidden : c.cell == PYNN_CELL_GRU ? 4 * c.hidden : 0;
    const int64_t sizes_out[] = {c.total() * c.out(), c.batch * c.out(), lstm ? c.batch * c.hidden : 0,
                                 c.keep ? c.total() * held : 0};
    for (int i = 0; i < kInputs; ++i) in[i] = sizes_in[i];
    for (int i = 0; i < kOutputs; ++i) out[i] = sizes_out[i];
  }
};

// The reference: a tape-free loop over single numbers, forward and backward.
struct Reference {
  const Case& c;
  Doubles in[kInputs], out[kOutputs], d_out[kOutputs], d_in[kInputs];

  explicit Reference(const Case& the_case) : c(the_case) {}

  std::vector<int64_t> starts() const {
    std::vector<int64_t> at(1, 0);
    for (int64_t t = 0; t < c.steps; ++t) at.push_back(at.back() + c.rows(t));
    return at;
  }
  double weight(int which, int64_t row, int64_t column, int64_t columns) const {
    return in[which][size_t(row * columns + column)];
  }

  void run() {
    const int64_t H = c.hidden, P = c.out(), I = c.input, G = c.gates() * H;
    const bool lstm = c.cell == PYNN_CELL_LSTM, gru = c.cell == PYNN_CELL_GRU;
    const auto at = starts();
    const size_t total = size_t(c.total());
    out[kY].assign(total * size_t(P), 0);
    out[kHn] = in[kH0];
    out[kCn] = in[kC0];
    const int64_t held = lstm ? 5 * H : gru ? 4 * H : 0;
    out[kHeld].assign(total * size_t(held), 0);
    Doubles before_h(total * size_t(P)), before_c(total * size_t(H));
    for (int64_t s = 0; s < c.steps; ++s) {
      const int64_t t = c.reverse ? c.steps - 1 - s : s;
      for (int64_t r = 0; r < c.rows(t); ++r) {
        double *h = &out[kHn][size_t(r * P)], *cell = lstm ? &out[kCn][size_t(r * H)] : nullptr;
        const int64_t row = at[size_t(t)] + r;
        for (int64_t p = 0; p < P; ++p) before_h[size_t(row * P + p)] = h[p];
        Doubles above(size_t(G), 0.0), below(size_t(G), 0.0), m(size_t(H), 0.0);
        for (int64_t j = 0; j < G; ++j) {
          for (int64_t k = 0; k < I; ++k)
            above[size_t(j)] += in[kX][size_t(row * I + k)] * weight(kWih, j, k, I);
          for (int64_t k = 0; k < P; ++k) below[size_t(j)] += h[k] * weight(kWhh, j, k, P);
          if (c.bias) above[size_t(j)] += in[kBih][size_t(j)], below[size_t(j)] += in[kBhh][size_t(j)];
        }
        for (int64_t u = 0; u < H; ++u) {
          const auto a = [&](int64_t g) { return above[size_t(g * H + u)]; };
          const auto b = [&](int64_t g) { return below[size_t(g * H + u)]; };
          double* keep = held ? &out[kHeld][size_t(row * held + u)] : nullptr;
          if (lstm) {
            const double i = sigmoid(a(0) + b(0)), f = sigmoid(a(1) + b(1)), g = std::tanh(a(2) + b(2)),
                         o = sigmoid(a(3) + b(3));
            before_c[size_t(row * H + u)] = cell[u];
            cell[u] = f * cell[u] + i * g;
            m[size_t(u)] = o * std::tanh(cell[u]);
            keep[0] = i, keep[H] = f, keep[2 * H] = g, keep[3 * H] = o, keep[4 * H] = cell[u];
          } else if (gru) {
            const double reset = sigmoid(a(0) + b(0)), z = sigmoid(a(1) + b(1)),
                         n = std::tanh(a(2) + reset * b(2));
            m[size_t(u)] = (1 - z) * n + z * h[u];
            keep[0] = reset, keep[H] = z, keep[2 * H] = n, keep[3 * H] = b(2);
          } else {
            const double sum = a(0) + b(0);
            m[size_t(u)] = c.cell == PYNN_CELL_RNN_TANH ? std::tanh(sum) : sum < 0 ? 0 : sum;
          }
        }
        for (int64_t p = 0; p < P; ++p) {
          double value = m[size_t(p)];
          if (c.projection) {
            value = 0;
            for (int64_t u = 0; u < H; ++u) value += m[size_t(u)] * weight(kWhr, p, u, H);
          }
          out[kY][size_t(row * P + p)] = h[p] = value;
        }
      }
    }
    backward(before_h, before_c);
  }

  void backward(const Doubles& before_h, const Doubles& before_c) {
    const int64_t H = c.hidden, P = c.out(), I = c.input, G = c.gates() * H;
    const bool lstm = c.cell == PYNN_CELL_LSTM, gru = c.cell == PYNN_CELL_GRU;
    const int64_t held = lstm ? 5 * H : gru ? 4 * H : 0;
    const auto at = starts();
    for (int i = 0; i < kInputs; ++i) d_in[i].assign(in[i].size(), 0);
    d_in[kH0] = d_out[kHn];
    d_in[kC0] = d_out[kCn];
    for (int64_t s = c.steps - 1; s >= 0; --s) {
      const int64_t t = c.reverse ? c.steps - 1 - s : s;
      for (int64_t r = 0; r < c.rows(t); ++r) {
        const int64_t row = at[size_t(t)] + r;
        double *dh = &d_in[kH0][size_t(r * P)], *dc = lstm ? &d_in[kC0][size_t(r * H)] : nullptr;
        const double* h = &before_h[size_t(row * P)];
        Doubles above(size_t(G), 0.0), below(size_t(G), 0.0), dm(size_t(H), 0.0), pass(size_t(P), 0.0);
        for (int64_t p = 0; p < P; ++p) dh[p] += d_out[kY][size_t(row * P + p)];
        for (int64_t u = 0; u < H; ++u) {
          if (!c.projection) dm[size_t(u)] = dh[u];
          for (int64_t p = 0; p < c.projection; ++p) dm[size_t(u)] += dh[p] * weight(kWhr, p, u, H);
        }
        for (int64_t u = 0; u < H; ++u) {
          const double* k = held ? &out[kHeld][size_t(row * held + u)] : nullptr;
          const double* more = held ? &d_out[kHeld][size_t(row * held + u)] : nullptr;
          const double d = dm[size_t(u)];
          if (lstm) {
            const double i = k[0], f = k[H], g = k[2 * H], o = k[3 * H], bent = std::tanh(k[4 * H]);
            const double cell = dc[u] + more[4 * H] + d * o * (1 - bent * bent);
            const double part[] = {(cell * g + more[0]) * i * (1 - i),
                                   (cell * before_c[size_t(row * H + u)] + more[H]) * f * (1 - f),
                                   (cell * i + more[2 * H]) * (1 - g * g),
                                   (d * bent + more[3 * H]) * o * (1 - o)};
            for (int g4 = 0; g4 < 4; ++g4) above[size_t(g4 * H + u)] = below[size_t(g4 * H + u)] = part[g4];
            dc[u] = cell * f;
            for (int64_t p = 0; p < c.projection; ++p) d_in[kWhr][size_t(p * H + u)] += dh[p] * o * bent;
          } else if (gru) {
            const double reset = k[0], z = k[H], n = k[2 * H], hn = k[3 * H];
            const double dn = (d * (1 - z) + more[2 * H]) * (1 - n * n);
            above[size_t(u)] = below[size_t(u)] = (dn * hn + more[0]) * reset * (1 - reset);
            above[size_t(H + u)] = below[size_t(H + u)] = (d * (h[u] - n) + more[H]) * z * (1 - z);
            above[size_t(2 * H + u)] = dn;
            below[size_t(2 * H + u)] = dn * reset + more[3 * H];
            pass[size_t(u)] = d * z;
          } else {
            const double y = out[kY][size_t(row * P + u)];
            above[size_t(u)] = below[size_t(u)] = d * (c.cell == PYNN_CELL_RNN_TANH ? 1 - y * y : y > 0);
          }
        }
        for (int64_t p = 0; p < P; ++p) dh[p] = pass[size_t(p)];
        for (int64_t j = 0; j < G; ++j) {
          const double a = above[size_t(j)], b = below[size_t(j)];
          for (int64_t k = 0; k < I; ++k) {
            d_in[kX][size_t(row * I + k)] += a * weight(kWih, j, k, I);
            d_in[kWih][size_t(j * I + k)] += a * in[kX][size_t(row * I + k)];
          }
          for (int64_t k = 0; k < P; ++k) {
            dh[k] += b * weight(kWhh, j, k, P);
            d_in[kWhh][size_t(j * P + k)] += b * h[k];
          }
          if (c.bias) d_in[kBih][size_t(j)] += a, d_in[kBhh][size_t(j)] += b;
        }
      }
    }
  }
};

template <class T>
struct Guards {
  std::vector<Guarded<T>*> all;
  ~Guards() {
    for (Guarded<T>* one : all) delete one;
  }
  Guarded<T>& add(int64_t n) {
    all.push_back(new Guarded<T>(n));
    return *all.back();
  }
  T* operator[](int i) { return all[size_t(i)]->size() ? all[size_t(i)]->data() : nullptr; }
  bool intact() const {
    bool ok = true;
    for (const Guarded<T>* one : all) ok = ok && one->intact();
    return ok;
  }
};

template <class T>
pynn_recurrent layer_of(const Case& c, Guards<T>& in) {
  return {c.cell,   dtype_of<T>,  c.reverse,
          c.steps,  c.batch,      c.input,
          c.hidden, c.projection, c.sizes.empty() ? nullptr : c.sizes.data(),
          in[kWih], in[kWhh],     in[kBih],
          in[kBhh], in[kWhr]};
}

template <class T>
void check_close(Guarded<T>& got, const Doubles& wanted, double tolerance) {
  double largest = 1, worst = 0;
  for (double x : wanted) largest = std::fmax(largest, std::fabs(x));
  for (int64_t i = 0; i < got.size(); ++i)
    worst = std::fmax(worst, std::fabs(double(got[i]) - wanted[size_t(i)]));
  CHECK(worst <= tolerance * largest);
}

template <class T>
void check(const Case& c, Random& random, const std::string& isa) {
  set_context(isa + (sizeof(T) == 4 ? " f32" : " f64") + c.text());
  const Sizes sizes(c);
  Reference reference(c);
  Guards<T> in, out, d_out, d_in;
  for (int i = 0; i < kInputs; ++i) {
    Guarded<T>& x = in.add(sizes.in[i]);
    d_in.add(sizes.in[i]);
    const double scale = i >= kWih && i != kBih && i != kBhh ? 1 / std::sqrt(double(c.hidden)) : 1;
    for (int64_t k = 0; k < x.size(); ++k) {
      x[k] = T(random.normal() * scale);
      reference.in[i].push_back(double(x[k]));
    }
  }
  Case kept = c;
  kept.keep = true;
  const Sizes whole(kept);
  for (int i = 0; i < kOutputs; ++i) {
    out.add(sizes.out[i]);
    Guarded<T>& d = d_out.add(whole.out[i]);
    for (int64_t k = 0; k < d.size(); ++k) {
      d[k] = T(random.normal());
      reference.d_out[i].push_back(double(d[k]));
    }
  }
  reference.run();
  const pynn_recurrent layer = layer_of(c, in);
  CHECK_EQ(pynn_recurrent_forward(&layer, in[kX], in[kH0], in[kC0], out[kY], out[kHn], out[kCn], out[kHeld]),
           PYNN_OK);
  const double eps = double(std::numeric_limits<T>::epsilon());
  const double tolerance = 40 * eps * double(2 + c.steps / 4) * std::sqrt(double(c.hidden + c.input));
  for (int i = 0; i < kOutputs; ++i) check_close(*out.all[size_t(i)], reference.out[i], tolerance);
  CHECK(in.intact() && out.intact());
  if (!c.keep && c.gates() > 1) return;
  Guards<T> again;  // without what backward needs: the same bits
  for (int i = 0; i < kHeld; ++i) again.add(sizes.out[i]);
  CHECK_EQ(
      pynn_recurrent_forward(&layer, in[kX], in[kH0], in[kC0], again[kY], again[kHn], again[kCn], nullptr),
      PYNN_OK);
  for (int i = 0; i < kHeld; ++i) {
    CHECK(sizes.out[i] == 0 || std::memcmp(again[i], out[i], size_t(sizes.out[i]) * sizeof(T)) == 0);
  }
  const pynn_recurrent_gradients g = {in[kX],     in[kH0],    in[kC0],      out[kY],    out[kHeld], d_out[kY],
                                      d_out[kHn], d_out[kCn], d_out[kHeld], d_in[kX],   d_in[kH0],  d_in[kC0],
                                      d_in[kWih], d_in[kWhh], d_in[kBih],   d_in[kBhh], d_in[kWhr]};
  CHECK_EQ(pynn_recurrent_backward(&layer, &g), PYNN_OK);
  for (int i = 0; i < kInputs; ++i) check_close(*d_in.all[size_t(i)], reference.d_in[i], 8 * tolerance);
  CHECK(in.intact() && out.intact() && d_out.intact() && d_in.intact());
}

Case random_case(Random& random, int64_t largest) {
  Case c;
  c.cell = int(random.below(PYNN_CELL_COUNT));
  c.reverse = random.below(2);
  c.bias = random.below(4) != 0;
  c.keep = random.below(4) != 0;
  c.steps = random.below(3) ? 1 + random.below(9) : 1;
  c.batch = random.below(3) ? 1 + random.below(40) : 1;
  c.input = random.below(largest);
  c.hidden = 1 + random.below(largest);
  if (c.cell == PYNN_CELL_LSTM && c.hidden > 1 && random.below(3) == 0)
    c.projection = 1 + random.below(c.hidden);
  if (random.below(3) == 0) {
    int64_t n = c.batch;
    for (int64_t t = 0; t < c.steps; ++t) {
      c.sizes.push_back(n);
      n = 1 + random.below(n);
    }
  }
  return c;
}

void test_shapes(const char* isa) {
  Random random(1);
  for (int cell = 0; cell < PYNN_CELL_COUNT; ++cell) {
    for (int64_t hidden : {1, 3, 8, 16, 17, 33}) {
      for (int64_t batch : {1, 2, 15, 17}) {
        Case c;
        c.cell = cell;
        c.steps = batch == 2 ? 1 : 3;
        c.batch = batch;
        c.input = 5;
        c.hidden = hidden;
        c.reverse = hidden % 2;
        c.keep = batch != 15;
        check<float>(c, random, isa);
        check<double>(c, random, isa);
      }
    }
    for (bool reverse : {false, true}) {  // slices, and lengths that differ within and between them
      Case c;
      c.cell = cell;
      c.batch = 37;
      c.input = 9;
      c.hidden = 70;
      c.reverse = reverse;
      c.sizes = {37, 37, 30, 12, 1};
      c.steps = 5;
      if (cell == PYNN_CELL_LSTM && reverse) c.projection = 21;
      check<float>(c, random, isa);
    }
  }
}

// More steps than one product of the input's weights takes.
void test_many_steps(const char* isa) {
  Random random(2);
  for (int cell : {PYNN_CELL_RNN_RELU, PYNN_CELL_LSTM, PYNN_CELL_GRU}) {
    for (bool keep : {false, true}) {
      Case c;
      c.cell = cell;
      c.reverse = keep;
      c.keep = keep;
      c.steps = 300;
      c.batch = 3;
      c.input = 2;
      c.hidden = cell == PYNN_CELL_RNN_RELU ? 1 : 4;
      if (cell != PYNN_CELL_RNN_RELU) check<double>(c, random, isa);
      c.steps = 12;
      c.batch = 80;
      check<float>(c, random, isa);
      c.steps = 30;  // slices that multiply for themselves, some without rows in the last steps
      c.batch = 40;
      c.input = 12;
      c.hidden = 40;
      check<float>(c, random, isa);
      for (int64_t t = 0; t < c.steps; ++t) c.sizes.push_back(t < 10 ? 40 : 31 - t);
      check<float>(c, random, isa);
    }
  }
}

void test_special(const char* isa) {
  set_context(std::string(isa) + " special");
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  // One unit, no recurrence: x runs through the gates' functions.
  for (float x : {inf, -inf, nan, 1e30f, -0.0f}) {
    const float w[4] = {1, 1, 1, 1}, none[4] = {0, 0, 0, 0}, start[1] = {0.5f};
    float y[1], h[1], c[1];
    pynn_recurrent layer = {
        PYNN_CELL_RNN_RELU, PYNN_FLOAT32, 0, 1, 1, 1, 1, 0, nullptr, w, none, nullptr, nullptr, nullptr};
    pynn_recurrent_forward(&layer, &x, start, nullptr, y, h, nullptr, nullptr);
    CHECK(std::isnan(x) ? std::isnan(y[0]) : y[0] == (x > 0 ? x : 0));
    layer.cell = PYNN_CELL_RNN_TANH;
    pynn_recurrent_forward(&layer, &x, start, nullptr, y, h, nullptr, nullptr);
    CHECK(std::isnan(x) ? std::isnan(y[0]) : y[0] == (x > 0 ? 1 : x < 0 ? -1 : 0));
    layer.cell = PYNN_CELL_LSTM;
    pynn_recurrent_forward(&layer, &x, start, start, y, h, c, nullptr);
    CHECK(std::isnan(x) ? std::isnan(c[0]) : std::fabs(c[0] - (x > 0 ? 1.5f : x < 0 ? 0 : 0.25f)) < 1e-6f);
    layer.cell = PYNN_CELL_GRU;
    pynn_recurrent_forward(&layer, &x, start, nullptr, y, h, nullptr, nullptr);
    CHECK(std::isnan(x) ? std::isnan(y[0]) : std::fabs(y[0] - (x > 0 ? 0.5f : x < 0 ? -1 : 0.25f)) < 1e-6f);
  }
}

void test_threads(const char* isa) {
  Random random(3);
  for (int cell = 0; cell < PYNN_CELL_COUNT; ++cell) {
    for (int64_t batch : {1, 40}) {
      Case c;
      c.cell = cell;
      c.steps = 6;
      c.batch = batch;
      c.input = 40;
      c.hidden = batch == 1 ? 300 : 96;
      set_context(std::string(isa) + " threads" + c.text());
      const Sizes sizes(c);
      Guards<float> in;
      for (int i = 0; i < kInputs; ++i) {
        Guarded<float>& x = in.add(sizes.in[i]);
        for (int64_t k = 0; k < x.size(); ++k) x[k] = float(random.normal() * 0.1);
      }
      const pynn_recurrent layer = layer_of(c, in);
      std::vector<float> results[2];
      for (int threads : {1, 2}) {
        pynn::set_num_threads(threads);
        Guards<float> out, d_in;
        for (int64_t n : sizes.out) out.add(n);
        for (int64_t n : sizes.in) d_in.add(n);
        CHECK_EQ(
            pynn_recurrent_forward(&layer, in[kX], in[kH0], in[kC0], out[kY], out[kHn], out[kCn], out[kHeld]),
            PYNN_OK);
        const pynn_recurrent_gradients g = {
            in[kX],   in[kH0],   in[kC0],   out[kY],    out[kHeld], out[kY],    nullptr,    nullptr, nullptr,
            d_in[kX], d_in[kH0], d_in[kC0], d_in[kWih], d_in[kWhh], d_in[kBih], d_in[kBhh], nullptr};
        CHECK_EQ(pynn_recurrent_backward(&layer, &g), PYNN_OK);
        for (Guards<float>* guards : {&out, &d_in}) {
          for (const Guarded<float>* one : guards->all) {
            results[threads - 1].insert(results[threads - 1].end(), one->data(), one->data() + one->size());
          }
        }
      }
      CHECK(results[0] == results[1]);
    }
  }
}

void test_wrong_arguments() {
  set_context("wrong arguments");
  float x[4] = {}, y[4], h[4], c[4];
  const pynn_recurrent good = {PYNN_CELL_LSTM, PYNN_FLOAT32, 0,      1, 1, 1, 1, 0, nullptr, x, x,
                               nullptr,        nullptr,      nullptr};
  const auto forward = [&](const pynn_recurrent& layer) {
    return pynn_recurrent_forward(&layer, x, x, x, y, h, c, nullptr);
  };
  CHECK_EQ(forward(good), PYNN_OK);
  pynn_recurrent bad = good;
  bad.cell = 4;
  CHECK(forward(bad) == PYNN_INVALID && says("cell is 4"));
  bad = good;
  bad.dtype = PYNN_INT64;
  CHECK(forward(bad) == PYNN_UNSUPPORTED && says("float32 or float64"));
  bad = good;
  bad.steps = 0;
  CHECK(forward(bad) == PYNN_INVALID && says("expected at least 1"));
  bad = good;
  bad.projection = 2;
  CHECK(forward(bad) == PYNN_INVALID && says("projection is 2"));
  bad.projection = 1;
  CHECK(forward(bad) == PYNN_INVALID && says("come together"));
  bad = good;
  const int64_t growing[] = {1, 2};
  bad.sizes = growing;
  bad.steps = 2;
  CHECK(forward(bad) == PYNN_INVALID && says("sizes[1] is 2"));
  bad = good;
  bad.w_hh = nullptr;
  CHECK(forward(bad) == PYNN_INVALID && says("w_hh is a null pointer"));
  CHECK(pynn_recurrent_forward(&good, x, x, nullptr, y, h, c, nullptr) == PYNN_INVALID && says("c0"));
  CHECK(pynn_recurrent_forward(nullptr, x, x, x, y, h, c, nullptr) == PYNN_INVALID && says("layer"));
  CHECK(pynn_recurrent_backward(&good, nullptr) == PYNN_INVALID && says("gradients"));
  pynn_recurrent_gradients g = {};
  g.x = g.h0 = g.c0 = g.y = x;
  CHECK(pynn_recurrent_backward(&good, &g) == PYNN_INVALID && says("held"));
  CHECK_EQ(pynn_recurrent_held(&good), 5);
  pynn_recurrent empty = good;  // no sequences: gradients of zero
  empty.batch = 0;
  CHECK_EQ(forward(empty), PYNN_OK);
  y[0] = 7;
  g.dw_ih = y;
  CHECK_EQ(pynn_recurrent_backward(&empty, &g), PYNN_OK);
  CHECK(y[0] == 0 && y[3] == 0);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::string(pynn::recurrent::table().isa) == isa);
    test_shapes(isa);
    test_many_steps(isa);
    test_special(isa);
    test_threads(isa);
  });
  test_wrong_arguments();
  fuzz([](Random& random) {
    const Case c = random_case(random, random.below(4) ? 24 : 90);
    const std::string seed = counts().context;
    check<float>(c, random, seed);
    check<double>(c, random, seed);
  });
  return summary();
}
