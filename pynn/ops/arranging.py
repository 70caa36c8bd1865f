"""Elements put in another order or shape, repeated, added and set along a dimension: flip, and what is made of others."""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import METHODS, Tensor, bump, call, is_grad_enabled, made, observe, shared_version, wrap
from pynn.ops.devices import beside_input
from pynn.ops.joining import cat, repeat, several
from pynn.ops.registry import Sample, export, register
from pynn.ops.selecting import index_select, narrow
from pynn.ops.view import Size, by_keyword, normal_dim

FLIP = register(
    "flip",
    exact=True,
    vjp=(lambda xp, g, out, x, dims: xp.flip(g, axis=dims),),
    shape=lambda x, dims: x,
    dtype="same",
    attrs=("dims",),
    samples=lambda rng: [Sample((rng.normal(size=(3, 4)),), (d,)) for d in ((0,), (0, 1))],
    torch=lambda t, x, dims: t.flip(x, dims if isinstance(dims, tuple) else (dims,)),
)(lambda xp, x, dims: xp.copy(xp.flip(x, axis=dims)) if xp.name == "numpy" else xp.flip(x, axis=dims))


@export()
def flip(input: Tensor, *dims_: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """input with the order along dims reversed (a copy)."""
    given: Sequence[Any] = dims_ if dims is None else (dims,)
    if not given:
        raise TypeError("flip() missing 1 required positional arguments: 'dims'")
    given = given[0] if len(given) == 1 and not isinstance(given[0], int) else given
    found = tuple(normal_dim(d, input._array.ndim) for d in given)
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim {given[0]} appears multiple times in the list of dims: flip() got {list(given)}.")
    if not input._array.ndim:
        return input.clone()
    return call(FLIP, (input,), (found,))


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
@beside_input
def repeat_interleave(
    input: Tensor, repeats: Tensor | int | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element of input repeated (along dim, or of the flattened input): a number of times, or its own number.

    repeat_interleave(repeats) alone gives the indices: i, repeats[i] times.
    """
    given = input if repeats is None else repeats
    if isinstance(given, Tensor) and (given._array.ndim > 1 or given._array.dtype.kind not in "iu"):
        raise RuntimeError(
            f"repeats must be 0-dim or 1-dim tensor of int64 or int32, got {given.dtype} of shape {list(given._array.shape)}."
        )
    if repeats is None:
        counts = observe(input)
        if (counts < 0).any():
            raise RuntimeError("repeats can not be negative.")
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
def tile(input: Tensor, *listed: Any, dims: Any = None) -> Tensor:
    """input repeated dims[i] times along each dimension; dimensions that dims lacks are not."""
    if dims is not None:
        listed = by_keyword("tile", "dims", listed, dims)
    dims = tuple(listed[0]) if len(listed) == 1 and not isinstance(listed[0], int) else listed
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
    a, b = (normal_dim(d, max(input._array.ndim, 2)) for d in dims)
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
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if any(x._array.ndim > 1 for x in tensors):
        raise RuntimeError(
            f"meshgrid: Expected 0D or 1D tensor in the tensor list but got shapes {[list(x._array.shape) for x in tensors]}."
        )
    if len({x._array.dtype for x in tensors}) > 1:
        raise RuntimeError(f"meshgrid expects all tensors to have the same dtype, got {[x.dtype for x in tensors]}.")
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
    for n in (n for s in shapes for n in (s if isinstance(s, (tuple, list)) else (s,))):
        if n < 0:
            raise ValueError(f"Attempting to broadcast a dimension with negative length! Got {n} in {list(shapes)}.")
    try:
        return Size(numpy.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(f"Shape mismatch: objects cannot be broadcast to a single shape: {list(shapes)}.") from None


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
    tensors = several("dstack", tensors)
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat([_three(x) for x in tensors], 2)


@export(method=False)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """tensors joined along dimension 1, vectors as columns."""
    tensors = several("column_stack", tensors)
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return cat([x if x.ndim > 1 else x.reshape(-1, 1) for x in tensors], 1)


def _reshaped(name: str) -> None:
    """Publish an in-place change of shape."""
    function = METHODS[name]

    def function_(self: Any, *args: Any, **named: Any) -> Any:
        return in_place(self, function, name + "_", args, named)

    function_.__name__ = name + "_"
    function_.__doc__ = f"`{name}` of the tensor itself. RuntimeError for a leaf that requires grad, or a view of one."
    export(name + "_", function=False)(function_)


def in_place(self: Tensor, function: Any, name: str, args: Any, named: Any) -> Tensor:
    """Make a tensor the view that function(tensor, *args) is of it, as t_ and the like do.

    A tensor that is a view becomes a further view of its base. Of one that is not, what it was becomes the base, of which
    it, and the views of it that exist already (`_core._refresh`), are views from now on.
    """
    from pynn.autograd import set_grad_enabled

    tracked = self.requires_grad  # asked for first: a view whose base was written since gets its new history
    base = self if self._view is None else self._view.base
    leaf = tracked and self._node is None
    if is_grad_enabled() and (leaf or (base.requires_grad and base._node is None)):
        raise RuntimeError(
            f"a view of a leaf Variable that requires grad is being used in an in-place operation: {name}(). Call it under "
            "no_grad(), or write x = x.f(...)."
        )
    if leaf:
        self._array, self._view = function(self.detach(), *args, **named)._array, None
        return self
    before = self
    if base is self:
        before = wrap(self._array)
        before._writes = shared_version(self)
        before._node, before._tracked = self._node, self._tracked
    with set_grad_enabled(tracked or is_grad_enabled()):  # it keeps its history under no_grad
        view = function(before, *args, **named)
    self._array, self._node, self._tracked, self._view = view._array, view._node, view._tracked, view._view
    self._writes = view._writes
    bump(self)
    if self._view is not None:
        self._view.seen = shared_version(self).value
    return self


for _name in ("unsqueeze", "squeeze", "transpose", "t", "swapaxes", "swapdims"):
    _reshaped(_name)
