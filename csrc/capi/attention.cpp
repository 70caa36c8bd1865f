// Argument checks of pynn/attention.h.
#include "kernels/attention/attention.h"

#include <initializer_list>

#include "capi/arrays.h"
#include "pynn/attention.h"

namespace {

using namespace pynn;
using namespace pynn::capi;
using pynn::attention::Gradients;
using pynn::attention::Mask;
using pynn::attention::Problem;
using pynn::attention::Strides;

// The last stride is one element (or means nothing), the others are multiples of one.
bool rows_contiguous(const pynn_array& x) {
  int64_t strides[PYNN_MAX_DIMS];
  if (!element_strides(x, strides)) return false;
  return x.shape[x.ndim - 1] <= 1 || strides[x.ndim - 1] == 1;
}

// Strides of x (..., rows, columns) along the batch's dimensions (ndim of them), 0 where it is broadcast;
// false where its shape does not broadcast to (batch, rows, columns).
bool place(const pynn_array& x, int ndim, const int64_t* batch, int64_t rows, int64_t cols, Strides* out,
           int64_t* column) {
  int64_t strides[PYNN_MAX_DIMS];
  element_strides(x, strides);
  const int64_t wanted[2] = {rows, cols};
  int64_t steps[2] = {0, 0};
  const int lead = x.ndim - 2;
  if (lead > ndim) return false;
  for (int i = 0; i < 2; ++i) {
    const int d = lead + i;
    if (d < 0) continue;
    if (x.shape[d] != wanted[i] && x.shape[d] != 1) return false;
    steps[i] = x.shape[d] == 1 ? 0 : strides[d];
  }
  for (int d = 0; d < ndim; ++d) {
    const int own = lead - ndim + d;
    out->batch[d] = 0;
    if (own < 0) continue;
    if (x.shape[own] != batch[d] && x.shape[own] != 1) return false;
    out->batch[d] = x.shape[own] == 1 ? 0 : strides[own];
  }
  out->row = steps[0];
  if (column != nullptr) *column = steps[1];
  return true;
}

// The same for an operand that has all its rows and columns, the columns next to each other.
bool place_rows(const pynn_array& x, int ndim, const int64_t* batch, int64_t rows, int64_t cols,
                Strides* out) {
  if (x.ndim < 2 || x.shape[x.ndim - 2] != rows || x.shape[x.ndim - 1] != cols) return false;
  if (!place(x, ndim, batch, rows, cols, out, nullptr)) return false;
  if (rows == 1) out->row = cols;
  return true;
}

pynn_status read_shapes(const char* f, const pynn_attention& a, int* ndim, int64_t* batch) {
  const pynn_array* const all[] = {a.q, a.k, a.v, nullptr};
  const char* const names[] = {"q", "k", "v", nullptr};
  for (int i = 0; i < 3; ++i) {
    if (pynn_status status = check_array(f, names[i], all[i], 2)) return status;
  }
  if (pynn_status status = check_float_dtypes(f, names, all)) return status;
  const int64_t* const q = a.q->shape + a.q->ndim - 2;
  const int64_t* const k = a.k->shape + a.k->ndim - 2;
  const int64_t* const v = a.v->shape + a.v->ndim - 2;
  bool fits = q[1] == k[1] && k[0] == v[0];
  *ndim = 0;
  for (int i = 0; i < 3; ++i) *ndim = all[i]->ndim - 2 > *ndim ? all[i]->ndim - 2 : *ndim;
  for (int d = 0; d < *ndim; ++d) {
    batch[d] = 1;
    for (int i = 0; i < 3; ++i) {
      const int own = all[i]->ndim - 2 - *ndim + d;
      const int64_t size = own < 0 ? 1 : all[i]->shape[own];
      if (size == 1) continue;
      fits = fits && (batch[d] == 1 || batch[d] == size);
      batch[d] = size;
    }
  }
  if (!fits) {
    return fail(PYNN_INVALID, "%s: q is %s, k %s, v %s: expected (..., L, E), (..., S, E), (..., S, V)", f,
                ShapeText(*a.q).c_str(), ShapeText(*a.k).c_str(), ShapeText(*a.v).c_str());
  }
  if (!(a.dropout_p >= 0 && a.dropout_p < 1)) {
    return fail(PYNN_INVALID, "%s: dropout_p is %g: expected 0 <= dropout_p < 1", f, a.dropout_p);
  }
  for (int i = 0; i < 3; ++i) {
    if (!rows_contiguous(*all[i])) {
      return fail(PYNN_UNSUPPORTED,
                  "%s: %s has a last stride of more than one element: expected contiguous rows", f, names[i]);
    }
  }
  return PYNN_OK;
}

template <class T>
pynn_status read(const char* f, const pynn_attention& a, const pynn_array* out, const pynn_array* lse,
                 Problem<T>* p) {
  p->batches = 1;
  for (int d = 0; d < p->ndim; ++d) p->batches *= p->shape[d];
  p->length = a.q->shape[a.q->ndim - 2];
  p->keys = a.k->shape[a.k->ndim - 2];
  p->width = a.q->shape[a.q->ndim - 1];
  p->value_width = a.v->shape[a.v->ndim - 1];
  p->q = data<T>(a.q);
  p->k = data<T>(a.k);
  p->v = data<T>(a.v);
  p->causal = a.is_causal != 0;
  p->scale = T(a.scale);
  p->dropout = a.dropout_p;
  p->seed = a.seed;
  p->offset = a.offset;
  place_rows(*a.q, p->ndim, p->shape, p->length, p->width, &p->q_at);
  place_rows(*a.k, p->ndim, p->shape, p->keys, p->width, &p->k_at);
  place_rows(*a.v, p->ndim, p->shape, p->keys, p->value_width, &p->v_at);
  p->kind = Mask::none;
  p->mask = nullptr;
  if (a.mask != nullptr) {
    if (pynn_status status = check_array(f, "mask", a.mask)) return status;
    int64_t strides[PYNN_MAX_DIMS];
    if (a.mask->dtype != PYNN_BOOL && a.mask->dtype != a.q->dtype) {
      return fail(PYNN_INVALID, "%s: mask is %s: expected bool or %s", f, dtype_name(a.mask->dtype),
                  dtype_name(a.q->dtype));
    }
    if (!element_strides(*a.mask, strides) ||
        !place(*a.mask, p->ndim, p->shape, p->length, p->keys, &p->mask_at, &p->mask_column)) {
      return fail(PYNN_INVALID, "%s: mask is %s: expected a shape that broadcasts to (..., %lld, %lld)", f,
                  ShapeText(*a.mask).c_str(), (long long)p->length, (long long)p->keys);
    }
    p->kind = a.mask->dtype == PYNN_BOOL ? Mask::boolean : Mask::added;
    p->mask = a.mask->data;
  }
  for (const pynn_array* x : {out, lse}) {
    if (pynn_status status = check_array(f, x == out ? "out" : "lse", x, x == out ? 2 : 1)) return status;
    if (x->dtype != a.q->dtype) {
      return fail(PYNN_INVALID, "%s: out or lse is %s: expected %s", f, dtype_name(x->dtype),
                  dtype_name(a.q->dtype));
    }
  }
  bool fits = lse->ndim == p->ndim + 1 && out->ndim == p->ndim + 2 && lse->shape[p->ndim] == p->length;
  for (int d = 0; fits && d < p->ndim; ++d) {
    fits = lse->shape[d] == p->shape[d] && out->shape[d] == p->shape[d];
  }
  fits = fits && place_rows(*out, p->ndim, p->shape, p->length, p->value_width, &p->out_at);
  if (!fits) {
    return fail(PYNN_INVALID, "%s: out is %s and lse %s: expected (..., %lld, %lld) and (..., %lld)", f,
                ShapeText(*out).c_str(), ShapeText(*lse).c_str(), (long long)p->length,
                (long long)p->value_width, (long long)p->length);
  }
  if (!rows_contiguous(*out)) {
    return fail(PYNN_UNSUPPORTED, "%s: out has a last stride of more than one element", f);
  }
  p->out = static_cast<T*>(out->data);
  p->lse = static_cast<T*>(lse->data);
  return check_contiguous(f, "lse", *lse);
}

template <class T>
pynn_status read_gradients(const char* f, const pynn_attention& a, const Problem<T>& p, const pynn_array* g,
                           const pynn_array* g_lse, const pynn_array* const* made, Gradients<T>* out) {
  const pynn_array* const of[] = {a.q, a.k, a.v};
  const char* const names[] = {"dq", "dk", "dv"};
  Strides* const places[] = {&out->dq_at, &out->dk_at, &out->dv_at};
  if (pynn_status status = check_array(f, "g", g, 2)) return status;
  if (g->dtype != a.q->dtype || !rows_contiguous(*g) ||
      !place_rows(*g, p.ndim, p.shape, p.length, p.value_width, &out->g_at)) {
    return fail(PYNN_UNSUPPORTED, "%s: g is %s %s: expected out's shape and dtype, rows contiguous", f,
                dtype_name(g->dtype), ShapeText(*g).c_str());
  }
  if (g_lse != nullptr) {
    if (pynn_status status = check_array(f, "g_lse", g_lse)) return status;
    if (pynn_status status = check_contiguous(f, "g_lse", *g_lse)) return status;
    if (g_lse->dtype != a.q->dtype || element_count(*g_lse) != p.batches * p.length) {
      return fail(PYNN_INVALID, "%s: g_lse is %s: expected lse's shape and dtype", f,
                  ShapeText(*g_lse).c_str());
    }
  }
  for (int i = 0; i < 3; ++i) {
    if (pynn_status status = check_array(f, names[i], made[i], 2)) return status;
    if (!same_shape(*made[i], *of[i]) || made[i]->dtype != a.q->dtype) {
      return fail(PYNN_INVALID, "%s: %s is %s: expected %s", f, names[i], ShapeText(*made[i]).c_str(),
                  ShapeText(*of[i]).c_str());
    }
    if (!rows_contiguous(*made[i])) {
      return fail(PYNN_UNSUPPORTED, "%s: %s has a last stride of more than one element", f, names[i]);
    }
    place_rows(*made[i], p.ndim, p.shape, i == 0 ? p.length : p.keys, i == 2 ? p.value_width : p.width,
               places[i]);
  }
  for (int d = 0; d < p.ndim; ++d) {
    const auto broadcast = [&](const pynn_array& x) {
      const int own = x.ndim - 2 - p.ndim + d;
      return p.shape[d] > 1 && (own < 0 || x.shape[own] == 1);
    };
    if (broadcast(*a.q) || broadcast(*a.k) != broadcast(*a.v)) {
      return fail(PYNN_UNSUPPORTED,
                  "%s: q is %s, k %s, v %s: expected q unbroadcast, k and v broadcast alike", f,
                  ShapeText(*a.q).c_str(), ShapeText(*a.k).c_str(), ShapeText(*a.v).c_str());
    }
  }
  out->g = data<T>(g);
  out->g_lse = g_lse == nullptr ? nullptr : data<T>(g_lse);
  out->dq = static_cast<T*>(made[0]->data);
  out->dk = static_cast<T*>(made[1]->data);
  out->dv = static_cast<T*>(made[2]->data);
  return PYNN_OK;
}

// Zeros, where there is nothing to differentiate.
void clear(const pynn_array& x) {
  const int64_t cols = x.shape[x.ndim - 1], item = dtype_size(x.dtype);
  int64_t strides[PYNN_MAX_DIMS];
  byte_strides(x, strides);
  const int64_t count = cols == 0 ? 0 : element_count(x) / cols;
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = 0, rest = i;
    for (int d = x.ndim - 2; d >= 0; --d) {
      at += rest % x.shape[d] * strides[d];
      rest /= x.shape[d];
    }
    for (int64_t j = 0; j < cols * item; ++j) static_cast<char*>(x.data)[at + j] = 0;
  }
}

