"""Joining tensors: cat, stack and what is made of them; repeat."""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Tensor, call
from pynn._dtypes import result_type_of
from pynn.ops.creation import zeros
from pynn.ops.out import store
from pynn.ops.registry import Sample, cast, export, joint, promote, register
from pynn.ops.view import by_keyword, normal_dim


def _cat_vjp(xp: Any, needs: Any, g: Any, out: Any, inputs: Any, dim: Any) -> Any:
    grads, start = [], 0
    for x in inputs:
        index = (slice(None),) * dim + (slice(start, start + x.shape[dim]), ...)
        grads.append(g[index])
        start += x.shape[dim]
    return grads


def _check_cat(inputs: Any, attrs: Any) -> Any:
    (dim,) = attrs
    shapes = [x._array.shape for x in inputs]
    first = shapes[0]
    if shapes.count(first) == len(shapes):
        return promote(inputs, "promote")
    for i, shape in enumerate(shapes):
        if len(shape) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}.")
        for d in range(len(first)):
            if d != dim and shape[d] != first[d]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {first[d]} but got size "
                    f"{shape[d]} for tensor number {i} in the list (shapes {list(first)} and {list(shape)})."
                )
    return promote(inputs, "promote")


CAT = register(
    "cat",
    exact=True,
    vjp=joint(_cat_vjp),
    likes=(0,),
    variadic=True,
    check=_check_cat,
    shape=lambda *args: args[0][: args[-1]] + (sum(a[args[-1]] for a in args[:-1]),) + args[0][args[-1] + 1 :],
    attrs=("dim",),
    samples=lambda rng: [
        Sample((rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 0))), (1,)),
        Sample((rng.normal(size=(2, 3)), rng.normal(size=(4, 3))), (0,)),
    ],
    torch=lambda t, *xs: t.cat(xs[:-1], xs[-1]),
)(lambda xp, inputs, dim: xp.concat(list(inputs), axis=dim))


def several(name: str, tensors: Any) -> tuple[Tensor, ...]:
    """A function's tensors; TypeError for one Tensor, whose rows could be meant, or a forgotten list."""
    if isinstance(tensors, Tensor):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor. Write {name}([a, b], dim)."
        )
    return tuple(tensors)


STACK = register(
    "stack",
    exact=True,
    vjp=joint(lambda xp, needs, g, out, inputs, dim: [g[(slice(None),) * dim + (i, ...)] for i in range(len(inputs))]),
    likes=(0,),
    variadic=True,
    check=lambda inputs, attrs: promote(inputs, "promote"),
    shape=lambda *args: args[0][: args[-1]] + (len(args) - 1,) + args[0][args[-1] :],
    attrs=("dim",),
    samples=lambda rng: [
        Sample((rng.normal(size=(2, 3)), rng.normal(size=(3, 2)).T, rng.normal(size=(2, 3))), (d,)) for d in (0, 1, 2)
    ],
    torch=lambda t, *xs: t.stack(xs[:-1], xs[-1]),
)(lambda xp, inputs, dim: xp.stack(list(inputs), axis=dim))


@export("cat", "concat", "concatenate", method=False)
def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None, axis: int | None = None) -> Tensor:
    """tensors joined along an existing dimension; the others must agree. Empty 1-D tensors are skipped, as in torch.

    axis: another name of dim.
    """
    dim = dim if axis is None else axis
    tensors = several("cat", tensors)
    if not tensors:
        raise ValueError("expected a non-empty list of Tensors")
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}.")
    kept = tensors
    if (0,) in [x._array.shape for x in tensors]:  # skipped, but they count for the dtype
        kept = tuple(x for x in tensors if x._array.shape != (0,))
        if not kept:
            kept, dim = tensors[:1], 0
        dtype = result_type_of([x._array for x in tensors])
        kept = tuple(cast(x, dtype) for x in kept)
    if kept[0]._array.ndim == 0:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated. Use stack.")
    result = call(CAT, kept, (normal_dim(dim, kept[0]._array.ndim),))
    return result if out is None else store(out, result, "cat", *tensors)


@export(method=False)
def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None, axis: int | None = None) -> Tensor:
    """tensors of one shape joined along a new dimension. axis: another name of dim."""
    dim = dim if axis is None else axis
    tensors = several("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}.")
    shape = tensors[0]._array.shape
    for i, x in enumerate(tensors):
        if x._array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x._array.shape)} at entry {i}."
            )
    result = call(STACK, tensors, (normal_dim(dim, len(shape) + 1),))
    return result if out is None else store(out, result, "stack", *tensors)


def _along_or_new(name: str, small: Any, dim: Any) -> None:
    def function(tensors: Sequence[Tensor]) -> Tensor:
        tensors = several(name, tensors)
        if not tensors:
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        return cat([small(x) for x in tensors], dim)

    function.__name__ = name
    function.__doc__ = f"tensors joined along dimension {dim}, smaller ones given dimensions first."
    export(name, method=False)(function)


for _name in ("vstack", "row_stack"):
    _along_or_new(_name, lambda x: x.reshape(1, -1) if x.ndim < 2 else x, 0)


@export(method=False)
def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices (vectors as rows, numbers as 1 x 1) on the diagonal of one matrix, 0 elsewhere."""
    blocks = []
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"block_diag(): expected Tensors, but got {type(x).__name__}.")
        if x._array.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions, got {x._array.ndim}.")
        blocks.append(x.reshape(1, -1) if x._array.ndim < 2 else x)
    if not blocks:
        return zeros(1, 0)
    width = sum(x._array.shape[1] for x in blocks)
    rows, left = [], 0
    for x in blocks:
        height, own = x._array.shape
        rows.append(cat([x.new_zeros(height, left), x, x.new_zeros(height, width - left - own)], 1))
        left += own
    return cat(rows, 0)


@export(method=False)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """tensors joined side by side: along dimension 1, or 0 for 1-D ones."""
    tensors = several("hstack", tensors)
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    tensors = [x.reshape(1) if x.ndim == 0 else x for x in tensors]
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


@export(function=False)
def repeat(self: Any, *sizes: Any, repeats: Any = None) -> Tensor:
    """This tensor tiled sizes[i] times along each dimension (a copy)."""
    if repeats is not None:
        sizes = by_keyword("repeat", "repeats", sizes, repeats)
    sizes = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    x = self
    shape = x._array.shape
    if len(sizes) < len(shape):
        raise RuntimeError(
            f"Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: got {sizes} "
            f"for shape {list(shape)}."
        )
    shape = (1,) * (len(sizes) - len(shape)) + shape
    spread = [v for n, r in zip(shape, sizes) for v in (r, n)]
    kept = [v for n in shape for v in (1, n)]
    out = x.reshape(kept).expand(spread).reshape([n * r for n, r in zip(shape, sizes)])
    result: Tensor = out.clone() if numpy.may_share_memory(out._array, x._array) else out
    return result
