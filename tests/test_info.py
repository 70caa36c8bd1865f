"""finfo and iinfo."""

import pytest

import pynn


def test_limits():
    info = pynn.finfo(pynn.float32)
    assert (info.eps, info.max, info.tiny, info.bits) == (2.0**-23, 3.4028234663852886e38, 2.0**-126, 32)
    assert pynn.finfo().dtype == "float32"
    assert pynn.finfo(pynn.float16).min == -65504.0
    assert (pynn.iinfo(pynn.int64).max, pynn.iinfo(pynn.uint8).min, pynn.iinfo(pynn.int8).bits) == (2**63 - 1, 0, 8)
    assert info == pynn.finfo(pynn.float)
    assert info != pynn.finfo(pynn.float64)


def test_text():
    assert repr(pynn.finfo(pynn.float32)) == (
        "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, smallest_normal=1.17549e-38, "
        "tiny=1.17549e-38, dtype=float32)"
    )
    assert repr(pynn.iinfo(pynn.int8)) == "iinfo(min=-128, max=127, dtype=int8)"


def test_wrong_kind():
    with pytest.raises(TypeError, match="iinfo"):
        pynn.finfo(pynn.int32)
    with pytest.raises(TypeError, match="finfo"):
        pynn.iinfo(pynn.float32)


def test_dtypes_that_no_tensor_has():  # torch's numbers
    info = pynn.finfo(pynn.float8_e4m3fn)
    assert (info.bits, info.eps, info.max, info.min, info.tiny, info.dtype) == (
        8,
        0.125,
        448,
        -448,
        2.0**-6,
        "float8_e4m3fn",
    )
    assert [pynn.finfo(t).max for t in (pynn.float8_e5m2, pynn.float8_e4m3fnuz, pynn.float8_e5m2fnuz)] == [
        57344,
        240,
        57344,
    ]
    assert pynn.finfo(pynn.float8_e5m2).eps == 0.25
    assert pynn.finfo(pynn.float8_e4m3fn).resolution == 1.0
    assert pynn.finfo(pynn.complex64) == pynn.finfo(pynn.float32)
    assert pynn.finfo(pynn.cdouble).eps == 2.0**-52
    assert (pynn.iinfo(pynn.uint16).max, pynn.iinfo(pynn.uint64).max, pynn.iinfo(pynn.uint32).bits) == (
        65535,
        2**64 - 1,
        32,
    )
    with pytest.raises(NotImplementedError):
        pynn.finfo(pynn.float4_e2m1fn_x2)
    with pytest.raises(TypeError, match="iinfo"):
        pynn.finfo(pynn.uint16)
    assert pynn.finfo(pynn.float8_e5m2fnuz).eps == 0.125
