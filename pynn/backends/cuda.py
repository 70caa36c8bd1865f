"""CUDA's switches. Those of TF32 count where float32 is multiplied on a GPU; the others are kept as they are set."""

import contextlib
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from pynn import _switches


class _Matmul:
    """The switches of matrix products; AttributeError for others."""

    __slots__ = (
        "allow_bf16_reduced_precision_reduction", "allow_fp16_accumulation", "allow_fp16_reduced_precision_reduction",
        "fp32_precision",
    )  # fmt: skip

    def __init__(self) -> None:
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True
        self.allow_fp16_accumulation = False
        self.fp32_precision = "none"

    @property
    def allow_tf32(self) -> bool:
        """Whether float32 may be multiplied in TF32: whether set_float32_matmul_precision was given less than "highest"."""
        return _switches.get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        _switches.set_float32_matmul_precision("high" if allowed else "highest")


matmul = _Matmul()
cufft_plan_cache = SimpleNamespace(size=0, max_size=0, clear=lambda: None)
_linalg_library = "default"
_blas_library = "default"
_reduced_math = False


def is_built() -> bool:
    """Whether this build has GPU kernels."""
    return False


def is_flash_attention_available() -> bool:
    """Whether attention has a GPU kernel."""
    return False


def can_use_flash_attention(params: Any, debug: bool = False) -> bool:
    """Whether a GPU kernel of attention takes these arguments: there is none."""
    return False


def can_use_efficient_attention(params: Any, debug: bool = False) -> bool:
    """Whether a GPU kernel of attention takes these arguments: there is none."""
    return False


def can_use_cudnn_attention(params: Any, debug: bool = False) -> bool:
    """Whether a GPU kernel of attention takes these arguments: there is none."""
    return False


def _backend(name: str) -> Any:
    from pynn.nn.attention._sdp import SDPBackend

    return SDPBackend[name]


def _is_enabled(name: str) -> bool:
    from pynn.nn.attention import _sdp

    return _sdp.is_enabled(_backend(name))


def _enable(name: str, enabled: bool) -> None:
    from pynn.nn.attention import _sdp

    _sdp.enable(_backend(name), enabled)


def flash_sdp_enabled() -> bool:
    """Whether flash attention is allowed."""
    return _is_enabled("FLASH_ATTENTION")


def enable_flash_sdp(enabled: bool) -> None:
    """Allow flash attention, or not; attention computes the same either way."""
    _enable("FLASH_ATTENTION", enabled)


def mem_efficient_sdp_enabled() -> bool:
    """Whether memory-efficient attention is allowed."""
    return _is_enabled("EFFICIENT_ATTENTION")


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allow memory-efficient attention, or not; attention computes the same either way."""
    _enable("EFFICIENT_ATTENTION", enabled)


def math_sdp_enabled() -> bool:
    """Whether attention by its formula is allowed."""
    return _is_enabled("MATH")


def enable_math_sdp(enabled: bool) -> None:
    """Allow attention by its formula, or not; attention computes the same either way."""
    _enable("MATH", enabled)


def cudnn_sdp_enabled() -> bool:
    """Whether cuDNN's attention is allowed."""
    return _is_enabled("CUDNN_ATTENTION")


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allow cuDNN's attention, or not; attention computes the same either way."""
    _enable("CUDNN_ATTENTION", enabled)


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Accepted; sums are taken in float32."""
    global _reduced_math
    _reduced_math = bool(enabled)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """What allow_fp16_bf16_reduction_math_sdp was given."""
    return _reduced_math


def preferred_linalg_library(backend: str | None = None) -> str:
    """Accept a choice of the library for linear algebra on a GPU; returns the choice."""
    global _linalg_library
    _linalg_library = _linalg_library if backend is None else str(backend)
    return _linalg_library


def preferred_blas_library(backend: str | None = None) -> str:
    """Accept a choice of the library for matrix products on a GPU; returns the choice."""
    global _blas_library
    _blas_library = _blas_library if backend is None else str(backend)
    return _blas_library


@contextlib.contextmanager
def _chosen(flash: bool, math: bool, efficient: bool, cudnn: bool) -> Iterator[dict[str, object]]:
    from pynn.nn.attention._sdp import SDPBackend, sdpa_kernel

    allowed = (
        (flash, "FLASH_ATTENTION"),
        (math, "MATH"),
        (efficient, "EFFICIENT_ATTENTION"),
        (cudnn, "CUDNN_ATTENTION"),
    )
    with sdpa_kernel([SDPBackend[name] for on, name in allowed if on]) as found:
        yield found


def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Any:
    """The old form of `nn.attention.sdpa_kernel`; warns so."""
    warnings.warn(
        "`backends.cuda.sdp_kernel()` is deprecated. Please use `nn.attention.sdpa_kernel()`.",
        FutureWarning,
        stacklevel=2,
    )
    return _chosen(enable_flash, enable_math, enable_mem_efficient, enable_cudnn)
