"""Convolutions of one to three dimensions, transposed ones, unfold and fold."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
RNG = numpy.random.default_rng(7)


def draw(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize(
    ("x", "w", "kwargs"),
    [
        ((2, 3, 8), (4, 3, 3), {}),
        ((3, 8), (4, 3, 3), {"stride": 2, "padding": 1}),
        ((2, 4, 9), (6, 2, 2), {"dilation": (2,), "groups": 2}),
        ((2, 3, 8), (4, 3, 4), {"padding": "same"}),
        ((2, 3, 8), (4, 3, 3), {"padding": "valid", "stride": [2]}),
    ],
)
def test_conv1d(same_as_torch, x, w, kwargs):
    same_as_torch("conv1d", draw(*x), draw(*w), draw(w[0]), **kwargs)
    same_as_torch("conv1d", draw(*x), draw(*w), **kwargs)


@pytest.mark.parametrize(
    ("x", "w", "kwargs"),
    [
        ((2, 3, 6, 5), (4, 3, 3, 2), {}),
        ((3, 6, 5), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0)}),
        ((2, 4, 7, 6), (6, 2, 2, 3), {"dilation": (2, 1), "groups": 2}),
        ((2, 4, 5, 5), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
        ((2, 3, 6, 5), (4, 3, 4, 3), {"padding": "same"}),
        ((2, 3, 6, 5), (4, 3, 2, 3), {"padding": "same", "dilation": (1, 2)}),
        ((2, 3, 6, 5), (4, 3, 1, 1), {"stride": 2}),
    ],
)
def test_conv2d(same_as_torch, x, w, kwargs):
    same_as_torch("conv2d", draw(*x), draw(*w), draw(w[0]), **kwargs)
    same_as_torch("conv2d", draw(*x), draw(*w), **kwargs)
    single = [draw(*s).astype("float32") for s in (x, w)]
    same_as_torch("conv2d", *single, tolerance=1e-4, **kwargs)


def test_conv3d(same_as_torch):
    same_as_torch("conv3d", draw(2, 2, 4, 5, 3), draw(4, 1, 2, 3, 2), draw(4), stride=(1, 2, 1), padding=1, groups=2)
    same_as_torch("conv3d", draw(2, 4, 5, 3), draw(4, 2, 2, 2, 2), padding="same")


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"dilation": 2},
        {"stride": 3, "groups": 2, "output_padding": 2},
    ],
)
def test_transposed(same_as_torch, kwargs):
    groups = kwargs.get("groups", 1)
    for dims in (1, 2, 3):
        x, w = draw(2, 4, *(4, 3, 2)[:dims]), draw(4, 6 // groups, *(3, 2, 3)[:dims])
        same_as_torch(f"conv_transpose{dims}d", x, w, draw(6), **kwargs)
        same_as_torch(f"conv_transpose{dims}d", x[0], w, **kwargs)


@pytest.mark.parametrize(
    "kwargs", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": 2}, {"groups": 2, "padding": (1, 0)}]
)
def test_gradients(gradients, kwargs):
    groups = kwargs.get("groups", 1)
    gradients(lambda x, w, b: F.conv2d(x, w, b, **kwargs), draw(1, 2, 3, 3), draw(2, 2 // groups, 2, 2), draw(2))
    gradients(lambda x, w: F.conv_transpose2d(x, w, **kwargs), draw(1, 2, 3, 4), draw(2, 2 // groups, 2, 2))


def test_unfold_and_fold(same_as_torch):
    same_as_torch("unfold", draw(2, 3, 5, 4), (2, 3), dilation=(2, 1), padding=1, stride=(1, 2))
    same_as_torch("unfold", draw(3, 5, 4), 2)
    same_as_torch("fold", draw(2, 12, 12), (5, 4), 2)
    same_as_torch("fold", draw(12, 12), (5, 4), 2)


def test_strange_layouts():
    x, w = draw(2, 4, 5, 3), draw(4, 3, 2, 2)
    plain = F.conv2d(pynn.tensor(numpy.ascontiguousarray(x.transpose(0, 3, 1, 2))), pynn.tensor(w))
    last = F.conv2d(pynn.tensor(x).permute(0, 3, 1, 2), pynn.tensor(w))
    numpy.testing.assert_allclose(plain.numpy(), last.numpy(), rtol=1e-12)
    spread = pynn.tensor(draw(1, 3, 1, 1)).expand(2, 3, 4, 4)
    numpy.testing.assert_allclose(
        F.conv2d(spread, pynn.tensor(w)).numpy(), F.conv2d(spread.clone(), pynn.tensor(w)).numpy()
    )


def test_empty_batch():
    x = pynn.zeros(0, 3, 5, 5, requires_grad=True)
    w = pynn.ones(2, 3, 3, 3, requires_grad=True)
    out = F.conv2d(x, w)
    assert out.shape == (0, 2, 3, 3)
    out.sum().backward()
    assert w.grad.abs().sum().item() == 0
    assert x.grad.shape == x.shape


@pytest.mark.parametrize(
    ("x", "w", "args", "text"),
    [
        ((2, 3, 4, 4), (5, 2, 3, 3), (), "to have 2 channels, but got 3 channels instead"),
        ((2, 3), (5, 3, 3, 3), (), "Expected 3D (unbatched) or 4D (batched) input to conv2d"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (None, 0), "non-positive stride"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (None, 1, -1), "negative padding"),
        ((2, 3, 4, 4), (5, 3, 5, 5), (), "Kernel size can't be greater than actual input size"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (numpy.ones(4),), "expected bias to be 1-dimensional with 5 elements"),
        ((2, 4, 4, 4), (5, 2, 3, 3), (None, 1, 0, 1, 2), "Given groups=2"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (None, (1, 2, 3)), "stride=[1, 2, 3]"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (None, 2, "same"), "not supported for strided convolutions"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (None, 1, "most"), "'most'"),
    ],
)
def test_errors(same_error, x, w, args, text):
    assert text in same_error(RuntimeError, "conv2d", draw(*x), draw(*w), *args)


def test_other_errors(same_error):
    x, w = draw(2, 3, 4, 4), draw(5, 3, 3, 3)
    assert "should be the same" in same_error(RuntimeError, "conv2d", x.astype("float32"), w)
    same_error(RuntimeError, "conv_transpose2d", x, draw(2, 5, 3, 3))
    assert "output padding must be smaller" in same_error(
        RuntimeError, "conv_transpose2d", x, draw(3, 5, 3, 3), output_padding=1
    )
    same_error(RuntimeError, "unfold", x, 7)
    same_error(RuntimeError, "fold", draw(2, 12, 11), (5, 4), 2)
    with pytest.raises(TypeError, match="'weight' must be Tensor, not int"):
        F.conv2d(pynn.ones(1, 1, 3, 3), 3)
