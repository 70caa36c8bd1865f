"""The backend over CuPy: every op runs on a GPU without compiled code of ours.

References run over CuPy's arrays (`namespace`); the commonest chains of steps are single kernels written in CUDA C++ and
compiled by CuPy when first used (`elementwise`, `reductions`, ...); what CuPy has no means for is computed on the CPU and
brought back (`host`).
"""

from typing import Any


def load() -> Any:
    """The backend, unavailable and with the reason where CuPy or a GPU is missing."""
    from pynn import _gpu
    from pynn._backends import Backend

    why = _gpu.reason()
    if why is not None:
        return Backend("cupy", reason=why, device="cuda")
    from pynn._backends.cupy import host, namespace

    return Backend("cupy", host.kernels(), device="cuda", namespace=namespace)
