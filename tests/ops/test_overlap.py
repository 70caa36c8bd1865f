"""Writes to memory that a tensor, or another one read with it, has twice."""

import pytest

import pynn

LINE = pynn.arange(6.0)


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x[1:].add_(x[:-1]),
        lambda x: x[1:].copy_(x[:-1]),
        lambda x: x.__setitem__(slice(1, None), x[:-1]),
        lambda x: x[:-1].mul_(x[1:]),
        lambda x: x[1:].lerp_(x[:-1], 0.5),
        lambda x: x[1:].addcmul_(x[:-1], x[:-1]),
        lambda x: x.view(2, 3).mul_(x[:3]),
        lambda x: x.div_(x[0]),
        lambda x: x[:4].view(2, 2).add_(x[:4].view(2, 2).t()),
        lambda x: x[1:].pow_(x[:-1]),
    ],
)
def test_reading_a_part_of_what_is_written_is_refused(write):
    x = LINE.clone()
    with pytest.raises(RuntimeError, match="some elements of the input tensor and the written-to tensor"):
        write(x)
    assert pynn.equal(x, LINE)


def test_the_same_elements_and_other_elements_are_fine():
    x = LINE.clone()
    assert x.add_(x).tolist() == [0, 2, 4, 6, 8, 10]
    assert x[::2].add_(x[1::2]).tolist() == [2, 10, 18]
    assert x[:3].copy_(x[3:]).tolist() == [6, 18, 10]
    y = pynn.arange(9.0).view(3, 3)
    assert y[0].add_(y[1]).tolist() == [3, 5, 7]
    assert y.mul_(y).tolist()[2] == [36, 49, 64]


@pytest.mark.parametrize("write", ["add_", "copy_", "relu_", "normal_", "mul_"])
def test_writing_to_an_expanded_tensor_is_refused(write):
    x = pynn.ones(3, 1).expand(3, 4)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        getattr(x, write)(*([pynn.ones(3, 4)] if write in ("add_", "copy_", "mul_") else []))


def test_with_history_too():
    x = LINE.clone().requires_grad_()
    y = x * 1
    with pytest.raises(RuntimeError, match="Please clone"):
        y[1:].add_(y[:-1])
    y[1:].add_(y[:-1].clone())
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 2, 2, 2, 1]
