// Argument checks of pynn/pool.h.
#include "kernels/pool/pool.h"

#include "capi/arrays.h"
#include "pynn/pool.h"

namespace {

using namespace pynn;
using namespace pynn::capi;

constexpr int64_t kMost = int64_t(1) << 31;  // of kernel, stride and dilation: products stay far from overflow

// Sizes of the full (x) and the pooled (y) array, and that windows of one fit the other.
pynn_status read_task(const char* function, int dims, const pynn_pool* pool, const char* full_name,
                      const pynn_array* x, const char* pooled_name, const pynn_array* y, pool::Task* task,
                      pynn_pool* windows) {
  if (dims < 1 || dims > 3) return fail(PYNN_INVALID, "%s: dims is %d: expected 1 to 3", function, dims);
  if (pynn_status status = check_array(function, full_name, x, dims)) return status;
  if (pynn_status status = check_array(function, pooled_name, y, dims)) return status;
  const char* names[] = {full_name, pooled_name, nullptr};
  const pynn_array* arrays[] = {x, y};
  if (pynn_status status = check_float_dtypes(function, names, arrays)) return status;
  if (pynn_status status = check_contiguous(function, full_name, *x)) return status;
  if (pynn_status status = check_contiguous(function, pooled_name, *y)) return status;
  bool fits = x->ndim == y->ndim;
  task->planes = 1;
  for (int i = 0; fits && i < x->ndim - dims; ++i) {
    fits = x->shape[i] == y->shape[i];
    task->planes *= x->shape[i];
  }
  for (int i = 0; i < 3; ++i) {
    const int from = i - (3 - dims);  // the dimension that i is of dims
    task->in[i] = from < 0 ? 1 : x->shape[x->ndim - dims + from];
    task->out[i] = from < 0 ? 1 : y->shape[y->ndim - dims + from];
    fits = fits && (task->in[i] > 0 || task->out[i] == 0) && task->in[i] < kMost && task->out[i] < kMost;
    if (pool == nullptr) continue;
    windows->kernel[i] = from < 0 ? 1 : pool->kernel[from];
    windows->stride[i] = from < 0 ? 1 : pool->stride[from];
    windows->padding[i] = from < 0 ? 0 : pool->padding[from];
    windows->dilation[i] = from < 0 ? 1 : pool->dilation[from];
    const int64_t k = windows->kernel[i], s = windows->stride[i], p = windows->padding[i],
                  d = windows->dilation[i];
    if (k < 1 || k > kMost || s < 1 || s > kMost || d < 1 || d > kMost || p < 0 || p > k / 2) {
      return fail(PYNN_INVALID,
                  "%s: dimension %d has kernel %lld, stride %lld, padding %lld, dilation %lld: expected 1 or "
                  "more, and a padding of 0 to half the kernel",
                  function, from, (long long)k, (long long)s, (long long)p, (long long)d);
    }
    fits = fits && (task->out[i] == 0 || (task->out[i] - 1) * s < task->in[i] + p);
  }
  if (!fits) {
    return fail(PYNN_INVALID, "%s: %s has shape %s and %s %s: no such windows", function, full_name,
                ShapeText(*x).c_str(), pooled_name, ShapeText(*y).c_str());
  }
  task->windows = pool != nullptr ? windows : nullptr;
  task->count_include_pad = true;
  task->divisor = 0;
  return PYNN_OK;
}

pynn_status check_pool(const char* function, const pynn_pool* pool) {
  if (pool == nullptr) return fail(PYNN_INVALID, "%s: pool is a null pointer", function);
  return PYNN_OK;
}

pynn_status check_indices(const char* function, const pynn_array* indices, const pynn_array& pooled) {
  if (pynn_status status = check_array(function, "indices", indices)) return status;
  if (indices->dtype != PYNN_INT64 || !same_shape(*indices, pooled)) {
    return fail(PYNN_INVALID, "%s: indices are %s of shape %s: expected int64 of shape %s", function,
                dtype_name(indices->dtype), ShapeText(*indices).c_str(), ShapeText(pooled).c_str());
  }
  return check_contiguous(function, "indices", *indices);
}

pynn_status finish(const char* function, bool done) {
  return done ? PYNN_OK : fail(PYNN_NO_MEMORY, "%s: no memory for its buffers", function);
}

bool empty(const pool::Task& task) { return task.planes * task.in[0] * task.in[1] * task.in[2] == 0; }

bool no_output(const pool::Task& task) {
  return task.planes == 0 || task.out[0] == 0 || task.out[1] == 0 || task.out[2] == 0;
}

pynn_status max_forward(const char* function, int dims, const pynn_pool* windows, const pynn_array* x,
                        pynn_array* out, pynn_array* indices, bool with_indices) {
  pool::Task task;
  pynn_pool full;
  if (pynn_status status = read_task(function, dims, windows, "x", x, "out", out, &task, &full)) return status;
  if (with_indices) {
    if (pynn_status status = check_indices(function, indices, *out)) return status;
  }
  if (no_output(task)) return PYNN_OK;
  int64_t* places = with_indices ? data<int64_t>(indices) : nullptr;
  return finish(function, is_float32(*x)
                              ? pool::run_max(task, data<float>(x), data<float>(out), places)
                              : pool::run_max(task, data<double>(x), data<double>(out), places));
}

pynn_status average(const char* function, int dims, const pynn_pool* windows, int count_include_pad,
                    int64_t divisor, const pynn_array* x, pynn_array* out, bool backward) {
  pool::Task task;
  pynn_pool full;
  const pynn_array* wide = backward ? out : x;
  const pynn_array* small = backward ? x : out;
  if (pynn_status status = read_task(function, dims, windows, backward ? "dx" : "x", wide,
                                     backward ? "dy" : "out", small, &task, &full)) {
    return status;
  }
  for (int i = 0; windows != nullptr && i < 3; ++i) {
    if (full.dilation[i] != 1) return fail(PYNN_INVALID, "%s: dilation must be 1", function);
  }
  task.count_include_pad = count_include_pad != 0;
  task.divisor = divisor;
  if (backward ? empty(task) : no_output(task)) return PYNN_OK;
  if (backward) {
    return finish(function, is_float32(*x)
                                ? pool::run_average_backward(task, data<float>(x), data<float>(out))
                                : pool::run_average_backward(task, data<double>(x), data<double>(out)));
  }
  return finish(function, is_float32(*x) ? pool::run_average(task, data<float>(x), data<float>(out))
                                         : pool::run_average(task, data<double>(x), data<double>(out)));
}

}  // namespace

