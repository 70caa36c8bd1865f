"""Fractional max pools, with torch.nn.functional's signatures (arXiv:1412.6071).

The windows are kernel_size wide and begin at places that advance by the ratio of the sizes, rounded at random.
"""

import math
from typing import Any

import numpy

from pynn._core import Tensor, made_beside, observe
from pynn.nn.functional.arguments import require_tensors, sizes, with_indices
from pynn.ops.random import rand

__all__ = [
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]  # fmt: skip


def _starts(sample: numpy.ndarray, size: int, out: int, kernel: int) -> numpy.ndarray:
    """Where the windows begin, for each random number: (..., out)."""
    last = size - kernel
    if out == 1:
        return numpy.full((*sample.shape, 1), last)
    alpha = sample.dtype.type(last) / sample.dtype.type(out - 1)
    places = numpy.arange(out, dtype=sample.dtype)
    found: numpy.ndarray = ((places + sample[..., None]) * alpha).astype(numpy.int64)
    found -= (sample[..., None] * alpha).astype(numpy.int64)
    found[..., -1] = last
    return found


def _pool(
    dims: int,
    input: Tensor,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    random_samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{dims}d"
    require_tensors(name, input)
    shape = input._array.shape
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if len(shape) not in (dims + 1, dims + 2) or 0 in shape[-dims - 1 :]:
        raise RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, non-empty but for the batch, but got: "
                           f"{list(shape)}")  # fmt: skip
    if output_size is None:
        ratio = tuple(output_ratio) if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * dims
        if len(ratio) != dims:
            raise ValueError(
                f"{name} requires output_ratio to either be a single number or {dims} of them, got {ratio}"
            )
        output_size = tuple(int(n * r) for n, r in zip(shape[-dims:], ratio))
    kernel, out = sizes(kernel_size, dims, "kernel_size"), sizes(output_size, dims, "output_size")
    for n, k, o in zip(shape[-dims:], kernel, out):
        if o < 1 or k < 1 or o + k - 1 > n:
            raise RuntimeError(
                f"{name}(): pool size {k} too large relative to input size {n} for an output size of {o}"
            )
    lead = shape[:-dims]
    batch, channels = (1, lead[0]) if len(lead) == 1 else lead
    if random_samples is None:
        random_samples = rand(batch, channels, dims, dtype=input.dtype)
    drawn = observe(random_samples)
    if len(lead) == 1 and drawn.ndim == 3:
        drawn = drawn[:1]
    if drawn.shape != (batch, channels, dims):
        raise RuntimeError(
            f"{name}(): _random_samples must have shape {[batch, channels, dims]}, got {list(drawn.shape)}"
        )
    drawn = drawn.astype(numpy.float32) if drawn.dtype.itemsize == 2 else drawn
    # torch's numbers are the last dimension's first in two dimensions, the first one's first in three
    order = range(dims) if dims == 3 else reversed(range(dims))
    index = numpy.zeros((), numpy.int64)
    for d, which in zip(range(dims), order):
        begin = _starts(drawn[..., which], shape[d - dims], out[d], kernel[d])
        spread = [1] * (2 * dims)
        spread[d], spread[dims + d] = out[d], kernel[d]
        place = begin[..., None] + numpy.arange(kernel[d])
        index = index * shape[d - dims] + place.reshape((batch, channels, *spread))
    count, window = math.prod(out), math.prod(kernel)
    rows = input.reshape((batch, channels, math.prod(shape[-dims:])))
    places = index.reshape(batch, channels, count, window)
    values = observe(rows)[numpy.arange(batch)[:, None, None, None], numpy.arange(channels)[:, None, None], places]
    best = numpy.where(numpy.isnan(values).any(-1), numpy.isnan(values).argmax(-1), values.argmax(-1))
    chosen = made_beside(rows, numpy.take_along_axis(places, best[..., None], -1)[..., 0])
    result = rows.gather(2, chosen).reshape((*lead, *out))
    return result, chosen.reshape((*lead, *out))


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest elements of random windows of (N, C, H, W) or (C, H, W): of output_size, or output_ratio of the input.

    return_indices: also their places in the flat plane. Raises ValueError where neither size nor ratio is given,
    RuntimeError for windows that do not fit.
    """
    found = _pool(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """fractional_max_pool2d for (N, C, D, H, W) or (C, D, H, W)."""
    found = _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


fractional_max_pool2d_with_indices = with_indices(fractional_max_pool2d)
fractional_max_pool3d_with_indices = with_indices(fractional_max_pool3d)
