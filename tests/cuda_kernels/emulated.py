"""The CUDA kernels, compiled as host code, as a backend over NumPy's arrays.

`BACKEND` serves them where the build made pynn's `_cuda_emulated` (build/emulated, the dev preset); None elsewhere.
"""

import importlib.util
import pathlib
import sysconfig
from collections import Counter
from types import SimpleNamespace

import numpy

from pynn._backends import Backend


class Array:
    """A NumPy array as the kernels read one on a GPU."""

    def __init__(self, host):
        self.host = host
        self.shape, self.strides, self.dtype = host.shape, host.strides, host.dtype
        self.data = SimpleNamespace(ptr=host.__array_interface__["data"][0])

    def transpose(self, axes):
        return Array(self.host.transpose(axes))


def empty(shape, dtype):
    """An array whose values show where a kernel left them unset."""
    made = numpy.empty(shape, dtype)
    made.view(numpy.uint8).fill(0xFF) if made.ndim and made.size else made.fill(-1)
    return Array(made)


MODULE = SimpleNamespace(
    ndarray=Array,
    empty=empty,
    cuda=SimpleNamespace(get_current_stream=lambda: SimpleNamespace(ptr=0)),
)


def _load():
    folder = pathlib.Path(__file__).parents[2] / "build" / "emulated"
    path = folder / f"_cuda_emulated{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("_cuda_emulated", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.use(MODULE)
    return module


SERVED = Counter()  # calls that each kernel took


def _served(name, kernel):
    """The kernel over NumPy's arrays."""

    def call(*args):
        known = {}

        def lowered(x):
            if isinstance(x, numpy.ndarray):
                made = Array(x)
                known[id(made)] = x
                return made
            return type(x)(map(lowered, x)) if type(x) in (tuple, list) else x

        def raised(x):
            if isinstance(x, Array):
                return known.get(id(x), x.host)
            return type(x)(map(raised, x)) if type(x) in (tuple, list) else x

        inputs = lowered(args)
        out = kernel(*inputs)
        if out is not None:
            SERVED[name] += 1
        return raised(out)

    return call


module = _load()
BACKEND = module and Backend("emulated", {name: _served(name, k) for name, k in module.kernels.items()})
