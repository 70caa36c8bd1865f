"""Elements put in another order or shape, repeated, added and set along a dimension: made of other operations."""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import METHODS, Tensor, made, observe
from pynn.ops.indexing import index_select, narrow
from pynn.ops.joining import cat, repeat
from pynn.ops.registry import export
from pynn.ops.view import Size, normal_dim


@export()
def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """input with its elements moved on by shifts along dims, those pushed out coming in at the other end."""
    if dims is None or dims == ():
        return roll(input.flatten(), shifts, 0).reshape(input._array.shape)
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims: {len(dims)}.")
    for shift, dim in zip(shifts, dims):
        n = input._array.shape[normal_dim(dim, input._array.ndim)]
        cut = n - shift % n if n else 0
        input = cat([narrow(input, dim, cut, n - cut), narrow(input, dim, 0, cut)], dim)
    return input


@export()
def repeat_interleave(
    input: Tensor, repeats: Tensor | int | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element of input repeated (along dim, or of the flattened input): a number of times, or its own number.

    repeat_interleave(repeats) alone gives the indices: i, repeats[i] times.
    """
    if repeats is None:
        counts = observe(input)
        return made(numpy.repeat(numpy.arange(counts.shape[0]), counts))
    if dim is None:
        input, dim = input.flatten(), 0
    n = input._array.shape[normal_dim(dim, input._array.ndim)]
    counts = observe(repeats) if isinstance(repeats, Tensor) else numpy.asarray(repeats)
    if counts.ndim and counts.size not in (1, n):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got {counts.size} and {n}.")
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative.")
    return index_select(input, dim, made(numpy.repeat(numpy.arange(n), counts)))


@export()
def tile(input: Tensor, *dims: int | Sequence[int]) -> Tensor:
    """input repeated dims[i] times along each dimension; dimensions that dims lacks are not."""
    dims = tuple(dims[0]) if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return repeat(input, (1,) * (input._array.ndim - len(dims)) + dims)


@export()
def fliplr(input: Tensor) -> Tensor:
    """input with dimension 1 reversed."""
    if input._array.ndim < 2:
        raise RuntimeError(f"fliplr: Input must be >= 2-d, got shape {list(input._array.shape)}.")
    return input.flip(1)


@export()
def flipud(input: Tensor) -> Tensor:
    """input with dimension 0 reversed."""
    if input._array.ndim < 1:
        raise RuntimeError("flipud: Input must be >= 1-d, got a tensor without dimensions.")
    return input.flip(0)


@export()
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """input turned k quarter turns in the plane of two dimensions."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}.")
    a, b = (normal_dim(d, input._array.ndim) for d in dims)
    if input._array.ndim < 2 or a == b:
        raise RuntimeError(
            f"expected total dims >= 2 and rotation dims to be different, but got dims {list(dims)} of shape "
            f"{list(input._array.shape)}."
        )
    turned = {0: lambda: input.clone(), 1: lambda: input.flip(b).transpose(a, b), 2: lambda: input.flip(a, b)}
    return turned.get(k % 4, lambda: input.flip(a).transpose(a, b))()


@export(method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """One grid a vector: its values along its own dimension, repeated along the others'. indexing "ij" or "xy"."""
    if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f"meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing}.")
    if indexing == "xy" and len(tensors) > 1:
        grids = meshgrid(tensors[1], tensors[0], *tensors[2:])
        return (grids[1], grids[0], *grids[2:])
    shape = [x.numel() for x in tensors]
    return tuple(
        x.reshape([-1 if i == j else 1 for j in range(len(shape))]).expand(shape) for i, x in enumerate(tensors)
    )


@export(method=False)
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes broadcast to."""
    try:
        return Size(numpy.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape: {[list(s) for s in shapes]}."
        ) from None


@export(method=False)
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape they broadcast to."""
    shape = broadcast_shapes(*(x._array.shape for x in tensors))
    return tuple(x.expand(shape) for x in tensors)


def _at_least(n: Any, reshaped: Any) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
            tensors = tuple(tensors[0])
        out = tuple(x if x._array.ndim >= n else reshaped(x) for x in tensors)
        return out[0] if len(out) == 1 else out

    function.__name__ = f"atleast_{n}d"
    function.__doc__ = f"Tensors with dimensions of size 1 put in until they have {n}."
    export(f"atleast_{n}d", method=False)(function)
    return function


_at_least(1, lambda x: x.reshape(1))
_at_least(2, lambda x: x.reshape(1, -1))
_three = _at_least(3, lambda x: x.reshape(1, -1, 1) if x.ndim < 2 else x.unsqueeze(-1))


@export(method=False)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """tensors joined along dimension 2, smaller ones given dimensions first."""
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat([_three(x) for x in tensors], 2)


@export(method=False)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """tensors joined along dimension 1, vectors as columns."""
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return cat([x if x.ndim > 1 else x.reshape(-1, 1) for x in tensors], 1)


def _reshaped(name: str) -> None:
    """Publish an in-place change of shape, for a tensor that is no view and is not recorded."""
    function = METHODS[name]

    def function_(self: Tensor, *args: Any) -> Tensor:
        if self._view is not None or self._node is not None:
            raise RuntimeError(f"{name}_() takes no view and no recorded tensor. Use x = x.{name}(...).")
        self._array = function(self.detach(), *args)._array
        return self

    function_.__name__ = name + "_"
    function_.__doc__ = f"`{name}` of the tensor itself; RuntimeError for a view or a recorded tensor."
    export(name + "_", function=False)(function_)


for _name in ("unsqueeze", "squeeze", "transpose", "t"):
    _reshaped(_name)
