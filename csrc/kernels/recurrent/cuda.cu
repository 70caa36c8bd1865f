// Forward: the inputs' products for all steps at once, then the steps, in one launch where the weights fit on the chip.
#include "kernels/recurrent/cuda.h"

#include "cuda/gpu.h"
#include "kernels/recurrent/cuda_resident.h"
#include "kernels/recurrent/cuda_steps.h"
#include "kernels/recurrent/cuda_work.h"

namespace pynn::cuda {
namespace {

// Step by step.
template <class T>
Status over_steps(const pynn_recurrent& layer, const Sizes& z, const ForwardArrays<T>& a, T* state_sums, T* unprojected,
                  Work* work) {
  const T *w_hh = a.w_hh, *w_hr = static_cast<const T*>(layer.w_hr);
  for (int64_t s = 0; s < z.steps.steps; ++s) {
    const int64_t t = z.step(s), rows = z.rows(t), earlier = z.before(t);
    const int64_t known = z.rows(earlier) < rows ? z.rows(earlier) : rows;
    const T* const before = known > 0 ? shifted(a.y, z.start(earlier) * z.out) : nullptr;
    PYNN_TRY(work->product<T>(known, z.sums, z.out, before, z.out, 1, w_hh, 1, z.out, state_sums));
    PYNN_TRY(work->product<T>(rows - known, z.sums, z.out, shifted(a.h0, known * z.out), z.out, 1, w_hh, 1, z.out,
                              shifted(state_sums, known * z.sums)));
    T* const y = shifted(a.y, z.start(t) * z.out);
    PYNN_RUN(*work, step_forward<T>(z.cell, a, t, rows, state_sums, w_hr ? unprojected : y, work->stream()));
    if (w_hr) {
      PYNN_TRY(work->product<T>(rows, z.out, z.hidden, unprojected, z.hidden, 1, w_hr, 1, z.hidden, y));
    }
  }
  PYNN_RUN(*work, last_states<T>(z.steps, z.out, a.y, a.h_n, work->stream()));
  return Status();
}

template <class T>
Status forward(const pynn_recurrent& layer, const T* x, const T* h0, const T* c0, T* y, T* h_n, T* c_n, T* held,
               Work* work) {
  Sizes z;
  PYNN_TRY(z.read(layer, work));
  T* const sums = work->take<T>(z.total * z.sums);
  const T* const w_ih = static_cast<const T*>(layer.w_ih);
  const ForwardArrays<T> a = {z.steps,
                              z.hidden,
                              z.out,
                              layer.cell == PYNN_CELL_RNN_RELU,
                              sums,
                              static_cast<const T*>(layer.w_hh),
                              static_cast<const T*>(layer.b_ih),
                              static_cast<const T*>(layer.b_hh),
                              h0,
                              c0,
                              y,
                              h_n,
                              c_n,
                              held};
  ResidentPlan plan = {};
  if (sizeof(T) == sizeof(float) && !layer.w_hr) {
    plan = resident_plan(z.cell, false, z.hidden, z.steps.batch, this_gpu());
  }
  const auto input_sums = [&] {
    return work->product<T>(z.total, z.sums, z.input, x, z.input, 1, w_ih, 1, z.input, sums);
  };
  if constexpr (sizeof(T) == sizeof(float)) {
    if (plan.fits) {
      char* const meeting = work->take<char>(resident_bytes(plan));
      PYNN_TRY(input_sums());
      PYNN_RUN(*work, resident_forward(z.cell, plan, a, meeting, work->stream()));
      return Status();
    }
  }
  T* const state_sums = work->take<T>(z.steps.batch * z.sums);
  T* const unprojected = work->take<T>(layer.w_hr ? z.steps.batch * z.hidden : 0);
  PYNN_TRY(input_sums());
  return over_steps<T>(layer, z, a, state_sums, unprojected, work);
}

Status forward(const pynn_recurrent& layer, const void* x, const void* h0, const void* c0, void* y, void* h_n, void* c_n,
               void* held, Work* work) {
  if (layer.dtype == PYNN_FLOAT32) {
    return forward<float>(layer, static_cast<const float*>(x), static_cast<const float*>(h0),
                          static_cast<const float*>(c0), static_cast<float*>(y), static_cast<float*>(h_n),
                          static_cast<float*>(c_n), static_cast<float*>(held), work);
  }
  return forward<double>(layer, static_cast<const double*>(x), static_cast<const double*>(h0),
                         static_cast<const double*>(c0), static_cast<double*>(y), static_cast<double*>(h_n),
                         static_cast<double*>(c_n), static_cast<double*>(held), work);
}

// What a call takes: it never fails.
Work measured(const pynn_recurrent& layer) {
  Work dry(nullptr);
  (void)forward(layer, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &dry).ok();
  return dry;
}

}  // namespace

int64_t recurrent_forward_bytes(const pynn_recurrent& layer) { return measured(layer).bytes(); }

Status recurrent_forward(const pynn_recurrent& layer, const void* x, const void* h0, const void* c0, void* y, void* h_n,
                         void* c_n, void* held, void* workspace, cudaStream_t stream) {
  Work work(workspace, measured(layer).product_bytes(), stream);
  return forward(layer, x, h0, c0, y, h_n, c_n, held, &work);
}

}  // namespace pynn::cuda
