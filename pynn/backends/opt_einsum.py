"""The switches of einsum's order of contraction: kept, and without effect; `opt_einsum` is not used."""

from typing import Any

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """Whether opt_einsum is used."""
    return False


def get_opt_einsum() -> Any:
    """The opt_einsum module: None."""
    return None
