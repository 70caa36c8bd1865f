"""torch.cuda.nvtx's names: marks for a GPU's profiler. Without one they are taken and dropped, so that marked code runs."""

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]

_depth = 0


def range_push(msg: str) -> int:
    """Open a range; returns how many were open."""
    global _depth
    _depth += 1
    return _depth - 1


def range_pop() -> int:
    """Close the last range; returns how many stay open."""
    global _depth
    _depth = max(0, _depth - 1)
    return _depth


def range_start(msg: str) -> int:
    """Open a range that another thread may close; returns its handle."""
    return 0


def range_end(range_id: int) -> None:
    """Close a range by its handle."""


def mark(msg: str) -> None:
    """Mark a moment."""


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A block, or a decorated function, as a range."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
