"""Tensors that carry a tangent."""

import numpy
import pytest

import pynn
from pynn.autograd import forward_ad as fw


def test_a_tangent_goes_through():
    x, t = pynn.tensor([0.5, -1.0]), pynn.tensor([1.0, 2.0])
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        y = fw.unpack_dual(dual.sin() * dual)
        numpy.testing.assert_allclose(y.primal, (x.sin() * x).numpy(), rtol=1e-6)
        numpy.testing.assert_allclose(y.tangent, ((x.cos() * x + x.sin()) * t).numpy(), rtol=1e-6)
        own = fw.unpack_dual(dual)
        assert pynn.equal(own.primal, x)
        assert own.tangent is t
        assert not y.tangent.requires_grad
    assert fw.unpack_dual(dual).tangent is None  # the level has ended


def test_against_the_jacobian():
    pynn.manual_seed(0)
    x, t = pynn.randn(4, dtype=pynn.float64), pynn.randn(4, dtype=pynn.float64)

    def f(x):
        return pynn.softmax(x, 0).cumsum(0) * x.exp()

    with fw.dual_level():
        tangent = fw.unpack_dual(f(fw.make_dual(x, t))).tangent
    numpy.testing.assert_allclose(tangent, (pynn.autograd.functional.jacobian(f, x) @ t).numpy(), rtol=1e-10)


def test_what_depends_on_no_dual_has_no_tangent():
    with fw.dual_level():
        fw.make_dual(pynn.ones(2), pynn.ones(2))
        other = pynn.ones(2, requires_grad=True) * 3
        assert fw.unpack_dual(other).tangent is None
        constant = fw.make_dual(pynn.ones(2), pynn.ones(2)) * 0 + 1
        assert pynn.equal(fw.unpack_dual(constant).tangent, pynn.zeros(2))


def test_the_tangent_of_a_parameters_product_has_a_gradient():
    w = pynn.tensor([2.0, 3.0], requires_grad=True)
    with fw.dual_level():
        dual = fw.make_dual(pynn.tensor([1.0, 1.0]), pynn.tensor([1.0, 10.0]))
        tangent = fw.unpack_dual(dual * w * w).tangent
    tangent.sum().backward()
    assert w.grad.tolist() == [4.0, 60.0]


def test_as_a_decorator():
    @fw.dual_level()
    def tangent(x, t):
        return fw.unpack_dual(fw.make_dual(x, t) ** 2).tangent

    assert tangent(pynn.tensor([3.0]), pynn.tensor([1.0])).tolist() == [6.0]


def test_a_tangent_of_another_dtype():
    with fw.dual_level():
        dual = fw.make_dual(pynn.ones(2, dtype=pynn.float64), pynn.ones(2))
        assert fw.unpack_dual(dual).tangent.dtype is pynn.float32
        assert fw.unpack_dual(dual * 3).tangent.tolist() == [3.0, 3.0]


def test_misuse():
    x = pynn.ones(2)
    with pytest.raises(RuntimeError, match="outside of a dual level"):
        fw.make_dual(x, x)
    with pytest.raises(RuntimeError, match="exit a forward AD level"):
        fw.exit_dual_level()
    with fw.dual_level():
        with pytest.raises(RuntimeError, match="Nested forward mode AD"):
            fw.enter_dual_level()
        with pytest.raises(RuntimeError, match="different size"):
            fw.make_dual(x, pynn.ones(3))
        with pytest.raises(ValueError, match="floating point"):
            fw.make_dual(pynn.ones(2, dtype=pynn.int64), x)
        with pytest.raises(TypeError, match="two Tensors"):
            fw.make_dual(x, 1.0)
    assert fw.enter_dual_level() == 0
    fw.exit_dual_level(level=0)
