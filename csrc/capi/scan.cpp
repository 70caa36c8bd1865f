// Argument checks of pynn/scan.h.
#include "kernels/scan/scan.h"

#include "capi/arrays.h"

namespace {

using namespace pynn;
using namespace pynn::capi;

struct Extent {
  int64_t outer = 1, n = 1, inner = 1;
};

// Arrays of one shape and dtype, contiguous; names and arrays end with a nullptr name, the first array
// counts.
pynn_status check_scan(const char* function, const char* const* names, const pynn_array* const* arrays,
                       int dim, Extent* out) {
  for (int i = 0; names[i] != nullptr; ++i) {
    if (pynn_status status = check_array(function, names[i], arrays[i], 1)) return status;
    if (pynn_status status = check_contiguous(function, names[i], *arrays[i])) return status;
    if (!same_shape(*arrays[0], *arrays[i])) {
      return fail(PYNN_INVALID, "%s: %s has shape %s but %s %s: expected the same", function, names[0],
                  ShapeText(*arrays[0]).c_str(), names[i], ShapeText(*arrays[i]).c_str());
    }
  }
  if (pynn_status status = check_float_dtypes(function, names, arrays)) return status;
  const pynn_array& x = *arrays[0];
  if (dim < 0 || dim >= x.ndim) {
    return fail(PYNN_INVALID, "%s: dim is %d of an array of %d dimensions", function, dim, int(x.ndim));
  }
  for (int i = 0; i < x.ndim; ++i) (i < dim ? out->outer : i == dim ? out->n : out->inner) *= x.shape[i];
  return PYNN_OK;
}

pynn_status check_op(const char* function, pynn_scan_op op) {
  if (unsigned(op) < PYNN_SCAN_OPS) return PYNN_OK;
  return fail(PYNN_INVALID, "%s: unknown operation %d: expected 0 to %d", function, int(op),
              PYNN_SCAN_OPS - 1);
}

template <class T>
void backward(pynn_scan_op op, const Extent& e, const pynn_array* x, const pynn_array* out,
              const pynn_array* grad, pynn_array* dx) {
  if (op == PYNN_SCAN_SUM) {
    scan::run<T>(op, true, e.outer, e.n, e.inner, data<T>(grad), data<T>(dx));
  } else if (op == PYNN_SCAN_PROD) {
    scan::run_product_backward<T>(e.outer, e.n, e.inner, data<T>(x), data<T>(grad), data<T>(dx));
  } else {
    scan::run_logsumexp_backward<T>(e.outer, e.n, e.inner, data<T>(x), data<T>(out), data<T>(grad),
                                    data<T>(dx));
  }
}

}  // namespace

extern "C" {

pynn_status pynn_scan(pynn_scan_op op, int reverse, const pynn_array* x, int dim, pynn_array* out) {
  Extent e;
  const char* const names[] = {"x", "out", nullptr};
  const pynn_array* const arrays[] = {x, out};
  if (pynn_status status = check_op("scan", op)) return status;
  if (pynn_status status = check_scan("scan", names, arrays, dim, &e)) return status;
  if (is_float32(*x)) {
    scan::run<float>(op, reverse != 0, e.outer, e.n, e.inner, data<float>(x), data<float>(out));
  } else {
    scan::run<double>(op, reverse != 0, e.outer, e.n, e.inner, data<double>(x), data<double>(out));
  }
  return PYNN_OK;
}

pynn_status pynn_scan_backward(pynn_scan_op op, const pynn_array* x, const pynn_array* out,
                               const pynn_array* grad, int dim, pynn_array* dx) {
  Extent e;
  const char* names[] = {"grad", "dx", nullptr, nullptr, nullptr};
  const pynn_array* arrays[] = {grad, dx, nullptr, nullptr};
  if (pynn_status status = check_op("scan_backward", op)) return status;
  if (op != PYNN_SCAN_SUM) names[2] = "x", arrays[2] = x;
  if (op == PYNN_SCAN_LOGSUMEXP) names[3] = "out", arrays[3] = out;
  if (pynn_status status = check_scan("scan_backward", names, arrays, dim, &e)) return status;
  if (is_float32(*grad)) {
    backward<float>(op, e, x, out, grad, dx);
  } else {
    backward<double>(op, e, x, out, grad, dx);
  }
  return PYNN_OK;
}

pynn_status pynn_scan_extreme(int smallest, const pynn_array* x, int dim, pynn_array* values,
                              int64_t* places) {
  Extent e;
  const char* const names[] = {"x", "values", nullptr};
  const pynn_array* const arrays[] = {x, values};
  if (pynn_status status = check_scan("scan_extreme", names, arrays, dim, &e)) return status;
  if (places == nullptr && element_count(*x) > 0)
    return fail(PYNN_INVALID, "scan_extreme: places is a null pointer");
  if (is_float32(*x)) {
    scan::run_extreme<float>(smallest != 0, e.outer, e.n, e.inner, data<float>(x), data<float>(values),
                             places);
  } else {
    scan::run_extreme<double>(smallest != 0, e.outer, e.n, e.inner, data<double>(x), data<double>(values),
                              places);
  }
  return PYNN_OK;
}

}  // extern "C"
