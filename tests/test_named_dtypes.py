"""dtypes that are names alone."""

import pickle

import pytest

import pynn
from pynn import _named_dtypes


@pytest.mark.parametrize("name", _named_dtypes.NAMED)
def test_a_name_compares_prints_and_pickles_but_makes_no_tensor(name):
    found = getattr(pynn, name)
    assert isinstance(found, pynn.dtype)
    assert found is not pynn.float32
    assert found != pynn.ones(2).dtype
    assert pickle.loads(pickle.dumps(found)) is found
    with pytest.raises(NotImplementedError, match=f"pynn.{found.name}: .* out of pynn's scope"):
        pynn.zeros(2, dtype=found)
    with pytest.raises(NotImplementedError, match="out of pynn's scope"):
        pynn.ones(2).to(found)
    with pytest.raises(AttributeError):
        _ = found.other


def test_what_torch_says_of_them():
    assert (pynn.complex64.is_complex, pynn.complex64.is_floating_point, pynn.complex64.itemsize) == (True, False, 8)
    assert pynn.cfloat is pynn.complex64
    assert (pynn.float8_e5m2.is_floating_point, pynn.float8_e5m2.itemsize) == (True, 1)
    assert not pynn.uint16.is_signed
    assert repr(pynn.qint8) == "pynn.qint8"


def test_as_torch():
    torch = pytest.importorskip("torch")
    for name in _named_dtypes.NAMED:
        ours, theirs = getattr(pynn, name), getattr(torch, name)
        assert (ours.is_complex, ours.is_floating_point, ours.itemsize) == (
            theirs.is_complex,
            theirs.is_floating_point,
            theirs.itemsize,
        ), name
