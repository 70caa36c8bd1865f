"""Helpers around training: `data` feeds it, `checkpoint` saves memory."""

from typing import Any

from pynn.utils import data

__all__ = ["data"]


def __getattr__(name: str) -> Any:
    """Modules that most programs never ask for are imported when first used."""
    import importlib.util

    if not name.startswith("__") and importlib.util.find_spec("pynn.utils." + name) is not None:
        return importlib.import_module("pynn.utils." + name)
    from pynn._absent import explain

    raise AttributeError(explain("pynn.utils", name))
