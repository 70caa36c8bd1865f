"""The CUDA kernels of matrix products and convolutions, emulated, against the records' references in float64."""

import ml_dtypes
import numpy
import pytest

import pynn
from pynn._backends import namespace
from pynn.ops.registry import OPS
from tests.cuda_kernels import emulated

pytestmark = pytest.mark.skipif(emulated.module is None, reason="build/emulated has no _cuda_emulated")

NAMES = ["matmul", "linear"] + [f"conv{d}d{part}" for d in (2, 3) for part in ("", "_input", "_weight")]
NAMES += ["unfold", "fold"]
ERROR = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}  # relative to the largest result
DTYPES = {"bfloat16": ml_dtypes.bfloat16}


@pytest.fixture(autouse=True)
def kernels():
    """The kernels by name; the path that a test chose is given up behind it."""
    yield emulated.module.kernels
    emulated.module.set_path("auto")


def samples(name, dtype):
    """(inputs, attrs) of a record's samples, arrays of the dtype."""
    for sample in OPS[name].samples(numpy.random.default_rng(3)):
        inputs = tuple(x.astype(DTYPES.get(dtype, dtype)) if isinstance(x, numpy.ndarray) else x for x in sample.inputs)
        yield inputs, sample.attrs


def close(found, expected, dtype, what):
    """Whether a kernel's result is near the reference's in float64."""
    found = found.host
    assert found.shape == expected.shape, what
    assert found.dtype == DTYPES.get(dtype, dtype), what
    size = numpy.abs(expected).max(initial=1e-30)
    assert numpy.abs(found.astype("float64") - expected).max(initial=0) <= ERROR[dtype] * max(size, 1), what


def moved(inputs):
    """Arrays as arrays of the device, None as None."""
    return tuple(None if x is None else emulated.Array(x) for x in inputs)


def wide(inputs):
    """The same values in float64."""
    return tuple(None if x is None else x.astype("float64") for x in inputs)


@pytest.mark.parametrize("path", ["auto", "mma", "hopper"])
@pytest.mark.parametrize("dtype", ERROR)
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients(kernels, name, dtype, path):
    emulated.module.set_path(path)
    record = OPS[name]
    for inputs, attrs in samples(name, dtype):
        what = f"{name} of {[None if x is None else x.shape for x in inputs]}, {attrs}"
        out = kernels[name](*moved(inputs), *attrs)
        expected = record.reference(namespace, *wide(inputs), *attrs)
        assert out is not None, what
        close(out, numpy.asarray(expected), dtype, what)
        g = numpy.random.default_rng(4).normal(size=numpy.shape(expected)).astype(DTYPES.get(dtype, dtype))
        wanted = [i for i, x in enumerate(inputs) if x is not None]
        needs = sum(1 << i for i in wanted)
        given = (out, *moved(inputs))
        grads = kernels[name + ".backward"](emulated.Array(g), given, attrs, needs)
        if grads is None:  # sums over a batch are left to other backends
            assert name == "matmul", what
            assert g.ndim < 2 or len({x.shape[:-2] for x in inputs}) > 1, what
            continue
        exact = record.op.vjp(namespace, needs, g.astype("float64"), (expected, *wide(inputs)), attrs)
        if len(inputs) == 1:  # one gradient comes as it is
            grads, exact = (grads,), exact if isinstance(exact, tuple) else (exact,)
        for i in wanted:
            close(grads[i], exact[i], dtype, f"gradient {i} of {what}")


def test_layouts_are_read_as_they_lie(kernels):
    rng = numpy.random.default_rng(0)
    x = rng.normal(size=(2, 9, 8, 5)).astype("float32").transpose(0, 3, 1, 2)[:, :, ::2, ::-1]
    w = rng.normal(size=(3, 3, 8, 5)).astype("float32").transpose(2, 3, 0, 1)
    attrs = ((1, 1), (1, 1), (1, 1), 1)
    out = kernels["conv2d"](emulated.Array(x), emulated.Array(w), None, *attrs)
    close(out, OPS["conv2d"].reference(namespace, *wide((x, w)), None, *attrs), "float32", "conv2d")
    a, b = rng.normal(size=(4, 6, 20)).astype("float32")[::-2, ::-1], rng.normal(size=(7, 40)).astype("float32").T[::2]
    close(kernels["matmul"](emulated.Array(a), emulated.Array(b)), wide((a,))[0] @ b, "float32", "matmul")


def test_what_is_not_theirs(kernels):
    a = emulated.Array(numpy.zeros((3, 4), "float32"))
    assert kernels["matmul"](a, a) is None
    assert kernels["matmul"](a, emulated.Array(numpy.zeros((4, 3)))) is None
    assert kernels["matmul"](emulated.Array(numpy.zeros((3, 3), int)), emulated.Array(numpy.zeros((3, 3), int))) is None
    assert kernels["linear"](a, a, None, "tanh") is None
    x = emulated.Array(numpy.zeros((1, 1, 2, 2), "float32"))
    w = emulated.Array(numpy.zeros((1, 1, 3, 3), "float32"))
    assert kernels["conv2d"](x, w, None, (1, 1), (0, 0), (1, 1), 1) is None
    with pytest.raises(ValueError, match="'fast'"):
        emulated.module.set_path("fast")


def test_precision_of_float32(kernels):
    emulated.module.set_path("mma")
    rng = numpy.random.default_rng(0)
    a, b = rng.normal(size=(64, 64)).astype("float32"), rng.normal(size=(64, 64)).astype("float32")
    x = rng.normal(size=(1, 16, 8, 8)).astype("float32")
    w = rng.normal(size=(16, 16, 3, 3)).astype("float32")
    attrs = ((1, 1), (1, 1), (1, 1), 1)
    exact = a.astype("float64") @ b, OPS["conv2d"].reference(namespace, *wide((x, w)), None, *attrs)

    def errors():
        out = kernels["matmul"](*moved((a, b)))
        conv = kernels["conv2d"](*moved((x, w)), None, *attrs)
        return [float(numpy.abs(y.host - e).max()) for y, e in zip((out, conv), exact)]

    matmul = pynn.backends.cuda.matmul
    try:
        assert max(errors()) < 1e-4
        matmul.allow_tf32 = True
        assert pynn.get_float32_matmul_precision() == "high"
        assert min(errors()) > 1e-4
        with pynn.backends.cudnn.flags(allow_tf32=False):
            assert errors()[0] > 1e-4 > errors()[1]
        matmul.fp32_precision = "ieee"
        assert errors()[0] < 1e-4 < errors()[1]
    finally:
        matmul.fp32_precision = "none"
        matmul.allow_tf32 = False
    assert pynn.get_float32_matmul_precision() == "highest"
