"""make_tensor: tensors of random values to try functions on."""

import math
from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Tensor
from pynn._device import check_device, device
from pynn._dtypes import dtype as Dtype
from pynn._dtypes import to_numpy
from pynn.ops import random
from pynn.ops.creation import empty


def make_tensor(
    *shape: int | Sequence[int],
    dtype: Dtype,
    device: "device | str" = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of values drawn evenly from [low, high) by the default generator.

    By default from [0, 2) for bool, [0, 10) for uint8, [-9, 10) for other integers, [-9, 9) for floats.
    exclude_zero: zeros become the smallest number above it. noncontiguous: every second element of a larger tensor.
    Raises ValueError for low >= high or ones that are NaN, noncontiguous together with memory_format, or requires_grad
    of integers.
    """
    check_device(device)
    given: Any = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    sizes: tuple[int, ...] = tuple(given)
    kind = to_numpy(dtype)
    floats = kind.kind in "fV"
    lowest, above = (0, 2) if kind.kind == "b" else (0, 10) if kind.name == "uint8" else (-9, 9 if floats else 10)
    low = lowest if low is None else low
    high = above if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low >= high:
        raise ValueError(f"make_tensor: `low` must be less than `high`, but got {low} >= {high}")
    if requires_grad and not floats:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got {memory_format}"
        )
    drawn = (*sizes[:-1], 2 * sizes[-1]) if noncontiguous and math.prod(sizes) > 1 else sizes
    if floats:
        info_low, info_high = float(numpy.finfo("float32").min), float(numpy.finfo("float32").max)
        low, high = max(low, info_low), min(high, info_high)
        made = empty(drawn, dtype=dtype).uniform_(low, high)
        made[made >= high] = low  # a 16-bit float may have been rounded up
    elif kind.kind == "b":
        made = random.randint(0, 2, drawn).to(dtype)
    else:
        made = random.randint(math.ceil(low), math.ceil(high), drawn).to(dtype)
    if exclude_zero:
        made[made == 0] = (
            float(numpy.finfo("float32").tiny) if floats and kind.name != "float16" else 1 if not floats else 6.2e-5
        )
    if drawn != sizes:
        made = made[..., ::2]
    if memory_format is not None:
        made = made.contiguous(memory_format=memory_format)
    return made.requires_grad_(requires_grad) if requires_grad else made
