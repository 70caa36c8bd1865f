"""Helpers around training: `data` feeds it, `checkpoint` saves memory."""

from typing import Any

from pynn.utils import data

_LAZY = frozenset({"dlpack"})  # imported when first asked for


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return importlib.import_module("pynn.utils." + name)
    from pynn._absent import explain

    raise AttributeError(explain("pynn.utils", name))


__all__ = ["data"]


def __getattr__(name: str) -> Any:
    """Modules that most programs never ask for are imported when first used."""
    import importlib.util

    if not name.startswith("__") and importlib.util.find_spec("pynn.utils." + name) is not None:
        return importlib.import_module("pynn.utils." + name)
    raise AttributeError(f"module 'pynn.utils' has no attribute '{name}'")
