// Every pointwise operation and conversion in every element type against plain scalar code: tails, guard
// zones, strides and broadcasts (fuzz), threads, and wrong arguments.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/pointwise/pointwise.h"

using namespace pynn::testing;
using namespace pynn::pointwise;

namespace {

const int kTypes[] = {PYNN_BOOL,  PYNN_UINT8, PYNN_INT8,    PYNN_INT16,
                      PYNN_INT32, PYNN_INT64, PYNN_FLOAT32, PYNN_FLOAT64};
const int64_t kSizes[kDtypes] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};

double get(int dtype, const char* p) {
  switch (dtype) {
    case PYNN_INT8:
      return double(*reinterpret_cast<const int8_t*>(p));
    case PYNN_INT16:
      return double(*reinterpret_cast<const int16_t*>(p));
    case PYNN_INT32:
      return double(*reinterpret_cast<const int32_t*>(p));
    case PYNN_INT64:
      return double(*reinterpret_cast<const int64_t*>(p));
    case PYNN_FLOAT32:
      return double(*reinterpret_cast<const float*>(p));
    case PYNN_FLOAT64:
      return *reinterpret_cast<const double*>(p);
    default:
      return double(*reinterpret_cast<const uint8_t*>(p));
  }
}
void put(int dtype, double value, char* p) {
  switch (dtype) {
    case PYNN_INT8:
      *reinterpret_cast<int8_t*>(p) = int8_t(value);
      break;
    case PYNN_INT16:
      *reinterpret_cast<int16_t*>(p) = int16_t(value);
      break;
    case PYNN_INT32:
      *reinterpret_cast<int32_t*>(p) = int32_t(value);
      break;
    case PYNN_INT64:
      *reinterpret_cast<int64_t*>(p) = int64_t(value);
      break;
    case PYNN_FLOAT32:
      *reinterpret_cast<float*>(p) = float(value);
      break;
    case PYNN_FLOAT64:
      *reinterpret_cast<double*>(p) = value;
      break;
    default:
      *reinterpret_cast<uint8_t*>(p) = uint8_t(value);
  }
}

// Small numbers, so that double holds every result but those that wrap around.
double draw(Random& random, int dtype) {
  if (dtype == PYNN_BOOL) return double(random.below(2));
  if (dtype == PYNN_UINT8) return double(random.below(11));
  if (dtype >= PYNN_FLOAT16) {
    const int64_t pick = random.below(12);
    return pick == 0 ? std::nan("") : pick == 1 ? INFINITY : pick == 2 ? -INFINITY : pick == 3 ? 0 : std::round(random.normal() * 8) / 4;
  }
  return double(random.below(21) - 10);
}

