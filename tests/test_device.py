"""Devices are values."""

import pickle

import pytest

import pynn


def test_device_values():
    assert pynn.device("cuda:1") == pynn.device("cuda", 1)
    assert str(pynn.device("cuda:1")) == "cuda:1"
    assert repr(pynn.device("cpu")) == "device(type='cpu')"
    assert len({pynn.device("cpu"), pynn.device("cpu")}) == 1
    assert pickle.loads(pickle.dumps(pynn.device("cpu"))) == pynn.device("cpu")
    with pytest.raises(RuntimeError, match="at start of device string: 'tpu'"):
        pynn.device("tpu")
    with pytest.raises(RuntimeError, match="Invalid device string: 'cuda:x'"):
        pynn.device("cuda:x")
