"""Neural networks: modules, their parameters, initial values and losses. A table of contents."""

from pynn.nn import functional, init
from pynn.nn.activation import *  # noqa: F403
from pynn.nn.containers import *  # noqa: F403
from pynn.nn.dropout import *  # noqa: F403
from pynn.nn.flatten import *  # noqa: F403
from pynn.nn.linear import *  # noqa: F403
from pynn.nn.module import Module
from pynn.nn.parameter import Buffer, Parameter

__all__ = ["Buffer", "Module", "Parameter", "functional", "init"]
