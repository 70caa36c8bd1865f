// Argument checks of pynn/matmul.h, and the loop over leading dimensions.
#include "kernels/matmul/matmul.h"

#include "base/arena.h"
#include "base/isa.h"
#include "capi/arrays.h"
#include "kernels/half/half.h"

namespace {

using namespace pynn::capi;
using pynn::fail;
using pynn::Scratch;
using pynn::matmul::bfloat16;
using pynn::matmul::Gemm;

const char kMatmul[] = "matmul";
const char kColumnSum[] = "column_sum";

struct Strides {
  int64_t a[PYNN_MAX_DIMS], b[PYNN_MAX_DIMS], out[PYNN_MAX_DIMS], bias[PYNN_MAX_DIMS];
};

pynn_status unaligned_strides(const char* function) {
  return fail(PYNN_UNSUPPORTED, "%s: a stride is no multiple of the element size", function);
}

// Strides of x's leading dimensions aligned with out's, 0 where x broadcasts.
void align_leading(const pynn_array& x, const int64_t* strides, int out_leading, int64_t* aligned) {
  const int leading = x.ndim - 2;
  for (int i = 0; i < out_leading; ++i) {
    const int own = i - (out_leading - leading);
    aligned[i] = own < 0 ? 0 : strides[own];
  }
}

bool leading_fits(const pynn_array& x, const pynn_array& out) {
  if (x.ndim > out.ndim) return false;
  for (int i = 0; i < x.ndim - 2; ++i) {
    const int64_t size = x.shape[i];
    if (size != 1 && size != out.shape[i + out.ndim - x.ndim]) return false;
  }
  return true;
}

pynn_status check_shapes(const pynn_array& a, const pynn_array& b, const pynn_array* bias,
                         const pynn_array& out) {
  const int64_t m = a.shape[a.ndim - 2], k = a.shape[a.ndim - 1], n = b.shape[b.ndim - 1];
  if (b.shape[b.ndim - 2] != k) {
    return fail(PYNN_INVALID,
                "matmul: a has shape %s and b %s: expected a's last size to equal b's last but one",
                ShapeText(a).c_str(), ShapeText(b).c_str());
  }
  if (out.shape[out.ndim - 2] != m || out.shape[out.ndim - 1] != n || !leading_fits(a, out) ||
      !leading_fits(b, out)) {
    return fail(PYNN_INVALID, "matmul: a %s @ b %s does not give out's shape %s", ShapeText(a).c_str(),
                ShapeText(b).c_str(), ShapeText(out).c_str());
  }
  if (bias != nullptr && (bias->shape[bias->ndim - 1] != n || element_count(*bias) != n)) {
    return fail(PYNN_INVALID, "matmul: bias has shape %s: expected (%lld,)", ShapeText(*bias).c_str(),
                (long long)n);
  }
  return PYNN_OK;
}

template <class T>
pynn_status run(const pynn_array& a, const pynn_array& b, const pynn_array* bias, pynn_activation act,
                double alpha, double beta, pynn_array& out) {
  Strides s, lead;
  if (!element_strides(a, s.a) || !element_strides(b, s.b) || !element_strides(out, s.out) ||
      (bias != nullptr && !element_strides(*bias, s.bias))) {
    return unaligned_strides(kMatmul);
  }
  Gemm<T> g;
  g.m = a.shape[a.ndim - 2];
  g.k = a.shape[a.ndim - 1];
  g.n = b.shape[b.ndim - 1];
  g.a = static_cast<const T*>(a.data);
  g.a_row = s.a[a.ndim - 2];
  g.a_col = s.a[a.ndim - 1];
  g.b = static_cast<const T*>(b.data);
  g.b_row = s.b[b.ndim - 2];
  g.b_col = s.b[b.ndim - 1];
  g.c = static_cast<T*>(out.data);
  g.c_row = s.out[out.ndim - 2];
  g.c_col = s.out[out.ndim - 1];
  g.bias_row = nullptr;
  g.bias_col = nullptr;
  g.alpha = decltype(g.alpha)(alpha);
  g.beta = decltype(g.beta)(beta);
  g.act = act;

  const bool copy_bias = bias != nullptr && s.bias[bias->ndim - 1] != 1 && g.n > 1;
  const Scratch bias_copy(copy_bias ? size_t(g.n) * sizeof(T) : 0);
  if (!bias_copy) return fail(PYNN_NO_MEMORY, "matmul: no memory for a copy of the bias");
  if (bias != nullptr) g.bias_col = static_cast<const T*>(bias->data);
  if (copy_bias) {
    T* to = bias_copy.as<T>();
    for (int64_t j = 0; j < g.n; ++j) to[j] = g.bias_col[j * s.bias[bias->ndim - 1]];
    g.bias_col = to;
  }

  int leading = out.ndim - 2;
  if (leading == 0) return pynn::matmul::gemm(g);
  align_leading(a, s.a, leading, lead.a);
  align_leading(b, s.b, leading, lead.b);
  // One b for rows that follow one another in a and out: a single taller product.
  while (leading > 0 && out.shape[leading - 1] > 0) {
    const int64_t size = out.shape[leading - 1];
    const bool rows_follow =
        (g.m == 1 || (lead.a[leading - 1] == g.m * g.a_row && s.out[leading - 1] == g.m * g.c_row));
    if (size > 1) {
      if (lead.b[leading - 1] != 0 || !rows_follow) break;
      if (g.m == 1) {
        g.a_row = lead.a[leading - 1];
        g.c_row = s.out[leading - 1];
      }
      g.m *= size;
    }
    --leading;
  }
  int64_t count = 1;
  for (int i = 0; i < leading; ++i) count *= out.shape[i];
  if (count == 0) return PYNN_OK;
  if (count == 1) return pynn::matmul::gemm(g);

  const size_t bytes = size_t(3 * count) * sizeof(int64_t);
  const Scratch offsets(bytes);
  if (!offsets) return fail(PYNN_NO_MEMORY, "matmul: no memory for %zu bytes of scratch space", bytes);
  int64_t *oa = offsets.as<int64_t>(), *ob = oa + count, *oc = ob + count;
  int64_t index[PYNN_MAX_DIMS] = {}, at_a = 0, at_b = 0, at_c = 0;
  for (int64_t i = 0; i < count; ++i) {
    oa[i] = at_a;
    ob[i] = at_b;
    oc[i] = at_c;
    for (int d = leading - 1; d >= 0; --d) {
      at_a += lead.a[d];
      at_b += lead.b[d];
      at_c += s.out[d];
      if (++index[d] < out.shape[d]) break;
      at_a -= lead.a[d] * index[d];
      at_b -= lead.b[d] * index[d];
      at_c -= s.out[d] * index[d];
      index[d] = 0;
    }
  }
  return pynn::matmul::gemm_batch(g, count, oa, ob, oc);
}

template <class T>
pynn_status run_gemm(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                     int64_t b_row, int64_t b_col, const T* bias, pynn_activation act, T alpha, T beta, T* c,
                     int64_t c_row, int64_t c_col) {
  if (m < 0 || n < 0 || k < 0) {
    return fail(PYNN_INVALID, "gemm: m, n, k are %lld, %lld, %lld: sizes cannot be negative", (long long)m,
                (long long)n, (long long)k);
  }
  if (const pynn_status status = check_activation("gemm", act)) return status;
  if (m == 0 || n == 0) return PYNN_OK;
  if (c == nullptr || (k > 0 && (a == nullptr || b == nullptr))) {
    return fail(PYNN_INVALID, "gemm: a null pointer for a matrix that is not empty");
  }
  return pynn::matmul::gemm(
      Gemm<T>{m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, c_col, nullptr, bias, alpha, beta, act});
}

template <class T>
pynn_status run_column_sum(const pynn_array& x, double beta, pynn_array& out) {
  int64_t s[PYNN_MAX_DIMS], so[PYNN_MAX_DIMS];
  if (!element_strides(x, s) || !element_strides(out, so)) return unaligned_strides(kColumnSum);
  const int64_t n = x.shape[x.ndim - 1], out_step = out.ndim ? so[out.ndim - 1] : 0;
  const T* data = static_cast<const T*>(x.data);
  T* to = static_cast<T*>(out.data);
  // Leading dimensions that follow one another are one; any left over are added one after the other.
  int leading = x.ndim - 1;
  int64_t rows = 1, row = 0;
  while (leading > 0) {
    const int64_t size = x.shape[leading - 1];
    if (size != 1) {
      if (rows != 1 && s[leading - 1] != rows * row) break;
      if (rows == 1) row = s[leading - 1];
      rows *= size;
    }
    --leading;
  }
  int64_t count = 1;
  for (int i = 0; i < leading; ++i) count *= x.shape[i];
  if (count == 0) rows = 0;
  int64_t index[PYNN_MAX_DIMS] = {}, at = 0;
  for (int64_t i = 0; i == 0 || i < count; ++i) {
    const pynn_status status = pynn::matmul::column_sum<T>(
        rows, n, rows ? data + at : data, row, s[x.ndim - 1], i == 0 ? T(beta) : T(1), to, out_step);
    if (status != PYNN_OK) return status;
    for (int d = leading - 1; d >= 0; --d) {
      at += s[d];
      if (++index[d] < x.shape[d]) break;
      at -= s[d] * index[d];
      index[d] = 0;
    }
  }
  return PYNN_OK;
}

// A 16-bit array as row-major float32 in arena memory; last two dimensions stay as they lie where they are
// transposed.
class Widened {
 public:
  explicit Widened(const pynn_array& x) : scratch_(size_t(element_count(x)) * sizeof(float)), array_(x) {
    int64_t step = sizeof(float), own[PYNN_MAX_DIMS];
    byte_strides(x, own);
    int order[PYNN_MAX_DIMS];
    for (int i = 0; i < x.ndim; ++i) order[i] = x.ndim - 1 - i;
    if (x.ndim >= 2 && own[x.ndim - 2] < own[x.ndim - 1]) order[0] = x.ndim - 2, order[1] = x.ndim - 1;
    for (int i = 0; i < x.ndim; ++i) {
      strides_[order[i]] = step;
      step *= x.shape[order[i]];
    }
    array_.data = scratch_.as<float>();
    array_.strides = strides_;
    array_.dtype = PYNN_FLOAT32;
  }
  Widened(const Widened&) = delete;
  Widened& operator=(const Widened&) = delete;
  explicit operator bool() const { return bool(scratch_); }
  pynn_array& get() { return array_; }

