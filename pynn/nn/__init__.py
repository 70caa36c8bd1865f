"""Neural networks: modules, their parameters, initial values and losses. A table of contents."""

from pynn import _lazy

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
from pynn.nn.multihead_attention import *
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
    "attention": "",
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


__getattr__, __dir__ = _lazy.names(__name__, _LAZY)
