// A launch moves up to kTensors tensors, whose pointers lie in the kernel's parameters: no table is copied to the device.
// A block takes kBlock elements of one tensor.
#include "kernels/optim/cuda.h"

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

constexpr int kTensors = 48;  // the table and the numbers stay below the 4 KB that every GPU passes
constexpr int kBlock = 4096, kVector = 4, kStates = 3;

struct Table {
  int count;
  int first_block[kTensors + 1];  // of each tensor, and the end
  int number[kTensors];           // its place in the whole step
  int64_t size[kTensors];
  float* param[kTensors];
  const float* grad[kTensors];
  float* state[kStates][kTensors];
};

struct Steps {
  int count;
  float* step[kTensors];
};

// a + weight * (b - a), from whichever end is nearer, as torch's lerp.
PYNN_DEVICE float lerp(float a, float b, float weight) {
  return weight < 0.5f ? fmaf(weight, b - a, a) : fmaf(b - a, weight - 1, b);
}

// An optimizer: kUsed states, and run() for one element. Every product that is added to something is written as fmaf or
// __fmul_rn, as the CPU's kernels have it.
struct Sgd {
  float sign, decay, momentum, keep, lr;
  bool decayed, nesterov, first;
  int states;  // 0 or 1
  PYNN_DEVICE void begin(int) {}
  PYNN_DEVICE void run(float& p, float g, float (&state)[kStates]) const {
    g *= sign;
    if (decayed) g = fmaf(decay, p, g);
    if (states > 0) {
      const float buffer = first ? g : fmaf(keep, g, __fmul_rn(state[0], momentum));
      state[0] = buffer;
      g = nesterov ? fmaf(momentum, buffer, g) : buffer;
    }
    p = fmaf(-lr, g, p);
  }
};

struct Adam {
  float sign, decay, weight1, beta2, weight2, eps;
  bool coupled, decoupled;
  int states;                // 2, or 3 with amsgrad
  const float2* corrections;  // of each tensor: 1 / root of the second, the step's size
  float inverse_root2, step;
  PYNN_DEVICE void begin(int tensor) {
    const float2 own = corrections[tensor];
    inverse_root2 = own.x;
    step = own.y;
  }
  PYNN_DEVICE void run(float& p, float g, float (&state)[kStates]) const {
    g *= sign;
    if (decoupled) p = __fmul_rn(p, decay);
    if (coupled) g = fmaf(decay, p, g);
    const float mean = lerp(state[0], g, weight1);
    const float square = fmaf(__fmul_rn(weight2, g), g, __fmul_rn(state[1], beta2));
    state[0] = mean;
    state[1] = square;
    float most = square;
    if (states == 3) {
      most = state[2] != state[2] || state[2] > square ? state[2] : square;  // NaN stays
      state[2] = most;
    }
    const float denominator = __fadd_rn(__fmul_rn(__fsqrt_rn(most), inverse_root2), eps);
    p = __fadd_rn(p, __fdiv_rn(__fmul_rn(-step, mean), denominator));
  }
};

struct Rmsprop {
  float sign, decay, alpha, weight, eps, momentum, lr;
  bool decayed, centered, with_momentum;
  int states;  // the square, then where centered the mean, then with momentum the buffer
  PYNN_DEVICE void begin(int) {}
  PYNN_DEVICE void run(float& p, float g, float (&state)[kStates]) const {
    g *= sign;
    if (decayed) g = fmaf(decay, p, g);
    float square = fmaf(__fmul_rn(weight, g), g, __fmul_rn(state[0], alpha));
    state[0] = square;
    if (centered) {
      const float mean = lerp(state[1], g, weight);
      state[1] = mean;
      square = fmaf(-mean, mean, square);
    }
    const float denominator = __fadd_rn(__fsqrt_rn(square), eps);
    if (with_momentum) {
      float& buffer = state[centered ? 2 : 1];
      buffer = __fadd_rn(__fmul_rn(buffer, momentum), __fdiv_rn(g, denominator));
      p = fmaf(-lr, buffer, p);
    } else {
      p = __fadd_rn(p, __fdiv_rn(__fmul_rn(-lr, g), denominator));
    }
  }
};

