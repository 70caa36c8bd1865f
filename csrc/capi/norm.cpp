// Argument checks of pynn/norm.h.
#include "kernels/norm/norm.h"

#include <initializer_list>
#include <limits>

#include "capi/arrays.h"

namespace {

using namespace pynn;
using namespace pynn::capi;
using norm::Batch;
using norm::Layout;
using norm::Sizes;

struct Named {
  const char* name;
  const pynn_array* array;  // nullptr: left out
};

// The first array is x, whose dtype the others share.
template <size_t kCount>
pynn_status check_all(const char* function, const Named (&all)[kCount]) {
  const char* names[kCount + 1] = {};
  const pynn_array* arrays[kCount + 1] = {};
  for (size_t i = 0; i < kCount; ++i) {
    names[i] = all[i].name;
    arrays[i] = all[i].array;
    if (i > 0 && all[i].array == nullptr) continue;
    if (pynn_status status = check_array(function, all[i].name, all[i].array)) return status;
  }
  return check_float_dtypes(function, names, arrays);
}

pynn_status missing(const char* function, const char* name) {
  return fail(PYNN_INVALID, "%s: %s is a null pointer: expected an array", function, name);
}

// Contiguous with `count` elements, if it is there.
template <size_t kCount>
pynn_status check_vectors(const char* function, int64_t count, const char* what, const Named (&all)[kCount]) {
  for (const Named& v : all) {
    if (v.array == nullptr) continue;
    if (element_count(*v.array) != count) {
      return fail(PYNN_INVALID, "%s: %s has shape %s: expected %lld elements, %s", function, v.name,
                  ShapeText(*v.array).c_str(), (long long)count, what);
    }
    if (pynn_status status = check_contiguous(function, v.name, *v.array)) return status;
  }
  return PYNN_OK;
}

pynn_status check_same(const char* function, const pynn_array& x, const char* name, const pynn_array* other) {
  if (other == nullptr || same_shape(x, *other)) return PYNN_OK;
  return fail(PYNN_INVALID, "%s: %s has shape %s but x %s: expected the same", function, name,
              ShapeText(*other).c_str(), ShapeText(x).c_str());
}

// The dimensions [first, last) as one; false where no single distance steps through them.
bool merge(const pynn_array& x, const int64_t* strides, int first, int last, int64_t* stride) {
  int64_t size = 1;
  *stride = 0;
  for (int i = last - 1; i >= first; --i) {
    if (x.shape[i] == 1) continue;
    if (size == 1) {
      *stride = strides[i];
    } else if (strides[i] != *stride * size) {
      return false;
    }
    size *= x.shape[i];
  }
  return true;
}

Sizes sizes_of(const pynn_array& x) {
  int64_t inner = 1;
  for (int i = 2; i < x.ndim; ++i) inner *= x.shape[i];
  return {x.shape[0], x.shape[1], inner};
}

bool runs_of(const pynn_array& x, const int64_t* strides, Layout* out) {
  int64_t inner;
  if (!merge(x, strides, 2, x.ndim, &inner) || (inner != 1 && sizes_of(x).inner > 1)) return false;
  *out = {false, strides[0], strides[1]};
  return true;
}

bool columns_of(const pynn_array& x, const int64_t* strides, Layout* out) {
  if (x.shape[1] > 1 && strides[1] != 1) return false;
  int64_t inner;
  if (!merge(x, strides, 2, x.ndim, &inner)) return false;
  const Sizes size = sizes_of(x);
  if (size.samples > 1 && size.inner > 1 && strides[0] != size.inner * inner) return false;
  *out = {true, size.inner > 1 ? inner : strides[0], 1};
  return true;
}

// The layout of x, and that of others, which must be of its kind.
pynn_status layout_of(const char* function, const char* name, const pynn_array& x, const Layout* kind,
                      Layout* out) {
  int64_t strides[PYNN_MAX_DIMS];
  if (element_strides(x, strides)) {
    const bool flat = sizes_of(x).inner == 1;
    const bool columns_first = kind != nullptr ? kind->columns : flat;
    if (columns_first ? columns_of(x, strides, out) : runs_of(x, strides, out)) return PYNN_OK;
    if (kind == nullptr && !flat && columns_of(x, strides, out)) return PYNN_OK;
  }
  return fail(PYNN_UNSUPPORTED,
              "%s: %s has strides that no kernel takes, or other than x: make it contiguous first", function,
              name);
}

template <class T>
const T* maybe(const pynn_array* x) {
  return x != nullptr ? data<T>(x) : nullptr;
}
template <class T>
T* maybe(pynn_array* x) {
  return x != nullptr ? data<T>(x) : nullptr;
}

template <class T>
void fill(pynn_array* x, double value) {
  if (x == nullptr) return;
  const int64_t n = element_count(*x);
  for (int64_t i = 0; i < n; ++i) data<T>(x)[i] = T(value);
}

const double kNan = std::numeric_limits<double>::quiet_NaN();

// f(T()) for the dtype of x
template <class F>
pynn_status by_dtype(const char* function, const pynn_array& x, const F& f) {
  const bool ok = is_float32(x) ? f(float()) : f(double());
  return ok ? PYNN_OK : fail(PYNN_NO_MEMORY, "%s: no memory for the sums of the channels", function);
}

pynn_status check_batch(const char* function, const pynn_array* x) {
  return check_array(function, "x", x, 2);
}

const char kChannels[] = "one a channel";

pynn_status forward(const char* function, bool given, const pynn_array* x, const pynn_array* mean,
                    const pynn_array* var, const pynn_array* weight, const pynn_array* bias, double eps,
                    pynn_activation act, pynn_array* y) {
  if (pynn_status status = check_batch(function, x)) return status;
  if (y == nullptr) return missing(function, "y");
  if (mean == nullptr) return missing(function, "mean");
  if (var == nullptr) return missing(function, "var");
  if (pynn_status status = check_all(
          function,
          {{"x", x}, {"y", y}, {"mean", mean}, {"var", var}, {"weight", weight}, {"bias", bias}})) {
    return status;
  }
  if (pynn_status status = check_activation(function, act)) return status;
  const Named vectors[] = {{"mean", mean}, {"var", var}, {"weight", weight}, {"bias", bias}};
  if (pynn_status status = check_vectors(function, x->shape[1], kChannels, vectors)) return status;
  if (pynn_status status = check_same(function, *x, "y", y)) return status;
  if (pynn_status status = check_output(function, "y", *y)) return status;
  Layout x_layout, y_layout;
  if (pynn_status status = layout_of(function, "x", *x, nullptr, &x_layout)) return status;
  if (pynn_status status = layout_of(function, "y", *y, &x_layout, &y_layout)) return status;
  return by_dtype(function, *x, [&](auto type) {
    typedef decltype(type) T;
    T *means = static_cast<T*>(mean->data), *vars = static_cast<T*>(var->data);
    if (element_count(*x) == 0) {
      for (int64_t c = 0; !given && c < x->shape[1]; ++c) means[c] = vars[c] = T(kNan);
      return true;
    }
    const Batch<T> b = {sizes_of(*x), data<T>(x), x_layout, maybe<T>(weight), maybe<T>(bias), eps,
                        act == PYNN_ACT_RELU};
    return given ? norm::batch_norm_fixed(b, means, vars, data<T>(y), y_layout)
                 : norm::batch_norm(b, data<T>(y), y_layout, means, vars);
  });
}

// The last `dims` dimensions of x as rows.
struct Rows {
  int64_t rows = 1, cols = 1;
};
pynn_status rows_of(const char* function, const pynn_array* x, int dims, Rows* out) {
  if (pynn_status status = check_array(function, "x", x, 1)) return status;
  if (dims < 1 || dims > x->ndim) {
    return fail(PYNN_INVALID, "%s: dims is %d: expected 1 to %d, as many as x has", function, dims,
                int(x->ndim));
  }
  for (int i = 0; i < x->ndim; ++i) (i < x->ndim - dims ? out->rows : out->cols) *= x->shape[i];
  return PYNN_OK;
}

pynn_status row_stride(const char* function, const char* name, const pynn_array* x, int dims,
                       int64_t* stride) {
  *stride = 0;
  if (x == nullptr) return PYNN_OK;
  int64_t strides[PYNN_MAX_DIMS], inner;
  const bool ok = element_strides(*x, strides) && merge(*x, strides, 0, x->ndim - dims, stride) &&
                  merge(*x, strides, x->ndim - dims, x->ndim, &inner) && (inner == 0 || inner == 1);
  // A size of more than 1 at distance 0 is no row of distinct elements.
  for (int i = x->ndim - dims; ok && i < x->ndim; ++i) {
    if (x->shape[i] > 1 && strides[i] == 0) return check_contiguous(function, name, *x);
  }
  if (ok) return PYNN_OK;
  return fail(PYNN_UNSUPPORTED, "%s: %s has strides that no kernel takes: make it contiguous first", function,
              name);
}

pynn_status layer_forward(const char* function, bool rms, const pynn_array* x, int dims,
                          const pynn_array* weight, const pynn_array* bias, double eps, pynn_array* y,
                          pynn_array* mean, pynn_array* rstd) {
  Rows r;
  if (pynn_status status = rows_of(function, x, dims, &r)) return status;
  if (y == nullptr) return missing(function, "y");
  if (!rms && mean == nullptr) return missing(function, "mean");
  if (!rms && rstd == nullptr) return missing(function, "rstd");
  if (pynn_status status = check_all(
          function,
          {{"x", x}, {"y", y}, {"mean", mean}, {"rstd", rstd}, {"weight", weight}, {"bias", bias}})) {
    return status;
  }
  if (pynn_status status = check_vectors(function, r.cols, "one a column", {{"weight", weight}, {"bias", bias}}))
    return status;
  if (pynn_status status = check_vectors(function, r.rows, "one a row", {{"mean", mean}, {"rstd", rstd}}))
    return status;
  if (pynn_status status = check_same(function, *x, "y", y)) return status;
  if (pynn_status status = check_output(function, "y", *y)) return status;
  int64_t x_stride, y_stride;
  if (pynn_status status = row_stride(function, "x", x, dims, &x_stride)) return status;
  if (pynn_status status = row_stride(function, "y", y, dims, &y_stride)) return status;
  return by_dtype(function, *x, [&](auto type) {
    typedef decltype(type) T;
    if (r.cols == 0) {
      fill<T>(mean, kNan);
      fill<T>(rstd, kNan);
      return true;
    }
    norm::layer_norm<T>(rms, r.rows,
                        {{data<T>(x), x_stride},
                         {data<T>(y), y_stride},
                         r.cols,
                         maybe<T>(weight),
                         maybe<T>(bias),
                         eps,
                         maybe<T>(mean),
                         maybe<T>(rstd),
                         1});
    return true;
  });
}

pynn_status layer_backward(const char* function, bool rms, const pynn_array* grad, const pynn_array* x,
                           int dims, const pynn_array* mean, const pynn_array* rstd, const pynn_array* weight,
                           double eps, const pynn_norm_gradients* out) {
  Rows r;
  if (pynn_status status = rows_of(function, x, dims, &r)) return status;
  if (grad == nullptr) return missing(function, "grad");
  if (out == nullptr) return missing(function, "out");
  if (!rms && mean == nullptr) return missing(function, "mean");
  if (!rms && rstd == nullptr) return missing(function, "rstd");
  const Named all[] = {{"x", x},       {"grad", grad},     {"mean", mean},           {"rstd", rstd},
                       {"weight", weight}, {"gradient of x", out->x}, {"gradient of weight", out->weight},
                       {"gradient of bias", out->bias}};
  if (pynn_status status = check_all(function, all)) return status;
  const Named cols[] = {{"weight", weight}, {"gradient of weight", out->weight}, {"gradient of bias", out->bias}};
  if (pynn_status status = check_vectors(function, r.cols, "one a column", cols)) return status;
  if (pynn_status status = check_vectors(function, r.rows, "one a row", {{"mean", mean}, {"rstd", rstd}}))
    return status;
  if (pynn_status status = check_same(function, *x, "grad", grad)) return status;
  if (pynn_status status = check_same(function, *x, "gradient of x", out->x)) return status;
  if (out->x != nullptr) {
    if (pynn_status status = check_output(function, "gradient of x", *out->x)) return status;
  }
  int64_t x_stride, g_stride, dx_stride;
  if (pynn_status status = row_stride(function, "x", x, dims, &x_stride)) return status;
  if (pynn_status status = row_stride(function, "grad", grad, dims, &g_stride)) return status;
  if (pynn_status status = row_stride(function, "gradient of x", out->x, dims, &dx_stride)) return status;
  return by_dtype(function, *x, [&](auto type) {
    typedef decltype(type) T;
    if (element_count(*x) == 0) {
      fill<T>(out->weight, 0);
      fill<T>(out->bias, 0);
      return true;
    }
    return norm::layer_norm_backward<T>(rms, r.rows,
                                        {{data<T>(grad), g_stride},
                                         {data<T>(x), x_stride},
                                         {maybe<T>(out->x), dx_stride},
                                         r.cols,
                                         maybe<T>(weight),
                                         eps,
                                         maybe<T>(mean),
                                         maybe<T>(rstd),
                                         1,
                                         nullptr,
                                         nullptr},
                                        maybe<T>(out->weight), maybe<T>(out->bias));
  });
}

pynn_status check_groups(const char* function, const pynn_array* x, int64_t groups) {
  if (pynn_status status = check_batch(function, x)) return status;
  if (groups < 1 || x->shape[1] % groups != 0) {
    return fail(PYNN_INVALID, "%s: groups is %lld for %lld channels: expected a divisor of them", function,
                (long long)groups, (long long)x->shape[1]);
  }
  return check_contiguous(function, "x", *x);
}

}  // namespace

