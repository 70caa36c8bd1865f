"""The array namespace `xp` over CuPy's arrays: the names of `pynn._backends.namespace`, computed on the GPU.

CuPy has most of them under the same names; here is what it lacks, or does otherwise. Special functions that are written
in NumPy's functions run over CuPy's arrays as they stand, for NumPy hands CuPy's arrays to CuPy.
"""

import sys
from typing import Any

import numpy

from pynn import _gpu
from pynn._backends import BACKENDS
from pynn._backends.cupy.random import normal, philox, randint, uniform  # noqa: F401  (names of the namespace)

xp = _gpu.cupy()
name = "cupy"
bool_, float32, float64, int64 = numpy.bool_, numpy.float32, numpy.float64, numpy.int64


def as_strided(x: Any, shape: Any, strides: Any, writeable: bool = True) -> Any:
    """A view of a shape with these strides in bytes; CuPy has no read-only ones."""
    return xp.lib.stride_tricks.as_strided(x, shape, strides)

# What atomic additions take on the GPU; other dtypes are added up in one of these.
_ADDED = frozenset(("int32", "int64", "float16", "float32", "float64", "uint32", "uint64"))


def run(op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
    """An op inside another's reference: by the backend's kernel, else by its own reference."""
    kernel = BACKENDS["cupy"].kernel(op.name)
    out = None if kernel is None else kernel(inputs, *attrs) if op.variadic else kernel(*inputs, *attrs)
    return op.reference(sys.modules[__name__], *inputs, *attrs) if out is None else out


def asarray(x: Any, dtype: Any = None) -> Any:
    """x as an array on the GPU."""
    return xp.asarray(x, dtype)


def copy(x: Any) -> Any:
    """A C-contiguous copy."""
    return x.copy(order="C")


def astype(x: Any, dtype: Any, copy: bool = True) -> Any:
    """x in another dtype."""
    return x.astype(dtype, copy=copy)


def copyto(out: Any, values: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Write values, an array or a number, into out."""
    if hasattr(where, "dtype"):
        xp.copyto(out, values, casting=casting, where=where)
    elif hasattr(values, "dtype") and values.ndim:
        xp.copyto(out, values, casting=casting)
    else:
        out[...] = values


def add_at(out: Any, index: Any, values: Any) -> None:
    """out[index] += values, counting every repeat of an index."""
    if out.dtype.name in _ADDED:
        xp.add.at(out, index, values)
        return
    wide = out.astype(xp.float32 if out.dtype.kind in "fV" else xp.int64)
    xp.add.at(wide, index, values)
    out[...] = wide.astype(out.dtype)


def running(name: str, x: Any, axis: int) -> Any:
    """The running maximum, minimum or logaddexp of x along a dimension: in as many steps as its size has bits."""
    function, size = getattr(xp, name), int(x.shape[axis])
    out, lead = copy(x), (slice(None),) * axis
    step = 1
    while step < size:
        late = (*lead, slice(step, None))
        out[late] = function(out[late], out[(*lead, slice(None, size - step))])
        step *= 2
    return out


def sign(x: Any) -> Any:
    """-1, 0 or 1; 0 for NaN, as in torch."""
    if x.dtype.kind == "b":
        return copy(x)
    out = xp.sign(x)
    return xp.where(x != x, xp.zeros_like(out), out) if x.dtype.kind == "f" else out


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype, copy=False)



def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"the array namespace has no {name!r}.")
    found = getattr(xp, name, None)
    if found is None:
        from pynn._backends import namespace

        found = getattr(namespace, name)
    globals()[name] = found
    return found