template <class Optimizer>
__global__ void __launch_bounds__(kThreads) step_kernel(const Table table, Optimizer optimizer) {
  int low = 0, high = table.count;  // the last tensor that begins at or before this block
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.first_block[middle] <= int(blockIdx.x)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const int t = low;
  optimizer.begin(table.number[t]);
  const int64_t size = table.size[t], begin = int64_t(int(blockIdx.x) - table.first_block[t]) * kBlock;
  const int64_t end = begin + kBlock < size ? begin + kBlock : size;
  float *const param = table.param[t], *state[kStates];
  const float* const grad = table.grad[t];
  bool aligned = is_run<float, kVector>(param) && is_run<float, kVector>(grad);
#pragma unroll
  for (int k = 0; k < kStates; ++k) {
    state[k] = table.state[k][t];
    if (k < optimizer.states) aligned = aligned && is_run<float, kVector>(state[k]);
  }
  for (int64_t i = begin + int64_t(threadIdx.x) * kVector; i < end; i += kThreads * kVector) {
    const bool whole = aligned && i + kVector <= end;
    float p[kVector], g[kVector], s[kStates][kVector] = {};
    if (whole) {
      load_run(param + i, p);
      load_run(grad + i, g);
#pragma unroll
      for (int k = 0; k < kStates; ++k) {
        if (k < optimizer.states) load_run(state[k] + i, s[k]);
      }
    } else {
#pragma unroll
      for (int j = 0; j < kVector; ++j) {
        p[j] = i + j < end ? param[i + j] : 0;
        g[j] = i + j < end ? grad[i + j] : 0;
#pragma unroll
        for (int k = 0; k < kStates; ++k) {
          if (k < optimizer.states && i + j < end) s[k][j] = state[k][i + j];
        }
      }
    }
#pragma unroll
    for (int j = 0; j < kVector; ++j) {
      float own[kStates];
#pragma unroll
      for (int k = 0; k < kStates; ++k) own[k] = s[k][j];
      optimizer.run(p[j], g[j], own);
#pragma unroll
      for (int k = 0; k < kStates; ++k) s[k][j] = own[k];
    }
    if (whole) {
      store_run(param + i, p);
#pragma unroll
      for (int k = 0; k < kStates; ++k) {
        if (k < optimizer.states) store_run(state[k] + i, s[k]);
      }
    } else {
#pragma unroll
      for (int j = 0; j < kVector; ++j) {
        if (i + j >= end) continue;
        param[i + j] = p[j];
#pragma unroll
        for (int k = 0; k < kStates; ++k) {
          if (k < optimizer.states) state[k][i + j] = s[k][j];
        }
      }
    }
  }
}

__global__ void __launch_bounds__(64) count_kernel(const Steps steps) {
  if (int(threadIdx.x) < steps.count) *steps.step[threadIdx.x] += 1;
}

// As count_kernel; and of each tensor what its step count makes of Adam's numbers, in double as on the CPU.
__global__ void __launch_bounds__(64)
    correct_kernel(const Steps steps, double lr, double beta1, double beta2, float2* corrections) {
  if (int(threadIdx.x) >= steps.count) return;
  const float step = *steps.step[threadIdx.x] + 1;
  *steps.step[threadIdx.x] = step;
  const double correction1 = 1 - pow(beta1, double(step)), root2 = sqrt(1 - pow(beta2, double(step)));
  corrections[threadIdx.x] = make_float2(float(1 / root2), float(lr / correction1));
}

// f(steps, the number of the first) for runs of tensors.
template <class F>
Status over_steps(int64_t count, float* const* steps, const F& f) {
  for (int64_t first = 0; first < count; first += kTensors) {
    Steps some;
    some.count = int(count - first < kTensors ? count - first : kTensors);
    for (int i = 0; i < some.count; ++i) some.step[i] = steps[first + i];
    PYNN_TRY(f(some, first));
  }
  return Status();
}

// Launches for all tensors that have elements, as many to a launch as the table holds.
template <class Optimizer>
Status over_tensors(const Optimizer& optimizer, int64_t count, const int64_t* sizes, float* const* params,
                    const float* const* grads, const float* const* const (&states)[kStates], cudaStream_t stream) {
  Table table;
  table.count = 0;
  table.first_block[0] = 0;
  const auto flush = [&]() -> Status {
    const int blocks = table.first_block[table.count];
    const Status status =
        blocks == 0 ? Status()
                    : launch(step_kernel<Optimizer>, dim3(unsigned(blocks)), dim3(kThreads), 0, stream, table, optimizer);
    table.count = 0;
    return status;
  };
  for (int64_t i = 0; i < count; ++i) {
    if (sizes[i] == 0) continue;
    const int64_t blocks = ceil_div(sizes[i], kBlock);
    if (table.count == kTensors || table.first_block[table.count] + blocks > INT32_MAX) PYNN_TRY(flush());
    const int t = table.count++;
    table.first_block[t + 1] = int(table.first_block[t] + blocks);
    table.number[t] = int(i);
    table.size[t] = sizes[i];
    table.param[t] = params[i];
    table.grad[t] = grads[i];
    for (int k = 0; k < kStates; ++k) table.state[k][t] = states[k] ? const_cast<float*>(states[k][i]) : nullptr;
  }
  return flush();
}

