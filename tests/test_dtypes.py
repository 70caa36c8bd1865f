"""dtypes and the default one."""

import copy
import pickle

import numpy as np
import pytest

import pynn


def test_dtypes_are_single_objects():
    assert pynn.float is pynn.float32
    assert pynn.zeros(2).dtype is pynn.float32
    assert copy.deepcopy(pynn.int64) is pynn.int64
    assert pickle.loads(pickle.dumps(pynn.bool)) is pynn.bool
    assert repr(pynn.float64) == "pynn.float64"
    assert (pynn.int8.is_signed, pynn.uint8.is_signed, pynn.half.is_floating_point) == (True, False, True)


def test_default_dtype():
    try:
        pynn.set_default_dtype(pynn.float64)
        assert pynn.tensor(1.0).dtype is pynn.float64
        assert pynn.zeros(1).dtype is pynn.float64
    finally:
        pynn.set_default_dtype(pynn.float32)
    with pytest.raises(TypeError, match="only floating-point types"):
        pynn.set_default_dtype(pynn.int32)


def test_what_is_no_dtype_is_named():
    with pytest.raises(TypeError, match="dtype must be a pynn dtype"):
        pynn.zeros(2, dtype="nonsense")
    with pytest.raises(TypeError, match="NumPy dtype complex128"):
        pynn.from_numpy(np.zeros(2, complex))
