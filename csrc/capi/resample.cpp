// Argument checks of pynn/resample.h.
#include "kernels/resample/resample.h"

#include "capi/arrays.h"
#include "pynn/resample.h"

namespace {

using namespace pynn;
using namespace pynn::capi;

constexpr int64_t kMost = int64_t(1) << 31;

pynn_status run(const char* function, const pynn_resample* how, const char* in_name, const pynn_array* in,
                const char* out_name, pynn_array* out, bool backward) {
  if (how == nullptr) return fail(PYNN_INVALID, "%s: how is a null pointer", function);
  const int dims = how->dims;
  if (dims < 1 || dims > 3) return fail(PYNN_INVALID, "%s: dims is %d: expected 1 to 3", function, dims);
  if (unsigned(how->mode) > PYNN_RESAMPLE_CUBIC) {
    return fail(PYNN_INVALID, "%s: mode is %d: expected 0 to 3", function, int(how->mode));
  }
  if (pynn_status status = check_array(function, in_name, in, dims)) return status;
  if (pynn_status status = check_array(function, out_name, out, dims)) return status;
  const char* names[] = {in_name, out_name, nullptr};
  const pynn_array* arrays[] = {in, out};
  if (pynn_status status = check_float_dtypes(function, names, arrays)) return status;
  if (pynn_status status = check_contiguous(function, in_name, *in)) return status;
  if (pynn_status status = check_contiguous(function, out_name, *out)) return status;
  const pynn_array &full = backward ? *out : *in, &resized = backward ? *in : *out;
  resample::Task task = {};
  task.mode = pynn_resample_mode(how->mode);
  task.align_corners = how->align_corners != 0;
  task.planes = 1;
  bool fits = in->ndim == out->ndim;
  for (int i = 0; fits && i < in->ndim - dims; ++i) {
    fits = in->shape[i] == out->shape[i];
    task.planes *= in->shape[i];
  }
  for (int i = 0; fits && i < 3; ++i) {
    const int from = i - (3 - dims);
    task.in[i] = from < 0 ? 1 : full.shape[full.ndim - dims + from];
    task.out[i] = from < 0 ? 1 : resized.shape[resized.ndim - dims + from];
    task.scale[i] = from < 0 ? 0 : how->scale[from];
    if (!(task.scale[i] >= 0 && task.scale[i] < double(kMost))) {
      return fail(PYNN_INVALID, "%s: scale of dimension %d is %g: expected 0 or more", function, from,
                  task.scale[i]);
    }
    fits = task.in[i] > 0 && task.out[i] > 0 && task.in[i] < kMost && task.out[i] < kMost;
  }
  if (!fits) {
    return fail(PYNN_INVALID, "%s: %s has shape %s and %s %s: expected the same planes of at least one element",
                function, in_name, ShapeText(*in).c_str(), out_name, ShapeText(*out).c_str());
  }
  if (task.planes == 0) return PYNN_OK;
  bool done;
  if (is_float32(*in)) {
    done = backward ? resample::run_backward(task, data<float>(in), data<float>(out))
                    : resample::run_forward(task, data<float>(in), data<float>(out));
  } else {
    done = backward ? resample::run_backward(task, data<double>(in), data<double>(out))
                    : resample::run_forward(task, data<double>(in), data<double>(out));
  }
  return done ? PYNN_OK : fail(PYNN_NO_MEMORY, "%s: no memory for its tables", function);
}

}  // namespace

extern "C" {

pynn_status pynn_resample_forward(const pynn_resample* how, const pynn_array* x, pynn_array* out) {
  return run("pynn_resample_forward", how, "x", x, "out", out, false);
}

pynn_status pynn_resample_backward(const pynn_resample* how, const pynn_array* dy, pynn_array* dx) {
  return run("pynn_resample_backward", how, "dy", dy, "dx", dx, true);
}

}  // extern "C"
