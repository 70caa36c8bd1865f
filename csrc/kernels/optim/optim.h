// Optimizer kernels: the variants' table and the loops over tensors.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace optim {

// One tensor's step: the numbers it runs with, float32 as torch rounds them, and where its data is.
// kernel works on elements first <= i < last.
struct Job {
  using Kernel = void (*)(const Job& job, int64_t first, int64_t last);
  Kernel kernel;
  int64_t size;
  float* param;
  const float* grad;
  float* states[3];
  union {
    struct {
      float momentum, keep, lr, decay;  // keep = 1 - dampening
    } sgd;
    struct {
      float weight1, beta2, weight2, inverse_root2, eps, step, decay;  // weight = 1 - beta
    } adam;
    struct {
      float alpha, weight, eps, momentum, lr, decay;
    } rmsprop;
  };
  float sign;  // -1 to maximize
};

enum SgdMode { kPlain, kMomentum, kNesterov, kFirst, kFirstNesterov, kSgdModes };
enum Decay { kNone, kCoupled, kDecoupled, kDecays };

struct Table {
  const char* isa;
  Job::Kernel sgd[2][kSgdModes];  // weight decay; mode
  Job::Kernel adam[kDecays][2];   // decay; amsgrad
  Job::Kernel rmsprop[2][2][2];   // weight decay; centered; momentum
};

const Table& table();  // of the ISA in use

// Runs all jobs, cut into chunks of the concatenated tensors. PYNN_NO_MEMORY where there is none.
pynn_status run_jobs(const Job* jobs, int64_t count);

}  // namespace optim
}  // namespace pynn
