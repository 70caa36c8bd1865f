"""Helpers around training: `data` feeds it."""

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