 private:
  Scratch scratch_;
  pynn_array array_;
  int64_t strides_[PYNN_MAX_DIMS];
};

pynn_status no_copy() {
  return fail(PYNN_NO_MEMORY, "matmul: no memory for float32 copies of 16-bit arrays");
}

// Few rows against a large matrix b (or a large matrix a against few columns): all but the large one is widened here,
// that one block by block in the cache. False, and nothing is done, where the product is none such.
bool run_few(const pynn_array& a, const pynn_array& b, const pynn_array* bias, pynn_activation act, double alpha,
             double beta, pynn_array& out, pynn_status* status) {
  int64_t sa[PYNN_MAX_DIMS], sb[PYNN_MAX_DIMS];
  if (b.ndim != 2 || out.ndim != a.ndim || !element_strides(a, sa) || !element_strides(b, sb)) return false;
  if (element_count(a) == 0 || element_count(out) != element_count(a) / b.shape[0] * b.shape[1]) return false;
  Gemm<float> g = {};
  g.k = b.shape[0], g.n = b.shape[1], g.m = element_count(a) / g.k;
  const bool large_a = g.m > g.n;
  if (a.ndim > 2 && large_a) return false;
  g.a_row = large_a ? sa[0] : g.k, g.a_col = large_a ? sa[1] : 1;
  g.b_row = large_a ? 1 : sb[0], g.b_col = large_a ? g.k : sb[1];
  g.c_row = g.n, g.c_col = 1;
  g.alpha = float(alpha), g.beta = float(beta), g.act = act;
  if (!pynn::matmul::few_enough(g)) return false;

  const pynn_array &small = large_a ? b : a, &large = large_a ? a : b;
  const Scratch wide(size_t(element_count(small)) * sizeof(float)), sums(size_t(g.m * g.n) * sizeof(float));
  Widened wide_bias(bias != nullptr ? *bias : pynn_array{});
  if (!wide || !sums || !wide_bias) {
    *status = no_copy();
    return true;
  }
  const int64_t along_k[] = {4, 4 * g.k};
  pynn_array few = {wide.as<float>(), small.shape, large_a ? along_k : nullptr, small.ndim, PYNN_FLOAT32},
             result = {sums.as<float>(), out.shape, nullptr, out.ndim, PYNN_FLOAT32};
  pynn::half::convert(small, few);
  if (beta != 0) pynn::half::convert(out, result);
  if (bias != nullptr) {
    pynn::half::convert(*bias, wide_bias.get());
    g.bias_col = static_cast<const float*>(wide_bias.get().data);
  }
  (large_a ? g.b : g.a) = wide.as<float>();
  g.c = sums.as<float>();
  *status = pynn::matmul::gemm_few(g, large.dtype, static_cast<const uint16_t*>(large.data));
  if (*status == PYNN_OK) pynn::half::convert(result, out);
  return true;
}

// Products of 16-bit floats where the CPU has none of its own: float32 copies, and one rounding at the end.
pynn_status run_half(const pynn_array& a, const pynn_array& b, const pynn_array* bias, pynn_activation act,
                     double alpha, double beta, pynn_array& out) {
  pynn_status few;
  if (run_few(a, b, bias, act, alpha, beta, out, &few)) return few;
  Widened wide_a(a), wide_b(b), wide_out(out), wide_bias(bias != nullptr ? *bias : pynn_array{});
  if (!wide_a || !wide_b || !wide_out || !wide_bias) return no_copy();
  pynn::half::convert(a, wide_a.get());
  pynn::half::convert(b, wide_b.get());
  if (bias != nullptr) pynn::half::convert(*bias, wide_bias.get());
  if (beta != 0) pynn::half::convert(out, wide_out.get());
  const pynn_status status =
      run<float>(wide_a.get(), wide_b.get(), bias != nullptr ? &wide_bias.get() : nullptr, act, alpha, beta,
                 wide_out.get());
  if (status == PYNN_OK) pynn::half::convert(wide_out.get(), out);
  return status;
}

pynn_status column_sum_half(const pynn_array& x, double beta, pynn_array& out) {
  Widened wide_x(x), wide_out(out);
  if (!wide_x || !wide_out) return no_copy();
  pynn::half::convert(x, wide_x.get());
  if (beta != 0) pynn::half::convert(out, wide_out.get());
  const pynn_status status = run_column_sum<float>(wide_x.get(), beta, wide_out.get());
  if (status == PYNN_OK) pynn::half::convert(wide_out.get(), out);
  return status;
}

// Whether all arrays are of one 16-bit dtype.
bool all_half(const pynn_array* const* arrays, int count) {
  if (!pynn::half::is_half(arrays[0]->dtype)) return false;
  for (int i = 1; i < count; ++i) {
    if (arrays[i] != nullptr && arrays[i]->dtype != arrays[0]->dtype) return false;
  }
  return true;
}

}  // namespace

