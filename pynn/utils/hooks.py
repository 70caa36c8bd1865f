"""Handles of hooks, under torch's path."""

import warnings
from collections.abc import Callable
from typing import Any

from pynn.autograd import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a hook that is not to be saved with its tensor."""
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Warn where a tensor has hooks that saving it would lose."""
    hooks = tensor._hooks
    for hook in () if hooks is None else hooks.tensor.values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized. If this is expected, you can decorate the "
                "function with @pynn.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=2,
            )