double floor_mod(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

double wrap(int dtype, double value) {
  if (dtype > PYNN_INT64) return dtype == PYNN_FLOAT32 ? double(float(value)) : value;
  char bytes[8];
  const int64_t whole = int64_t(value);
  std::memcpy(bytes, &whole, 8);
  return get(dtype, bytes);
}

double reference(int op, int dtype, double a, double b, double c, double alpha) {
  switch (op) {
    case PYNN_P_NEG:
      return -a;
    case PYNN_P_ABS:
      return std::fabs(a);
    case PYNN_P_SIGN:
      return (a > 0) - (a < 0);
    case PYNN_P_SQUARE:
      return a * a;
    case PYNN_P_COPY:
      return a;
    case PYNN_P_BITWISE_NOT:
      return dtype == PYNN_BOOL ? 1 - a : -a - 1;
    case PYNN_P_LOGICAL_NOT:
      return a == 0;
    case PYNN_P_ISNAN:
      return std::isnan(a);
    case PYNN_P_ISINF:
      return std::isinf(a);
    case PYNN_P_ISFINITE:
      return std::isfinite(a);
    case PYNN_P_ADD:
      return a + b;
    case PYNN_P_SUB:
      return a - b;
    case PYNN_P_MUL:
      return a * b;
    case PYNN_P_MAXIMUM:
      return std::fmax(a, b);
    case PYNN_P_MINIMUM:
      return std::fmin(a, b);
    case PYNN_P_POW:
      return b < 0 ? (a == 1 ? 1 : a == -1 ? (std::fmod(b, 2) != 0 ? -1 : 1) : 0) : std::pow(a, b);
    case PYNN_P_FMOD:
      return std::fmod(a, b);
    case PYNN_P_REMAINDER:
      return floor_mod(a, b);
    case PYNN_P_FLOOR_DIVIDE:
      return std::floor(a / b);
    case PYNN_P_BITWISE_AND:
      return double(int64_t(a) & int64_t(b));
    case PYNN_P_BITWISE_OR:
      return double(int64_t(a) | int64_t(b));
    case PYNN_P_BITWISE_XOR:
      return double(int64_t(a) ^ int64_t(b));
    case PYNN_P_LOGICAL_AND:
      return a != 0 && b != 0;
    case PYNN_P_LOGICAL_OR:
      return a != 0 || b != 0;
    case PYNN_P_EQ:
      return a == b;
    case PYNN_P_NE:
      return a != b;
    case PYNN_P_LT:
      return a < b;
    case PYNN_P_LE:
      return a <= b;
    case PYNN_P_GT:
      return a > b;
    case PYNN_P_GE:
      return a >= b;
    case PYNN_P_WHERE:
      return a != 0 ? b : c;
    case PYNN_P_CLAMP: {
      if (std::isnan(a) || std::isnan(b) || std::isnan(c)) return std::nan("");
      return std::fmin(std::fmax(a, b), c);
    }
    case PYNN_P_LERP:
      return std::fabs(c) < 0.5 ? a + c * (b - a) : b - (b - a) * (1 - c);
    case PYNN_P_ADDCMUL:
      return a + alpha * b * c;
    case PYNN_P_ADDCDIV:
      return a + alpha * b / c;
    case PYNN_P_PRELU_BACKWARD:
      return b > 0 ? a : a * c;
    default: {
      const double s = 1 / (1 + std::exp(-c));
      return a * b * s * (1 - s);
    }
  }
}

struct Operand {
  std::vector<int64_t> shape, strides;  // strides in bytes
  std::vector<char> storage;
  char* first;
  int dtype;
  Operand(Random& random, std::vector<int64_t> full, int type, bool may_broadcast, bool nonzero) : shape(full), dtype(type) {
    if (may_broadcast) {
      shape.erase(shape.begin(), shape.begin() + long(random.below(3) == 0 ? random.below(int64_t(full.size()) + 1) : 0));
      for (int64_t& size : shape) {
        if (random.below(4) == 0) size = 1;
      }
    }
    std::vector<size_t> order;
    for (size_t i = shape.size(); i-- > 0;) order.push_back(i);
    if (order.size() > 1 && random.below(2) == 0) std::swap(order[0], order[order.size() - 1]);
    strides.resize(shape.size());
    int64_t extent = kSizes[type], start = 0;
    for (size_t i : order) {
      strides[i] = extent * (random.below(4) == 0 ? 2 : 1);
      extent = strides[i] * std::max<int64_t>(1, shape[i]);
      if (random.below(4) == 0) {
        start += strides[i] * (std::max<int64_t>(1, shape[i]) - 1);
        strides[i] = -strides[i];
      }
    }
    storage.resize(size_t(extent));
    for (int64_t at = 0; at + kSizes[type] <= extent; at += kSizes[type]) {
      double value = draw(random, type);
      if (nonzero && value == 0) value = 3;
      put(type, value, storage.data() + at);
    }
    first = storage.data() + start;
  }
  pynn_array array() { return {first, shape.data(), strides.data(), int32_t(shape.size()), dtype}; }
  char* at(const std::vector<int64_t>& index) {
    const size_t skip = index.size() - shape.size();
    char* p = first;
    for (size_t i = 0; i < shape.size(); ++i) p += (shape[i] == 1 ? 0 : index[i + skip]) * strides[i];
    return p;
  }
};

template <class F>
void each_index(const std::vector<int64_t>& shape, const F& f) {
  std::vector<int64_t> index(shape.size(), 0);
  for (int64_t size : shape) {
    if (size == 0) return;
  }
  for (;;) {
    f(index);
    size_t d = shape.size();
    for (; d > 0; --d) {
      if (++index[d - 1] < shape[d - 1]) break;
      index[d - 1] = 0;
    }
    if (d == 0) return;
  }
}

void check_one(Random& random, int op, int dtype, const std::vector<int64_t>& shape) {
  const unsigned kinds = kinds_of(pynn_pointwise_op(op));
  const int count = inputs_of(pynn_pointwise_op(op)), result = kinds & kTests ? int(PYNN_BOOL) : dtype;
  std::vector<Operand> operands;
  for (int k = 0; k < count; ++k) {
    const bool divisor = (kinds & kDivides) && k == 1;
    operands.emplace_back(random, shape, k == 0 && (kinds & kChooses) ? int(PYNN_BOOL) : dtype, count > 1, divisor);
  }
  Operand out(random, shape, result, false, false);
  pynn_array arrays[3], to = out.array();
  const pynn_array* inputs[3];
  for (int k = 0; k < count; ++k) arrays[k] = operands[size_t(k)].array(), inputs[k] = &arrays[k];
  CHECK_EQ(pynn_pointwise(pynn_pointwise_op(op), inputs, count, 0.5, &to), PYNN_OK);
  bool right = true;
  each_index(shape, [&](const std::vector<int64_t>& index) {
    double x[3] = {0, 0, 0};
    for (int k = 0; k < count; ++k) x[k] = get(operands[size_t(k)].dtype, operands[size_t(k)].at(index));
    double expected = reference(op, dtype, x[0], x[1], x[2], 0.5);
    if (op == PYNN_P_POW && std::fabs(expected) > 9e15) return;
    expected = wrap(result, expected);
    const double got = get(result, out.at(index));
    const double slack = (kinds & kFloats) && op >= PYNN_P_LERP ? 1e-6 * (1 + std::fabs(expected)) * 16 : 0;
    right = right && (got == expected || (std::isnan(got) && std::isnan(expected)) || std::fabs(got - expected) <= slack);
  });
  CHECK(right);
}

void test_operations(const char* isa) {
  Random random(5);
  for (int op = 0; op < PYNN_POINTWISE_COUNT; ++op) {
    for (int dtype : kTypes) {
      if (!(kinds_of(pynn_pointwise_op(op)) >> dtype & 1)) continue;
      for (const std::vector<int64_t>& shape :
           {std::vector<int64_t>{}, {0}, {1}, {7}, {33}, {130}, {3, 5}, {2, 3, 19}, {40, 33}}) {
        set_context(std::string(isa) + " op " + std::to_string(op) + " dtype " + std::to_string(dtype) + " ndim " +
                    std::to_string(shape.size()));
        check_one(random, op, dtype, shape);
      }
    }
  }
}

template <class T>
void test_prelu(const char* isa) {
  Random random(8);
  for (const auto& sizes : {std::vector<int64_t>{3, 4, 1}, {2, 5, 37}, {700, 9, 13}, {3000, 20, 1}, {1, 1, 9}, {0, 3, 2}}) {
    const int64_t outer = sizes[0], channels = sizes[1], inner = sizes[2], n = outer * channels * inner;
    for (int64_t weights : {int64_t(1), channels}) {
      set_context(std::string(isa) + " prelu of " + std::to_string(n));
      std::vector<T> g(size_t(n) + 1), x(g), dx(g), w(size_t(weights), T(0.3)), dw(w), again(w);
      for (size_t i = 0; i < size_t(n); ++i) g[i] = T(random.normal()), x[i] = T(random.normal());
      std::vector<double> expected(size_t(weights), 0);
      double scale = 1;
      for (int64_t i = 0; i < n; ++i) {
        const size_t at = size_t(i), c = size_t(weights > 1 ? i / inner % channels : 0);
        if (x[at] <= 0) expected[c] += double(g[at]) * double(x[at]), scale += std::fabs(double(g[at] * x[at]));
      }
      for (int threads : {1, 2}) {
        pynn::set_num_threads(threads);
        CHECK_EQ(pynn_prelu_backward(dtype_of<T>, outer, channels, inner, weights, g.data(), x.data(), w.data(), dx.data(),
                                     (threads == 1 ? dw : again).data()),
                 PYNN_OK);
      }
      for (size_t c = 0; c < size_t(weights); ++c) {
        CHECK_CLOSE(dw[c], expected[c], scale * double(std::numeric_limits<T>::epsilon()) * 4);
        CHECK_EQ(dw[c], again[c]);
      }
      for (size_t i = 0; i < size_t(n); ++i) CHECK_EQ(dx[i], x[i] > 0 ? g[i] : g[i] * w[0]);
    }
  }
}

void test_threads(const char* isa) {
  set_context(std::string(isa) + " threads");
  const int64_t shape[] = {300, 401}, n = 300 * 401, turned[] = {4, 4 * 300};
  Random random(2);
  std::vector<float> x(static_cast<size_t>(n)), y(x);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(random.normal()), y[i] = float(random.normal());
  const pynn_array a = {x.data(), shape, nullptr, 2, PYNN_FLOAT32}, b = {y.data(), shape, turned, 2, PYNN_FLOAT32};
  const pynn_array* const pair[] = {&a, &b};
  const pynn_array* const triple[] = {&a, &b, &a};
  std::vector<char> tests[2];
  std::vector<float> gates[2];
  for (int threads : {1, 2}) {
    pynn::set_num_threads(threads);
    std::vector<char>& test = tests[threads - 1];
    std::vector<float>& gate = gates[threads - 1];
    test.resize(size_t(n));
    gate.resize(size_t(n));
    pynn_array to = {test.data(), shape, nullptr, 2, PYNN_BOOL}, into = {gate.data(), shape, nullptr, 2, PYNN_FLOAT32};
    CHECK_EQ(pynn_pointwise(PYNN_P_LT, pair, 2, 0, &to), PYNN_OK);
    CHECK_EQ(pynn_pointwise(PYNN_P_GLU_BACKWARD, triple, 3, 0, &into), PYNN_OK);
  }
  CHECK(tests[0] == tests[1]);
  CHECK(std::memcmp(gates[0].data(), gates[1].data(), size_t(n) * 4) == 0);
}

void test_errors() {
  int32_t x[] = {6, INT32_MIN, 5}, y[] = {2, -1, 0}, z[3];
  uint8_t truth[3];
  const int64_t three[] = {3}, two[] = {2};
  const pynn_array a = {x, three, nullptr, 1, PYNN_INT32}, b = {y, three, nullptr, 1, PYNN_INT32},
                   a2 = {x, two, nullptr, 1, PYNN_INT32}, b2 = {y, two, nullptr, 1, PYNN_INT32};
  pynn_array out = {z, three, nullptr, 1, PYNN_INT32}, out2 = {z, two, nullptr, 1, PYNN_INT32},
             test = {truth, three, nullptr, 1, PYNN_BOOL};
  const pynn_array *const ab[] = {&a, &b}, *const ab2[] = {&a2, &b2}, *const wrong[] = {&a, &b2};
  CHECK_EQ(pynn_pointwise(PYNN_P_FLOOR_DIVIDE, ab, 2, 0, &out), PYNN_INVALID);
  CHECK(says("by zero"));
  CHECK_EQ(pynn_pointwise(PYNN_P_FLOOR_DIVIDE, ab2, 2, 0, &out2), PYNN_OK);
  CHECK(z[0] == 3 && z[1] == INT32_MIN);
  CHECK_EQ(pynn_pointwise(PYNN_P_REMAINDER, ab2, 2, 0, &out2), PYNN_OK);
  CHECK(z[1] == 0);
  CHECK_EQ(pynn_pointwise(PYNN_P_LT, ab, 2, 0, &out), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_pointwise(PYNN_P_LT, ab, 2, 0, &test), PYNN_OK);
  CHECK_EQ(pynn_pointwise(PYNN_P_LT, ab, 1, 0, &test), PYNN_INVALID);
  CHECK_EQ(pynn_pointwise(PYNN_P_ADD, wrong, 2, 0, &out), PYNN_INVALID);
  CHECK(says("(2,)"));
  CHECK_EQ(pynn_pointwise(pynn_pointwise_op(99), ab, 2, 0, &out), PYNN_INVALID);
  CHECK_EQ(pynn_pointwise(PYNN_P_ISNAN, ab, 1, 0, &test), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_prelu_backward(PYNN_INT32, 1, 1, 3, 1, x, x, x, z, nullptr), PYNN_UNSUPPORTED);
  CHECK_EQ(pynn_prelu_backward(PYNN_FLOAT32, 1, 3, 1, 2, x, x, x, z, nullptr), PYNN_INVALID);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    CHECK(std::strcmp(pynn::pointwise::table().isa, isa) == 0);
    test_operations(isa);
    test_prelu<float>(isa);
    test_prelu<double>(isa);
    test_threads(isa);
  });
  test_errors();
  fuzz([](Random& random) {
    const int op = int(random.below(PYNN_POINTWISE_COUNT)), dtype = kTypes[random.below(8)];
    if (!(kinds_of(pynn_pointwise_op(op)) >> dtype & 1)) return;
    std::vector<int64_t> shape(size_t(random.below(5)));
    for (int64_t& size : shape) size = random.below(12);
    check_one(random, op, dtype, shape);
  });
  return summary();
}
