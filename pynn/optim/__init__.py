"""Optimizers and learning rate schedulers, under torch's names."""

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

__all__ = [
    "ASGD", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop",
    "lr_scheduler", "swa_utils",
]  # fmt: skip
