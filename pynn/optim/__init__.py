"""Optimizers and learning rate schedulers, under torch's names."""

from typing import TYPE_CHECKING

from pynn import _lazy
from pynn.optim import lr_scheduler
from pynn.optim.adam import Adam
from pynn.optim.adamw import AdamW
from pynn.optim.optimizer import Optimizer
from pynn.optim.sgd import SGD

if TYPE_CHECKING:
    from pynn.optim import swa_utils
    from pynn.optim._adafactor import Adafactor
    from pynn.optim._muon import Muon
    from pynn.optim._stateless import swap_in_optimizer_params_and_state
    from pynn.optim.adadelta import Adadelta
    from pynn.optim.adagrad import Adagrad
    from pynn.optim.adamax import Adamax
    from pynn.optim.asgd import ASGD
    from pynn.optim.lbfgs import LBFGS
    from pynn.optim.nadam import NAdam
    from pynn.optim.radam import RAdam
    from pynn.optim.rmsprop import RMSprop
    from pynn.optim.rprop import Rprop
    from pynn.optim.sparse_adam import SparseAdam

# Optimizers that few programs use: imported when first asked for.
_LAZY = {
    "ASGD": "asgd", "Adadelta": "adadelta", "Adafactor": "_adafactor", "Adagrad": "adagrad", "Adamax": "adamax",
    "LBFGS": "lbfgs", "Muon": "_muon", "NAdam": "nadam", "RAdam": "radam", "RMSprop": "rmsprop", "Rprop": "rprop",
    "SparseAdam": "sparse_adam", "swap_in_optimizer_params_and_state": "_stateless",
}  # fmt: skip

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler", "swa_utils",
    "swap_in_optimizer_params_and_state",
]  # fmt: skip


__getattr__, __dir__ = _lazy.names(__name__, {**_LAZY, **dict.fromkeys(("swa_utils", *_LAZY.values()), "")})
