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
        lambda x: x[1:].eq_(x[:-1]),
        lambda x: x[1:].logical_and_(x[:-1]),
        lambda x: x[1:].scatter_add_(0, pynn.arange(5), x[:-1]),
        lambda x: x.index_copy_(0, pynn.arange(6), x),
        lambda x: x.index_put_((pynn.arange(6),), x),
        lambda x: x.__setitem__(pynn.arange(6), x),
        lambda x: x.__setitem__(x > 0, x[1:]),
        lambda x: x.put_(pynn.arange(6), x),
        lambda x: pynn.add(x[1:], 1, out=x[:-1]),
        lambda x: pynn.exp(x[1:], out=x[:-1]),
        lambda x: pynn.cumsum(x[1:], 0, out=x[:-1]),
        lambda x: pynn.sort(x[1:], out=(x[:-1], pynn.empty(5, dtype=pynn.int64))),
        lambda x: pynn.where(x[1:] > 0, x[1:], x[1:], out=x[:-1]),
        lambda x: pynn.nn.functional.gelu(x[1:], out=x[:-1]),
        lambda x: pynn.gather(x, 0, pynn.arange(6), out=x),
        lambda x: pynn.take(x, pynn.arange(6), out=x),
        lambda x: pynn.cat([x[:2], x[2:]], out=x),
        lambda x: pynn.index_add(x[:3], 0, pynn.arange(3), x[3:], out=x[3:]),
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
    for x in (pynn.ones(3, 1).expand(3, 4), pynn.ones(3).as_strided((3, 4), (1, 0))):
        with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
            getattr(x, write)(*([pynn.ones(3, 4)] if write in ("add_", "copy_", "mul_") else []))


def test_what_out_may_share():
    x = LINE.clone()
    assert pynn.add(x, 1, out=x) is x
    assert x.tolist() == [1, 2, 3, 4, 5, 6]
    assert pynn.softmax(x[1:], 0, out=x[:-1]).shape == (5,)  # computed first, then written: here and in torch
    y = LINE.clone()
    assert pynn.scatter(y, 0, pynn.tensor([0]), pynn.ones(1), out=y).tolist() == [1, 1, 2, 3, 4, 5]


def test_one_value_everywhere_goes_into_an_expanded_tensor():
    x = pynn.zeros(3, 1)
    wide = x.expand(3, 4)
    wide.fill_(2.0)
    assert x.tolist() == [[2], [2], [2]]
    wide.zero_()
    wide.masked_fill_(pynn.tensor([[True], [False], [True]]), 5.0)
    assert x.tolist() == [[5], [0], [5]]
    wide[pynn.tensor([1])] = 7.0
    assert x.tolist() == [[5], [7], [5]]
    wide.fill_(x[1, 0])
    assert wide.unique().tolist() == [7]
    pynn.as_strided(x, (3, 4), (1, 0)).fill_(1.0)
    assert x.tolist() == [[1], [1], [1]]


def test_expand_that_stretches_nothing_may_be_written():
    x = LINE.clone()
    x.expand(6).add_(1)
    x.expand(1, 6)[0, 0] = 9
    x.expand(1, -1).mul_(2)
    assert x.tolist() == [18, 4, 6, 8, 10, 12]


def test_fill_with_a_part_of_itself():
    x = LINE.clone()
    assert x.fill_(x[3]).tolist() == [3] * 6


def test_with_history_too():
    x = LINE.clone().requires_grad_()
    y = x * 1
    with pytest.raises(RuntimeError, match="Please clone"):
        y[1:].add_(y[:-1])
    y[1:].add_(y[:-1].clone())
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 2, 2, 2, 1]
