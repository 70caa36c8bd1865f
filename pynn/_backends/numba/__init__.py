"""The Numba backend: kernels compiled for this machine when they are first used, where there is no compiled extension.

`load` gives the backend without importing Numba: its kernels are stand-ins by which the first call imports the modules
named in `MODULES`, all at once. Kernels take what the native ones take and return None for the rest.
"""

import importlib
import importlib.util
import os
import warnings
from typing import Any

from pynn import _backends

MODULES = {
    "matmul": ("matmul", "matmul.backward", "linear", "linear.backward"),
    "conv": (
        "conv2d", "conv2d.backward", "conv2d_input", "conv2d_input.backward", "conv2d_weight", "conv2d_weight.backward",
    ),
    "activation": (
        "relu", "relu.backward", "leaky_relu", "leaky_relu.backward", "elu", "elu.backward", "sigmoid", "sigmoid.backward",
        "tanh", "tanh.backward", "silu", "silu.backward", "gelu", "gelu.backward", "hardswish", "hardswish.backward",
    ),
    "softmax": (
        "softmax", "softmax.backward", "log_softmax", "log_softmax.backward", "cross_entropy", "cross_entropy.backward",
    ),
    "random": ("dropout", "dropout.backward", "dropout_again", "dropout_again.backward", "rand"),
    "optim": ("sgd_step", "adam_step", "rmsprop_step"),
    "norm": (
        "batch_norm", "batch_norm.backward", "batch_norm_fixed", "batch_norm_fixed.backward", "layer_norm",
        "layer_norm.backward", "rms_norm", "rms_norm.backward",
    ),
    "pool": (
        "max_pool2d", "max_pool2d.backward", "max_pool2d_with_indices", "max_pool2d_with_indices.backward", "avg_pool2d",
        "avg_pool2d.backward", "avg_pool2d_input", "adaptive_avg_pool2d", "adaptive_avg_pool2d.backward",
        "adaptive_avg_pool2d_input",
    ),
    "recurrent": ("rnn", "rnn.backward", "lstm", "lstm.backward", "gru", "gru.backward"),
}  # fmt: skip


class _StandIn:
    """A kernel whose module is imported when it is called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any) -> Any:
        _import_all()
        kernel = _kernels.get(self.name)
        return None if kernel is None else kernel(*args)


_kernels: dict[str, Any] = {name: _StandIn(name) for names in MODULES.values() for name in names}


def _reason() -> str | None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "NUMBA_DISABLE_JIT is set in the environment"
    if importlib.util.find_spec("numba") is None:
        return 'Numba is not installed (pip install "pynn-kernels[numba]")'
    return None


def load() -> Any:
    """The backend; it is unavailable, with the reason, where Numba is missing."""
    reason = _reason()
    return _backends.Backend("numba", {} if reason else _kernels, reason)


def _import_all() -> None:
    """Put the kernels in their stand-ins' places; where Numba does not import, NumPy serves, with a warning."""
    if not any(isinstance(kernel, _StandIn) for kernel in _kernels.values()):
        return
    found: dict[str, Any] = {}
    try:
        for module in MODULES:
            found |= importlib.import_module(f"pynn._backends.numba.{module}").KERNELS
    except ImportError as error:
        found = {}
        _backends.BACKENDS["numba"].reason = f"Numba did not import ({error})"
        warnings.warn(
            f"The Numba backend computes on NumPy: Numba did not import ({error}).", RuntimeWarning, stacklevel=3
        )
    _kernels.clear()
    _kernels.update(found)
    if _backends.default().name == "numba":
        _backends.set_default(_backends.default())
