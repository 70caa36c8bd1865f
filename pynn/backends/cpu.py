"""The CPU's instruction sets."""

from pynn._config import config


def get_cpu_capability() -> str:
    """What kernels are chosen for: "AVX512", "AVX2", or "DEFAULT"."""
    isa = config()["isa"]
    return isa.upper() if isa in ("avx2", "avx512") else "DEFAULT"
