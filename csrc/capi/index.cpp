// Argument checks of pynn/index.h.
#include "kernels/index/index.h"

#include "capi/arrays.h"
#include "pynn/index.h"

namespace {

using namespace pynn;
using namespace pynn::capi;

pynn_status check_range(const char* function, const int64_t* index, int64_t n, int64_t count, bool wrap) {
  const int64_t wrong = index::find_outside(index, n, count, wrap);
  if (wrong < 0) return PYNN_OK;
  return fail(PYNN_INVALID, "%s: index %lld at place %lld is out of bounds for size %lld: expected %lld to %lld",
              function, (long long)index[wrong], (long long)wrong, (long long)count,
              (long long)(wrap ? -count : 0), (long long)count - 1);
}

pynn_status check_rows(const char* function, const pynn_rows* rows, const int64_t* index) {
  if (pynn_status status = check_pointer(function, "rows", rows)) return status;
  if (rows->outer < 0 || rows->count < 0 || rows->indices < 0 || rows->bytes < 0) {
    return fail(PYNN_INVALID,
                "%s: sizes are outer %lld, count %lld, indices %lld, bytes %lld: expected 0 or more", function,
                (long long)rows->outer, (long long)rows->count, (long long)rows->indices,
                (long long)rows->bytes);
  }
  if (pynn_status status = check_pointer(function, "index", index, rows->indices > 0)) return status;
  return check_range(function, index, rows->indices, rows->count, rows->wrap != 0);
}

bool nothing(const pynn_rows& rows) { return rows.outer == 0 || rows.indices == 0 || rows.bytes == 0; }

// index against the array it indexes along dim; fills what the loops read. strides: room for PYNN_MAX_DIMS.
pynn_status check_along(const char* function, const pynn_array* index, int dim, bool wrap,
                        const char* name, const pynn_array* x, index::Along* along, int64_t* strides) {
  if (pynn_status status = check_array(function, "index", index, 1)) return status;
  if (pynn_status status = check_array(function, name, x, 1)) return status;
  if (index->dtype != PYNN_INT64) {
    return fail(PYNN_INVALID, "%s: index is %s: expected int64", function, dtype_name(index->dtype));
  }
  if (pynn_status status = check_contiguous(function, "index", *index)) return status;
  bool fits = index->ndim == x->ndim && dim >= 0 && dim < x->ndim;
  for (int i = 0; fits && i < x->ndim; ++i) fits = i == dim || index->shape[i] <= x->shape[i];
  if (!fits) {
    return fail(PYNN_INVALID, "%s: index has shape %s and %s %s: expected no larger sizes but in dimension %d",
                function, ShapeText(*index).c_str(), name, ShapeText(*x).c_str(), dim);
  }
  if (!element_strides(*x, strides)) {
    return fail(PYNN_UNSUPPORTED, "%s: strides of %s are no multiples of its elements", function, name);
  }
  const int64_t* at = data<int64_t>(index);
  if (pynn_status status = check_range(function, at, element_count(*index), x->shape[dim], wrap)) return status;
  *along = {int(x->ndim), dim, wrap, index->shape, x->shape[dim], strides, nullptr, at};
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_take_rows(const pynn_rows* rows, const void* x, const int64_t* index, void* out) {
  const char* function = "pynn_take_rows";
  if (pynn_status status = check_rows(function, rows, index)) return status;
  if (nothing(*rows)) return PYNN_OK;
  if (pynn_status status = check_pointer(function, "x", x)) return status;
  if (pynn_status status = check_pointer(function, "out", out)) return status;
  index::run_take(*rows, static_cast<const char*>(x), index, static_cast<char*>(out));
  return PYNN_OK;
}

pynn_status pynn_put_rows(const pynn_rows* rows, const int64_t* index, const void* source, int one, void* x) {
  const char* function = "pynn_put_rows";
  if (pynn_status status = check_rows(function, rows, index)) return status;
  if (nothing(*rows)) return PYNN_OK;
  if (pynn_status status = check_pointer(function, "source", source)) return status;
  if (pynn_status status = check_pointer(function, "x", x)) return status;
  index::run_put(*rows, index, static_cast<const char*>(source), one != 0, static_cast<char*>(x));
  return PYNN_OK;
}

pynn_status pynn_add_rows(const pynn_rows* rows, int dtype, const int64_t* index, const void* source,
                          const void* scale, int64_t skip, int clear, void* x) {
  const char* function = "pynn_add_rows";
  if (pynn_status status = check_rows(function, rows, index)) return status;
  if (dtype != PYNN_FLOAT32 && dtype != PYNN_FLOAT64) {
    return fail(PYNN_UNSUPPORTED, "%s: dtype is %s: expected float32 or float64", function, dtype_name(dtype));
  }
  if (rows->bytes % dtype_size(dtype) != 0) {
    return fail(PYNN_INVALID, "%s: a row has %lld bytes: expected a multiple of %lld", function,
                (long long)rows->bytes, (long long)dtype_size(dtype));
  }
  if (rows->outer == 0 || rows->count == 0 || rows->bytes == 0) return PYNN_OK;
  if (pynn_status status = check_pointer(function, "source", source, rows->indices > 0)) return status;
  if (pynn_status status = check_pointer(function, "x", x)) return status;
  if (dtype == PYNN_FLOAT32) {
    index::run_add<float>(*rows,
                          {index, static_cast<const float*>(source), static_cast<const float*>(scale), skip,
                           clear != 0},
                          static_cast<float*>(x));
  } else {
    index::run_add<double>(*rows,
                           {index, static_cast<const double*>(source), static_cast<const double*>(scale), skip,
                            clear != 0},
                           static_cast<double*>(x));
  }
  return PYNN_OK;
}

pynn_status pynn_gather(const pynn_array* x, int dim, const pynn_array* index, int wrap, pynn_array* out) {
  const char* function = "pynn_gather";
  index::Along along;
  int64_t strides[PYNN_MAX_DIMS];
  if (pynn_status status = check_along(function, index, dim, wrap != 0, "x", x, &along, strides)) return status;
  if (pynn_status status = check_array(function, "out", out)) return status;
  if (out->dtype != x->dtype || !same_shape(*out, *index)) {
    return fail(PYNN_INVALID, "%s: out is %s of shape %s: expected %s of shape %s", function,
                dtype_name(out->dtype), ShapeText(*out).c_str(), dtype_name(x->dtype),
                ShapeText(*index).c_str());
  }
  if (pynn_status status = check_contiguous(function, "out", *out)) return status;
  if (element_count(*index) == 0) return PYNN_OK;
  index::run_gather(along, dtype_size(x->dtype), data<char>(x), data<char>(out));
  return PYNN_OK;
}

pynn_status pynn_scatter(const pynn_array* index, int dim, int wrap, const pynn_array* source, int add,
                         pynn_array* x) {
  const char* function = "pynn_scatter";
  index::Along along;
  int64_t strides[PYNN_MAX_DIMS], other[PYNN_MAX_DIMS];
  if (pynn_status status = check_along(function, index, dim, wrap != 0, "x", x, &along, strides)) return status;
  if (pynn_status status = check_contiguous(function, "x", *x)) return status;
  if (pynn_status status = check_array(function, "source", source)) return status;
  const bool one = source->ndim == 0 && !add;
  bool fits = source->dtype == x->dtype && (one || source->ndim == x->ndim);
  for (int i = 0; fits && !one && i < x->ndim; ++i) fits = index->shape[i] <= source->shape[i];
  if (!fits) {
    return fail(PYNN_INVALID, "%s: source is %s of shape %s: expected %s and at least shape %s", function,
                dtype_name(source->dtype), ShapeText(*source).c_str(), dtype_name(x->dtype),
                ShapeText(*index).c_str());
  }
  if (!element_strides(*source, other)) {
    return fail(PYNN_UNSUPPORTED, "%s: strides of source are no multiples of its elements", function);
  }
  along.other = other;
  if (add && x->dtype != PYNN_FLOAT32 && x->dtype != PYNN_FLOAT64) {
    return fail(PYNN_UNSUPPORTED, "%s: x is %s: float32 and float64 have kernels", function,
                dtype_name(x->dtype));
  }
  if (element_count(*index) == 0) return PYNN_OK;
  if (!add) {
    index::run_scatter(along, dtype_size(x->dtype), data<char>(source), one, data<char>(x));
  } else if (is_float32(*x)) {
    index::run_scatter_add(along, data<float>(source), data<float>(x));
  } else {
    index::run_scatter_add(along, data<double>(source), data<double>(x));
  }
  return PYNN_OK;
}

pynn_status pynn_nonzero(int64_t n, const unsigned char* mask, int64_t* index, int64_t* count) {
  const char* function = "pynn_nonzero";
  if (n < 0) return fail(PYNN_INVALID, "%s: n is %lld: expected 0 or more", function, (long long)n);
  if (pynn_status status = check_pointer(function, "mask", mask, n > 0)) return status;
  if (pynn_status status = check_pointer(function, "index", index, n > 0)) return status;
  if (pynn_status status = check_pointer(function, "count", count)) return status;
  *count = index::nonzero(n, mask, index);
  return PYNN_OK;
}

}  // extern "C"
