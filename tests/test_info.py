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
