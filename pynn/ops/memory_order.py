"""Memory formats: in what order a tensor's dimensions lie in memory, kept or asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from pynn._core import Tensor, call, unary
from pynn._layout import channels_last, channels_last_3d, memory_format, preserve_format
from pynn.ops.registry import Sample, register
from pynn.ops.samples import unary_samples

Order = tuple[int, ...] | None  # the dimensions from the outermost in memory to the innermost; None is row-major

CHANNELS_LAST: dict[Any, tuple[int, ...]] = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}


def back(order: Sequence[int]) -> tuple[int, ...]:
    """The order that undoes a transposition into `order`."""
    places = [0] * len(order)
    for place, dim in enumerate(order):
        places[dim] = place
    return tuple(places)


CLONE = register(
    "clone",
    exact=True,
    vjp=(lambda xp, g, out, x: g,),
    shape=lambda x: x,
    dtype="same",
    samples=unary_samples(),
    torch=lambda t, x: t.clone(x),
)(lambda xp, x: xp.copy(x))
"""A row-major copy."""

LAY_OUT = register(
    "lay_out",
    exact=True,
    vjp=(lambda xp, g, out, x, order: g,),
    shape=lambda x, order: x,
    dtype="same",
    attrs=("order",),
    samples=lambda rng: [
        Sample((rng.normal(size=(2, 3, 4)),), ((2, 0, 1),)),
        Sample((rng.normal(size=(4, 3)).T,), ((1, 0),)),
        Sample((rng.normal(size=(2, 3, 1, 2)),), ((0, 2, 3, 1),)),
        Sample((numpy.zeros((0, 3)),), ((1, 0),)),
        Sample((numpy.array(0.5),), ((),)),
    ],
    torch=lambda t, x, order: x.clone(),
)(lambda xp, x, order: xp.permute_dims(xp.copy(xp.permute_dims(x, order)), back(order)))
"""A copy whose dimensions lie in memory in that order."""


def order_of(array: numpy.ndarray) -> Order:
    """The order of an array's dimensions by their strides, as torch gives results of one input; broadcast ones stay put."""
    if array.flags.c_contiguous:
        return None
    shape, steps = array.shape, [abs(s) for s in array.strides]
    order = list(range(array.ndim))
    for start in range(array.ndim - 1, -1, -1):  # an insertion from the innermost on
        at = start
        for other in range(start + 1, array.ndim):
            inner, outer = order[other], order[at]
            if steps[inner] == 0 or steps[outer] == 0:
                continue
            if steps[inner] < steps[outer]:
                break
            if steps[inner] == steps[outer] and shape[inner] <= shape[outer]:
                continue
            order[other], order[at] = outer, inner
            at = other
    return None if order == sorted(order) else tuple(order)


def check_format(name: str, format: Any) -> None:
    """TypeError for what is no memory format."""
    if format is not None and not isinstance(format, memory_format):
        raise TypeError(f"{name}(): argument 'memory_format' must be pynn.memory_format, not {type(format).__name__}")


def order_in(format: Any, ndim: int) -> Order:
    """The order of `ndim` dimensions that a format other than preserve_format asks for; RuntimeError for another rank."""
    order = CHANNELS_LAST.get(format)
    if order is not None and len(order) != ndim:
        raise RuntimeError(f"required rank {len(order)} tensor to use {format._name} format, got one of rank {ndim}.")
    return order


def order_like(name: str, format: Any, array: numpy.ndarray) -> Order:
    """The order for a result of array's shape: array's own unless a format asks for another."""
    if format is None or format is preserve_format:
        return None if array.flags.c_contiguous else order_of(array)
    check_format(name, format)
    return order_in(format, array.ndim)


def lies_in(array: numpy.ndarray, order: Order) -> bool:
    """Whether the array's memory is dense, its dimensions in that order."""
    found: bool = (array if order is None else array.transpose(order)).flags.c_contiguous
    return found


def copied(x: Tensor, order: Order) -> Tensor:
    """A copy with its dimensions in that order, which gradients flow through."""
    return unary(CLONE, x) if order is None else call(LAY_OUT, (x,), (order,))


def in_order(
    make: Callable[[Any, Any], numpy.ndarray], shape: Sequence[int], dtype: Any, order: Order
) -> numpy.ndarray:
    """make(shape, dtype), a numpy.zeros or the like, with its dimensions in that order."""
    if order is None:
        return make(shape, dtype)
    return make(tuple([shape[d] for d in order]), dtype).transpose(back(order))
