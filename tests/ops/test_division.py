"""Division of integers by zero, and three-operand functions of integers, as torch has them."""

import numpy as np
import pytest

import pynn


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod", "floor_divide_", "remainder_", "fmod_"])
@pytest.mark.parametrize("divisor", [0, pynn.tensor([1, 0])])
def test_integers_by_zero(name, divisor):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        getattr(pynn.tensor([4, 5]), name)(divisor)


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_floats_by_zero_are_no_error(name):
    assert not getattr(pynn.tensor([4.0, 5.0]), name)(0).isfinite().any()


def test_addcmul_keeps_integers():
    x = pynn.tensor([1, 2])
    assert pynn.addcmul(x, x, x, value=2).tolist() == [3, 10]
    assert pynn.addcmul(x, x, x).dtype == pynn.int64


def test_a_comparison_of_tracked_tensors_is_not_tracked():
    x = pynn.tensor([1.0, -2.0], requires_grad=True)
    assert not (x > 0).requires_grad
    assert not x.eq(x).requires_grad


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_float_has_a_quotient_by_zero(dtype):
    x = pynn.tensor([1.0, -2.0], dtype=getattr(pynn, dtype))
    assert (x // 0).tolist() == [float("inf"), -float("inf")]
    assert x.remainder_(0).isnan().all()


@pytest.mark.parametrize("function", [lambda x, s: x / s, lambda x, s: s / x, lambda x, s: x * s, lambda x, s: x**s])
def test_a_numpy_number_leaves_the_gradients_dtype(function):
    found = []
    for number in (4.0, np.float64(4.0)):  # a float for isinstance, yet float32 arrays by it are float64
        x = pynn.tensor([1.0, 2.0], requires_grad=True)
        (grad,) = pynn.autograd.grad(function(x, number).sum(), x, create_graph=True)
        function(x, number).sum().backward()
        assert grad.dtype == x.grad.dtype == pynn.float32
        found.append(x.grad.tolist())
    assert found[0] == found[1]
