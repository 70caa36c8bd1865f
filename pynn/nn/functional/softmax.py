"""softmax and its relatives, with torch.nn.functional's signatures. All keep the input's shape."""

import warnings
from typing import Any

from pynn._core import Tensor
from pynn.ops.devices import beside_input
from pynn.ops.random import rand
from pynn.ops.softmax import LOG_SOFTMAX, SOFTMAX, along_dim

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _along(op: Any, name: str, input: Tensor, dim: int | None, stacklevel: int, dtype: Any) -> Tensor:
    if dim is None:
        dim = _implicit_dim(name, input.ndim, stacklevel)
    return along_dim(op, input, dim, dtype)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along dim. Without dim: 1, or 0 for 0, 1 or 3 dimensions, and a warning."""
    return _along(SOFTMAX, "softmax", input, dim, _stacklevel, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(x)) along dim, computed without underflow."""
    return _along(LOG_SOFTMAX, "log_softmax", input, dim, _stacklevel, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax(-x) along dim."""
    return _along(SOFTMAX, "softmin", -input, dim, _stacklevel, dtype)


@beside_input
def gumbel_softmax(logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution (arXiv:1611.01144, arXiv:1611.00712).

    hard: one-hot in the forward pass, with the gradient of the soft sample. eps has no effect, as in torch.
    """
    noise = -(-(rand(logits._array.shape, dtype=logits.dtype).clamp(min=1e-20)).log()).log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    one_hot = soft.detach().new_zeros(soft._array.shape).scatter(dim, index, value=1.0)
    return one_hot - soft.detach() + soft
