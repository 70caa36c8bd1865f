"""torch.nn.modules: the modules once more, under the paths that programs import them by.

`pynn.nn.modules.batchnorm` is `pynn.nn.batchnorm`, and so on for torch's other names; one of ours may stand for
several of torch's.
"""

import sys
from importlib import import_module

from pynn.nn import *  # noqa: F403
from pynn.nn import _global_hooks, _state
from pynn.nn.adaptive import *  # noqa: F403
from pynn.nn.lazy import *  # noqa: F403
from pynn.nn.linear_loss import *  # noqa: F403

# torch's name -> the module of pynn.nn.
_NAMES = {
    "activation": "activation",
    "adaptive": "adaptive",
    "batchnorm": "batchnorm",
    "channelshuffle": "upsampling",
    "container": "containers",
    "conv": "conv",
    "distance": "distance",
    "dropout": "dropout",
    "flatten": "flatten",
    "fold": "fold",
    "instancenorm": "batchnorm",
    "lazy": "lazy",
    "linear": "linear",
    "loss": "loss",
    "module": "module",
    "normalization": "normalization",
    "padding": "padding",
    "pixelshuffle": "upsampling",
    "pooling": "pooling",
    "rnn": "rnn",
    "sparse": "sparse",
    "transformer": "transformer",
    "upsampling": "upsampling",
    "utils": "_tuples",
}
for _name, _ours in _NAMES.items():
    _found = import_module("pynn.nn." + _ours)
    sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _found

__all__ = sorted(n for n, c in globals().items() if isinstance(c, type) and issubclass(c, Module) and n[0] != "_")  # noqa: F405

# Where torch keeps what is spread here.
for _name in _global_hooks.__all__:
    setattr(sys.modules[__name__ + ".module"], _name, getattr(_global_hooks, _name))
sys.modules[__name__ + ".module"]._IncompatibleKeys = _state._IncompatibleKeys  # type: ignore[attr-defined]
sys.modules[__name__ + ".activation"].MultiheadAttention = MultiheadAttention  # type: ignore[attr-defined]  # noqa: F405
