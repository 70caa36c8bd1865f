"""Helpers around training: `data` feeds it, `checkpoint` saves memory, `tensorboard` shows it."""

from typing import TYPE_CHECKING

from pynn import _lazy

if TYPE_CHECKING:
    from pynn.utils import (
        benchmark,
        checkpoint,
        collect_env,
        cpp_extension,
        data,
        deterministic,
        dlpack,
        hooks,
        model_zoo,
        safetensors,
        tensorboard,
    )
    from pynn.utils._swapping import swap_tensors

# Each is imported when first asked for.
_LAZY = (
    "_pytree", "benchmark", "checkpoint", "collect_env", "cpp_extension", "data", "deterministic", "dlpack", "hooks", "model_zoo",
    "safetensors", "tensorboard",
)  # fmt: skip
__getattr__, __dir__ = _lazy.names(__name__, {**dict.fromkeys(_LAZY, ""), "swap_tensors": "_swapping"})

__all__ = [
    "benchmark",
    "checkpoint",
    "collect_env",
    "cpp_extension",
    "data",
    "deterministic",
    "dlpack",
    "hooks",
    "model_zoo",
    "safetensors",
    "swap_tensors",
    "tensorboard",
]
