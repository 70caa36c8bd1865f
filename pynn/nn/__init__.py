"""Neural networks: modules, their parameters, initial values and losses. A table of contents."""

from typing import Any


# ruff: noqa: F403, I001  (in the order that a reader looks for them)
from pynn.nn import functional as functional
from pynn.nn import init as init
from pynn.nn.parameter import *
from pynn.nn.module import *
from pynn.nn.linear import *
from pynn.nn.activation import *
from pynn.nn.containers import *
from pynn.nn.conv import *
from pynn.nn.batchnorm import *
from pynn.nn.normalization import *
from pynn.nn.dropout import *
from pynn.nn.pooling import *
from pynn.nn.sparse import *
from pynn.nn.rnn import *
from pynn.nn.attention import *
from pynn.nn.transformer import *
from pynn.nn.padding import *
from pynn.nn.flatten import *
from pynn.nn.fold import *
from pynn.nn.upsampling import *
from pynn.nn.distance import *
from pynn.nn.loss import *
from pynn.nn import utils as utils

# Imported when first asked for: name -> the module it stands in ("" where it is a module itself).
_LAZY = {
    "AdaptiveLogSoftmaxWithLoss": "adaptive",
    "DataParallel": "parallel",
    "LinearCrossEntropyLoss": "linear_loss",
    "LinearCrossEntropyOptions": "linear_loss",
    "UninitializedBuffer": "_uninitialized",
    "UninitializedParameter": "_uninitialized",
    "common_types": "",
    "grad": "",
    "modules": "",
    "parallel": "",
    **{
        f"Lazy{name}": "lazy"
        for name in (
            "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d",
            "ConvTranspose2d", "ConvTranspose3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "Linear",
        )
    },
}  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _LAZY:
        from pynn._absent import explain

        raise AttributeError(explain("pynn.nn", name))
    module = import_module("pynn.nn." + (_LAZY[name] or name))
    found = getattr(module, name) if _LAZY[name] else module
    globals()[name] = found
    return found


def __dir__() -> Any:
    return sorted(globals().keys() | _LAZY)
