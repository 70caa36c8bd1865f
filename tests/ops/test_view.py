"""Views: what shares memory, and gradients through them."""

import numpy
import pytest

import pynn
from pynn.ops.view import can_view


@pytest.mark.parametrize("size", [8, 300])  # 300 squared is copied by all threads
def test_gradient_of_a_view_is_reshaped_however_it_lies(size):
    x = pynn.randn(size * size, requires_grad=True)
    g = pynn.randn(size, size)
    (x.view(size, size).transpose(0, 1) * g).sum().backward()
    assert pynn.equal(x.grad, g.t().reshape(-1))


def test_gradient_of_a_view_that_was_expanded():
    x = pynn.ones(200, 300, requires_grad=True)
    x.view(300, 200).sum().backward()
    assert pynn.equal(x.grad, pynn.ones(200, 300))


def test_views_share_memory():
    x = pynn.zeros(2, 3, 4)
    for made in (
        x.view(6, 4),
        x.permute(2, 0, 1),
        x.transpose(0, 2),
        *x.split(2, 1),
        *x.chunk(2, 2),
        *x.unbind(1),
        x[1],
    ):
        assert numpy.shares_memory(made.numpy(), x.numpy())
        made += 1
    assert x.min() == 6


def test_can_view():
    owned = numpy.zeros((4, 6))
    for array in (owned, owned[:, :4], owned.T, owned[::2], owned[:, ::2]):
        for shape in ((array.size,), (2, -1), (-1, 1, 2), array.shape):
            made = array.reshape(shape)
            assert can_view(array, made.shape) == numpy.shares_memory(array, made)
    assert can_view(numpy.zeros((0, 3)).T, (0,))


def test_permute_wants_each_dimension_once():
    with pytest.raises(RuntimeError, match="every one of the 3 dimensions once"):
        pynn.zeros(2, 3, 4).permute(0, 1, 1)


def test_split_refuses_sizes_below_zero():
    with pytest.raises(RuntimeError, match=r"only non-negative entries, but got split_sizes=\[5, -1\]"):
        pynn.zeros(4).split([5, -1])


def test_size_takes_ints_alone():
    assert pynn.Size([pynn.tensor(2), 3]) == (2, 3)
    assert all(type(n) is int for n in pynn.Size(pynn.tensor([2, 3])))
    for wrong in ([1.5], pynn.ones(2), [True]):
        with pytest.raises(TypeError, match="iterable of 'int'"):
            pynn.Size(wrong)
    assert pynn.ones(1).new(pynn.Size([2, 3])).shape == (2, 3)


def test_ravel_is_contiguous():
    assert pynn.zeros(10)[::2].ravel().is_contiguous()
