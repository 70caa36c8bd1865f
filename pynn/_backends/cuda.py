"""The backend of our own CUDA kernels, in the extension `pynn._cuda`, over CuPy's arrays; what it lacks CuPy's backend serves."""

from typing import Any

import numpy

from pynn import _core, _gpu


def _chained(first: Any, second: Any) -> Any:
    """A kernel that asks the second where the first does not take its arguments."""

    def kernel(*args: Any) -> Any:
        out = first(*args)
        return second(*args) if out is None else out

    return kernel


def _with_steps(kernel: Any) -> Any:
    """An optimizer's kernel, which counts on the GPU, for step counts that lie on the CPU: they are sent along in one copy."""

    def step(arrays: Any, *attrs: Any) -> Any:
        here = [i for i, a in enumerate(arrays) if not _core.on_device(a)]
        if not here:
            return kernel(arrays, *attrs)
        if any(arrays[i].size != 1 or arrays[i].dtype != arrays[here[0]].dtype for i in here):
            return None
        sent = _gpu.cupy().asarray(numpy.array([arrays[i].item() for i in here], arrays[here[0]].dtype))
        given = list(arrays)
        for place, i in enumerate(here):
            given[i] = sent[place]
        if kernel(tuple(given), *attrs) is None:
            return None
        for i in here:
            arrays[i][...] += 1
        return arrays

    return step


def load() -> Any:
    """The backend, unavailable and with the reason where the extension, CuPy or a GPU is missing."""
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
    own = {name: _with_steps(k) if name.endswith("_step") else k for name, k in _cuda.kernels.items()}
    kernels = {name: _chained(k, below.kernel(name)) if below.kernel(name) else k for name, k in own.items()}
    return Backend("cuda", {**below.kernels, **kernels}, device="cuda", namespace=below.namespace)
