// Backward: the steps leave the gradients of the gates' sums, in one launch where the weights fit on the chip; those of
// weights and input are matrix products over all steps.
#include "cuda/gpu.h"
#include "kernels/recurrent/cuda.h"
#include "kernels/recurrent/cuda_resident.h"
#include "kernels/recurrent/cuda_steps.h"
#include "kernels/recurrent/cuda_work.h"

namespace pynn::cuda {
namespace {

template <class T>
T* typed(void* pointer) {
  return static_cast<T*>(pointer);
}
template <class T>
const T* typed(const void* pointer) {
  return static_cast<const T*>(pointer);
}

// Scratch memory of the steps one by one.
template <class T>
struct StepRoom {
  T* dh;        // (batch, out)
  T* carried;   // (batch, hidden)
  T* all;       // with a projection: the whole gradient of h, (rows of all steps, out)
  T* unprojected;  // (batch, hidden)
  T* bent;      // o tanh(c), (rows of all steps, hidden), where w_hr's gradient is wanted
};

// dh = d of step `from`, rows [first, last), through W_hh
template <class T>
Status through_weights(const Sizes& z, const BackwardArrays<T>& a, int64_t from, int64_t first, int64_t last, T* dh,
                       Work* work) {
  const T* const d = last > first ? shifted(a.d, (z.start(from) + first) * z.sums) : nullptr;
  return work->product<T>(last - first, z.out, z.sums, d, z.sums, 1, a.w_hh, z.out, 1, shifted(dh, first * z.out));
}

template <class T>
Status over_steps(const pynn_recurrent& layer, const Sizes& z, const BackwardArrays<T>& a, const StepRoom<T>& room,
                  Work* work) {
  const T* const w_hr = typed<T>(layer.w_hr);
  for (int64_t s = z.steps.steps - 1; s >= 0; --s) {
    const int64_t t = z.step(s), rows = z.rows(t), later = z.after(t);
    const int64_t known = z.rows(later) < rows ? z.rows(later) : rows;
    PYNN_TRY(through_weights(z, a, later, 0, known, room.dh, work));
    if (w_hr) {
      T* const all = shifted(room.all, z.start(t) * z.out);
      PYNN_RUN(*work, projected_gradient<T>(a, t, rows, room.dh, all, work->stream()));
      PYNN_TRY(work->product<T>(rows, z.hidden, z.out, all, z.out, 1, w_hr, z.hidden, 1, room.unprojected));
    }
    PYNN_RUN(*work, step_backward<T>(z.cell, a, t, rows, w_hr != nullptr, w_hr ? room.unprojected : room.dh,
                                     room.carried, room.bent, work->stream()));
  }
  if (a.dh0) {
    // Rows of the step that their sequences begin in.
    if (!z.steps.reverse) PYNN_TRY(through_weights(z, a, 0, 0, z.steps.batch, a.dh0, work));
    for (int64_t t = z.steps.steps - 1; z.steps.reverse && t >= 0; --t) {
      PYNN_TRY(through_weights(z, a, t, z.rows(t + 1), z.rows(t), a.dh0, work));
    }
    if (z.gru) PYNN_RUN(*work, add_to<T>(z.steps.batch * z.hidden, room.carried, a.dh0, work->stream()));
  }
  if (a.dc0) {
    PYNN_RUN(*work, copy_bytes(a.dc0, room.carried, z.steps.batch * z.hidden * int64_t(sizeof(T)), work->stream()));
  }
  return Status();
}

template <class T>
Status weight_gradients(const Sizes& z, const pynn_recurrent& layer, const pynn_recurrent_gradients& g,
                        const BackwardArrays<T>& a, T* before, const StepRoom<T>& room, Work* work) {
  const int64_t rows = z.total, sums = z.sums;
  if (g.dx) {
    PYNN_TRY(work->product<T>(rows, z.input, sums, a.d_input, sums, 1, typed<T>(layer.w_ih), z.input, 1,
                              typed<T>(g.dx)));
  }
  if (g.dw_ih) {
    PYNN_TRY(work->product<T>(sums, z.input, rows, a.d_input, 1, sums, typed<T>(g.x), z.input, 1, typed<T>(g.dw_ih)));
  }
  if (g.dw_hh) {
    PYNN_RUN(*work, states_before<T>(z.steps, rows, z.out, a.h0, a.y, before, work->stream()));
    PYNN_TRY(work->product<T>(sums, z.out, rows, a.d, 1, sums, before, z.out, 1, typed<T>(g.dw_hh)));
  }
  if (g.db_ih) PYNN_TRY(work->sum<T>(rows, sums, a.d_input, typed<T>(g.db_ih)));
  if (g.db_hh) PYNN_TRY(work->sum<T>(rows, sums, a.d, typed<T>(g.db_hh)));
  if (g.dw_hr) {
    PYNN_TRY(work->product<T>(z.out, z.hidden, rows, room.all, 1, z.out, room.bent, z.hidden, 1, typed<T>(g.dw_hr)));
  }
  return Status();
}

template <class T>
Status backward(const pynn_recurrent& layer, const pynn_recurrent_gradients& g, Work* work) {
  Sizes z;
  PYNN_TRY(z.read(layer, work));
  T* const d = work->take<T>(z.total * z.sums);
  T* const d_input = z.gru ? work->take<T>(z.total * z.sums) : d;
  T* const before = work->take<T>(g.dw_hh ? z.total * z.out : 0);
  const BackwardArrays<T> a = {z.steps,
                               z.hidden,
                               z.out,
                               layer.cell == PYNN_CELL_RNN_RELU,
                               typed<T>(layer.w_hh),
                               typed<T>(g.h0),
                               typed<T>(g.c0),
                               typed<T>(g.y),
                               typed<T>(g.held),
                               typed<T>(g.dy),
                               typed<T>(g.dh_n),
                               typed<T>(g.dc_n),
                               typed<T>(g.dheld),
                               d,
                               d_input,
                               typed<T>(g.dh0),
                               typed<T>(g.dc0)};
  StepRoom<T> room = {};
  if constexpr (sizeof(T) == sizeof(float)) {
    ResidentPlan plan = {};
    if (!layer.w_hr) plan = resident_plan(z.cell, true, z.hidden, z.steps.batch, this_gpu());
    if (plan.fits) {
      char* const meeting = work->take<char>(resident_bytes(plan));
      PYNN_RUN(*work, resident_backward(z.cell, plan, a, meeting, work->stream()));
      return weight_gradients<T>(z, layer, g, a, before, room, work);
    }
  }
  room.dh = work->take<T>(z.steps.batch * z.out);
  room.carried = work->take<T>(z.lstm || z.gru ? z.steps.batch * z.hidden : 0);
  room.all = work->take<T>(layer.w_hr ? z.total * z.out : 0);
  room.unprojected = work->take<T>(layer.w_hr ? z.steps.batch * z.hidden : 0);
  T* const bent = work->take<T>(layer.w_hr && g.dw_hr ? z.total * z.hidden : 0);
  room.bent = layer.w_hr && g.dw_hr ? bent : nullptr;
  PYNN_TRY(over_steps<T>(layer, z, a, room, work));
  return weight_gradients<T>(z, layer, g, a, before, room, work);
}

Status backward(const pynn_recurrent& layer, const pynn_recurrent_gradients& g, Work* work) {
  return layer.dtype == PYNN_FLOAT32 ? backward<float>(layer, g, work) : backward<double>(layer, g, work);
}

// What a call takes: it never fails.
Work measured(const pynn_recurrent& layer, const pynn_recurrent_gradients& g) {
  Work dry(nullptr);
  (void)backward(layer, g, &dry).ok();
  return dry;
}

}  // namespace

int64_t recurrent_backward_bytes(const pynn_recurrent& layer, const pynn_recurrent_gradients& g) {
  return measured(layer, g).bytes();
}

Status recurrent_backward(const pynn_recurrent& layer, const pynn_recurrent_gradients& g, void* workspace,
                          cudaStream_t stream) {
  Work work(workspace, measured(layer, g).product_bytes(), stream);
  return backward(layer, g, &work);
}

}  // namespace pynn::cuda
