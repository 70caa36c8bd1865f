"""What of torch.fx has a meaning without graphs: `wrap`, which marks functions that a tracer would not look into.

Its classes can be inherited from and asked after (`isinstance(x, fx.Proxy)` is False), and raise when they are called.
"""

from collections.abc import Callable
from typing import Any

from pynn import _lazy
from pynn._stand_ins import stand_in

__all__ = ["wrap"]
__path__: list[str] = []  # torch's modules inside this one are found by pynn._stand_ins


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
for _name in (
    "CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "ProxyableClassMeta", "Tracer", "Transformer",
    "replace_pattern", "symbolic_trace",
):  # fmt: skip
    globals()[_name] = stand_in(__name__, _name, _WHY)
__getattr__, __dir__ = _lazy.names(__name__, {}, _WHY)
