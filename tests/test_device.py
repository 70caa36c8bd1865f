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


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        (("",), RuntimeError, "must not be empty"),
        (("cuda:-1",), RuntimeError, "Invalid device string: 'cuda:-1'"),
        (("cuda:01",), RuntimeError, "Invalid device string"),
        (("cuda:",), RuntimeError, "Invalid device string"),
        (("cpu", -1), RuntimeError, "must not be negative"),
        (("cuda:1", 1), RuntimeError, "must not include an index"),
        ((None,), TypeError, "must be str, not NoneType"),
        ((1.5,), TypeError, "must be str, not float"),
        ((0,), RuntimeError, "when none is available"),
    ],
)
def test_what_is_no_device(args, error, text):
    with pytest.raises(error, match=text):
        pynn.device(*args)


def test_as_a_block_and_a_decorator():
    with pynn.device("cpu") as device:
        assert pynn.zeros(2).device == device

    @pynn.device("cpu")
    def f():
        return 3

    assert f() == 3
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"), pynn.device("cuda"):
        pass
    with pytest.raises(RuntimeError, match="tensors without values are out of pynn's scope"):
        pynn.ones(2, device="meta")
    assert pynn.device(type="mps", index=1).index == 1
