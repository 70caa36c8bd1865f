"""What loaders are made of: fetching, workers, and the memory between them."""

import importlib
from typing import Any

_PARTS = ("collate", "fetch", "info", "iterators", "pool", "state", "transport", "worker")


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
