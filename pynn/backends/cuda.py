"""CUDA's switches: kept as they are set, and without effect."""

from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True
)


def is_built():
    """Whether this build has GPU kernels."""
    return False