extern "C" {

pynn_status pynn_matmul(const pynn_array* a, const pynn_array* b, const pynn_array* bias, pynn_activation act,
                        double alpha, double beta, pynn_array* out) {
  pynn_status status;
  if ((status = check_array(kMatmul, "a", a, 2)) != PYNN_OK) return status;
  if ((status = check_array(kMatmul, "b", b, 2)) != PYNN_OK) return status;
  if ((status = check_array(kMatmul, "out", out, 2)) != PYNN_OK) return status;
  if (bias != nullptr && (status = check_array(kMatmul, "bias", bias, 1)) != PYNN_OK) return status;
  if ((status = check_activation(kMatmul, act)) != PYNN_OK) return status;
  const char* const names[] = {"a", "b", "out", "bias", nullptr};
  const pynn_array* const arrays[] = {a, b, out, bias};
  const bool half = all_half(arrays, 4);
  if (!half && (status = check_float_dtypes(kMatmul, names, arrays)) != PYNN_OK) return status;
  if ((status = check_shapes(*a, *b, bias, *out)) != PYNN_OK) return status;
  if (half) {
    return a->dtype == PYNN_BFLOAT16 && pynn::has_bf16_dot()
               ? run<bfloat16>(*a, *b, bias, act, alpha, beta, *out)
               : run_half(*a, *b, bias, act, alpha, beta, *out);
  }
  return is_float32(*a) ? run<float>(*a, *b, bias, act, alpha, beta, *out)
                        : run<double>(*a, *b, bias, act, alpha, beta, *out);
}

pynn_status pynn_gemm_f32(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_row, int64_t a_col,
                          const float* b, int64_t b_row, int64_t b_col, const float* bias,
                          pynn_activation act, float alpha, float beta, float* c, int64_t c_row,
                          int64_t c_col) {
  return run_gemm<float>(m, n, k, a, a_row, a_col, b, b_row, b_col, bias, act, alpha, beta, c, c_row, c_col);
}

pynn_status pynn_gemm_f64(int64_t m, int64_t n, int64_t k, const double* a, int64_t a_row, int64_t a_col,
                          const double* b, int64_t b_row, int64_t b_col, const double* bias,
                          pynn_activation act, double alpha, double beta, double* c, int64_t c_row,
                          int64_t c_col) {
  return run_gemm<double>(m, n, k, a, a_row, a_col, b, b_row, b_col, bias, act, alpha, beta, c, c_row, c_col);
}

pynn_status pynn_column_sum(const pynn_array* x, double beta, pynn_array* out) {
  pynn_status status;
  if ((status = check_array(kColumnSum, "x", x, 1)) != PYNN_OK) return status;
  if ((status = check_array(kColumnSum, "out", out)) != PYNN_OK) return status;
  const char* const names[] = {"x", "out", nullptr};
  const pynn_array* const arrays[] = {x, out};
  const bool half = all_half(arrays, 2);
  if (!half && (status = check_float_dtypes(kColumnSum, names, arrays)) != PYNN_OK) return status;
  const int64_t n = x->shape[x->ndim - 1];
  if (element_count(*out) != n || (out->ndim > 0 && out->shape[out->ndim - 1] != n)) {
    return fail(PYNN_INVALID, "column_sum: x has shape %s and out %s: expected (%lld,)",
                ShapeText(*x).c_str(), ShapeText(*out).c_str(), (long long)n);
  }
  if (half) return column_sum_half(*x, beta, *out);
  return is_float32(*x) ? run_column_sum<float>(*x, beta, *out) : run_column_sum<double>(*x, beta, *out);
}

}  // extern "C"
