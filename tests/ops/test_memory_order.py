"""Memory formats: channels_last, and results that keep the order of their input's dimensions."""

import copy
import io

import pytest

import pynn
from tests import cases

LAST = (60, 1, 15, 3)  # the strides of channels_last for SHAPE
ROWS = (60, 20, 5, 1)
SHAPE = (2, 3, 4, 5)


def channels_last():
    return pynn.arange(120.0).view(SHAPE).contiguous(memory_format=pynn.channels_last)


def test_contiguous_in_a_format():
    x = pynn.arange(120.0).view(SHAPE)
    y = x.contiguous(memory_format=pynn.channels_last)
    assert y.stride() == LAST
    assert (y == x).all()
    assert not y.is_contiguous()
    assert y.is_contiguous(memory_format=pynn.channels_last)
    assert y.contiguous(memory_format=pynn.channels_last) is y
    assert y.contiguous().stride() == ROWS
    assert x.contiguous(memory_format=pynn.preserve_format) is x
    assert not x[0].is_contiguous(memory_format=pynn.channels_last)
    assert y.permute(0, 2, 3, 1).view(-1).shape == (120,)
    with pytest.raises(RuntimeError, match="view"):
        y.view(2, -1)
    assert y.flatten(1).stride() == (60, 1)
    five = pynn.zeros(2, 3, 2, 2, 2).contiguous(memory_format=pynn.channels_last_3d)
    assert five.stride() == (24, 1, 12, 6, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x[0].contiguous(memory_format=pynn.channels_last),
        lambda x: x.to(memory_format=pynn.channels_last_3d),
        lambda x: pynn.empty(2, 3, memory_format=pynn.channels_last),
        lambda x: pynn.empty(2, 3, memory_format=pynn.preserve_format),
        lambda x: x.mT.contiguous(memory_format=pynn.preserve_format),
        lambda x: x.clone().resize_(2, memory_format=pynn.preserve_format),
    ],
)
def test_formats_that_do_not_fit_are_refused(call):
    with pytest.raises(RuntimeError):
        call(pynn.zeros(SHAPE))


def test_what_is_no_format_is_refused():
    for name in ("contiguous", "clone", "is_contiguous"):
        with pytest.raises(TypeError, match="memory_format"):
            getattr(pynn.zeros(SHAPE), name)(memory_format=3)


@pytest.mark.parametrize(
    ("call", "strides"),
    [
        (lambda y: y.clone(), LAST),
        (lambda y: y.clone(memory_format=pynn.contiguous_format), ROWS),
        (lambda y: pynn.zeros(SHAPE).clone(memory_format=pynn.channels_last), LAST),
        (lambda y: y.to(pynn.float64), LAST),
        (lambda y: y.to(pynn.float64, memory_format=pynn.contiguous_format), ROWS),
        (lambda y: pynn.zeros(SHAPE).to(pynn.float64, memory_format=pynn.channels_last), LAST),
        (lambda y: y.float(memory_format=pynn.contiguous_format), ROWS),
        (lambda y: y.to(pynn.bfloat16), LAST),
        (lambda y: y.int(), LAST),
        (lambda y: y.half() + 1, LAST),
        (lambda y: pynn.empty(SHAPE, memory_format=pynn.channels_last), LAST),
        (lambda y: pynn.empty_like(y), LAST),
        (lambda y: pynn.empty_like(y, memory_format=pynn.contiguous_format), ROWS),
        (lambda y: pynn.zeros_like(y), LAST),
        (lambda y: pynn.ones_like(pynn.zeros(SHAPE), memory_format=pynn.channels_last), LAST),
        (lambda y: pynn.full_like(y, 2), LAST),
        (lambda y: pynn.rand_like(y), LAST),
        (lambda y: pynn.randn_like(y), LAST),
        (lambda y: pynn.randint_like(y, 0, 9), LAST),
        (lambda y: y.new_zeros(SHAPE), ROWS),
        (lambda y: y.clone().resize_(2, 3, 2, 3, memory_format=pynn.channels_last), (18, 1, 9, 3)),
        (lambda y: pynn.zeros(SHAPE).resize_as_(y), ROWS),
        (lambda y: pynn.zeros(SHAPE).resize_as_(y, memory_format=pynn.preserve_format), LAST),
        (lambda y: copy.deepcopy(y), LAST),
        (lambda y: pynn.relu(y), LAST),
        (lambda y: pynn.nn.functional.gelu(y), LAST),
        (lambda y: y + 1, LAST),
        (lambda y: 1 - y, LAST),
        (lambda y: y * y, LAST),
        (lambda y: pynn.zeros(SHAPE) + y, ROWS),
        (lambda y: y * pynn.ones(3, 1, 1), LAST),
        (lambda y: pynn.ones(3, 1, 1) * y, LAST),
        (lambda y: y > 0, LAST),
        (lambda y: pynn.where(y > 0, y, 0.0), LAST),
        (lambda y: pynn.lerp(y, y, 0.5), LAST),
        (lambda y: y.clamp(0, 3), LAST),
        (lambda y: y.int() + 1, LAST),
        (lambda y: y[:, :, ::2] + 1, (30, 1, 15, 3)),
    ],
)
def test_results_keep_the_order(call, strides):
    assert call(channels_last()).stride() == strides


