// Argument checks of pynn/reduction.h.
#include "kernels/reduction/reduction.h"

#include <cmath>

#include "base/sizes.h"
#include "capi/arrays.h"
#include "pynn/reduction.h"

namespace {

using namespace pynn;
using namespace pynn::capi;
using reduction::Accumulator;
using reduction::Finish;
using reduction::Op;
using reduction::Strided;

// ---- what becomes of an accumulator ----

struct Keep {
  template <class A>
  static A of(const Finish<A>&, A a) {
    return a;
  }
};
struct Mean {
  static double of(const Finish<double>& finish, double a) { return a / finish.count; }
};
struct Root {
  static double of(const Finish<double>&, double a) { return std::sqrt(a); }
};
struct PowerRoot {
  static double of(const Finish<double>& finish, double a) { return std::pow(a, 1 / finish.number); }
};
struct Some {
  template <class A>
  static bool of(const Finish<A>&, A a) {
    return a > 0;
  }
};
struct All {
  template <class A>
  static bool of(const Finish<A>& finish, A a) {
    return double(a) == finish.count;
  }
};

template <class Make, class A, class Out>
void store(const Finish<A>& finish, int64_t count, const A* acc, char* out, int64_t stride) {
  for (int64_t i = 0; i < count; ++i)
    *reinterpret_cast<Out*>(out + i * stride) = Out(Make::of(finish, acc[i]));
}

Op norm_op(double p) {
  if (p == 2) return reduction::kSumSquares;
  if (p == 1) return reduction::kSumAbs;
  if (p == 0) return reduction::kNonzero;
  if (p == INFINITY) return reduction::kMaxAbs;
  if (p == -INFINITY) return reduction::kMinAbs;
  return reduction::kSumPowers;
}

Op op_of(pynn_reduce_op op, double p) {
  switch (op) {
    case PYNN_REDUCE_SUM:
    case PYNN_REDUCE_MEAN:
      return reduction::kSum;
    case PYNN_REDUCE_PROD:
      return reduction::kProduct;
    case PYNN_REDUCE_MAX:
      return reduction::kMax;
    case PYNN_REDUCE_MIN:
      return reduction::kMin;
    case PYNN_REDUCE_NORM:
      return norm_op(p);
    default:
      return reduction::kNonzero;
  }
}

bool is_float_dtype(int dtype) { return dtype == PYNN_FLOAT32 || dtype == PYNN_FLOAT64; }

int result_dtype(pynn_reduce_op op, int dtype) {
  if (op == PYNN_REDUCE_COUNT) return PYNN_INT64;
  if (op == PYNN_REDUCE_ANY || op == PYNN_REDUCE_ALL) return PYNN_BOOL;
  if (is_float_dtype(dtype) || op == PYNN_REDUCE_MAX || op == PYNN_REDUCE_MIN) return dtype;
  return PYNN_INT64;
}

template <class T>
pynn_status reduce(pynn_reduce_op op, double p, const Strided& layout, double count, const void* x,
                   pynn_array* out) {
  typedef Accumulator<T> A;
  Finish<A> finish = {&store<Keep, A, T>, count, p};
  if (op == PYNN_REDUCE_COUNT) finish.store = &store<Keep, A, int64_t>;
  if (op == PYNN_REDUCE_ANY) finish.store = &store<Some, A, uint8_t>;
  if (op == PYNN_REDUCE_ALL) finish.store = &store<All, A, uint8_t>;
  if constexpr (T(0.5) == T(0)) {
    if (op == PYNN_REDUCE_SUM || op == PYNN_REDUCE_PROD) finish.store = &store<Keep, A, int64_t>;
  } else {
    if (op == PYNN_REDUCE_MEAN) finish.store = &store<Mean, A, T>;
    if (op == PYNN_REDUCE_NORM && p == 2) finish.store = &store<Root, A, T>;
    if (op == PYNN_REDUCE_NORM && norm_op(p) == reduction::kSumPowers) finish.store = &store<PowerRoot, A, T>;
  }
  return reduction::reduce<T>(op_of(op, p), p, layout, static_cast<const T*>(x),
                              static_cast<char*>(out->data), dtype_size(out->dtype), finish);
}

// Outputs of a reduction over nothing.
pynn_status fill_neutral(pynn_reduce_op op, double p, pynn_array* out) {
  if (op == PYNN_REDUCE_MAX || op == PYNN_REDUCE_MIN ||
      (op == PYNN_REDUCE_NORM && (p < 0 || p == INFINITY))) {
    return fail(PYNN_INVALID,
                "reduce: no elements to reduce: the largest, the smallest and such norms need one");
  }
  double value = 0;
  if (op == PYNN_REDUCE_MEAN) value = NAN;
  if (op == PYNN_REDUCE_PROD || op == PYNN_REDUCE_ALL) value = 1;
  int64_t strides[PYNN_MAX_DIMS];
  byte_strides(*out, strides);
  const int64_t n = element_count(*out);
  for (int64_t i = 0; i < n; ++i) {
    char* at = static_cast<char*>(out->data);
    int64_t rest = i;
    for (int d = out->ndim - 1; d >= 0; --d) {
      at += rest % out->shape[d] * strides[d];
      rest /= out->shape[d];
    }
    switch (out->dtype) {
      case PYNN_FLOAT32:
        *reinterpret_cast<float*>(at) = float(value);
        break;
      case PYNN_FLOAT64:
        *reinterpret_cast<double*>(at) = value;
        break;
      case PYNN_INT64:
        *reinterpret_cast<int64_t*>(at) = int64_t(value);
        break;
      default:
        *reinterpret_cast<uint8_t*>(at) = uint8_t(value);
    }
  }
  return PYNN_OK;
}

// ---- the functions over adjacent dimensions ----

struct Extent {
  int64_t outer = 1, n = 1, inner = 1;
};

pynn_status check_extent(const char* function, const pynn_array* x, int first, int last, Extent* out) {
  if (pynn_status status = check_array(function, "x", x)) return status;
  const char* const names[] = {"x", nullptr};
  if (pynn_status status = check_float_dtypes(function, names, &x)) return status;
  if (pynn_status status = check_contiguous(function, "x", *x)) return status;
  if (first < 0 || last > x->ndim || first > last) {
    return fail(PYNN_INVALID,
                "%s: dimensions %d to %d of an array of %d: expected 0 <= first <= last <= ndim", function,
                first, last, int(x->ndim));
  }
  for (int i = 0; i < x->ndim; ++i) (i < first ? out->outer : i < last ? out->n : out->inner) *= x->shape[i];
  return PYNN_OK;
}

pynn_status check_result(const char* function, const char* name, const pynn_array* x, const pynn_array* array,
                         int64_t count) {
  if (pynn_status status = check_array(function, name, array)) return status;
  if (array->dtype != x->dtype) {
    return fail(PYNN_INVALID, "%s: %s is %s: expected x's dtype, %s", function, name,
                dtype_name(array->dtype), dtype_name(x->dtype));
  }
  if (element_count(*array) != count) {
    return fail(PYNN_INVALID, "%s: %s has shape %s: expected %lld elements", function, name,
                ShapeText(*array).c_str(), (long long)count);
  }
  return check_contiguous(function, name, *array);
}

pynn_status check_many(const char* function, int dtype, int64_t count, const int64_t* sizes,
                       const void* const* x) {
  if (!is_float_dtype(dtype)) {
    return fail(PYNN_UNSUPPORTED, "%s: dtype %s: float32 and float64 have kernels", function,
                dtype_name(dtype));
  }
  if (count < 0 || (count > 0 && (sizes == nullptr || x == nullptr))) {
    return fail(PYNN_INVALID, "%s: %lld tensors with null pointers: expected their sizes and data", function,
                (long long)count);
  }
  for (int64_t i = 0; i < count; ++i) {
    if (sizes[i] < 0 || (sizes[i] > 0 && x[i] == nullptr)) {
      return fail(PYNN_INVALID, "%s: tensor %lld has %lld elements at a %s pointer", function, (long long)i,
                  (long long)sizes[i], x[i] == nullptr ? "null" : "valid");
    }
  }
  return PYNN_OK;
}

pynn_status check(int64_t n, bool pointers) {
  if (n < 0) return fail(PYNN_INVALID, "number of elements is %lld: expected 0 or more", (long long)n);
  if (n > 0 && !pointers)
    return fail(PYNN_INVALID, "null pointer for an array of %lld elements", (long long)n);
  return PYNN_OK;
}

}  // namespace

