"""What is not here says why."""

import pytest

import pynn


@pytest.mark.parametrize("name", ["export", "nested", "quantization", "sparse"])
def test_what_is_not_here_says_why(name):
    with pytest.raises(AttributeError, match=r"scope|compile"):
        getattr(pynn, name)


@pytest.mark.parametrize("name", ["to_sparse", "cfloat", "stft", "q_scale"])
def test_attributes_that_tensors_lack(name):
    assert not hasattr(pynn.ones(2), name)
    with pytest.raises(AttributeError, match=f"'Tensor' object has no attribute '{name}': .* out of pynn's scope"):
        getattr(pynn.ones(2), name)


def test_functions_that_torch_removed():
    with pytest.raises(AttributeError, match=r"'symeig': torch has removed it, too; use pynn\.linalg\.eigh"):
        pynn.symeig  # noqa: B018


def test_absent_attributes_are_not_listed():
    x = pynn.ones(2)
    assert "to_sparse" not in dir(x)
    assert "reshape" in dir(x)
    for name in dir(pynn.Tensor):
        getattr(pynn.Tensor, name)


def test_complex_data_says_why_it_is_refused():
    with pytest.raises(TypeError, match="complex128 to a tensor: complex tensors are out of pynn's scope"):
        pynn.tensor([1j])
