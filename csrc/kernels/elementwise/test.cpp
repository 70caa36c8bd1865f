// Every operation against a float64 reference: contiguous with every tail, extreme values, any
// strides and broadcasts (same bits as contiguous), threads (same bits), and wrong arguments.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/reference.h"
#include "pynn/pynn.h"

using namespace pynn::testing;

namespace {

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

template <class T>
pynn_array view(const T* data, const std::vector<int64_t>& shape, const int64_t* strides = nullptr) {
  return {const_cast<T*>(data), shape.data(), strides, int32_t(shape.size()), dtype_of<T>};
}

template <class T>
pynn_status run_unary(int op, int64_t n, const T* x, double alpha, double beta, T* out) {
  if (sizeof(T) == 4) {
    return pynn_unary_f32(pynn_unary_op(op), n, reinterpret_cast<const float*>(x), float(alpha), float(beta),
                          reinterpret_cast<float*>(out));
  }
  const std::vector<int64_t> shape{n};
  const pynn_array in = view(x, shape);
  pynn_array result = view(out, shape);
  return pynn_unary(pynn_unary_op(op), &in, alpha, beta, &result);
}

template <class T>
pynn_status run_binary(int op, int64_t n, const T* a, const T* b, double alpha, double beta, T* out) {
  if (sizeof(T) == 4) {
    return pynn_binary_f32(pynn_binary_op(op), n, reinterpret_cast<const float*>(a),
                           reinterpret_cast<const float*>(b), float(alpha), float(beta),
                           reinterpret_cast<float*>(out));
  }
  const std::vector<int64_t> shape{n};
  const pynn_array first = view(a, shape), second = view(b, shape);
  pynn_array result = view(out, shape);
  return pynn_binary(pynn_binary_op(op), &first, &second, alpha, beta, &result);
}

template <class T>
bool same_bits(const T* a, const T* b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {  // NaN payloads aside
    if (std::memcmp(a + i, b + i, sizeof(T)) != 0 && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return true;
}

// Values near and away from the kinks; finite and moderate, so that a few ulp of the terms is the bound.
template <class T>
void fill(Random& random, T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = T(random.normal() * (i % 5 == 0 ? 8 : 1));
}

template <class T>
double tolerance(double expected, double scale) {
  return 8 * double(std::numeric_limits<T>::epsilon()) * (std::fabs(expected) + scale);
}

template <class T>
void test_tails(const char* isa) {
  Random random(7);
  const int64_t sizes[] = {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1000};
  for (int64_t n : sizes) {
    for (int64_t offset : {0, 1, 3}) {
      Guarded<T> a(n), b(n, offset), out(n, offset);
      fill(random, a.data(), n);
      fill(random, b.data(), n);
      for (int op = 0; op < PYNN_UNARY_COUNT; ++op) {
        double alpha, beta;
        parameters(true, op, &alpha, &beta);
        set_context(std::string(isa) + " unary " + std::to_string(op) + " n " + std::to_string(n));
        CHECK_EQ(run_unary(op, n, a.data(), alpha, beta, out.data()), PYNN_OK);
        for (int64_t i = 0; i < n; ++i) {
          const double expected = unary_reference(op, double(a[i]), alpha, beta);
          double scale = op == PYNN_GELU || op == PYNN_GELU_TANH ? std::fabs(double(a[i])) : 0;
          if (op == PYNN_SOFTPLUS)
            scale = expected * std::fabs(alpha * double(a[i]));  // rounding alpha x, then exp
          if (op == PYNN_TANHSHRINK) scale = std::fabs(double(a[i]));
          CHECK_CLOSE(out[i], expected, tolerance<T>(expected, scale));
        }
        CHECK(a.intact() && out.intact());
      }
      for (int op = 0; op < PYNN_BINARY_COUNT; ++op) {
        double alpha, beta;
        parameters(false, op, &alpha, &beta);
        set_context(std::string(isa) + " binary " + std::to_string(op) + " n " + std::to_string(n));
        CHECK_EQ(run_binary(op, n, a.data(), b.data(), alpha, beta, out.data()), PYNN_OK);
        for (int64_t i = 0; i < n; ++i) {
          const double expected = binary_reference(op, double(a[i]), double(b[i]), alpha, beta);
          double scale = 0, x = double(b[i]);
          if (op >= PYNN_RELU_BACKWARD) scale = std::fabs(double(a[i])) * (1 + x * x);
          if (op == PYNN_LOG1P_BACKWARD) scale /= std::fabs((1 + x) * (1 + x));  // 1 + x is rounded
          if (op == PYNN_ASIN_BACKWARD || op == PYNN_ACOS_BACKWARD) {
            scale /= std::sqrt(std::pow(std::fabs(1 - x * x), 3));
            if (std::fabs(std::fabs(x) - 1) < 1e-3) continue;
          }
          if (op == PYNN_FLOOR_DIVIDE) scale = std::fabs(double(a[i])) / std::fabs(x) / 8;
          CHECK_CLOSE(out[i], expected, tolerance<T>(expected, scale));
        }
        CHECK(a.intact() && b.intact() && out.intact());
      }
    }
  }
}

// Exact results at the values where a polynomial or a bit trick goes wrong.
template <class T>
void test_extremes(const char* isa) {
  const double tiny = double(std::numeric_limits<T>::denorm_min()),
               low = double(std::numeric_limits<T>::min());
  const double high = double(std::numeric_limits<T>::max());
  const double values[] = {0.0,   -0.0, 1,    -1,      kInf, -kInf, kNan, tiny,
                           -tiny, low,  -low, low / 2, high, -high, 1e4,  -1e4};
  const int count = int(sizeof values / sizeof *values);
  for (int op = 0; op < PYNN_UNARY_COUNT; ++op) {
    double alpha, beta;
    parameters(true, op, &alpha, &beta);
    for (int i = 0; i < count; ++i) {
      const T x = T(values[i]);
      T y = 0;
      set_context(std::string(isa) + " unary " + std::to_string(op) + " of " + std::to_string(values[i]));
      CHECK_EQ(run_unary(op, 1, &x, alpha, beta, &y), PYNN_OK);
      double expected = unary_reference(op, double(x), alpha, beta);
      if ((op == PYNN_GELU_TANH && std::fabs(values[i]) > 1e30) ||
          (op == PYNN_SOFTPLUS && std::isnan(expected))) {
        if (std::isnan(expected)) CHECK(std::isnan(y));
        continue;
      }
      if (op == PYNN_SILU && sizeof(T) == 4 && std::isfinite(values[i]) && values[i] <= -1e4) expected = 0;
      CHECK(ulp_error(y, expected) <= 4);
      const bool odd =
          op == PYNN_TANH || op == PYNN_ERF || op == PYNN_NEG || op == PYNN_COPY || op == PYNN_ABS ||
                       op == PYNN_SIN || op == PYNN_TAN || op == PYNN_ASIN || op == PYNN_ATAN || op == PYNN_SINH ||
                       op == PYNN_EXPM1 || op == PYNN_LOG1P || op == PYNN_FLOOR || op == PYNN_CEIL ||
                       op == PYNN_ROUND || op == PYNN_TRUNC;
      if (odd && values[i] == 0) CHECK(std::signbit(y) == std::signbit(expected));
    }
  }
  for (int op = 0; op <= PYNN_REMAINDER; ++op) {
    for (int i = 0; i < count; ++i) {
      for (int j = 0; j < count; ++j) {
        const T a = T(values[i]), b = T(values[j]);
        T y = 0;
        run_binary(op, 1, &a, &b, 0, 0, &y);
        if (op == PYNN_POW && std::isfinite(a) && std::isfinite(b)) {
          CHECK(ulp_error(y, std::pow((long double)a, (long double)b)) <= 2);
          continue;
        }
        // Correct rounding of + - * /: the reference in T itself.
        const T expected = op == PYNN_ADD   ? a + b
                           : op == PYNN_SUB ? a - b
                           : op == PYNN_MUL ? a * b
                           : op == PYNN_DIV ? a / b
                                            : T(binary_reference(op, double(a), double(b), 0, 0));
        set_context(std::string(isa) + " binary " + std::to_string(op) + " of " + std::to_string(values[i]) + " and " +
                    std::to_string(values[j]));
        CHECK(y == expected || (std::isnan(y) && std::isnan(expected)));
      }
    }
  }
}

// Random shapes, permutations, steps, reversals and broadcasts over one buffer each.
template <class T>
struct RandomView {
  std::vector<int64_t> shape, strides;
  std::vector<T> storage;
  T* first = nullptr;

  RandomView(Random& random, const std::vector<int64_t>& full, bool may_broadcast) {
    const size_t drop =
        may_broadcast ? size_t(random.below(int64_t(full.size()) + 1)) * size_t(random.below(2)) : 0;
    shape.assign(full.begin() + long(drop), full.end());
    const int n = int(shape.size());
    std::vector<int> order(shape.size());
    for (int i = 0; i < n; ++i) {
      order[size_t(i)] = i;
      if (may_broadcast && random.below(3) == 0) shape[size_t(i)] = 1;
    }
    if (random.below(2) == 0) {
      for (int i = n - 1; i > 0; --i) std::swap(order[size_t(i)], order[size_t(random.below(i + 1))]);
    }
    strides.resize(shape.size());
    int64_t extent = 1, start = 0;
    for (int k = n - 1; k >= 0; --k) {
      const size_t i = size_t(order[size_t(k)]);
      const int64_t step = random.below(4) == 0 ? 1 + random.below(3) : 1;
      strides[i] = extent * step;
      extent = strides[i] * std::max<int64_t>(shape[i], 1);
      if (random.below(4) == 0) {
        start += strides[i] * (std::max<int64_t>(shape[i], 1) - 1);
        strides[i] = -strides[i];
      }
    }
    storage.resize(size_t(extent));
    fill(random, storage.data(), extent);
    first = storage.data() + start;
    for (int64_t& stride : strides) stride *= int64_t(sizeof(T));
  }
  pynn_array array() { return view(first, shape, strides.data()); }
  T at(const std::vector<int64_t>& index) const {  // broadcasting
    const size_t skip = index.size() - shape.size();
    const char* p = reinterpret_cast<const char*>(first);
    for (size_t i = 0; i < shape.size(); ++i) p += (shape[i] == 1 ? 0 : index[i + skip]) * strides[i];
    return *reinterpret_cast<const T*>(p);
  }
};

template <class T>
void test_strides(const char* isa) {
  Random random(11);
  for (int round = 0; round < 600; ++round) {
    std::vector<int64_t> shape(size_t(random.below(6)));
    int64_t count = 1;
    for (int64_t& size : shape) {
      size = random.below(12) == 0 ? 1 + random.below(90) : 1 + random.below(round % 3 == 0 ? 20 : 5);
      if (count * size > 20000) size = 1;
      count *= size;
    }
    RandomView<T> a(random, shape, true), b(random, shape, true), x(random, shape, false),
        out(random, shape, false);
    std::vector<T> flat_a, flat_b, flat_x, expected(static_cast<size_t>(count));
    std::vector<int64_t> index(shape.size(), 0);
    for (int64_t i = 0; i < count; ++i) {
      flat_a.push_back(a.at(index));
      flat_b.push_back(b.at(index));
      flat_x.push_back(x.at(index));
      for (size_t d = shape.size(); d-- > 0;) {
        if (++index[d] < shape[d]) break;
        index[d] = 0;
      }
    }
    const auto compare = [&] {
      std::fill(index.begin(), index.end(), 0);
      std::vector<T> got;
      for (int64_t i = 0; i < count; ++i) {
        got.push_back(out.at(index));
        for (size_t d = shape.size(); d-- > 0;) {
          if (++index[d] < shape[d]) break;
          index[d] = 0;
        }
      }
      return same_bits(got.data(), expected.data(), count);
    };
    set_context(std::string(isa) + " round " + std::to_string(round));
    double alpha, beta;
    const int op = round % PYNN_BINARY_COUNT, unary = round % PYNN_UNARY_COUNT;
    pynn_array first = a.array(), second = b.array(), third = x.array(), result = out.array();
    parameters(false, op, &alpha, &beta);
    CHECK_EQ(pynn_binary(pynn_binary_op(op), &first, &second, alpha, beta, &result), PYNN_OK);
    run_binary(op, count, flat_a.data(), flat_b.data(), alpha, beta, expected.data());
    CHECK(compare());
    parameters(true, unary, &alpha, &beta);
    CHECK_EQ(pynn_unary(pynn_unary_op(unary), &third, alpha, beta, &result), PYNN_OK);
    run_unary(unary, count, flat_x.data(), alpha, beta, expected.data());
    CHECK(compare());
  }
}

template <class T>
void test_threads(const char* isa) {
  set_context(std::string(isa) + " threads");
  Random random(3);
  const int64_t rows = 700, columns = 613, n = rows * columns;
  std::vector<T> a(static_cast<size_t>(n)), b(a), bias(static_cast<size_t>(columns));
  fill(random, a.data(), n);
  fill(random, b.data(), n);
  fill(random, bias.data(), columns);
  const std::vector<int64_t> shape{rows, columns}, flat{columns};
  const int64_t turned[] = {int64_t(sizeof(T)), rows * int64_t(sizeof(T))};
  std::vector<T> results[2];
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    std::vector<T>& all = results[threads - 1];
    std::vector<T> out(static_cast<size_t>(n));
    const auto keep = [&] { all.insert(all.end(), out.begin(), out.end()); };
    run_unary(PYNN_GELU, n, a.data(), 0, 0, out.data());
    keep();
    run_binary(PYNN_ADD, n, a.data(), b.data(), 0, 0, out.data());
    keep();
    const pynn_array x = view(a.data(), shape), t = view(a.data(), shape, turned),
                     y = view(bias.data(), flat);
    pynn_array result = view(out.data(), shape);
    pynn_binary(PYNN_SILU_BACKWARD, &x, &y, 1, 0, &result);
    keep();
    pynn_binary(PYNN_SUB, &t, &y, 1, 0, &result);
    keep();
    pynn_unary(PYNN_EXP, &t, 1, 0, &result);
    keep();
  }
  CHECK(same_bits(results[0].data(), results[1].data(), int64_t(results[0].size())));
}

void test_dispatch(const char* isa) {
  CHECK(std::strcmp(pynn::elementwise::table().isa, isa) == 0);
  for (int op = 0; op < PYNN_UNARY_COUNT; ++op) CHECK(pynn::elementwise::table().f32.unary[op] != nullptr);
  for (int op = 0; op < PYNN_BINARY_COUNT; ++op)
    CHECK(pynn::elementwise::table().f64.binary[op][2] != nullptr);
}

void test_errors() {
  float x[6] = {}, y[6] = {};
  const std::vector<int64_t> two_three{2, 3}, four{4}, three{3}, empty{2, 0}, negative{-1};
  const pynn_array a = view(x, two_three), b = view(x, four), c = view(x, three), e = view(x, empty);
  pynn_array out = view(y, two_three), wide = view(y, two_three), none = view(y, empty);
  CHECK_EQ(pynn_binary(PYNN_ADD, &a, &b, 0, 0, &out), PYNN_INVALID);
  CHECK(says("(4,)") && says("(2, 3)"));
  CHECK_EQ(pynn_binary(PYNN_ADD, &a, &c, 0, 0, &out), PYNN_OK);
  CHECK_EQ(pynn_binary(PYNN_ADD, &e, &e, 0, 0, &none), PYNN_OK);
  CHECK_EQ(pynn_unary(PYNN_EXP, &c, 0, 0, &out), PYNN_INVALID);
  CHECK_EQ(pynn_unary(pynn_unary_op(99), &a, 0, 0, &out), PYNN_INVALID);
  CHECK(says("99"));
  CHECK_EQ(pynn_unary(PYNN_EXP, nullptr, 0, 0, &out), PYNN_INVALID);
  CHECK_EQ(pynn_unary(PYNN_EXP, &a, 0, 0, nullptr), PYNN_INVALID);
  wide.dtype = PYNN_FLOAT64;
  CHECK_EQ(pynn_unary(PYNN_EXP, &a, 0, 0, &wide), PYNN_UNSUPPORTED);
  CHECK(says("float32") && says("float64"));
  wide.dtype = PYNN_INT32;
  CHECK_EQ(pynn_unary(PYNN_NEG, &wide, 0, 0, &wide), PYNN_UNSUPPORTED);
  wide.dtype = 77;
  CHECK_EQ(pynn_unary(PYNN_NEG, &wide, 0, 0, &wide), PYNN_INVALID);
  const int64_t still[] = {0, 4};
  pynn_array twice = view(y, two_three, still);
  CHECK_EQ(pynn_unary(PYNN_EXP, &a, 0, 0, &twice), PYNN_INVALID);
  CHECK(says("stride 0"));
  const pynn_array bad = view(x, negative);
  CHECK_EQ(pynn_unary(PYNN_EXP, &bad, 0, 0, &out), PYNN_INVALID);
  CHECK_EQ(pynn_unary_f32(PYNN_EXP, 3, nullptr, 0, 0, y), PYNN_INVALID);
  CHECK_EQ(pynn_unary_f32(PYNN_EXP, -3, x, 0, 0, y), PYNN_INVALID);
  CHECK_EQ(pynn_unary_f32(PYNN_EXP, 0, nullptr, 0, 0, nullptr), PYNN_OK);
  CHECK_EQ(pynn_binary_f32(pynn_binary_op(-1), 3, x, x, 0, 0, y), PYNN_INVALID);
  CHECK_EQ(pynn_binary_f32(PYNN_ADD, 3, x, x, 0, 0, nullptr), PYNN_INVALID);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    test_dispatch(isa);
    test_tails<float>(isa);
    test_tails<double>(isa);
    test_extremes<float>(isa);
    test_extremes<double>(isa);
    test_strides<float>(isa);
    test_strides<double>(isa);
    test_threads<float>(isa);
    test_threads<double>(isa);
  });
  test_errors();
  return summary();
}
