"""Optimizers and learning rate schedulers, under torch's names."""

from pynn.optim.adam import Adam, AdamW
from pynn.optim.optimizer import Optimizer
from pynn.optim.rmsprop import RMSprop
from pynn.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop"]
