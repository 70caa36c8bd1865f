"""What distributions of one's own are written with, as torch.distributions.utils has it."""

from collections.abc import Callable
from typing import Any

import pynn
from pynn._core import Tensor
from pynn.distributions.distribution import broadcast_all
from pynn.distributions.transform import sum_rightmost as _sum_rightmost

__all__ = [
    "_standard_normal",
    "_sum_rightmost",
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
]


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Tensor:
    """Draws of a normal distribution of mean 0 and variance 1."""
    return pynn.randn(shape, dtype=dtype, device=device)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept off 0 and 1 by the eps of their dtype."""
    eps = pynn.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The sigmoid of logits, or their softmax over the last dimension."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """log(probs / (1 - probs)), or log(probs) for probabilities of classes; of clamped ones."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


class lazy_property:
    """A property that is computed when first asked for, and kept as the object's attribute."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with pynn.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
