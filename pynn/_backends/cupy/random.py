"""Random numbers on the GPU, the CPU's bits (`pynn._random`): each element computes its own Philox words.

Normal numbers take the steps of `pynn._box_muller`, each rounded once: compiled without fused multiply-adds.
"""

import functools
import math
from typing import Any

import numpy

from pynn import _box_muller, _gpu

_PHILOX = r"""
__device__ inline void pynn_philox(unsigned long long seed, unsigned long long counter, unsigned int *w) {
  unsigned int c0 = (unsigned int)counter, c1 = (unsigned int)(counter >> 32), c2 = 0, c3 = 0;
  unsigned int k0 = (unsigned int)seed, k1 = (unsigned int)(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const unsigned int h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
    const unsigned int h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
    c0 = h1 ^ c1 ^ k0;
    c1 = l1;
    c2 = h0 ^ c3 ^ k1;
    c3 = l0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  w[0] = c0; w[1] = c1; w[2] = c2; w[3] = c3;
}
"""
_ONE_WORD = "unsigned int w[4]; pynn_philox(seed, offset + i / 4, w); const unsigned int word = w[i % 4];"
_TWO_WORDS = (
    "unsigned int w[4]; pynn_philox(seed, offset + i / 2, w); const unsigned int first = w[2 * (i % 2)], "
    "second = w[2 * (i % 2) + 1];"
)


def _polynomial(name: str, coefficients: Any, x: str) -> str:
    suffix = "f" if name == "float" else ""
    out = f"({float(coefficients[-1]).hex()}{suffix})"
    for c in coefficients[-2::-1]:
        out = f"({out} * {x} + ({float(c).hex()}{suffix}))"
    return out


def _normal_code() -> str:
    """The C++ of `pynn._box_muller`, of its own constants."""
    b = _box_muller
    return f"""
__device__ inline float pynn_log(unsigned int word) {{
  const int bits = __float_as_int((float)word + 1.0f) - 0x3F3504F3;
  const int e = (bits >> 23) - 32;
  float f = __int_as_float((bits & 0x7FFFFF) + 0x3F3504F3) - 1.0f;
  if (e == 0) f = -(float)(~word) * {2.0**-32}f;
  const float scale = (float)e, f2 = f * f;
  float y = scale * ({float(b._LN2_32[1]).hex()}f) + f2 * f * {_polynomial("float", b._LOG32, "f")};
  y = f2 * -0.5f + y;
  return scale * ({float(b._LN2_32[0]).hex()}f) + (f + y);
}}
__device__ inline double pynn_log_double(unsigned int word) {{
  const long long bits = __double_as_longlong((double)word + 1.0) - 0x3FE6A09E667F3BCDLL;
  const double e = (double)((bits >> 52) - 32);
  const double f = __longlong_as_double((bits & 0xFFFFFFFFFFFFFLL) + 0x3FE6A09E667F3BCDLL) - 1.0;
  const double s = f / (2.0 + f), z = s * s, half = f * f * 0.5;
  const double y = s * (half + z * {_polynomial("double", b._LOG64, "z")}) + e * ({b._LN2_64[1].hex()});
  return e * ({b._LN2_64[0].hex()}) + (f + (y - half));
}}
__device__ inline float pynn_cos(unsigned int word) {{
  const unsigned int quarter = (word + (1u << 29)) >> 30;
  const float y = (float)(int)(word - (quarter << 30)) * {2.0**-29}f, y2 = y * y;
  const float value = quarter & 1 ? y * {_polynomial("float", b._SIN32, "y2")} : y2 * {_polynomial("float", b._COS32, "y2")} + 1.0f;
  return (quarter + 1) & 2 ? -value : value;
}}
__device__ inline double pynn_cos_double(unsigned int word) {{
  const unsigned int quarter = (word + (1u << 29)) >> 30;
  const double y = (double)(int)(word - (quarter << 30)) * {2.0**-29}, y2 = y * y;
  const double value = quarter & 1 ? y * {_polynomial("double", b._SIN64, "y2")} : y2 * {_polynomial("double", b._COS64, "y2")} + 1.0;
  return (quarter + 1) & 2 ? -value : value;
}}
"""


@functools.cache
def _kernel(name: str) -> Any:
    """A kernel of (seed, offset, ..., out)."""
    extra, kind, body = {
        "words": ("", "uint32", _ONE_WORD + "out = word;"),
        "uniform": (
            ", uint32 shift, float32 scale", "float32", _ONE_WORD + "out = (float)(word >> shift) * scale;",
        ),
        "uniform_double": (
            "", "float64",
            _TWO_WORDS + "out = (double)((((unsigned long long)first << 21) ^ (second >> 11)) & ((1ULL << 53) - 1)) * "
            "1.1102230246251565e-16;",
        ),
        "integers": (
            ", uint64 span, int64 low", "int64",
            _TWO_WORDS + "out = (long long)((((unsigned long long)first << 32) | second) % span) + low;",
        ),
        "normal": ("", "float32", _TWO_WORDS + "out = sqrtf(pynn_log(first) * -2.0f) * pynn_cos(second) + 0.0f;"),
        "normal_double": (
            "", "float64", _TWO_WORDS + "out = sqrt(pynn_log_double(first) * -2.0) * pynn_cos_double(second) + 0.0;",
        ),
    }[name]  # fmt: skip
    preamble = _PHILOX + (_normal_code() if name.startswith("normal") else "")
    return _gpu.cupy().ElementwiseKernel(
        "uint64 seed, uint64 offset" + extra, f"{kind} out", body, f"pynn_{name}", preamble=preamble, options=("--fmad=false",)
    )


def _draw(name: str, seed: int, offset: int, shape: Any, dtype: str, *extra: Any) -> Any:
    out = _gpu.cupy().empty(math.prod(shape), dtype)
    if out.size:
        _kernel(name)(numpy.uint64(seed), numpy.uint64(offset), *extra, out)
    return out.reshape(tuple(shape))


def philox(seed: int, offset: int, count: int) -> Any:
    """`count` random uint32 words of the stream `seed` from counter `offset` on."""
    return _draw("words", seed, offset, (count,), "uint32")


def uniform(seed: int, offset: int, shape: Any, dtype: Any) -> Any:
    """Uniform numbers in [0, 1), of as many bits as the dtype has below 1."""
    kind = numpy.dtype(dtype)
    if kind == numpy.float64:
        return _draw("uniform_double", seed, offset, shape, "float64")
    bits = 24 if kind.itemsize > 2 else 11 if kind.kind == "f" else 8
    found = _draw("uniform", seed, offset, shape, "float32", numpy.uint32(32 - bits), numpy.float32(2.0**-bits))
    return found.astype(kind, copy=False)


def normal(seed: int, offset: int, shape: Any, dtype: Any) -> Any:
    """Standard normal numbers; float64 or else by way of float32."""
    wide = numpy.dtype(dtype) == numpy.float64
    found = _draw("normal_double" if wide else "normal", seed, offset, shape, "float64" if wide else "float32")
    return found.astype(dtype, copy=False)


def randint(seed: int, offset: int, shape: Any, low: int, high: int, dtype: Any) -> Any:
    """Integers in [low, high)."""
    found = _draw("integers", seed, offset, shape, "int64", numpy.uint64(high - low), numpy.int64(low))
    return found.astype(dtype, copy=False)
