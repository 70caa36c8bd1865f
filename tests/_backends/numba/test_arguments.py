"""Kernels leave to the reference (None) what they are not for, whatever it is: the record's check then says what is wrong."""

import contextlib

import numpy
import pytest

from pynn import _backends
from pynn._backends.numba import MODULES
from tests import cases

pytest.importorskip("numba", exc_type=ImportError)

FORWARD = sorted(
    name
    for names in MODULES.values()
    for name in names
    if not name.endswith(".backward") and cases.OPS[name].op.groups is None
)


def unlike(x):
    """What a user could have given in an argument's place."""
    yield None
    yield 1.5
    yield "mean"
    yield (1, 2, 3)
    if not isinstance(x, numpy.ndarray):
        yield from (-1, 0, (0, 1), (-1, 2), (2**40, 1), True)
        return
    yield x.astype("i8")
    yield x.astype("f8")
    yield x.astype(">f4")
    yield x[..., :0] if x.ndim else x
    yield x[:1] if x.ndim else x
    yield x[None]
    yield x.reshape(-1)
    yield numpy.asarray(x.sum())
    read_only = x.copy()
    read_only.flags.writeable = False
    yield read_only
    if x.dtype == numpy.float32:
        yield numpy.ndarray(x.shape, "f4", bytearray(4 * x.size + 5), offset=1)


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_argument_in_another_s_place(name):
    with _backends.backend("numba"):
        _backends.get("numba").kernel("relu")(numpy.ones(3, "f4"))
    kernel = _backends.get("numba").kernel(name)
    for sample in cases.samples(name)[:6]:
        place = ((7, 3),) if cases.OPS[name].op.random else ()
        args = [x.astype("f4") if cases.is_float(x) else x for x in sample.inputs]
        args += [*sample.attrs[:-1], *place] if place else sample.attrs
        for i, x in enumerate(args):
            for other in unlike(x):
                with contextlib.suppress(MemoryError):  # of numbers too large
                    found = kernel(*args[:i], other, *args[i + 1 :])
                    assert found is None or isinstance(found, (numpy.ndarray, tuple))
