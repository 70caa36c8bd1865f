"""The stand-in behaves as CuPy does where it differs from NumPy, and has no name that CuPy has not."""

import importlib.util

import numpy
import pytest

from tests import cupy_stand_in as cupy


def test_it_is_no_array_of_numpys():
    x = cupy.asarray([1.0, 2.0])
    assert not isinstance(x, numpy.ndarray)
    for convert in (numpy.asarray, lambda a: numpy.add(a, numpy.ones(2)), lambda a: a + numpy.ones(2), lambda a: numpy.ones(2) * a):
        with pytest.raises(TypeError):
            convert(x)
    assert isinstance(x.get(), numpy.ndarray)
    assert isinstance(numpy.exp(x), cupy.ndarray)
    assert isinstance(numpy.sum(x), cupy.ndarray)
    assert numpy.sum(x).ndim == 0
    assert isinstance(x[0], cupy.ndarray)
    with pytest.raises(AttributeError):
        x.flags.writeable  # noqa: B018


def test_views_and_copies():
    x = cupy.arange(6.0)
    y = x.reshape(2, 3)
    y[1] = 0
    assert x.tolist() == [0.0, 1.0, 2.0, 0.0, 0.0, 0.0]
    assert y.base is x
    assert y.T.data.ptr == x.data.ptr
    assert x[[0, 1]].base is None
    x[0] += 5
    assert y[0, 0] == 5


def test_indices_wrap_around():
    x = cupy.arange(3)
    assert x[cupy.asarray([1, 3, -4])].tolist() == [1, 0, 2]
    assert x[[1, 3]].tolist() == [1, 0]
    x[cupy.asarray([4])] = 9
    assert x.tolist() == [0, 9, 2]


def test_what_cupy_lacks_is_missing():
    x = cupy.ones((2, 2), "int8")
    for call in (
        lambda: numpy.maximum.accumulate(x), lambda: cupy.logaddexp.accumulate(x), lambda: cupy.add.at(x, [0], 1),
        lambda: cupy.max(x, initial=0), lambda: x.__setitem__(0, numpy.ones(2)), lambda: cupy.asarray("text"),
    ):  # fmt: skip
        with pytest.raises((TypeError, NotImplementedError, ValueError)):
            call()


def test_memory_is_counted():
    before = cupy.cuda.get_default_memory_pool().used_bytes()
    x = cupy.zeros(1000)
    assert cupy.cuda.get_default_memory_pool().used_bytes() == before + 8192
    del x
    assert cupy.cuda.get_default_memory_pool().used_bytes() == before
    with pytest.raises(cupy.cuda.memory.OutOfMemoryError):
        cupy.zeros(1 << 40)


@pytest.mark.skipif(cupy.kernels.COMPILER is None, reason="compiles kernels with g++")
def test_kernels():
    scale = cupy.ElementwiseKernel("T x, float32 k, raw T table", "T y, int32 place", "y = x * k + table[i % 2]; place = i", "scale")
    y, n = scale(cupy.asarray([[1.0], [2.0]]), numpy.float32(3), cupy.asarray([10.0, 20.0]))
    assert y.tolist() == [[13.0], [26.0]]
    assert n.tolist() == [[0], [1]]
    out = cupy.zeros((2, 3))[:, ::2]
    cupy.ElementwiseKernel("T x", "T y", "y += x", "add")(cupy.asarray([1.0, 2.0]), out)
    assert out.tolist() == [[1.0, 2.0], [1.0, 2.0]]
    with pytest.raises(ValueError, match="CuPy keeps for itself"):
        cupy.ElementwiseKernel("T n", "T y", "y = n", "reserved")
    with pytest.raises(TypeError):
        scale(numpy.ones(2), numpy.float32(1), cupy.ones(2))


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
def test_every_name_is_cupys():
    """CuPy can be imported without a GPU, to be asked for names."""
    import cupy as real

    for name in cupy.NAMES:
        assert hasattr(real, name), name
    for name in vars(cupy.ndarray):
        assert name.startswith("_") or hasattr(real.ndarray, name), name
    for name in vars(cupy.cuda):
        if not name.startswith("_") and name not in ("MEMORY", "allocate", "check", "playing", "reset") and name.islower() and callable(getattr(cupy.cuda, name)):
            assert hasattr(real.cuda, name) or hasattr(real, name), name
