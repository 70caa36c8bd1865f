"""Dropout, with torch.nn.functional's signatures (Srivastava and others, JMLR 15, 2014).

All return the input itself when not training, and raise ValueError for a probability outside [0, 1].
"""

import math
import warnings
from typing import Any

from pynn._core import Tensor, call
from pynn.nn.functional.arguments import require_tensors
from pynn.ops.devices import beside_input
from pynn.ops.random import DROPOUT, rand

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


def _check_probability(p: Any) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _finish(input: Tensor, result: Any, inplace: Any) -> Tensor:
    return input.copy_(result) if inplace else result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zeroed with probability p, the others scaled by 1 / (1 - p)."""
    _check_probability(p)
    require_tensors("dropout", input)
    if not training or p == 0.0:
        return input
    return _finish(input, call(DROPOUT, (input,), (float(p), None)), inplace)


def _channel_dropout(name: str, dims: Any, input: Tensor, p: Any, training: Any, inplace: Any) -> Tensor:
    _check_probability(p)
    require_tensors(name, input)
    ndim = input._array.ndim
    batched = ndim == dims + 2
    if ndim not in (dims + 1, dims + 2):
        if dims == 1 or ndim < 2:
            raise RuntimeError(
                f"{name}: Expected {dims + 1}D or {dims + 2}D input, but received a {ndim}D input of shape "
                f"{list(input.shape)}."
            )
        warnings.warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a future "
            f"release. To silence this warning, use dropout, or give it {dims} spatial dimensions.",
            stacklevel=3,
        )
        batched = dims == 2
    elif dims == 2 and not batched:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired: "
            "the input is taken as (N, C, L). Use dropout1d to say so.",
            stacklevel=3,
        )
        batched = True
    if not training or p == 0.0:
        return input
    lead = 2 if batched else 1
    shape = input._array.shape[:lead] + (1,) * (ndim - lead)
    return _finish(input, input * dropout(input.new_ones(shape), p), inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) zeroed with probability p (arXiv:1411.4280)."""
    return _channel_dropout("dropout1d", 1, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W) zeroed with probability p (arXiv:1411.4280).

    Warns, as torch does, for other ranks: the first two dimensions are then N and C.
    """
    return _channel_dropout("dropout2d", 2, input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) zeroed with probability p (arXiv:1411.4280)."""
    return _channel_dropout("dropout3d", 3, input, p, training, inplace)


_SATURATION = -1.7580993408473766  # SELU's value at minus infinity


@beside_input
def _alpha_dropout(input: Tensor, p: Any, shape: Any, inplace: Any) -> Tensor:
    if p == 1.0:
        return _finish(input, input * 0.0, inplace)
    kept = (rand(shape) >= p).to(input.dtype)
    scale = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * _SATURATION**2))
    shift = kept * (-scale * _SATURATION) + scale * _SATURATION * (1.0 - p)
    return _finish(input, input * (kept * scale) + shift, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Elements set to SELU at -inf with probability p, then all scaled to mean 0, variance 1 (arXiv:1706.02515)."""
    _check_probability(p)
    if not training or p == 0.0:
        return input
    return _alpha_dropout(input, p, input._array.shape, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels (dimension 1)."""
    _check_probability(p)
    if not training or p == 0.0:
        return input
    if input._array.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _alpha_dropout(input, p, input._array.shape[:2] + (1,) * (input._array.ndim - 2), inplace)
