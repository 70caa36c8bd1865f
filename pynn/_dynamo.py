"""torch._dynamo's names that programs write to or ask after: nothing is compiled, so settings have no effect."""

from contextlib import nullcontext as TransformGetItemToIndex  # around vmap; indices are read as they are here
from typing import Any

from pynn._stand_ins import stand_in
from pynn.compiler import allow_in_graph, assume_constant_result, disable, is_compiling, list_backends, reset

__all__ = [
    "OptimizedModule", "TransformGetItemToIndex", "allow_in_graph", "assume_constant_result", "config", "disable", "disallow_in_graph", "graph_break", "is_compiling",
    "list_backends", "mark_dynamic", "mark_static", "mark_static_address", "maybe_mark_dynamic", "optimize", "reset",
]  # fmt: skip
__path__: list[str] = []  # torch's modules inside this one are found by pynn._stand_ins


class Config:
    """Keeps what is set. What was never set is None."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        setattr(self, name, None)
        return None


config = Config()
disallow_in_graph = allow_in_graph
OptimizedModule = stand_in(__name__, "OptimizedModule", "pynn.compile returns its argument as it is.")


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Without effect: there are no graphs."""


graph_break = mark_dynamic = mark_static = mark_static_address = maybe_mark_dynamic = _nothing


def optimize(*args: Any, **kwargs: Any) -> Any:
    """A decorator that returns its argument."""
    return lambda fn: fn
