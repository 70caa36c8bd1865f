"""Padding, with torch.nn.functional's signature."""

from collections.abc import Callable
from typing import Any

from pynn._core import Tensor, call
from pynn.amp.autocast_mode import float32_function
from pynn.nn.functional.arguments import require_tensors
from pynn.ops.pad import PAD, PAD_EDGES, PLACES

__all__ = ["pad"]


def _check(mode: Any, shape: Any, pads: Any, count: Any) -> None:
    limit = {"reflect": -1, "circular": 0}.get(mode)
    if not 1 <= count <= 3 or len(shape) not in (count + 1, count + 2):
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: pad the last 1, 2 or 3 "
            f"dimensions of an input with one or two more; got shape {list(shape)} and {count} padded dimensions."
        )
    for dim, (before, after) in pads.items():
        size = shape[dim]
        if limit is not None and max(before, after) > size + limit:
            raise RuntimeError(
                f"Padding size should be {'less than' if limit else 'at most'} the corresponding input dimension, but "
                f"got: padding ({before}, {after}) at dimension {dim} of input {list(shape)} with mode {mode!r}."
            )
        if size + before + after < 1 or size == 0:
            raise RuntimeError(f"padding ({before}, {after}) leaves nothing of dimension {dim} of input {list(shape)}.")


def _each(pads: dict[int, tuple[int, int]], ndim: int) -> tuple[tuple[int, int], ...]:
    """The amounts of every dimension."""
    return tuple(pads.get(d, (0, 0)) for d in range(ndim))


def pad(input: Tensor, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    """input with pad = (before, after) elements of the last dimension, then of the one before it, and so on.

    mode: "constant" (value, default 0; negative amounts crop), "reflect", "replicate" or "circular".
    Raises RuntimeError for amounts that do not fit, NotImplementedError for shapes the other modes do not take.
    """
    require_tensors("pad", input)
    amounts = [int(n) for n in pad]
    shape = input._array.shape
    if len(amounts) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {amounts}.")
    count = len(amounts) // 2
    if count > len(shape):
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(amounts)} and input of dimension {len(shape)}."
        )
    pads = {len(shape) - 1 - i: (amounts[2 * i], amounts[2 * i + 1]) for i in range(count)}
    if mode == "constant":
        if any(shape[d] + a + b < 0 or shape[d] + min(a, 0) + min(b, 0) < 0 for d, (a, b) in pads.items()):
            raise RuntimeError(
                f"The input size {list(shape)}, plus padding {amounts}, results in a negative output size."
            )
        return call(PAD, (input,), (_each(pads, len(shape)), 0 if value is None else value))
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in PLACES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}: use constant, reflect, replicate or circular.")
    _check(mode, shape, pads, count)
    if mode == "circular" and min(amounts) < 0:  # what is cropped is no part of the ring
        input = call(PAD, (input,), (tuple((min(a, 0), min(b, 0)) for a, b in _each(pads, len(shape))), 0))
        pads = {d: (max(a, 0), max(b, 0)) for d, (a, b) in pads.items()}
    edges = _edges if mode == "circular" or (mode == "reflect" and count == 3) else _float32_edges
    return edges(input, _each(pads, len(shape)), mode)


def _edges(input: Any, pads: Any, mode: str) -> Tensor:
    return call(PAD_EDGES, (input,), (pads, mode))


_float32_edges: Callable[..., Tensor] = float32_function(_edges)
