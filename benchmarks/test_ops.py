"""Single operations: pynn beside NumPy and torch. Results are checked equal before timing."""

import numpy as np
import pytest

from benchmarks.sides import array, libraries

LIBS = libraries()
SIDES = ["numpy", *LIBS]


def check(result, expected, tolerance=1e-4):
    """The result (a tensor or an array) must agree with NumPy's."""
    value = np.asarray(result if isinstance(result, np.ndarray) else result.detach().numpy())
    np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("side", list(LIBS))
@pytest.mark.benchmark(group="tracked add 4x4")
def test_tracked_add(benchmark, side):
    lib = LIBS[side]
    a = lib.from_numpy(array(0, 4, 4)).requires_grad_()
    b = lib.from_numpy(array(1, 4, 4))
    check((a + b), array(0, 4, 4) + array(1, 4, 4))
    benchmark(lambda: a + b)


@pytest.mark.parametrize("side", list(LIBS))
@pytest.mark.benchmark(group="mul-tanh-sum-backward 4x4")
def test_small_backward(benchmark, side):
    lib = LIBS[side]
    a = lib.from_numpy(array(0, 4, 4)).requires_grad_()
    b = lib.from_numpy(array(1, 4, 4))

    def step():
        a.grad = None
        (a * b).tanh().sum().backward()

    step()
    x, y = array(0, 4, 4), array(1, 4, 4)
    check(a.grad, y * (1 - np.tanh(x * y) ** 2))
    benchmark(step)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("n", [64, 256, 1024])
@pytest.mark.benchmark(group="matmul")
def test_matmul(benchmark, side, n):
    a, b = array(0, n, n), array(1, n, n)
    if side != "numpy":
        lib = LIBS[side]
        ta, tb = lib.from_numpy(a), lib.from_numpy(b)
        check(ta @ tb, a @ b, 1e-3)
        benchmark(lambda: ta @ tb)
    else:
        benchmark(lambda: a @ b)


@pytest.mark.parametrize("side", list(LIBS))
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "gelu", "elu", "silu"])
@pytest.mark.benchmark(group="activation, 1 M elements, forward and backward")
def test_activation(benchmark, side, name):
    lib = LIBS[side]
    values = array(0, 1024, 1024)
    x = lib.from_numpy(values).requires_grad_()
    g = lib.from_numpy(array(1, 1024, 1024))
    function = getattr(lib.nn.functional, name)
    check(
        function(x),
        getattr(LIBS["pynn"].nn.functional, name)(LIBS["pynn"].from_numpy(values.astype(np.float64))).numpy(),
    )

    def step():
        x.grad = None
        function(x).backward(g)

    benchmark(step)


@pytest.mark.parametrize("side", list(LIBS))
@pytest.mark.parametrize("channels", [32, 128])
@pytest.mark.benchmark(group="conv2d 3x3, batch 16, 28x28, forward and backward")
def test_conv2d(benchmark, side, channels):
    lib = LIBS[side]
    x_values, w_values = array(0, 16, channels, 28, 28), array(1, channels, channels, 3, 3) * 0.05
    x, w = (lib.from_numpy(v).requires_grad_() for v in (x_values, w_values))
    g = lib.from_numpy(array(2, 16, channels, 28, 28))

    def step():
        x.grad = w.grad = None
        lib.nn.functional.conv2d(x, w, padding=1).backward(g)

    step()
    if side != "pynn":
        mine = LIBS["pynn"]
        check(mine.nn.functional.conv2d(mine.from_numpy(x_values), mine.from_numpy(w_values), padding=1).numpy(),
              lib.nn.functional.conv2d(x, w, padding=1).detach().numpy(), 1e-3)  # fmt: skip
    benchmark(step)


@pytest.mark.parametrize("side", list(LIBS))
@pytest.mark.benchmark(group="cross-entropy 256x1000, forward and backward")
def test_cross_entropy(benchmark, side):
    lib = LIBS[side]
    logits = array(0, 256, 1000)
    target = np.arange(256) % 1000
    x, t = lib.from_numpy(logits).requires_grad_(), lib.from_numpy(target)
    z = logits.astype(np.float64)
    z = z - z.max(1, keepdims=True)
    expected = np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(256), target])
    check(lib.nn.functional.cross_entropy(x, t), expected)

    def step():
        x.grad = None
        lib.nn.functional.cross_entropy(x, t).backward()

    benchmark(step)