template <class T>
pynn_status run_forward(const char* f, const pynn_attention& a, int ndim, const int64_t* batch,
                        pynn_array* out, pynn_array* lse) {
  Problem<T> p = {};
  p.ndim = ndim;
  for (int d = 0; d < ndim; ++d) p.shape[d] = batch[d];
  if (pynn_status status = read(f, a, out, lse, &p)) return status;
  return attention::forward(p);
}

template <class T>
pynn_status run_backward(const char* f, const pynn_attention& a, int ndim, const int64_t* batch,
                         const pynn_array* out, const pynn_array* lse, const pynn_array* g,
                         const pynn_array* g_lse, const pynn_array* const* made) {
  Problem<T> p = {};
  p.ndim = ndim;
  for (int d = 0; d < ndim; ++d) p.shape[d] = batch[d];
  if (pynn_status status = read(f, a, out, lse, &p)) return status;
  Gradients<T> gradients = {};
  if (pynn_status status = read_gradients(f, a, p, g, g_lse, made, &gradients)) return status;
  if (p.batches == 0 || p.length == 0 || p.keys == 0) {
    for (int i = 0; i < 3; ++i) clear(*made[i]);
    return PYNN_OK;
  }
  return attention::backward(p, gradients);
}

}  // namespace

extern "C" {

pynn_status pynn_attention_forward(const pynn_attention* args, pynn_array* out, pynn_array* lse) {
  const char* const f = "pynn_attention_forward";
  if (args == nullptr) return fail(PYNN_INVALID, "%s: args is a null pointer", f);
  int ndim;
  int64_t batch[PYNN_MAX_DIMS];
  if (pynn_status status = read_shapes(f, *args, &ndim, batch)) return status;
  return args->q->dtype == PYNN_FLOAT32 ? run_forward<float>(f, *args, ndim, batch, out, lse)
                                        : run_forward<double>(f, *args, ndim, batch, out, lse);
}

pynn_status pynn_attention_backward(const pynn_attention* args, const pynn_array* out, const pynn_array* lse,
                                    const pynn_array* g, const pynn_array* g_lse, pynn_array* dq,
                                    pynn_array* dk, pynn_array* dv) {
  const char* const f = "pynn_attention_backward";
  if (args == nullptr) return fail(PYNN_INVALID, "%s: args is a null pointer", f);
  int ndim;
  int64_t batch[PYNN_MAX_DIMS];
  const pynn_array* const made[] = {dq, dk, dv};
  if (pynn_status status = read_shapes(f, *args, &ndim, batch)) return status;
  return args->q->dtype == PYNN_FLOAT32
             ? run_backward<float>(f, *args, ndim, batch, out, lse, g, g_lse, made)
             : run_backward<double>(f, *args, ndim, batch, out, lse, g, g_lse, made);
}

}  // extern "C"
