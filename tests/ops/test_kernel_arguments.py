"""Native kernels take anything: what they are not for they leave to the reference (None), and nothing is read beyond an array."""

import contextlib
import random

import numpy
import pytest

import pynn
from pynn import nn, optim

native = pytest.importorskip("pynn._native")
KERNELS = native.kernels


def arrays(rng):
    """One array of a random dtype, shape and layout: broadcast, reversed, misaligned, byte-swapped, read-only, ..."""
    dtype = rng.choice(["f4"] * 8 + ["f8"] * 3 + ["f2", "i8", "i4", "?", ">f4", ">f8", "c8", "O", "S3"])
    ndim = rng.choice([0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 17, 20])
    shape = [rng.choice([0, 1, 1, 2, 3, 4, 5] if ndim < 6 else [1, 1, 1, 2]) for _ in range(ndim)]
    array = numpy.ones(shape, dtype)
    layout = rng.randrange(10)
    if layout == 0:
        array = array.T
    elif layout == 1:
        array = array[..., ::-1] if ndim else array
    elif layout == 2:
        array = numpy.broadcast_to(array, (2, *array.shape))
    elif layout == 3:
        array = array[..., ::2] if ndim else array
    elif layout == 4 and dtype == "f4":
        array = numpy.ndarray(shape, "f4", bytearray(4 * array.size + 5), offset=1)
    elif layout == 5:
        array = array[..., None]
    elif layout == 6:
        array.flags.writeable = False
    return array


ODD = [
    0, 1, -1, 2, 0.5, float("nan"), float("inf"), 2**31, 2**63, 2**70, -(2**63), True, None, "relu", "mean", "none", "?",
    (1, 1), (0, 0), (-1, 2), (1, 2**62), (2**70, 1), [], (), object(), ((1, 1), (0, 0), (1, 1), 1),
]  # fmt: skip


def argument(rng, deep=True):
    kind = rng.randrange(4 if deep else 3)
    if kind == 3:
        return tuple(argument(rng, deep=False) for _ in range(rng.choice([0, 1, 2, 3, 4, 6])))
    return rng.choice(ODD) if kind == 2 else arrays(rng)


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_any_arguments(name):
    rng = random.Random(name)
    kernel = KERNELS[name]
    for _ in range(300):
        args = [argument(rng) for _ in range(rng.choice([0, 1, 2, 3, 4, 4, 6, 7, 8, 9]))]
        if name.endswith(".backward") and rng.random() < 0.7:
            args = [arrays(rng), argument(rng), argument(rng), rng.choice([0, 1, 3, 7, -1, 2**70, "x"])]
        with contextlib.suppress(MemoryError):
            kernel(*args)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_of_one_feature_reads_no_stride_of_it(dtype):
    x = numpy.arange(12, dtype=dtype).reshape(3, 4)[:, :, None]
    assert x.strides[-1] == 0
    assert x.flags.c_contiguous
    w = numpy.array([[2], [3]], dtype)
    out = KERNELS["linear"](x, w, None, None)
    numpy.testing.assert_array_equal(out, x @ w.T)
    g = numpy.arange(24, dtype=dtype).reshape(3, 4, 2)
    gx, gw, gb = KERNELS["linear.backward"](g, (out, x, w), (None,), 7)
    numpy.testing.assert_array_equal(gx, g @ w)
    numpy.testing.assert_array_equal(gw, g.reshape(-1, 2).T @ x.reshape(-1, 1))
    numpy.testing.assert_array_equal(gb, g.sum((0, 1)))
    one = numpy.arange(12, dtype=dtype).reshape(3, 4)[:, :, None]
    _, gw, gb = KERNELS["linear.backward"](one, (one, x, w[:1]), (None,), 6)
    numpy.testing.assert_array_equal(gw, one.reshape(-1, 1).T @ x.reshape(-1, 1))
    numpy.testing.assert_array_equal(gb, one.sum((0, 1)))


