// Argument checks of pynn/loss.h.
#include "kernels/loss/loss.h"

#include <initializer_list>

#include "base/arena.h"
#include "capi/arrays.h"

namespace {

using namespace pynn;
using namespace pynn::capi;

constexpr int kOptions[PYNN_LOSS_COUNT] = {0, 0, 1, 1, 0, 0, 0, 0, 1, 2, 1, 0};

template <class T>
T* values(const pynn_array* x) {
  return static_cast<T*>(x->data);
}

pynn_status check_pair(const char* function, pynn_loss_kind kind, const pynn_array* x, const pynn_array* y,
                       const double* options, pynn_reduction reduction) {
  if (unsigned(kind) >= PYNN_LOSS_COUNT) {
    return fail(PYNN_INVALID, "%s: unknown kind %d: expected 0 to %d", function, int(kind), PYNN_LOSS_COUNT - 1);
  }
  if (unsigned(reduction) > PYNN_LOSS_SUM) {
    return fail(PYNN_INVALID, "%s: unknown reduction %d: expected 0 to 2", function, int(reduction));
  }
  if (kOptions[kind] > 0 && options == nullptr) {
    return fail(PYNN_INVALID, "%s: options is a null pointer: expected %d numbers", function, kOptions[kind]);
  }
  if (pynn_status status = check_array(function, "x", x)) return status;
  if (pynn_status status = check_array(function, "y", y)) return status;
  if (!same_shape(*x, *y)) {
    return fail(PYNN_INVALID, "%s: x has shape %s but y %s: expected the same", function,
                ShapeText(*x).c_str(), ShapeText(*y).c_str());
  }
  if (pynn_status status = check_contiguous(function, "x", *x)) return status;
  return check_contiguous(function, "y", *y);
}

// An array of x's dtype with `count` elements.
pynn_status check_like(const char* function, const char* name, const pynn_array* a, const pynn_array& x,
                       int64_t count) {
  if (pynn_status status = check_array(function, name, a)) return status;
  const char* names[] = {"x", name, nullptr};
  const pynn_array* arrays[] = {&x, a};
  if (pynn_status status = check_float_dtypes(function, names, arrays)) return status;
  if (element_count(*a) != count) {
    return fail(PYNN_INVALID, "%s: %s has shape %s: expected %lld elements", function, name,
                ShapeText(*a).c_str(), (long long)count);
  }
  return check_contiguous(function, name, *a);
}

pynn_status check_both(const char* function, const pynn_array& x, const pynn_array& y) {
  const char* names[] = {"x", "y", nullptr};
  const pynn_array* arrays[] = {&x, &y};
  return check_float_dtypes(function, names, arrays);
}

pynn_status no_memory(const char* function, int64_t count) {
  return fail(PYNN_NO_MEMORY, "%s: no memory for the losses of %lld elements", function, (long long)count);
}

// ---- classes ----

pynn_status check_classes(const char* function, const pynn_class_loss* args) {
  if (args == nullptr) return fail(PYNN_INVALID, "%s: args is a null pointer", function);
  if (pynn_status status = check_array(function, "x", args->x, 2)) return status;
  if (pynn_status status = check_array(function, "target", args->target, 1)) return status;
  const pynn_array &x = *args->x, &target = *args->target;
  const char* names[] = {"x", "weight", nullptr};
  const pynn_array* arrays[] = {&x, args->weight};
  if (pynn_status status = check_float_dtypes(function, names, arrays)) return status;
  if (target.dtype != PYNN_INT64) {
    return fail(PYNN_INVALID, "%s: target is %s: expected int64 classes", function, dtype_name(target.dtype));
  }
  bool fits = target.ndim == x.ndim - 1 && target.shape[0] == x.shape[0];
  for (int i = 2; fits && i < x.ndim; ++i) fits = target.shape[i - 1] == x.shape[i];
  if (!fits) {
    return fail(PYNN_INVALID, "%s: target has shape %s for x of shape %s: expected that without dimension 1",
                function, ShapeText(target).c_str(), ShapeText(x).c_str());
  }
  if (args->weight != nullptr) {
    if (pynn_status status = check_like(function, "weight", args->weight, x, x.shape[1])) return status;
  }
  if (pynn_status status = check_contiguous(function, "x", x)) return status;
  if (pynn_status status = check_contiguous(function, "target", target)) return status;
  if (unsigned(args->reduction) > PYNN_LOSS_SUM) {
    return fail(PYNN_INVALID, "%s: unknown reduction %d: expected 0 to 2", function, int(args->reduction));
  }
  const double smoothing = args->label_smoothing;
  if (!(smoothing >= 0 && smoothing <= 1) || (args->log_probabilities && smoothing != 0)) {
    return fail(PYNN_INVALID, "%s: label_smoothing is %g: expected 0 to 1, or 0 with log_probabilities",
                function, smoothing);
  }
  const int64_t count = element_count(target), classes = x.shape[1];
  const int64_t* t = data<int64_t>(&target);
  for (int64_t i = 0; i < count; ++i) {
    if (uint64_t(t[i]) >= uint64_t(classes) && t[i] != args->ignore_index) {
      return fail(PYNN_INVALID,
                  "%s: target is %lld at element %lld: expected a class from 0 to %lld, or ignore_index %lld",
                  function, (long long)t[i], (long long)i, (long long)classes - 1,
                  (long long)args->ignore_index);
    }
  }
  return PYNN_OK;
}

template <class T>
loss::Classes<T> classes_of(const pynn_class_loss& args) {
  const pynn_array& x = *args.x;
  int64_t inner = 1;
  for (int i = 2; i < x.ndim; ++i) inner *= x.shape[i];
  const T* weight = args.weight != nullptr ? values<T>(args.weight) : nullptr;
  double total = 0;
  for (int64_t k = 0; k < x.shape[1]; ++k) total += weight != nullptr ? double(weight[k]) : 1;
  return {x.shape[0], x.shape[1],        inner,  values<T>(&x), x.shape[1] * inner,
          inner,      data<int64_t>(args.target), weight, total,         args.ignore_index,
          args.label_smoothing};
}

// The weights of the targets that count.
template <class T>
double divisor_of(const loss::Classes<T>& c) {
  double total = 0;
  for (int64_t i = 0; i < c.count(); ++i) {
    if (c.target[i] == c.ignore_index) continue;
    total += c.weight != nullptr ? double(c.weight[c.target[i]]) : 1;
  }
  return total;
}

template <class T>
bool class_forward(const pynn_class_loss& args, T* out) {
  const loss::Classes<T> c = classes_of<T>(args);
  const bool nll = args.log_probabilities != 0;
  if (args.reduction == PYNN_LOSS_NONE) {
    if (c.count() > 0) loss::class_losses(nll, c, out);
    return true;
  }
  Scratch each(size_t(c.count()) * sizeof(T));
  if (!each) return false;
  double sum = 0;
  if (c.count() > 0) loss::class_losses(nll, c, each.as<T>());
  for (int64_t i = 0; i < c.count(); ++i) sum += double(each.as<T>()[i]);
  *out = T(args.reduction == PYNN_LOSS_MEAN ? sum / divisor_of(c) : sum);  // 0 / 0 is NaN as in torch
  return true;
}

template <class T>
void class_backward(const pynn_class_loss& args, const T* grad, T* dx) {
  const loss::Classes<T> c = classes_of<T>(args);
  const double divisor = args.reduction == PYNN_LOSS_MEAN ? divisor_of(c) : 1;
  loss::class_gradient<T>(args.log_probabilities != 0, c,
                          {dx, c.sample, c.channel, grad, args.reduction == PYNN_LOSS_NONE, divisor});
}

}  // namespace

