// Argument checks of pynn/optim.h, and the numbers each tensor's step runs with.
#include "kernels/optim/optim.h"

#include <cmath>

#include "base/arena.h"
#include "base/status.h"
#include "pynn/optim.h"

namespace {

using namespace pynn;
using optim::Job;

// Jobs of one call: on the stack for a small net, else in the arena.
class Jobs {
 public:
  explicit Jobs(int64_t count) : scratch_(count > kOnStack ? size_t(count) * sizeof(Job) : 0) {
    jobs_ = count > kOnStack ? scratch_.as<Job>() : few_;
  }
  explicit operator bool() const { return jobs_ != nullptr; }
  Job& add() { return jobs_[used_++]; }
  pynn_status run() const { return optim::run_jobs(jobs_, used_); }

 private:
  static constexpr int64_t kOnStack = 32;
  Scratch scratch_;
  Job few_[kOnStack];
  Job* jobs_;
  int64_t used_ = 0;
};

pynn_status no_memory(int64_t count) {
  return fail(PYNN_NO_MEMORY, "no memory for a step of %lld tensors", (long long)count);
}

pynn_status check_list(const void* options, int64_t count, const int64_t* sizes, const void* params,
                       const void* grads) {
  if (options == nullptr) return fail(PYNN_INVALID, "options is a null pointer");
  if (count < 0) return fail(PYNN_INVALID, "number of tensors is %lld: expected 0 or more", (long long)count);
  if (count > 0 && (sizes == nullptr || params == nullptr || grads == nullptr)) {
    return fail(PYNN_INVALID, "sizes, params or grads is a null pointer with %lld tensors", (long long)count);
  }
  return PYNN_OK;
}

pynn_status check_state(bool needed, const void* list, const char* name, const char* why) {
  if (!needed || list != nullptr) return PYNN_OK;
  return fail(PYNN_INVALID, "%s is a null pointer: expected a list of tensors%s", name, why);
}

// All that tensor i needs is there: called before any tensor is written.
pynn_status check_tensor(int64_t i, int64_t size, const float* param, const float* const* states, int count) {
  if (size < 0)
    return fail(PYNN_INVALID, "tensor %lld has %lld elements: expected 0 or more", (long long)i,
                (long long)size);
  bool missing = param == nullptr;
  for (int k = 0; k < count; ++k) missing |= states[k] == nullptr;
  if (missing && size > 0)
    return fail(PYNN_INVALID, "tensor %lld: its data or one of its states is a null pointer", (long long)i);
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_sgd_f32(const pynn_sgd* options, int64_t count, const int64_t* sizes, float* const* params,
                         const float* const* grads, float* const* buffers, const uint8_t* first) {
  if (pynn_status status = check_list(options, count, sizes, params, grads)) return status;
  const pynn_sgd& o = *options;
  const bool momentum = o.momentum != 0;
  if (pynn_status status = check_state(momentum && count > 0, buffers, "buffers", " with momentum"))
    return status;
  Jobs jobs(count);
  if (!jobs) return no_memory(count);
  const optim::Table& table = optim::table();
  for (int64_t i = 0; i < count; ++i) {
    if (grads[i] == nullptr) continue;
    float* const buffer = momentum ? buffers[i] : nullptr;
    if (pynn_status status = check_tensor(i, sizes[i], params[i], &buffer, momentum)) return status;
    const bool fresh = first != nullptr && first[i] != 0;
    const int mode = !momentum    ? optim::kPlain
                     : o.nesterov ? (fresh ? optim::kFirstNesterov : optim::kNesterov)
                                  : (fresh ? optim::kFirst : optim::kMomentum);
    Job& job = jobs.add();
    job.kernel = table.sgd[o.weight_decay != 0][mode];
    job.size = sizes[i];
    job.param = params[i];
    job.grad = grads[i];
    job.states[0] = buffer;
    job.sgd = {float(o.momentum), float(1 - o.dampening), float(o.lr), float(o.weight_decay)};
    job.sign = o.maximize ? -1.0f : 1.0f;
  }
  return jobs.run();
}

pynn_status pynn_adam_f32(const pynn_adam* options, int64_t count, const int64_t* sizes, float* const* params,
                          const float* const* grads, float* const* exp_avgs, float* const* exp_avg_sqs,
                          float* const* max_exp_avg_sqs, float* const* steps) {
  if (pynn_status status = check_list(options, count, sizes, params, grads)) return status;
  const pynn_adam& o = *options;
  const bool any = count > 0;
  if (pynn_status status = check_state(any, exp_avgs, "exp_avgs", "")) return status;
  if (pynn_status status = check_state(any, exp_avg_sqs, "exp_avg_sqs", "")) return status;
  if (pynn_status status = check_state(any && o.amsgrad, max_exp_avg_sqs, "max_exp_avg_sqs", " with amsgrad"))
    return status;
  if (pynn_status status = check_state(any, steps, "steps", "")) return status;
  Jobs jobs(count);
  if (!jobs) return no_memory(count);
  const int decay = o.weight_decay == 0 ? optim::kNone : o.decoupled ? optim::kDecoupled : optim::kCoupled;
  const Job::Kernel kernel = optim::table().adam[decay][o.amsgrad != 0];
  float known_step = -1;
  double correction1 = 1, root2 = 1;
  for (int64_t i = 0; i < count; ++i) {
    if (grads[i] == nullptr) continue;
    float* const states[3] = {exp_avgs[i], exp_avg_sqs[i], o.amsgrad ? max_exp_avg_sqs[i] : nullptr};
    if (pynn_status status = check_tensor(i, sizes[i], params[i], states, o.amsgrad ? 3 : 2)) return status;
    if (steps[i] == nullptr)
      return fail(PYNN_INVALID, "tensor %lld: its step count is a null pointer", (long long)i);
    const float step = *steps[i] + 1;
    if (step != known_step) {  // tensors mostly share their step: two powers a call, not two a tensor
      known_step = step;
      correction1 = 1 - std::pow(o.beta1, double(step));
      root2 = std::sqrt(1 - std::pow(o.beta2, double(step)));
    }
    Job& job = jobs.add();
    job.kernel = kernel;
    job.size = sizes[i];
    job.param = params[i];
    job.grad = grads[i];
    for (int k = 0; k < 3; ++k) job.states[k] = states[k];
    job.adam = {float(1 - o.beta1),
                float(o.beta2),
                float(1 - o.beta2),
                float(1 / root2),
                float(o.eps),
                float(o.lr / correction1),
                float(o.decoupled ? 1 - o.lr * o.weight_decay : o.weight_decay)};
    job.sign = o.maximize ? -1.0f : 1.0f;
  }
  for (int64_t i = 0; i < count; ++i) {
    if (grads[i] != nullptr) *steps[i] += 1;
  }
  return jobs.run();
}

pynn_status pynn_rmsprop_f32(const pynn_rmsprop* options, int64_t count, const int64_t* sizes,
                             float* const* params, const float* const* grads, float* const* square_avgs,
                             float* const* grad_avgs, float* const* buffers, float* const* steps) {
  if (pynn_status status = check_list(options, count, sizes, params, grads)) return status;
  const pynn_rmsprop& o = *options;
  const bool any = count > 0, momentum = o.momentum > 0;
  if (pynn_status status = check_state(any, square_avgs, "square_avgs", "")) return status;
  if (pynn_status status = check_state(any && o.centered, grad_avgs, "grad_avgs", " where centered"))
    return status;
  if (pynn_status status = check_state(any && momentum, buffers, "buffers", " with momentum")) return status;
  Jobs jobs(count);
  if (!jobs) return no_memory(count);
  const Job::Kernel kernel = optim::table().rmsprop[o.weight_decay != 0][o.centered != 0][momentum];
  for (int64_t i = 0; i < count; ++i) {
    if (grads[i] == nullptr) continue;
    float* const states[3] = {square_avgs[i], o.centered ? grad_avgs[i] : square_avgs[i],
                              momentum ? buffers[i] : square_avgs[i]};
    if (pynn_status status = check_tensor(i, sizes[i], params[i], states, 3)) return status;
    if (steps != nullptr && steps[i] == nullptr) {
      return fail(PYNN_INVALID, "tensor %lld: its step count is a null pointer", (long long)i);
    }
    Job& job = jobs.add();
    job.kernel = kernel;
    job.size = sizes[i];
    job.param = params[i];
    job.grad = grads[i];
    for (int k = 0; k < 3; ++k) job.states[k] = states[k];
    job.rmsprop = {float(o.alpha),    float(1 - o.alpha), float(o.eps),
                   float(o.momentum), float(o.lr),        float(o.weight_decay)};
    job.sign = o.maximize ? -1.0f : 1.0f;
  }
  for (int64_t i = 0; steps != nullptr && i < count; ++i) {
    if (grads[i] != nullptr) *steps[i] += 1;
  }
  return jobs.run();
}

}  // extern "C"