def test_a_layer_of_one_feature():
    layer = nn.Linear(1, 3)
    x = pynn.arange(8.0).reshape(2, 4)
    assert pynn.equal(layer(x[..., None]), layer(x.reshape(2, 4, 1)))


def step_arrays(*shapes):
    return tuple(numpy.ones(shape, "f4") for shape in shapes)


@pytest.mark.parametrize("shapes", [((5,), ()), ((5,), (1,)), ((5,), (5,), (1,)), ((2, 3), (3, 2)), ((5,), (4,))])
def test_sgd_reads_no_further_than_its_arrays(shapes):
    momentum = 0.9 if len(shapes) == 3 else 0.0
    assert KERNELS["sgd_step"](step_arrays(*shapes), 0.1, momentum, 0.0, 0.0, False, False, False) is None


def test_adam_and_rmsprop_read_no_further():
    options = (0.1, 0.9, 0.99, 1e-8, 0.0, False, False, False)
    assert KERNELS["adam_step"](step_arrays(4, 4, 1, 4, ()), *options) is None
    assert KERNELS["adam_step"](step_arrays(4, 4, 4, 4, 4), *options) is None
    assert KERNELS["adam_step"](step_arrays(4, 4, 4, 4, ()), *options) is not None
    assert KERNELS["rmsprop_step"](step_arrays(4, 4, 1, ()), 0.1, 0.9, 1e-8, 0.0, 0.0, False, False) is None


@pytest.mark.parametrize("shape", [(1,), (2,), (4,)])
def test_a_state_of_another_shape_is_an_error(shape):
    p = nn.Parameter(pynn.ones(3))
    opt = optim.SGD([p], lr=0.1, momentum=0.9)
    p.grad = pynn.ones(3)
    opt.step()
    opt.state[p]["momentum_buffer"] = pynn.ones(*shape)
    with pytest.raises(RuntimeError, match=r"shape \[3\] has an optimizer state of shape \[\d\].*start anew"):
        opt.step()


def test_a_gradient_of_the_shape_before_data_was_replaced():
    p = nn.Parameter(pynn.ones(1))
    p.grad = pynn.ones(1)
    p.data = pynn.ones(50)
    with pytest.raises(RuntimeError, match=r"shape \[50\] and float32 has a gradient of shape \[1\].*\.data replaced"):
        optim.SGD([p], lr=0.1).step()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
@pytest.mark.parametrize(("target", "other"), [(slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))])
def test_in_place_over_memory_that_overlaps(name, target, other):
    t = pynn.arange(1.0, 9.0)
    into, by = t[target], pynn.from_numpy(t.numpy()[other])
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        getattr(into, name + "_")(by)
    assert t.tolist() == list(range(1, 9))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_in_place_over_the_same_memory_backwards(name):
    x = numpy.arange(1, 9, dtype="f4")
    op = {"add": numpy.add, "sub": numpy.subtract, "mul": numpy.multiply, "div": numpy.divide}[name]
    t = pynn.tensor(x)
    getattr(t, name + "_")(pynn.from_numpy(t.numpy()[::-1]))
    numpy.testing.assert_array_equal(t.numpy(), op(x, x[::-1]))


def test_too_large_a_result():
    a = numpy.broadcast_to(numpy.float32(0), (2**33, 1))
    b = numpy.broadcast_to(numpy.float32(0), (1, 2**33))
    with pytest.raises(MemoryError):
        KERNELS["add"](a, b)


@pytest.mark.parametrize("dtype", [pynn.float32, pynn.float64])
@pytest.mark.parametrize(("shape", "dim"), [((0,), 0), ((3, 0), 1), ((3, 0), 0), ((0, 3), 0), ((2, 0, 4), 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_nothing(name, shape, dim, dtype):
    for backend in ("native", "numpy"):
        with pynn.backend(backend):
            x = pynn.zeros(shape, dtype=dtype, requires_grad=True)
            out = getattr(pynn, name)(x, dim)
            out.sum().backward()
            assert out.shape == x.grad.shape == shape
