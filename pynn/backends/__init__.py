"""torch.backends' names, so that scripts that set its switches run. None of them changes what pynn computes."""

from typing import TYPE_CHECKING

from pynn import _lazy
from pynn.backends import cuda, cudnn

if TYPE_CHECKING:
    from pynn.backends import cpu, cusparselt, mha, miopen, mkl, mkldnn, mps, nnpack, openmp, opt_einsum, quantized

# Modules that most programs never ask for.
_LAZY = (
    "cpu", "cusparselt", "mha", "miopen", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum", "quantized",
)  # fmt: skip
__getattr__, __dir__ = _lazy.names(__name__, dict.fromkeys(_LAZY, ""))

__all__ = [
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