extern "C" {

pynn_status pynn_max_pool(const pynn_pool* pool, const pynn_array* x, pynn_array* out, pynn_array* indices) {
  if (pynn_status status = check_pool("pynn_max_pool", pool)) return status;
  return max_forward("pynn_max_pool", pool->dims, pool, x, out, indices, indices != nullptr);
}

pynn_status pynn_max_pool_backward(const pynn_pool* pool, const pynn_array* dy, const pynn_array* x,
                                   pynn_array* dx) {
  const char* function = "pynn_max_pool_backward";
  pool::Task task;
  pynn_pool full;
  if (pynn_status status = check_pool(function, pool)) return status;
  if (pynn_status status = read_task(function, pool->dims, pool, "x", x, "dy", dy, &task, &full)) return status;
  if (pynn_status status = check_array(function, "dx", dx)) return status;
  if (dx->dtype != x->dtype || !same_shape(*dx, *x)) {
    return fail(PYNN_INVALID, "%s: dx is %s of shape %s: expected what x is, %s of shape %s", function,
                dtype_name(dx->dtype), ShapeText(*dx).c_str(), dtype_name(x->dtype), ShapeText(*x).c_str());
  }
  if (pynn_status status = check_contiguous(function, "dx", *dx)) return status;
  if (empty(task)) return PYNN_OK;
  return finish(function, is_float32(*x) ? pool::run_max_backward(task, data<float>(dy), data<float>(x),
                                                                  data<float>(dx))
                                         : pool::run_max_backward(task, data<double>(dy), data<double>(x),
                                                                  data<double>(dx)));
}

pynn_status pynn_avg_pool(const pynn_pool* pool, int count_include_pad, int64_t divisor, const pynn_array* x,
                          pynn_array* out) {
  if (pynn_status status = check_pool("pynn_avg_pool", pool)) return status;
  return average("pynn_avg_pool", pool->dims, pool, count_include_pad, divisor, x, out, false);
}

pynn_status pynn_avg_pool_backward(const pynn_pool* pool, int count_include_pad, int64_t divisor,
                                   const pynn_array* dy, pynn_array* dx) {
  if (pynn_status status = check_pool("pynn_avg_pool_backward", pool)) return status;
  return average("pynn_avg_pool_backward", pool->dims, pool, count_include_pad, divisor, dy, dx, true);
}

pynn_status pynn_adaptive_max_pool(int dims, const pynn_array* x, pynn_array* out, pynn_array* indices) {
  return max_forward("pynn_adaptive_max_pool", dims, nullptr, x, out, indices, true);
}

pynn_status pynn_adaptive_avg_pool(int dims, const pynn_array* x, pynn_array* out) {
  return average("pynn_adaptive_avg_pool", dims, nullptr, 1, 0, x, out, false);
}

pynn_status pynn_adaptive_avg_pool_backward(int dims, const pynn_array* dy, pynn_array* dx) {
  return average("pynn_adaptive_avg_pool_backward", dims, nullptr, 1, 0, dy, dx, true);
}

pynn_status pynn_pool_scatter(int dims, const pynn_array* dy, const pynn_array* indices, pynn_array* dx) {
  const char* function = "pynn_pool_scatter";
  pool::Task task;
  if (pynn_status status = read_task(function, dims, nullptr, "dx", dx, "dy", dy, &task, nullptr)) return status;
  if (pynn_status status = check_indices(function, indices, *dy)) return status;
  if (empty(task)) return PYNN_OK;
  const int64_t in = task.in[0] * task.in[1] * task.in[2], out = task.out[0] * task.out[1] * task.out[2];
  const int64_t* at = data<int64_t>(indices);
  const bool done =
      is_float32(*dy)
          ? pool::run_scatter(task.planes, in, out, data<float>(dy), at, data<float>(dx))
          : pool::run_scatter(task.planes, in, out, data<double>(dy), at, data<double>(dx));
  if (done) return PYNN_OK;
  return fail(PYNN_INVALID, "%s: an index is outside its plane of %lld elements", function, (long long)in);
}

}  // extern "C"
