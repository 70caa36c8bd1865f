"""torch.backends' names, so that scripts that set its switches run: none of those changes what pynn computes.

`conv_algo` is pynn's own: which way computes convolutions with kernels of 3x3, and larger ones by pieces of 3x3, in
float32 (2-D and 3-D, stride 1, dilation 1, groups 1) and their gradients, in the whole process.

* "direct": sums of products.
* "winograd": fewer products, with an error some 2 to 4 times as large (about 1e-6 of the results' size); an infinite
  or NaN input spreads over its tile of 4 x 4 outputs.
* "auto" (at first, or what the environment variable PYNN_CONV_ALGO says): the faster one by shape.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from pynn import _config, _lazy
from pynn.backends import cuda, cudnn

if TYPE_CHECKING:
    from pynn.backends import cpu, cusparselt, mha, miopen, mkl, mkldnn, mps, nnpack, openmp, opt_einsum, quantized

# Modules that most programs never ask for.
_LAZY = (
    "cpu", "cusparselt", "mha", "miopen", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum", "quantized",
)  # fmt: skip
__getattr__, __dir__ = _lazy.names(__name__, dict.fromkeys(_LAZY, ""))

__all__ = [
    "conv_algo",
    "cpu",
    "cuda",
    "cudnn",
    "cusparselt",
    "mha",
    "miopen",
    "mkl",
    "mkldnn",
    "mps",
    "nnpack",
    "openmp",
    "opt_einsum",
    "quantized",
]

fp32_precision = "none"
_frozen = False


def disable_global_flags() -> None:
    """Accepted: let switches be set in `flags` blocks alone."""
    global _frozen
    _frozen = True


def flags_frozen() -> bool:
    """Whether disable_global_flags was called."""
    return _frozen


class _Backends(ModuleType):
    @property
    def conv_algo(self) -> str:
        return _config.get_conv_algo()

    @conv_algo.setter
    def conv_algo(self, name: str) -> None:
        _config.set_conv_algo(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), "conv_algo"})


sys.modules[__name__].__class__ = _Backends
