// Argument checks of pynn/sort.h.
#include "kernels/sort/sort.h"

#include "capi/arrays.h"

namespace {

using namespace pynn;
using namespace pynn::capi;
using sort::Extent;

pynn_status check_sort(const char* function, const pynn_array* x, int dim, Extent* out) {
  if (pynn_status status = check_array(function, "x", x, 1)) return status;
  if (pynn_status status = check_contiguous(function, "x", *x)) return status;
  if (dim < 0 || dim >= x->ndim)
    return fail(PYNN_INVALID, "%s: dim is %d of an array of %d dimensions", function, dim, int(x->ndim));
  for (int i = 0; i < x->ndim; ++i) (i < dim ? out->outer : i == dim ? out->n : out->inner) *= x->shape[i];
  if (out->n > int64_t(UINT32_MAX))
    return fail(PYNN_UNSUPPORTED, "%s: more than 2^32 elements in a row", function);
  return PYNN_OK;
}

// values and places for results of size k along dim.
pynn_status check_results(const char* function, const pynn_array* x, int dim, int64_t k,
                          const pynn_array* values, const int64_t* places) {
  int64_t count = k;
  for (int i = 0; i < x->ndim; ++i) count *= i == dim ? 1 : x->shape[i];
  if (count > 0 && places == nullptr) return fail(PYNN_INVALID, "%s: places is a null pointer", function);
  if (values == nullptr) return PYNN_OK;
  if (pynn_status status = check_array(function, "values", values)) return status;
  if (pynn_status status = check_contiguous(function, "values", *values)) return status;
  if (values->dtype != x->dtype || element_count(*values) != count) {
    return fail(PYNN_INVALID, "%s: values is %s of shape %s: expected %s of %lld elements", function,
                dtype_name(values->dtype), ShapeText(*values).c_str(), dtype_name(x->dtype),
                (long long)count);
  }
  return PYNN_OK;
}

// run(null pointer of the dtype's type) for the dtypes that have kernels.
template <class Run>
pynn_status by_dtype(const char* function, const pynn_array* x, const Run& run) {
  switch (x->dtype) {
    case PYNN_FLOAT32:
      return run(static_cast<const float*>(x->data));
    case PYNN_FLOAT64:
      return run(static_cast<const double*>(x->data));
    case PYNN_INT32:
      return run(static_cast<const int32_t*>(x->data));
    case PYNN_INT64:
      return run(static_cast<const int64_t*>(x->data));
    case PYNN_UINT8:
    case PYNN_BOOL:
      return run(static_cast<const uint8_t*>(x->data));
    default:
      return fail(PYNN_UNSUPPORTED, "%s: no kernel for %s", function, dtype_name(x->dtype));
  }
}

template <class T>
T* values_of(const T*, pynn_array* values) {
  return values == nullptr ? nullptr : static_cast<T*>(values->data);
}

}  // namespace

extern "C" {

pynn_status pynn_sort(const pynn_array* x, int dim, int descending, pynn_array* values, int64_t* places) {
  Extent e;
  if (pynn_status status = check_sort("sort", x, dim, &e)) return status;
  if (pynn_status status = check_results("sort", x, dim, e.n, values, places)) return status;
  if (element_count(*x) == 0) return PYNN_OK;
  return by_dtype("sort", x, [&](auto* from) {
    return sort::sort(e, descending != 0, from, values_of(from, values), places);
  });
}

pynn_status pynn_topk(const pynn_array* x, int64_t k, int dim, int largest, pynn_array* values,
                      int64_t* places) {
  Extent e;
  if (pynn_status status = check_sort("topk", x, dim, &e)) return status;
  if (k < 0 || k > e.n) {
    return fail(PYNN_INVALID, "topk: k is %lld: expected 0 to %lld, the size along dim", (long long)k,
                (long long)e.n);
  }
  if (pynn_status status = check_results("topk", x, dim, k, values, places)) return status;
  if (element_count(*x) == 0) return PYNN_OK;
  return by_dtype("topk", x, [&](auto* from) {
    return sort::topk(e, k, largest != 0, from, values_of(from, values), places);
  });
}

pynn_status pynn_select(const pynn_array* x, int64_t k, int dim, int nan_first, pynn_array* values,
                        int64_t* places) {
  Extent e;
  if (pynn_status status = check_sort("select", x, dim, &e)) return status;
  if (k < 0 || (k >= e.n && e.outer * e.inner > 0)) {
    return fail(PYNN_INVALID, "select: k is %lld: expected 0 to %lld, one less than the size along dim",
                (long long)k, (long long)e.n - 1);
  }
  if (pynn_status status = check_results("select", x, dim, 1, values, places)) return status;
  if (element_count(*x) == 0) return PYNN_OK;
  return by_dtype("select", x, [&](auto* from) {
    return sort::select(e, k, nan_first != 0, from, values_of(from, values), places);
  });
}

pynn_status pynn_put_along(const pynn_array* grad, const int64_t* places, int dim, pynn_array* dx) {
  Extent e;
  if (pynn_status status = check_sort("put_along", dx, dim, &e)) return status;
  if (pynn_status status = check_array("put_along", "grad", grad, 1)) return status;
  if (pynn_status status = check_contiguous("put_along", "grad", *grad)) return status;
  const char* const names[] = {"grad", "dx", nullptr};
  const pynn_array* const arrays[] = {grad, dx};
  if (pynn_status status = check_float_dtypes("put_along", names, arrays)) return status;
  bool fits = grad->ndim == dx->ndim;
  for (int i = 0; fits && i < dx->ndim; ++i) fits = i == dim || grad->shape[i] == dx->shape[i];
  if (!fits) {
    return fail(PYNN_INVALID, "put_along: grad has shape %s, dx %s: expected the same but along dim %d",
                ShapeText(*grad).c_str(), ShapeText(*dx).c_str(), dim);
  }
  if (places == nullptr && element_count(*grad) > 0)
    return fail(PYNN_INVALID, "put_along: places is a null pointer");
  if (element_count(*dx) == 0 && element_count(*grad) == 0) return PYNN_OK;
  const int64_t count = grad->shape[dim];
  const bool ok = is_float32(*dx) ? sort::put_along(e, count, data<float>(grad), places, data<float>(dx))
                                  : sort::put_along(e, count, data<double>(grad), places, data<double>(dx));
  return ok ? PYNN_OK
            : fail(PYNN_INVALID, "put_along: a place outside 0 to %lld, the size of dx along dim %d",
                   (long long)e.n - 1, dim);
}

}  // extern "C"
