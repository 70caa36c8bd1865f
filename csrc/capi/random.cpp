// Argument checks of pynn/random.h.
#include "kernels/random/random.h"

#include "capi/arrays.h"
#include "pynn/random.h"

namespace {

using namespace pynn;
using namespace pynn::capi;
using pynn::random::Stream;

pynn_status check_output(const char* function, const pynn_array* out) {
  if (pynn_status status = check_array(function, "out", out)) return status;
  return check_contiguous(function, "out", *out);
}

pynn_status check_count(const char* function, int64_t n, const void* out) {
  if (n < 0) return fail(PYNN_INVALID, "%s: n is %lld: expected 0 or more", function, (long long)n);
  if (n > 0 && out == nullptr) return fail(PYNN_INVALID, "%s: out is a null pointer", function);
  return PYNN_OK;
}

pynn_status no_kernel(const char* function, const pynn_array& out) {
  return fail(PYNN_UNSUPPORTED, "%s: out is %s: expected float32 or float64", function,
              dtype_name(out.dtype));
}

}  // namespace

extern "C" {

pynn_status pynn_random_words(uint64_t seed, uint64_t offset, int64_t n, uint32_t* out) {
  if (pynn_status status = check_count("pynn_random_words", n, out)) return status;
  random::words({seed, offset}, n, out);
  return PYNN_OK;
}

pynn_status pynn_uniform(uint64_t seed, uint64_t offset, double low, double high, pynn_array* out) {
  if (pynn_status status = check_output("pynn_uniform", out)) return status;
  const Stream s{seed, offset};
  if (out->dtype == PYNN_FLOAT32) {
    random::uniform(s, element_count(*out), float(low), float(high - low), data<float>(out));
  } else if (out->dtype == PYNN_FLOAT64) {
    random::uniform(s, element_count(*out), low, high - low, data<double>(out));
  } else {
    return no_kernel("pynn_uniform", *out);
  }
  return PYNN_OK;
}

pynn_status pynn_normal(uint64_t seed, uint64_t offset, double mean, double std, pynn_array* out) {
  if (pynn_status status = check_output("pynn_normal", out)) return status;
  const Stream s{seed, offset};
  if (out->dtype == PYNN_FLOAT32) {
    random::normal(s, element_count(*out), float(mean), float(std), data<float>(out));
  } else if (out->dtype == PYNN_FLOAT64) {
    random::normal(s, element_count(*out), mean, std, data<double>(out));
  } else {
    return no_kernel("pynn_normal", *out);
  }
  return PYNN_OK;
}

pynn_status pynn_bernoulli(uint64_t seed, uint64_t offset, double p, pynn_array* out) {
  if (pynn_status status = check_output("pynn_bernoulli", out)) return status;
  const Stream s{seed, offset};
  const int64_t n = element_count(*out);
  switch (out->dtype) {
    case PYNN_FLOAT32:
      random::bernoulli(s, n, float(p), data<float>(out));
      return PYNN_OK;
    case PYNN_FLOAT64:
      random::bernoulli(s, n, float(p), data<double>(out));
      return PYNN_OK;
    case PYNN_BOOL:
    case PYNN_UINT8:
      random::flags(s, n, float(p), data<uint8_t>(out));
      return PYNN_OK;
    default:
      return no_kernel("pynn_bernoulli", *out);
  }
}

pynn_status pynn_random_integers(uint64_t seed, uint64_t offset, int64_t low, int64_t high, int64_t n,
                                 int64_t* out) {
  if (pynn_status status = check_count("pynn_random_integers", n, out)) return status;
  if (low >= high) {
    return fail(PYNN_INVALID, "pynn_random_integers: range is %lld to %lld: expected low < high",
                (long long)low, (long long)high);
  }
  random::integers({seed, offset}, n, low, uint64_t(high) - uint64_t(low), out);
  return PYNN_OK;
}

pynn_status pynn_permutation(uint64_t seed, uint64_t offset, int64_t n, int64_t* out) {
  if (pynn_status status = check_count("pynn_permutation", n, out)) return status;
  if (n > int64_t(1) << 32) {
    return fail(PYNN_UNSUPPORTED, "pynn_permutation: n is %lld: expected at most 2^32", (long long)n);
  }
  if (!random::permutation({seed, offset}, n, out)) {
    return fail(PYNN_NO_MEMORY, "pynn_permutation: no memory for %lld keys", (long long)n);
  }
  return PYNN_OK;
}

pynn_status pynn_dropout(uint64_t seed, uint64_t offset, double p, const pynn_array* x, pynn_array* out) {
  if (pynn_status status = check_array("pynn_dropout", "x", x)) return status;
  if (pynn_status status = check_contiguous("pynn_dropout", "x", *x)) return status;
  if (pynn_status status = check_output("pynn_dropout", out)) return status;
  if (!same_shape(*x, *out) || x->dtype != out->dtype) {
    return fail(PYNN_INVALID, "pynn_dropout: x is %s %s and out %s %s: expected the same",
                dtype_name(x->dtype), ShapeText(*x).c_str(), dtype_name(out->dtype), ShapeText(*out).c_str());
  }
  if (!(p >= 0 && p < 1)) return fail(PYNN_INVALID, "pynn_dropout: p is %g: expected 0 <= p < 1", p);
  const Stream s{seed, offset};
  const int64_t n = element_count(*x);
  if (x->dtype == PYNN_FLOAT32) {
    random::dropout(s, n, float(p), float(1 / (1 - p)), data<float>(x), data<float>(out));
  } else if (x->dtype == PYNN_FLOAT64) {
    random::dropout(s, n, float(p), 1 / (1 - p), data<double>(x), data<double>(out));
  } else {
    return no_kernel("pynn_dropout", *out);
  }
  return PYNN_OK;
}

}  // extern "C"
