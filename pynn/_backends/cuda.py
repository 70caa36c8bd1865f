"""The backend of our own CUDA kernels, in the extension `pynn._cuda`, over CuPy's arrays; what it lacks CuPy's backend serves."""

from typing import Any


def _chained(first: Any, second: Any) -> Any:
    """A kernel that asks the second where the first does not take its arguments."""

    def kernel(*args: Any) -> Any:
        out = first(*args)
        return second(*args) if out is None else out

    return kernel


def load() -> Any:
    """The backend, unavailable and with the reason where the extension, CuPy or a GPU is missing."""
    from pynn import _gpu
    from pynn._backends import BACKENDS, Backend

    why = _gpu.reason()
    if why is None:
        try:
            from pynn import _cuda  # type: ignore[attr-defined]
        except ImportError as error:
            why = f"the CUDA kernels are not built ({error}): build pynn where nvcc is found, with PYNN_CUDA=ON"
    if why is not None:
        return Backend("cuda", reason=why, device="cuda")
    _cuda.use(_gpu.cupy())
    below = BACKENDS["cupy"]
    kernels = {name: _chained(k, below.kernel(name)) if below.kernel(name) else k for name, k in _cuda.kernels.items()}
    return Backend("cuda", {**below.kernels, **kernels}, device="cuda", namespace=below.namespace)