static_assert(sizeof(Table) + sizeof(Adam) < 4000, "kernel parameters");

}  // namespace

Status optim_sgd(const pynn_sgd& o, int64_t count, const int64_t* sizes, float* const* params,
                 const float* const* grads, float* const* buffers, bool first, cudaStream_t stream) {
  Sgd sgd = {};
  sgd.sign = o.maximize ? -1.0f : 1.0f;
  sgd.decay = float(o.weight_decay);
  sgd.momentum = float(o.momentum);
  sgd.keep = float(1 - o.dampening);
  sgd.lr = float(o.lr);
  sgd.decayed = o.weight_decay != 0;
  sgd.nesterov = o.nesterov != 0;
  sgd.first = first;
  sgd.states = o.momentum != 0 ? 1 : 0;
  return over_tensors(sgd, count, sizes, params, grads, {buffers, nullptr, nullptr}, stream);
}

int64_t optim_adam_bytes(int64_t count) { return count * int64_t(sizeof(float2)); }

Status optim_adam(const pynn_adam& o, int64_t count, const int64_t* sizes, float* const* params,
                  const float* const* grads, float* const* exp_avgs, float* const* exp_avg_sqs,
                  float* const* max_exp_avg_sqs, float* const* steps, void* scratch, cudaStream_t stream) {
  float2* const corrections = static_cast<float2*>(scratch);
  PYNN_TRY(over_steps(count, steps, [&](const Steps& some, int64_t first) {
    return launch(correct_kernel, dim3(1), dim3(64), 0, stream, some, o.lr, o.beta1, o.beta2, corrections + first);
  }));
  Adam adam = {};
  adam.sign = o.maximize ? -1.0f : 1.0f;
  adam.decay = float(o.decoupled ? 1 - o.lr * o.weight_decay : o.weight_decay);
  adam.weight1 = float(1 - o.beta1);
  adam.beta2 = float(o.beta2);
  adam.weight2 = float(1 - o.beta2);
  adam.eps = float(o.eps);
  adam.coupled = o.weight_decay != 0 && !o.decoupled;
  adam.decoupled = o.weight_decay != 0 && o.decoupled;
  adam.states = o.amsgrad ? 3 : 2;
  adam.corrections = corrections;
  return over_tensors(adam, count, sizes, params, grads, {exp_avgs, exp_avg_sqs, max_exp_avg_sqs}, stream);
}

Status optim_rmsprop(const pynn_rmsprop& o, int64_t count, const int64_t* sizes, float* const* params,
                     const float* const* grads, float* const* square_avgs, float* const* grad_avgs,
                     float* const* buffers, float* const* steps, cudaStream_t stream) {
  PYNN_TRY(over_steps(count, steps, [&](const Steps& some, int64_t) {
    return launch(count_kernel, dim3(1), dim3(64), 0, stream, some);
  }));
  Rmsprop rmsprop = {};
  rmsprop.sign = o.maximize ? -1.0f : 1.0f;
  rmsprop.decay = float(o.weight_decay);
  rmsprop.alpha = float(o.alpha);
  rmsprop.weight = float(1 - o.alpha);
  rmsprop.eps = float(o.eps);
  rmsprop.momentum = float(o.momentum);
  rmsprop.lr = float(o.lr);
  rmsprop.decayed = o.weight_decay != 0;
  rmsprop.centered = o.centered != 0;
  rmsprop.with_momentum = o.momentum > 0;
  rmsprop.states = 1 + rmsprop.centered + rmsprop.with_momentum;
  float* const* const second = o.centered ? grad_avgs : buffers;
  return over_tensors(rmsprop, count, sizes, params, grads, {square_avgs, second, o.centered ? buffers : nullptr},
                      stream);
}

}  // namespace pynn::cuda
