"""Gradient clipping, by norm (arXiv:1211.5063) or by value."""

import math
import warnings
from collections.abc import Iterable

from pynn._core import Tensor, call, call_writing
from pynn.autograd import no_grad
from pynn.ops.from_data import tensor
from pynn.ops.gradients import CLIP_BY_NORM, TOTAL_NORM

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients of a parameter, or of those of an iterable that have one."""
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in parameters if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm_type-norm of all elements of the tensors together, a 0-d tensor; 0 for no tensors.

    norm_type: a number, math.inf or "inf". error_if_nonfinite: RuntimeError where it is nan or infinite.
    foreach: accepted, of no effect.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return tensor(0.0)
    norm_type = float(norm_type)
    total = call(TOTAL_NORM, tuple(tensors), (norm_type,))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients in place by max_norm / (total_norm + 1e-6), where that is less than 1."""
    grads = _gradients(parameters)
    if grads:
        call_writing(CLIP_BY_NORM, (*grads, *[total_norm] * len(grads)), (float(max_norm),))


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients in place so that their norm, all taken together, is at most max_norm.

    parameters: a tensor or an iterable of them; those without gradient are skipped. Returns the norm before.
    norm_type, error_if_nonfinite, foreach: see get_total_norm.
    """
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    else:
        generator = iter(parameters) is parameters
        parameters = list(parameters)
        if not parameters and generator:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur. Was it used up before?",
                stacklevel=3,
            )
    total: Tensor = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients, in place, to [-clip_value, clip_value]."""
    bound = float(clip_value)
    for grad in _gradients(parameters):
        grad.clamp_(min=-bound, max=bound)


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """clip_grad_norm_ under its older name; warns."""
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    total: Tensor = clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
    return total