@pytest.mark.skipif(cases.native is None, reason="NumPy orders results of mixed operands by rows")
def test_results_keep_the_order_of_the_first_operand():
    assert (channels_last() + pynn.zeros(SHAPE)).stride() == LAST


def test_values_do_not_depend_on_the_order():
    rows = pynn.arange(120.0).view(SHAPE) / 60 - 1
    last = rows.contiguous(memory_format=pynn.channels_last)
    for function in (
        pynn.exp,
        pynn.nn.functional.gelu,
        lambda x: x.to(pynn.float64),
        lambda x: x.to(pynn.bfloat16) * 2,
        lambda x: (x * 100).to(pynn.int16),
        lambda x: x * pynn.arange(5.0),
        lambda x: pynn.where(x > 0, x, pynn.arange(3.0).view(3, 1, 1)),
        lambda x: x[:, 1:, ::2].clone(),
        lambda x: x.expand(2, *SHAPE) + 1,
        lambda x: pynn.nn.functional.prelu(x, pynn.tensor([0.1, 0.2, 0.3])),
    ):
        assert pynn.equal(function(rows), function(last))


def test_gradients_of_leaves_are_row_major_where_the_leaf_is():
    x = pynn.randn(SHAPE, requires_grad=True)
    x.contiguous(memory_format=pynn.channels_last).exp().sum().backward()
    assert x.grad.stride() == ROWS
    pynn.testing.assert_close(x.grad, x.detach().exp())
    x.grad = None
    x.permute(3, 0, 1, 2).mul(2).sum().backward()
    assert x.grad.stride() == ROWS


def test_clone_of_a_transposed_tensor_is_no_view():
    x = pynn.arange(6.0).view(2, 3)
    y = x.t().clone()
    assert y.stride() == (1, 3)
    assert y._base is None
    y.zero_()
    assert x.sum() == 15


def test_modules_move_to_channels_last():
    model = pynn.nn.Sequential(pynn.nn.Conv2d(3, 8, 3), pynn.nn.BatchNorm2d(8), pynn.nn.Flatten(), pynn.nn.Linear(8, 2))
    twin = copy.deepcopy(model).to(memory_format=pynn.channels_last)
    assert twin[0].weight.stride() == (27, 1, 9, 3)
    assert twin[3].weight.stride() == (8, 1)
    x = pynn.randn(4, 3, 3, 3)
    for net, given in ((model, x), (twin, x.to(memory_format=pynn.channels_last))):
        optimizer = pynn.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(2):
            optimizer.zero_grad()
            net(given).square().sum().backward()
            optimizer.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        pynn.testing.assert_close(a, b)
    assert twin[0].weight.stride() == (27, 1, 9, 3)
    twin.to(pynn.float64, memory_format=pynn.contiguous_format)
    assert twin[0].weight.stride() == (27, 9, 3, 1)


def test_saved_and_loaded():
    stream = io.BytesIO()
    pynn.save(channels_last(), stream)
    stream.seek(0)
    assert pynn.load(stream).stride() == LAST


def test_strides_are_torchs():
    torch = pytest.importorskip("torch")
    for shape, order in (((2, 3, 4), (1, 2, 0)), ((3, 1, 2), (2, 0, 1)), ((2, 2, 2), (1, 0, 2)), ((4, 3), (1, 0))):
        ours = pynn.zeros(shape).permute(order)
        theirs = torch.zeros(shape).permute(order)
        for function in (
            lambda x: x.exp(),
            lambda x: x + x.clone(),
            lambda x: x[:1] + 1,
            lambda x: x[..., ::2].clone(),
            lambda x: x[..., :1] + x,
            lambda x: x.contiguous() + x,
            lambda x: x.expand(3, *x.shape) * 2,
        ):
            found, expected = (
                [step for step, n in zip(y.stride(), y.shape, strict=True) if n > 1]
                for y in (function(ours), function(theirs))
            )
            assert found == expected, (shape, order)