extern "C" {

pynn_status pynn_loss(pynn_loss_kind kind, const pynn_array* x, const pynn_array* y, const double* options,
                      pynn_reduction reduction, pynn_array* out) {
  static const char function[] = "loss";
  if (pynn_status status = check_pair(function, kind, x, y, options, reduction)) return status;
  if (pynn_status status = check_both(function, *x, *y)) return status;
  const int64_t n = element_count(*x);
  const bool none = reduction == PYNN_LOSS_NONE;
  if (pynn_status status = check_like(function, "out", out, *x, none ? n : 1)) return status;
  const auto run = [&](auto type) {
    typedef decltype(type) T;
    if (none) {
      loss::each(int(kind), n, values<T>(x), values<T>(y), options, values<T>(out));
      return true;
    }
    double total;
    if (!loss::total(int(kind), n, values<T>(x), values<T>(y), options, &total)) return false;
    *values<T>(out) = T(reduction == PYNN_LOSS_MEAN ? total / double(n) : total);
    return true;
  };
  return (is_float32(*x) ? run(float()) : run(double())) ? PYNN_OK : no_memory(function, n);
}

pynn_status pynn_loss_backward(pynn_loss_kind kind, const pynn_array* grad, const pynn_array* x,
                               const pynn_array* y, const double* options, pynn_reduction reduction,
                               pynn_array* dx, pynn_array* dy) {
  static const char function[] = "loss_backward";
  if (pynn_status status = check_pair(function, kind, x, y, options, reduction)) return status;
  if (pynn_status status = check_both(function, *x, *y)) return status;
  const int64_t n = element_count(*x);
  const bool none = reduction == PYNN_LOSS_NONE;
  if (pynn_status status = check_like(function, "grad", grad, *x, none ? n : 1)) return status;
  if (dx != nullptr) {
    if (pynn_status status = check_like(function, "dx", dx, *x, n)) return status;
  }
  if (dy != nullptr) {
    if (pynn_status status = check_like(function, "dy", dy, *x, n)) return status;
  }
  if (n == 0) return PYNN_OK;
  const double factor = reduction == PYNN_LOSS_MEAN ? 1 / double(n) : 1;
  const auto run = [&](auto type) {
    typedef decltype(type) T;
    for (pynn_array* to : {dx, dy}) {
      if (to == nullptr) continue;
      loss::slope(int(kind), to == dy, n, values<T>(grad), none, factor, values<T>(x), values<T>(y), options,
                  values<T>(to));
    }
  };
  is_float32(*x) ? run(float()) : run(double());
  return PYNN_OK;
}

pynn_status pynn_class_loss_forward(const pynn_class_loss* args, pynn_array* out) {
  static const char function[] = "class_loss_forward";
  if (pynn_status status = check_classes(function, args)) return status;
  const int64_t count = element_count(*args->target);
  const bool none = args->reduction == PYNN_LOSS_NONE;
  if (pynn_status status = check_like(function, "out", out, *args->x, none ? count : 1)) return status;
  const bool ok = is_float32(*args->x) ? class_forward(*args, values<float>(out))
                                       : class_forward(*args, values<double>(out));
  return ok ? PYNN_OK : no_memory(function, count);
}

pynn_status pynn_class_loss_backward(const pynn_class_loss* args, const pynn_array* grad, pynn_array* dx) {
  static const char function[] = "class_loss_backward";
  if (pynn_status status = check_classes(function, args)) return status;
  const int64_t count = element_count(*args->target);
  const bool none = args->reduction == PYNN_LOSS_NONE;
  if (pynn_status status = check_like(function, "grad", grad, *args->x, none ? count : 1)) return status;
  if (pynn_status status = check_like(function, "dx", dx, *args->x, element_count(*args->x))) return status;
  if (count == 0) return PYNN_OK;
  if (is_float32(*args->x)) {
    class_backward(*args, values<float>(grad), values<float>(dx));
  } else {
    class_backward(*args, values<double>(grad), values<double>(dx));
  }
  return PYNN_OK;
}

}  // extern "C"
