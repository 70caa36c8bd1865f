"""The switches of einsum's order of contraction: kept, and without effect; `opt_einsum` is not used."""

import contextlib
from collections.abc import Iterator
from typing import Any

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """Whether opt_einsum is used."""
    return False


def get_opt_einsum() -> Any:
    """The opt_einsum module: None."""
    return None


def set_flags(_enabled: bool | None = None, _strategy: str | None = None) -> tuple[bool, str | None]:
    """Set the switches that are given; what they were."""
    global enabled, strategy
    before = enabled, strategy
    enabled = enabled if _enabled is None else _enabled
    strategy = strategy if _strategy is None else _strategy
    return before


@contextlib.contextmanager
def flags(enabled: bool | None = None, strategy: str | None = None) -> Iterator[None]:
    """The switches set inside a with block."""
    before = set_flags(enabled, strategy)
    try:
        yield
    finally:
        globals().update(enabled=before[0], strategy=before[1])
