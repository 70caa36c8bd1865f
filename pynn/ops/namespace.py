"""The array namespace over Tensors: the names of `pynn._backends.namespace`, through the door.

A composite's reference called with `xp = pynn.ops.namespace` is its decomposition: each
step is recorded, so it can be differentiated, to any order, and captured.
"""

from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, binary, call, unary
from pynn._dtypes import to_numpy
from pynn.ops import (
    arranging,
    comparisons,
    extremes,
    from_data,
    indexing,
    joining,
    linalg,
    pointwise,
    pointwise_functions,
    reduction,
    scan,
    selecting,
    triangles,
    view,
)
from pynn.ops import cast as _cast
from pynn.ops import unary as _unary
from pynn.ops.registry import OPS

name = "pynn"

bool_, float32, float64, int64 = numpy.bool_, numpy.float32, numpy.float64, numpy.int64


def _one(op: Any) -> Any:
    return lambda x: unary(op, x)


def _two(op: Any) -> Any:
    return lambda x, y: binary(op, x, y)


abs, exp, expm1, log, log1p = (_one(op) for op in (_unary.ABS, _unary.EXP, _unary.EXPM1, _unary.LOG, _unary.LOG1P))
negative, sign, square, sqrt = (_one(op) for op in (_unary.NEG, _unary.SIGN, _unary.SQUARE, _unary.SQRT))
sin, cos, tanh, sigmoid, erf = (_one(op) for op in (_unary.SIN, _unary.COS, _unary.TANH, _unary.SIGMOID, _unary.ERF))
floor, ceil, round, trunc = (_one(op) for op in (_unary.FLOOR, _unary.CEIL, _unary.ROUND, _unary.TRUNC))
isnan, isinf, isfinite, logical_not = (
    _one(op) for op in (comparisons.ISNAN, comparisons.ISINF, comparisons.ISFINITE, comparisons.LOGICAL_NOT)
)
copy = _one(_cast.CLONE)
add, subtract, multiply, divide = (_two(op) for op in (pointwise.ADD, pointwise.SUB, pointwise.MUL, pointwise.DIV))
floor_divide, remainder = _two(pointwise.FLOOR_DIVIDE), _two(pointwise.REMAINDER)
equal, not_equal, less = _two(comparisons.EQ), _two(comparisons.NE), _two(comparisons.LT)
less_equal, greater, greater_equal = _two(comparisons.LE), _two(comparisons.GT), _two(comparisons.GE)
logical_and, logical_or = _two(comparisons.LOGICAL_AND), _two(comparisons.LOGICAL_OR)
matmul = _two(linalg.MATMUL)


def _with_tensor(x: Any, y: Any) -> Any:
    """maximum and minimum with a number: as a tensor of x's dtype, so that ties share the gradient."""
    if not isinstance(y, Tensor):
        y = _core.made(numpy.asarray(y, dtype=x._array.dtype))
    return x, y


def maximum(x: Tensor, y: Any) -> Tensor:
    return call(pointwise.MAXIMUM, _with_tensor(x, y))


def minimum(x: Tensor, y: Any) -> Tensor:
    return call(pointwise.MINIMUM, _with_tensor(x, y))


