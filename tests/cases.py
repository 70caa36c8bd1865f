"""Samples of every registered op as arrays and tensors, shared by the tests that iterate over the registry."""

import functools
import os
import zlib

import numpy

import pynn
from pynn import _core
from pynn._backends import BACKENDS
from pynn._core import Tensor, call, call_inplace
from pynn.ops.registry import OPS

FULL = os.environ.get("PYNN_TEST_ALL", "") not in ("", "0")
FLOAT_DTYPES = ("float64", "float32")


@functools.cache
def samples(name):
    """The op's samples; the same on every run, for the draw is seeded by the op's name."""
    record = OPS[name]
    return record.samples(numpy.random.default_rng(zlib.crc32(name.encode())))


def cases(keep=lambda record: True):
    """(op name, sample number) of every op that `keep` accepts, for parametrize."""
    return [(name, i) for name, record in OPS.items() if record.samples and keep(record) for i in range(len(samples(name)))]


def is_float(x):
    return isinstance(x, numpy.ndarray) and x.dtype.kind == "f"


def cast(x, dtype):
    """A sample's input in the dtype under test: float arrays only, strides kept."""
    return x.astype(dtype, order="K") if is_float(x) else x


def tensors(sample, dtype="float64", track=False):
    """The sample's inputs as leaf tensors over arrays of their own; numbers and None as they are."""
    out = []
    for x in sample.inputs:
        if isinstance(x, numpy.ndarray):
            x = _core.wrap(copy(cast(x, dtype)))
            if track and is_float(x._array):
                x.requires_grad_()
        out.append(x)
    return tuple(out)


def copy(x):
    """A copy of an array that keeps its strides, negative and zero ones too."""
    if 0 in x.strides and x.size:
        return x.copy()
    flipped = tuple(slice(None, None, -1 if s < 0 else 1) for s in x.strides)
    held = numpy.empty_like(x[flipped])
    if not x.flags.c_contiguous and x.ndim and x.size and max(map(abs, x.strides)) > x.nbytes // x.shape[0]:
        step = 2
        held = numpy.empty(tuple(n * step for n in x.shape), x.dtype)[tuple(slice(None, None, step) for _ in x.shape)]
    held[...] = x[flipped]
    return held[flipped]


def apply(op, inputs, attrs):
    """The op on tensors, through the door that serves it."""
    if op.functional is not None:
        # In-place ops may not write to leaves that require grad: write to a copy.
        if isinstance(inputs[0], Tensor) and inputs[0].requires_grad:
            inputs = (inputs[0].clone(), *inputs[1:])
        return call_inplace(op, inputs, attrs)
    return call(op, inputs, attrs)


def several(out):
    """An op's result as a tuple."""
    return out if isinstance(out, tuple) else (out,)


def backends():
    """Names of the backends that can run here."""
    return [name for name, backend in BACKENDS.items() if backend.available]


def cotangents(outputs, seed):
    """A fixed random array for every float output, None for the others."""
    rng = numpy.random.default_rng(seed)
    return [rng.normal(size=o.shape) if o.dtype.kind == "f" else None for o in outputs]


def has_gradient(record, sample):
    """Whether a gradient is defined for this sample of this op."""
    return record.op.differentiable and sample.grad and any(is_float(x) for x in sample.inputs)


@functools.cache
def native():
    """The compiled kernels' module, or None."""
    try:
        from pynn import _native
    except ImportError:
        return None
    return _native


def isas():
    """Instruction sets whose kernels can run here, the best last."""
    module = native()
    return [n for n in ("portable", "avx2", "avx512") if module is not None and module.isa_supported(n)]


__all__ = ["pynn"]
