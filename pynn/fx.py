"""What of torch.fx has a meaning without graphs: `wrap`, which marks functions that a tracer would not look into."""

from collections.abc import Callable
from typing import Any

from pynn import _lazy

__all__ = ["wrap"]


def wrap(fn_or_name: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """Return its argument: nothing is traced here, so there is nothing to keep a tracer from.

    Raises RuntimeError for anything but a function or a function's name.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(
            f"Unsupported type for global function! Must be either a callable or string name, got {fn_or_name!r}"
        )
    return fn_or_name


_WHY = "graphs of Python code are out of pynn's scope so far; modules run eagerly."
__getattr__, __dir__ = _lazy.names(__name__, {}, _WHY)