def clip(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    return call(pointwise.CLAMP, (x,), (min, max))


def pow(x: Tensor, y: Any) -> Any:
    return pointwise_functions.pow(x, y)


def tril(x: Tensor, k: int = 0) -> Tensor:
    return call(triangles.TRIL, (x,), (k,))


def triu(x: Tensor, k: int = 0) -> Tensor:
    return call(triangles.TRIU, (x,), (k,))


def where(condition: Any, x: Tensor, y: Any) -> Tensor:
    return call(comparisons.WHERE, (condition, x, y))


def astype(x: Tensor, dtype: Any) -> Any:
    dtype = to_numpy(dtype)
    return x if x._array.dtype == dtype else call(_cast.CAST, (x,), (dtype,))


def _axes(axis: Any, ndim: Any) -> Any:
    return reduction.dims_of(axis, ndim)


def _reduction(op: Any) -> Any:
    def reduce(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
        if axis == ():  # over no dimension, as the array API means it; to torch's functions () is all of them
            return x
        return call(op, (x,), (_axes(axis, x._array.ndim), keepdims))

    return reduce


sum, mean, prod, max, min = (
    _reduction(op) for op in (reduction.SUM, reduction.MEAN, reduction.PROD, extremes.AMAX, extremes.AMIN)
)


def argmax(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return call(extremes.ARGMAX, (x,), (axis, keepdims))


def argmin(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return call(extremes.ARGMIN, (x,), (axis, keepdims))


def cumsum(x: Tensor, axis: Any) -> Any:
    return scan.cumsum(x, axis)


def flip(x: Tensor, axis: Any) -> Tensor:
    return call(arranging.FLIP, (x,), ((axis,) if isinstance(axis, int) else tuple(axis),))


def reshape(x: Tensor, shape: Any) -> Any:
    return view.reshape(x, shape)


def permute_dims(x: Tensor, axes: Any) -> Tensor:
    return call(view.PERMUTE, (x,), (tuple(axes),))


def broadcast_to(x: Tensor, shape: Any) -> Tensor:
    return call(view.EXPAND, (x,), (tuple(shape),))


def expand_dims(x: Tensor, axis: Any) -> Any:
    return view.unsqueeze(x, axis)


def squeeze(x: Tensor, axis: Any = None) -> Any:
    return view.squeeze(x, axis)


def concat(arrays: Any, axis: int = 0) -> Any:
    return joining.cat(arrays, axis)


def stack(arrays: Any, axis: int = 0) -> Any:
    return joining.stack(arrays, axis)


def take_along_axis(x: Tensor, indices: Any, axis: Any) -> Any:
    return selecting.gather(x, axis, indices)


def put(x: Tensor, index: Any, value: Any) -> Tensor:
    """x with value written at a basic index, as a new tensor."""
    return call(indexing.INDEX_PUT, (x, value), (index, False))


def _dtype(value: Any) -> Any:
    return numpy.dtype(numpy.float32) if value is None else to_numpy(value)


def zeros(shape: Any, dtype: Any = None) -> Any:
    return _core.made(numpy.zeros(tuple(shape), _dtype(dtype)))


def ones(shape: Any, dtype: Any = None) -> Any:
    return _core.made(numpy.ones(tuple(shape), _dtype(dtype)))


def full(shape: Any, value: Any, dtype: Any = None) -> Any:
    return _core.made(numpy.full(tuple(shape), value, None if dtype is None else to_numpy(dtype)))


def zeros_like(x: Tensor) -> Any:
    return _core.made(numpy.zeros(tuple(x.shape), to_numpy(x.dtype)))


def ones_like(x: Tensor) -> Any:
    return _core.made(numpy.ones(tuple(x.shape), to_numpy(x.dtype)))


def full_like(x: Tensor, value: Any) -> Any:
    return _core.made(numpy.full(tuple(x.shape), value, to_numpy(x.dtype)))


def arange(*args: Any, dtype: Any = None) -> Any:
    return _core.made(numpy.arange(*args, dtype=None if dtype is None else to_numpy(dtype)))


def asarray(x: Tensor, dtype: Any = None) -> Any:
    return from_data.as_tensor(x, dtype)


def polygamma(n: Any, x: Tensor) -> Any:
    """The n-th derivative of digamma."""
    return call(OPS["digamma"].op, (x,)) if n == 0 else call(OPS["polygamma"].op, (x,), (n,))


def __getattr__(name: str) -> Any:
    """Any other name of the array namespace: the op called so, which takes no attrs."""
    record = OPS.get(name)
    if record is None:
        raise AttributeError(f"the namespace over tensors has no {name!r}.")
    op = record.op

    def function(*inputs: Any) -> Tensor:
        return call(op, inputs)

    globals()[name] = function
    return function
