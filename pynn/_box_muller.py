"""Standard normal numbers from pairs of random words, by Box and Muller's transform (Ann. Math. Stat. 29, 1958).

Only additions, products, divisions and square roots, each rounded once, in a stated order: every
backend and instruction set computes the same bits (csrc/kernels/random/normal.h has the same
steps). The numbers are within 4 ulp of the exact transform.
"""

from typing import Any

import numpy

_F32 = numpy.float32
# log(1 + f) - f + f^2 / 2, over f^3, for sqrt(1/2) <= 1 + f <= sqrt(2): a weighted minimax fit.
_LOG32 = [
    _F32(float.fromhex(c))
    for c in (
        "0x1.555554p-2", "-0x1.000226p-2", "0x1.99a01cp-3", "-0x1.54728ap-3", "0x1.22d92ep-3", "-0x1.0d8242p-3",
        "0x1.055ec4p-3", "-0x1.38c9d4p-4",
    )
]  # fmt: skip
_LN2_32 = _F32(float.fromhex("0x1.63p-1")), _F32(float.fromhex("-0x1.bd0106p-13"))
# sin(y pi / 4) / y and (cos(y pi / 4) - 1) / y^2 in powers of y^2, for |y| <= 1.
_SIN32 = [_F32(float.fromhex(c)) for c in ("0x1.921fb6p-1", "-0x1.4abbbap-4", "0x1.465ec4p-9", "-0x1.2d9b40p-15")]
_COS32 = [_F32(float.fromhex(c)) for c in ("-0x1.3bd3ccp-2", "0x1.03c1eap-6", "-0x1.55cb98p-12", "0x1.db6492p-19")]

# log((1 + s) / (1 - s)) = 2 s + s (2/3 s^2 + 2/5 s^4 + ...), for |s| <= 0.172.
_LOG64 = [2.0 / (2 * k + 1) for k in range(1, 11)]
_LN2_64 = float.fromhex("0x1.62e42fefp-1"), float.fromhex("0x1.473de6af278edp-34")
_SIN64 = [
    float.fromhex(c)
    for c in (
        "0x1.921fb54442d18p-1", "-0x1.4abbce625be53p-4", "0x1.466bc6775aae2p-9", "-0x1.32d2cce62bd86p-15",
        "0x1.50783487ee782p-22", "-0x1.e3074fde8871fp-30", "0x1.e8f434d018d63p-38", "-0x1.6fadb9f155744p-46",
    )
]  # fmt: skip
_COS64 = [
    float.fromhex(c)
    for c in (
        "-0x1.3bd3cc9be45dep-2", "0x1.03c1f081b5ac4p-6", "-0x1.55d3c7e3cbffap-12", "0x1.e1f506891babbp-19",
        "-0x1.a6d1f2a204a8cp-26", "0x1.f9d38a3763cc3p-34", "-0x1.b6e24f44b128fp-42", "0x1.20c62c2f2d7f5p-50",
    )
]  # fmt: skip


def _polynomial(x: Any, coefficients: Any) -> Any:
    out = coefficients[-1]
    for c in coefficients[-2::-1]:
        out = out * x + c
    return out


def _log32(words: Any) -> Any:
    """log((words + 1) / 2^32) in float32."""
    bits = (words.astype(_F32) + _F32(1)).view(numpy.int32) - numpy.int32(0x3F3504F3)
    e = (bits >> 23) - 32
    f = ((bits & 0x7FFFFF) + numpy.int32(0x3F3504F3)).view(_F32) - _F32(1)
    f = numpy.where(e == 0, -(~words).astype(_F32) * _F32(2.0**-32), f)  # near 1: no digit is lost
    e = e.astype(_F32)
    f2 = f * f
    y = e * _LN2_32[1] + f2 * f * _polynomial(f, _LOG32)
    y = f2 * _F32(-0.5) + y
    return e * _LN2_32[0] + (f + y)


def _log64(words: Any) -> Any:
    """log((words + 1) / 2^32) in float64."""
    bits = (words.astype(numpy.float64) + 1.0).view(numpy.int64) - numpy.int64(0x3FE6A09E667F3BCD)
    e = (bits >> 52) - 32
    f = ((bits & 0xFFFFFFFFFFFFF) + numpy.int64(0x3FE6A09E667F3BCD)).view(numpy.float64) - 1.0
    e = e.astype(numpy.float64)
    s = f / (2.0 + f)
    z = s * s
    half = f * f * 0.5
    y = s * (half + z * _polynomial(z, _LOG64)) + e * _LN2_64[1]
    return e * _LN2_64[0] + (f + (y - half))


def _cos(words: Any, dtype: Any) -> Any:
    """cos(2 pi words / 2^32)."""
    quarter = (words + numpy.uint32(1 << 29)) >> numpy.uint32(30)
    rest = (words - (quarter << numpy.uint32(30))).view(numpy.int32)
    y = rest.astype(dtype) * dtype(2.0**-29)
    y2 = y * y
    sine, cosine = (_SIN32, _COS32) if dtype is _F32 else (_SIN64, _COS64)
    value = numpy.where(quarter & numpy.uint32(1), y * _polynomial(y2, sine), y2 * _polynomial(y2, cosine) + dtype(1))
    return numpy.where((quarter + numpy.uint32(1)) & numpy.uint32(2), -value, value)


def normals(words: Any, dtype: Any) -> Any:
    """Standard normal numbers of float32 or float64 from uint32 words, two each."""
    first, second = words[0::2], words[1::2]
    if dtype == numpy.float64:
        return numpy.sqrt(_log64(first) * -2.0) * _cos(second, numpy.float64) + 0.0
    return numpy.sqrt(_log32(first) * _F32(-2)) * _cos(second, _F32) + _F32(0)  # + 0: no negative zero
