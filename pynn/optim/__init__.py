"""Optimizers and learning rate schedulers, under torch's names."""

import importlib
from typing import Any

from pynn.optim import lr_scheduler, swa_utils
from pynn.optim.adadelta import Adadelta
from pynn.optim.adagrad import Adagrad
from pynn.optim.adam import Adam
from pynn.optim.adamax import Adamax
from pynn.optim.adamw import AdamW
from pynn.optim.asgd import ASGD
from pynn.optim.nadam import NAdam
from pynn.optim.optimizer import Optimizer
from pynn.optim.radam import RAdam
from pynn.optim.rmsprop import RMSprop
from pynn.optim.rprop import Rprop
from pynn.optim.sgd import SGD

# Optimizers that few programs use: imported when first asked for.
_LAZY = {"Adafactor": "_adafactor", "LBFGS": "lbfgs", "Muon": "_muon", "SparseAdam": "sparse_adam"}

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler", "swa_utils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        found = getattr(importlib.import_module("pynn.optim." + _LAZY[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'pynn.optim' has no attribute {name!r}.")


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))
