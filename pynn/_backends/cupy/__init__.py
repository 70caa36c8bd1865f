"""The backend over CuPy: every op runs on a GPU without compiled code of ours.

References run over CuPy's arrays (`namespace`); the commonest chains of steps are single kernels written in CUDA C++ and
compiled by CuPy when first used (`activation`, `norm`, `recurrent`, `optim`, `random`); what CuPy has no means for is
computed on the CPU and brought back (`host`).
"""

from typing import Any


def load() -> Any:
    """The backend, unavailable and with the reason where CuPy or a GPU is missing."""
    from pynn import _gpu
    from pynn._backends import Backend

    why = _gpu.reason()
    if why is not None:
        return Backend("cupy", reason=why, device="cuda")
    from pynn._backends.cupy import activation, host, namespace, norm, optim, recurrent

    kernels: dict[str, Any] = {}
    for module in (activation, norm, recurrent, optim, host):
        kernels |= module.kernels()
    return Backend("cupy", kernels, device="cuda", namespace=namespace)
