// Accuracy of the float32 functions: a sweep over all magnitudes against float64, in ulp.
#include <cmath>
#include <vector>

#include "base/testing.h"
#include "pynn/pynn.h"

using namespace pynn::testing;

namespace {

struct Function {
  const char* name;
  pynn_unary_op op;
  double (*reference)(double);
  double limit;  // ulp
};

double reference_sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double reference_exp(double x) { return std::exp(x); }
double reference_log(double x) { return std::log(x); }
double reference_tanh(double x) { return std::tanh(x); }
double reference_erf(double x) { return std::erf(x); }
double reference_sqrt(double x) { return std::sqrt(x); }
double reference_reciprocal(double x) { return 1 / x; }
double reference_elu(double x) { return x < 0 ? std::expm1(x) : x; }
double reference_softplus(double x) {
  return x > 20 ? x : (x > 0 ? x : 0) + std::log1p(std::exp(-std::fabs(x)));
}

const Function functions[] = {
    {"exp", PYNN_EXP, reference_exp, 2},
    {"log", PYNN_LOG, reference_log, 2},
    {"tanh", PYNN_TANH, reference_tanh, 2},
    {"sigmoid", PYNN_SIGMOID, reference_sigmoid, 2},
    {"erf", PYNN_ERF, reference_erf, 2},
    {"sqrt", PYNN_SQRT, reference_sqrt, 0.5},
    {"reciprocal", PYNN_RECIPROCAL, reference_reciprocal, 0.5},
    {"elu", PYNN_ELU, reference_elu, 2},
    {"softplus", PYNN_SOFTPLUS, reference_softplus, 2.5},
};

}  // namespace

int main(int argc, char** argv) {
  // Every 997th float by default; `test_elementwise_math 1` goes through all 2^32.
  const uint64_t step = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 997;
  constexpr int kBlock = 4096;
  std::vector<float> x(kBlock), y(kBlock);
  for_each_isa([&](const char* isa) {
    for (const Function& f : functions) {
      double worst = 0;
      float worst_at = 0;
      for (uint64_t first = 0; first <= UINT32_MAX; first += step * kBlock) {
        for (int i = 0; i < kBlock; ++i) {
          const uint32_t bits = uint32_t(first + step * uint64_t(i));
          std::memcpy(&x[size_t(i)], &bits, 4);
        }
        pynn_unary_f32(f.op, kBlock, x.data(), 1, 20, y.data());
        for (int i = 0; i < kBlock; ++i) {
          const double error = ulp_error(y[size_t(i)], f.reference(double(x[size_t(i)])));
          if (error > worst) worst = error, worst_at = x[size_t(i)];
        }
      }
      set_context(std::string(f.name) + " on " + isa);
      std::printf("%-10s %-9s %.3f ulp at %.9g\n", f.name, isa, worst, double(worst_at));
      CHECK(worst <= f.limit);
    }
  });
  return summary();
}
