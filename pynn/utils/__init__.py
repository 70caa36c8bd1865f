"""Helpers around training: `data` feeds it, `checkpoint` saves memory, `tensorboard` shows it."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynn.utils import (
        benchmark,
        checkpoint,
        collect_env,
        cpp_extension,
        data,
        dlpack,
        hooks,
        model_zoo,
        safetensors,
        tensorboard,
    )

# Each is imported when first asked for.
_LAZY = frozenset((
    "_pytree", "benchmark", "checkpoint", "collect_env", "cpp_extension", "data", "dlpack", "hooks", "model_zoo", "safetensors",
    "tensorboard",
))  # fmt: skip

__all__ = [
    "benchmark",
    "checkpoint",
    "collect_env",
    "cpp_extension",
    "data",
    "dlpack",
    "hooks",
    "model_zoo",
    "safetensors",
    "tensorboard",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module("pynn.utils." + name)
    from pynn._absent import explain

    raise AttributeError(explain("pynn.utils", name))


def __dir__() -> list[str]:
    return sorted(globals().keys() | _LAZY)