extern "C" {

pynn_status pynn_batch_norm(const pynn_array* x, const pynn_array* weight, const pynn_array* bias, double eps,
                            pynn_activation act, pynn_array* y, pynn_array* mean, pynn_array* var) {
  return forward("batch_norm", false, x, mean, var, weight, bias, eps, act, y);
}

pynn_status pynn_batch_norm_fixed(const pynn_array* x, const pynn_array* mean, const pynn_array* var,
                                  const pynn_array* weight, const pynn_array* bias, double eps,
                                  pynn_activation act, pynn_array* y) {
  return forward("batch_norm_fixed", true, x, mean, var, weight, bias, eps, act, y);
}

pynn_status pynn_batch_norm_update(const pynn_array* mean, const pynn_array* var, double momentum,
                                   double correction, pynn_array* running_mean, pynn_array* running_var) {
  static const char function[] = "batch_norm_update";
  const Named all[] = {
      {"mean", mean}, {"var", var}, {"running_mean", running_mean}, {"running_var", running_var}};
  for (const Named& v : all) {
    if (v.array == nullptr) return missing(function, v.name);
  }
  if (pynn_status status = check_all(function, all)) return status;
  if (pynn_status status = check_vectors(function, element_count(*mean), "as mean has", all)) return status;
  const int64_t n = element_count(*mean);
  return by_dtype(function, *mean, [&](auto type) {
    typedef decltype(type) T;
    const T keep = T(1 - momentum), take[] = {T(momentum), T(momentum * correction)};
    const T* batch[] = {data<T>(mean), data<T>(var)};
    T* running[] = {data<T>(running_mean), data<T>(running_var)};
    for (int k = 0; k < 2; ++k) {
      for (int64_t i = 0; i < n; ++i) running[k][i] = keep * running[k][i] + take[k] * batch[k][i];
    }
    return true;
  });
}

pynn_status pynn_batch_norm_backward(const pynn_array* grad, const pynn_array* x, const pynn_array* mean,
                                     const pynn_array* var, const pynn_array* weight, const pynn_array* bias,
                                     double eps, pynn_activation act, int given,
                                     const pynn_norm_gradients* out) {
  static const char function[] = "batch_norm_backward";
  if (pynn_status status = check_batch(function, x)) return status;
  if (grad == nullptr) return missing(function, "grad");
  if (mean == nullptr) return missing(function, "mean");
  if (var == nullptr) return missing(function, "var");
  if (out == nullptr) return missing(function, "out");
  if (pynn_status status = check_activation(function, act)) return status;
  if (!given && (out->mean != nullptr || out->var != nullptr)) {
    return fail(PYNN_INVALID, "%s: only statistics that were given have gradients of their own", function);
  }
  const Named vectors[] = {{"mean", mean},
                           {"var", var},
                           {"weight", weight},
                           {"bias", bias},
                           {"gradient of weight", out->weight},
                           {"gradient of bias", out->bias},
                           {"gradient of mean", out->mean},
                           {"gradient of var", out->var}};
  if (pynn_status status = check_all(function, {{"x", x}, {"grad", grad}, {"gradient of x", out->x}}))
    return status;
  for (const Named& v : vectors) {
    if (pynn_status status = check_all(function, {{"x", x}, v})) return status;
  }
  if (pynn_status status = check_vectors(function, x->shape[1], kChannels, vectors)) return status;
  if (pynn_status status = check_same(function, *x, "grad", grad)) return status;
  if (pynn_status status = check_same(function, *x, "gradient of x", out->x)) return status;
  Layout x_layout, g_layout, dx_layout = {};
  if (pynn_status status = layout_of(function, "x", *x, nullptr, &x_layout)) return status;
  if (pynn_status status = layout_of(function, "grad", *grad, &x_layout, &g_layout)) return status;
  if (out->x != nullptr) {
    if (pynn_status status = check_output(function, "gradient of x", *out->x)) return status;
    if (pynn_status status = layout_of(function, "gradient of x", *out->x, &x_layout, &dx_layout)) {
      return status;
    }
  }
  return by_dtype(function, *x, [&](auto type) {
    typedef decltype(type) T;
    if (element_count(*x) == 0) {
      for (pynn_array* a : {out->weight, out->bias, out->mean, out->var}) fill<T>(a, 0);
      return true;
    }
    const Batch<T> b = {sizes_of(*x), data<T>(x), x_layout, maybe<T>(weight), maybe<T>(bias), eps,
                        act == PYNN_ACT_RELU};
    return norm::batch_norm_backward(b, data<T>(grad), g_layout, data<T>(mean), data<T>(var), given != 0,
                                     maybe<T>(out->x), dx_layout, maybe<T>(out->weight), maybe<T>(out->bias),
                                     maybe<T>(out->mean), maybe<T>(out->var));
  });
}

pynn_status pynn_layer_norm(const pynn_array* x, int dims, const pynn_array* weight, const pynn_array* bias,
                            double eps, pynn_array* y, pynn_array* mean, pynn_array* rstd) {
  return layer_forward("layer_norm", false, x, dims, weight, bias, eps, y, mean, rstd);
}

pynn_status pynn_layer_norm_backward(const pynn_array* grad, const pynn_array* x, int dims,
                                     const pynn_array* mean, const pynn_array* rstd, const pynn_array* weight,
                                     const pynn_norm_gradients* out) {
  return layer_backward("layer_norm_backward", false, grad, x, dims, mean, rstd, weight, 0, out);
}

pynn_status pynn_rms_norm(const pynn_array* x, int dims, const pynn_array* weight, double eps,
                          pynn_array* y) {
  return layer_forward("rms_norm", true, x, dims, weight, nullptr, eps, y, nullptr, nullptr);
}

pynn_status pynn_rms_norm_backward(const pynn_array* grad, const pynn_array* x, int dims,
                                   const pynn_array* weight, double eps, const pynn_norm_gradients* out) {
  return layer_backward("rms_norm_backward", true, grad, x, dims, nullptr, nullptr, weight, eps, out);
}

pynn_status pynn_group_norm(const pynn_array* x, int64_t groups, const pynn_array* weight,
                            const pynn_array* bias, double eps, pynn_array* y, pynn_array* mean,
                            pynn_array* rstd) {
  static const char function[] = "group_norm";
  if (pynn_status status = check_groups(function, x, groups)) return status;
  if (y == nullptr) return missing(function, "y");
  if (mean == nullptr) return missing(function, "mean");
  if (rstd == nullptr) return missing(function, "rstd");
  if (pynn_status status = check_all(
          function,
          {{"x", x}, {"y", y}, {"mean", mean}, {"rstd", rstd}, {"weight", weight}, {"bias", bias}})) {
    return status;
  }
  if (pynn_status status = check_vectors(function, x->shape[1], kChannels, {{"weight", weight}, {"bias", bias}}))
    return status;
  if (pynn_status status = check_vectors(function, x->shape[0] * groups, "one a sample and group",
                                         {{"mean", mean}, {"rstd", rstd}})) {
    return status;
  }
  if (pynn_status status = check_same(function, *x, "y", y)) return status;
  if (pynn_status status = check_contiguous(function, "y", *y)) return status;
  return by_dtype(function, *x, [&](auto type) {
    typedef decltype(type) T;
    if (element_count(*x) == 0) {
      fill<T>(mean, kNan);
      fill<T>(rstd, kNan);
      return true;
    }
    return norm::group_norm(sizes_of(*x), groups, data<T>(x), maybe<T>(weight), maybe<T>(bias), eps,
                            data<T>(y), data<T>(mean), data<T>(rstd));
  });
}

pynn_status pynn_group_norm_backward(const pynn_array* grad, const pynn_array* x, int64_t groups,
                                     const pynn_array* mean, const pynn_array* rstd, const pynn_array* weight,
                                     const pynn_norm_gradients* out) {
  static const char function[] = "group_norm_backward";
  if (pynn_status status = check_groups(function, x, groups)) return status;
  if (grad == nullptr) return missing(function, "grad");
  if (mean == nullptr) return missing(function, "mean");
  if (rstd == nullptr) return missing(function, "rstd");
  if (out == nullptr) return missing(function, "out");
  const Named all[] = {{"x", x},           {"grad", grad},     {"mean", mean},           {"rstd", rstd},
                       {"weight", weight}, {"gradient of x", out->x}, {"gradient of weight", out->weight},
                       {"gradient of bias", out->bias}};
  if (pynn_status status = check_all(function, all)) return status;
  const Named channels[] = {
      {"weight", weight}, {"gradient of weight", out->weight}, {"gradient of bias", out->bias}};
  if (pynn_status status = check_vectors(function, x->shape[1], kChannels, channels)) return status;
  if (pynn_status status = check_vectors(function, x->shape[0] * groups, "one a sample and group",
                                         {{"mean", mean}, {"rstd", rstd}})) {
    return status;
  }
  if (pynn_status status = check_same(function, *x, "grad", grad)) return status;
  if (pynn_status status = check_contiguous(function, "grad", *grad)) return status;
  if (out->x != nullptr) {
    if (pynn_status status = check_same(function, *x, "gradient of x", out->x)) return status;
    if (pynn_status status = check_contiguous(function, "gradient of x", *out->x)) return status;
  }
  return by_dtype(function, *x, [&](auto type) {
    typedef decltype(type) T;
    if (element_count(*x) == 0) {
      fill<T>(out->weight, 0);
      fill<T>(out->bias, 0);
      return true;
    }
    return norm::group_norm_backward(sizes_of(*x), groups, data<T>(grad), data<T>(x), maybe<T>(weight),
                                     data<T>(mean), data<T>(rstd), maybe<T>(out->x), maybe<T>(out->weight),
                                     maybe<T>(out->bias));
  });
}

}  // extern "C"
