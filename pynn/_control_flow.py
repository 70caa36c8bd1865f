"""torch's control flow as functions: here the branch, or the loop, simply runs."""

from collections.abc import Callable, Sequence
from typing import Any

from pynn._core import Tensor


def _decided(pred: Any, name: str) -> bool:
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(
            f"{name} must be bool or a tensor of one element, but got a tensor of shape {list(pred.shape)}."
        )
    if not isinstance(pred, (bool, int, float, Tensor)):
        raise RuntimeError(f"{name} must be bool or a tensor of one element, but got {type(pred).__name__}.")
    return bool(pred)


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Sequence[Any] = ()) -> Any:
    """true_fn(*operands) where pred holds, else false_fn(*operands). RuntimeError for a pred of several elements."""
    return (true_fn if _decided(pred, "pred") else false_fn)(*operands)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Sequence[Any]
) -> tuple[Any, ...]:
    """carried_inputs after as many calls of body_fn, each on what the last one returned, as cond_fn of them holds."""
    carried = tuple(carried_inputs)
    while _decided(cond_fn(*carried), "what cond_fn returns"):
        found = body_fn(*carried)
        carried = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(carried) != len(carried_inputs):
            raise RuntimeError(
                f"body_fn must return {len(carried_inputs)} values, as it takes, but returned {len(carried)}."
            )
    return carried
