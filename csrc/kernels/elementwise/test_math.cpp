// Accuracy of the functions: sweeps over all magnitudes against float64 (of float32) and long double (of
// float64), in ulp.
#include <cmath>
#include <vector>

#include "base/testing.h"
#include "pynn/pynn.h"

using namespace pynn::testing;

namespace {

typedef long double Long;

Long sigmoid(Long x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
Long softplus(Long x) { return x > 20 ? x : (x > 0 ? x : 0) + std::log1p(std::exp(-std::fabs(x))); }
Long mish(Long x) {
  const Long e = std::exp(x), n = e * (e + 2);
  return x > 60 ? x : x * (n / (n + 2));
}
constexpr Long kAlpha = 1.6732632423543772848170429916717L, kScale = 1.0507009873554804934193349852946L;

struct Function {
  const char* name;
  pynn_unary_op op;
  Long (*reference)(Long);
  double limit, limit64;  // ulp
};

const Function functions[] = {
    {"exp", PYNN_EXP, [](Long x) { return std::exp(x); }, 2, 2},
    {"exp2", PYNN_EXP2, [](Long x) { return std::exp2(x); }, 2, 2},
    {"expm1", PYNN_EXPM1, [](Long x) { return std::expm1(x); }, 2, 2},
    {"log", PYNN_LOG, [](Long x) { return std::log(x); }, 2, 2},
    {"log2", PYNN_LOG2, [](Long x) { return std::log2(x); }, 2, 2},
    {"log10", PYNN_LOG10, [](Long x) { return std::log10(x); }, 2, 2},
    {"log1p", PYNN_LOG1P, [](Long x) { return std::log1p(x); }, 2, 2},
    {"tanh", PYNN_TANH, [](Long x) { return std::tanh(x); }, 2, 2},
    {"sigmoid", PYNN_SIGMOID, sigmoid, 2, 2},
    {"erf", PYNN_ERF, [](Long x) { return std::erf(x); }, 2, 2},
    {"sin", PYNN_SIN, [](Long x) { return std::sin(x); }, 2, 2},
    {"cos", PYNN_COS, [](Long x) { return std::cos(x); }, 2, 2},
    {"tan", PYNN_TAN, [](Long x) { return std::tan(x); }, 2, 2.5},
    {"asin", PYNN_ASIN, [](Long x) { return std::asin(x); }, 2, 2},
    {"acos", PYNN_ACOS, [](Long x) { return std::acos(x); }, 2, 2},
    {"atan", PYNN_ATAN, [](Long x) { return std::atan(x); }, 2, 2},
    {"sinh", PYNN_SINH, [](Long x) { return std::sinh(x); }, 2, 2},
    {"cosh", PYNN_COSH, [](Long x) { return std::cosh(x); }, 2, 2},
    {"sqrt", PYNN_SQRT, [](Long x) { return std::sqrt(x); }, 0.5, 0.501},
    {"rsqrt", PYNN_RSQRT, [](Long x) { return 1 / std::sqrt(x); }, 2, 2},
    {"reciprocal", PYNN_RECIPROCAL, [](Long x) { return 1 / x; }, 0.5, 0.501},
    {"elu", PYNN_ELU, [](Long x) { return x < 0 ? std::expm1(x) : x; }, 2, 2},
    {"selu", PYNN_SELU, [](Long x) { return kScale * (x < 0 ? kAlpha * std::expm1(x) : x); }, 2.5, 2.5},
    {"softplus", PYNN_SOFTPLUS, softplus, 2.5, 2.5},
    {"logsigmoid", PYNN_LOGSIGMOID, [](Long x) { return (x < 0 ? x : 0) - std::log1p(std::exp(-std::fabs(x))); }, 2.5, 2.5},
    {"mish", PYNN_MISH, mish, 4, 4},
};

template <class T, class Bits>
void sweep(const Function& f, const char* isa, uint64_t step, double limit) {
  constexpr int kBlock = 4096;
  std::vector<T> x(kBlock), y(kBlock);
  double worst = 0;
  T worst_at = 0;
  const uint64_t last = sizeof(T) == 4 ? UINT32_MAX : UINT64_MAX;
  uint64_t bits = 0;
  for (bool more = true; more;) {
    int n = 0;
    for (; n < kBlock && more; ++n) {
      const Bits pattern = Bits(bits);
      std::memcpy(&x[size_t(n)], &pattern, sizeof(T));
      more = last - bits > step;
      bits += step;
    }
    const int64_t shape[] = {n};
    const pynn_array in = {x.data(), shape, nullptr, 1, dtype_of<T>};
    pynn_array out = {y.data(), shape, nullptr, 1, dtype_of<T>};
    pynn_unary(f.op, &in, 1, 20, &out);
    for (int i = 0; i < n; ++i) {
      // exp(x) is a denormal there, and x times its rounding error the result's.
      if (f.op == PYNN_MISH && x[size_t(i)] < T(sizeof(T) == 4 ? -87 : -708)) continue;
      const Long exact = f.reference(Long(x[size_t(i)]));
      const double error = ulp_error(y[size_t(i)], exact);
      if (error > worst) worst = error, worst_at = x[size_t(i)];
    }
  }
  set_context(std::string(f.name) + " on " + isa);
  std::printf("%-10s %-9s float%d %.3f ulp at %.17g\n", f.name, isa, int(8 * sizeof(T)), worst, double(worst_at));
  CHECK(worst <= limit);
}

}  // namespace

int main(int argc, char** argv) {
  // Every 39989th float, and as many doubles, by default; `test_elementwise_math 1` goes through all 2^32 floats.
  const uint64_t step = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 39989;
  const char* only = argc > 2 ? argv[2] : nullptr;
  for_each_isa([&](const char* isa) {
    for (const Function& f : functions) {
      if (only != nullptr && std::strcmp(only, f.name) != 0) continue;
      sweep<float, uint32_t>(f, isa, step, f.limit);
      sweep<double, uint64_t>(f, isa, step * 0xffffffffu, f.limit64);
    }
  });
  return summary();
}
