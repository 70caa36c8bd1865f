"""Helpers of torch.nn.functional that programs call which hold a changed copy of an attention layer's source."""

import math
from typing import Any

from pynn._core import Tensor
from pynn.nn.functional.linear import linear
from pynn.ops.selecting import masked_fill

__all__ = ["_canonical_mask", "_get_softmax_dim", "_in_projection", "_in_projection_packed", "_none_or_dtype"]


def _none_or_dtype(input: Any) -> Any:
    """The dtype of a tensor, None for None; RuntimeError for anything else."""
    if input is None or isinstance(input, Tensor):
        return None if input is None else input.dtype
    raise RuntimeError(f"input to _none_or_dtype() must be None or pynn.Tensor, got {type(input).__name__}")


def _canonical_mask(
    mask: Any, mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Any:
    """An attention mask as one that is added to the scores: -inf where a bool mask is True; None for None.

    Raises AssertionError for a mask that is neither bool nor floating. other_type, other_name, check_other: the other
    mask's dtype, in torch a reason to warn where it differs.
    """
    if mask is None:
        return None
    if mask.is_floating_point():
        return mask
    if mask._array.dtype.kind != "b":
        raise AssertionError(f"only bool and floating types of {mask_name} are supported, got {mask.dtype}")
    return masked_fill(mask.new_zeros(mask.shape, dtype=target_type), mask, -math.inf)


def _in_projection(
    q: Any, k: Any, v: Any, w_q: Any, w_k: Any, w_v: Any, b_q: Any = None, b_k: Any = None, b_v: Any = None
) -> tuple[Any, Any, Any]:
    """Query, key and value, each through its own linear map."""
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _in_projection_packed(q: Any, k: Any, v: Any, w: Any, b: Any = None) -> list[Any]:
    """Query, key and value, (..., E) each, through the three parts of w (3 E, E) and b (3 E)."""
    if q is k and k is v:
        return list(linear(q, w, b).chunk(3, -1))
    biases = (None,) * 3 if b is None else b.chunk(3)
    return [linear(x, part, bias) for x, part, bias in zip((q, k, v), w.chunk(3), biases)]


def _get_softmax_dim(name: str, ndim: int, stacklevel: int = 3) -> int:
    """The dimension that softmax takes where none is given: 0 for 0, 1 and 3 dimensions, else 1."""
    return 0 if ndim in (0, 1, 3) else 1