extern "C" {

pynn_status pynn_reduce(pynn_reduce_op op, const pynn_array* x, double p, pynn_array* out) {
  if (unsigned(op) >= PYNN_REDUCE_OPS) {
    return fail(PYNN_INVALID, "reduce: unknown operation %d: expected 0 to %d", int(op), PYNN_REDUCE_OPS - 1);
  }
  if (pynn_status status = check_array("reduce", "x", x)) return status;
  if (pynn_status status = check_array("reduce", "out", out)) return status;
  if (pynn_status status = check_output("reduce", "out", *out)) return status;
  const bool floats = is_float_dtype(x->dtype);
  if (x->dtype == PYNN_FLOAT16 || x->dtype == PYNN_BFLOAT16 ||
      (!floats && (op == PYNN_REDUCE_MEAN || op == PYNN_REDUCE_NORM))) {
    return fail(PYNN_UNSUPPORTED, "reduce: operation %d has no kernel for %s", int(op), dtype_name(x->dtype));
  }
  const int wanted = result_dtype(op, x->dtype);
  if (out->dtype != wanted) {
    return fail(PYNN_INVALID, "reduce: out is %s: expected %s", dtype_name(out->dtype), dtype_name(wanted));
  }
  Strided layout;
  layout.ndim = x->ndim;
  int64_t own[PYNN_MAX_DIMS];
  if (!element_strides(*x, layout.x_strides) || !element_strides(*out, own)) {
    return fail(PYNN_UNSUPPORTED, "reduce: strides that are no multiples of the element size");
  }
  const int missing = x->ndim - out->ndim;
  double count = 1;
  bool fits = missing >= 0, nothing = false;
  for (int i = 0; fits && i < x->ndim; ++i) {
    const int64_t size = i < missing ? 1 : out->shape[i - missing];
    fits = size == x->shape[i] || size == 1;
    layout.shape[i] = x->shape[i];
    layout.out_strides[i] = size == 1 ? 0 : own[i - missing];
    if (size == 1) count *= double(x->shape[i]);
    if (size == 1 && x->shape[i] == 0) nothing = true;
  }
  if (!fits) {
    return fail(PYNN_INVALID, "reduce: out has shape %s, which does not broadcast to x's shape %s",
                ShapeText(*out).c_str(), ShapeText(*x).c_str());
  }
  if (element_count(*out) == 0) return PYNN_OK;
  if (nothing) return fill_neutral(op, p, out);
  switch (x->dtype) {
    case PYNN_FLOAT32:
      return reduce<float>(op, p, layout, count, x->data, out);
    case PYNN_FLOAT64:
      return reduce<double>(op, p, layout, count, x->data, out);
    case PYNN_INT8:
      return reduce<int8_t>(op, p, layout, count, x->data, out);
    case PYNN_INT16:
      return reduce<int16_t>(op, p, layout, count, x->data, out);
    case PYNN_INT32:
      return reduce<int32_t>(op, p, layout, count, x->data, out);
    case PYNN_INT64:
      return reduce<int64_t>(op, p, layout, count, x->data, out);
    default:  // uint8 and bool
      return reduce<uint8_t>(op, p, layout, count, x->data, out);
  }
}

pynn_status pynn_extreme(int smallest, const pynn_array* x, int first, int last, int64_t* place,
                         pynn_array* value) {
  Extent e;
  if (pynn_status status = check_extent("extreme", x, first, last, &e)) return status;
  const int64_t count = e.outer * e.inner;
  if (count > 0 && place == nullptr) return fail(PYNN_INVALID, "extreme: place is a null pointer");
  if (value != nullptr) {
    if (pynn_status status = check_result("extreme", "value", x, value, count)) return status;
  }
  if (count == 0) return PYNN_OK;
  if (e.n == 0)
    return fail(PYNN_INVALID, "extreme: no elements to reduce in shape %s", ShapeText(*x).c_str());
  if (e.n > INT32_MAX && e.inner > 1) return fail(PYNN_UNSUPPORTED, "extreme: more than 2^31 rows");
  if (is_float32(*x)) {
    return reduction::extreme_place<float>(smallest != 0, e.outer, e.n, e.inner, data<float>(x), place,
                                           value == nullptr ? nullptr : data<float>(value));
  }
  return reduction::extreme_place<double>(smallest != 0, e.outer, e.n, e.inner, data<double>(x), place,
                                          value == nullptr ? nullptr : data<double>(value));
}

pynn_status pynn_extreme_backward(const pynn_array* x, int first, int last, const pynn_array* best,
                                  const pynn_array* grad, pynn_array* dx) {
  Extent e;
  if (pynn_status status = check_extent("extreme_backward", x, first, last, &e)) return status;
  const int64_t count = e.outer * e.inner;
  if (pynn_status status = check_result("extreme_backward", "best", x, best, count)) return status;
  if (pynn_status status = check_result("extreme_backward", "grad", x, grad, count)) return status;
  if (pynn_status status = check_result("extreme_backward", "dx", x, dx, count * e.n)) return status;
  if (count * e.n == 0) return PYNN_OK;
  if (is_float32(*x)) {
    return reduction::extreme_backward<float>(e.outer, e.n, e.inner, data<float>(x), data<float>(best),
                                              data<float>(grad), data<float>(dx));
  }
  return reduction::extreme_backward<double>(e.outer, e.n, e.inner, data<double>(x), data<double>(best),
                                             data<double>(grad), data<double>(dx));
}

pynn_status pynn_variance(const pynn_array* x, int first, int last, double correction, pynn_array* variance,
                          pynn_array* mean) {
  Extent e;
  if (pynn_status status = check_extent("variance", x, first, last, &e)) return status;
  const int64_t count = e.outer * e.inner;
  pynn_array* const results[] = {variance, mean};
  const char* const names[] = {"variance", "mean"};
  for (int i = 0; i < 2; ++i) {
    if (results[i] == nullptr) continue;
    if (pynn_status status = check_result("variance", names[i], x, results[i], count)) return status;
  }
  if (count == 0) return PYNN_OK;
  if (e.n == 0) {
    for (pynn_array* result : results) {
      if (result != nullptr) pynn_fill(result, NAN);
    }
    return PYNN_OK;
  }
  if (is_float32(*x)) {
    return reduction::variance<float>(e.outer, e.n, e.inner, data<float>(x), correction,
                                      variance ? data<float>(variance) : nullptr,
                                      mean ? data<float>(mean) : nullptr);
  }
  return reduction::variance<double>(e.outer, e.n, e.inner, data<double>(x), correction,
                                     variance ? data<double>(variance) : nullptr,
                                     mean ? data<double>(mean) : nullptr);
}

pynn_status pynn_variance_backward(const pynn_array* x, int first, int last, double correction,
                                   const pynn_array* grad, pynn_array* dx) {
  Extent e;
  if (pynn_status status = check_extent("variance_backward", x, first, last, &e)) return status;
  const int64_t count = e.outer * e.inner;
  if (pynn_status status = check_result("variance_backward", "grad", x, grad, count)) return status;
  if (pynn_status status = check_result("variance_backward", "dx", x, dx, count * e.n)) return status;
  if (count * e.n == 0) return PYNN_OK;
  if (is_float32(*x)) {
    return reduction::variance_backward<float>(e.outer, e.n, e.inner, data<float>(x), data<float>(grad),
                                               correction, data<float>(dx));
  }
  return reduction::variance_backward<double>(e.outer, e.n, e.inner, data<double>(x), data<double>(grad),
                                              correction, data<double>(dx));
}

pynn_status pynn_total_norm(pynn_dtype dtype, int64_t count, const int64_t* sizes, const void* const* x,
                            double p, double* out) {
  if (pynn_status status = check_many("total_norm", dtype, count, sizes, x)) return status;
  if (out == nullptr) return fail(PYNN_INVALID, "total_norm: out is a null pointer");
  if (!(p > 0)) return fail(PYNN_UNSUPPORTED, "total_norm: p is %g: expected more than 0", p);
  const Op op = norm_op(p);
  double total;
  const pynn_status status =
      dtype == PYNN_FLOAT32
          ? reduction::many<float>(op, p, count, sizes, reinterpret_cast<const float* const*>(x), &total)
          : reduction::many<double>(op, p, count, sizes, reinterpret_cast<const double* const*>(x), &total);
  if (status != PYNN_OK) return status;
  if (op == reduction::kMaxAbs && total == -INFINITY) total = 0;  // no elements
  if (op == reduction::kSumSquares) total = std::sqrt(total);
  if (op == reduction::kSumPowers) total = std::pow(total, 1 / p);
  *out = total;
  return PYNN_OK;
}

pynn_status pynn_scale_many(pynn_dtype dtype, int64_t count, const int64_t* sizes, void* const* x,
                            double factor) {
  if (pynn_status status = check_many("scale_many", dtype, count, sizes, x)) return status;
  if (dtype == PYNN_FLOAT32)
    return reduction::scale_many<float>(count, sizes, float(factor), reinterpret_cast<float* const*>(x));
  return reduction::scale_many<double>(count, sizes, factor, reinterpret_cast<double* const*>(x));
}

pynn_status pynn_fill(pynn_array* out, double value) {
  if (pynn_status status = check_array("fill", "out", out)) return status;
  const char* const names[] = {"out", nullptr};
  const pynn_array* const arrays[] = {out};
  if (pynn_status status = check_float_dtypes("fill", names, arrays)) return status;
  if (pynn_status status = check_contiguous("fill", "out", *out)) return status;
  if (is_float32(*out)) {
    reduction::fill<float>(element_count(*out), float(value), data<float>(out));
  } else {
    reduction::fill<double>(element_count(*out), value, data<double>(out));
  }
  return PYNN_OK;
}

pynn_status pynn_sum_f32(int64_t n, const float* x, double* out) {
  if (pynn_status status = check(n, x != nullptr)) return status;
  if (out == nullptr) return fail(PYNN_INVALID, "out is a null pointer");
  *out = reduction::sum(n, x);
  return PYNN_OK;
}

}  // extern "C"
