"""Samples of every registered op as arrays and tensors, shared by the tests that iterate over the registry."""

import contextlib
import functools
import math
import os
import zlib

import numpy

import pynn
import pynn.linalg
import pynn.ops.distances  # these and linalg register their records when they are first used
import pynn.ops.grouped
from pynn import _backends, _core
from pynn._core import Tensor, call, call_inplace, call_writing
from pynn.ops.registry import OPS, Sample

DTYPES = ("float64", "float32")
FULL = os.environ.get("PYNN_TEST_ALL", "") not in ("", "0")  # make test-all: the whole product of cases

try:
    from pynn import _native as native
except ImportError:
    native = None


# ---- samples ----


def functional(name):
    """The record whose value the op of that name computes: its own, or of an in-place op the out-of-place one."""
    op = OPS[name].op
    return OPS[name if op.functional is None else op.functional.name]


@functools.cache
def samples(name):
    """The op's samples: the same on every run, floats rounded to float32 so that every dtype gets the same numbers."""
    record = functional(name)
    drawn = OPS[name].samples(numpy.random.default_rng(zlib.crc32(record.name.encode())))
    found = [Sample(tuple(map(_rounded, s.inputs)), s.attrs, s.grad) for s in drawn]
    return found if OPS[name].op.functional is None else [s for s in found if _writable(record, s)]


def _rounded(x):
    if not is_float(x):
        return x
    with numpy.errstate(over="ignore"):
        return lay_out_as(x.astype(numpy.float32).astype(numpy.float64), x)


def _writable(record, sample):
    """Whether the value fits the first input, to which an in-place op writes it."""
    first = sample.inputs[0]
    return isinstance(first, numpy.ndarray) and output_shapes(record, sample)[0] == first.shape


def output_shapes(record, sample):
    """The shapes that the record's rule gives, as a tuple of one or several; None without a rule."""
    if record.shape is None:
        return None
    shapes = [x.shape if isinstance(x, numpy.ndarray) else x for x in sample.inputs]
    found = record.shape(*shapes, *sample.attrs)
    return tuple(found) if found and isinstance(found[0], tuple) else (found,)


def names(keep=lambda record: True):
    """The names of the ops with samples that `keep` accepts."""
    return [name for name, record in OPS.items() if record.samples is not None and keep(record)]


def is_float(x):
    """Whether x is an array of floats."""
    return isinstance(x, numpy.ndarray) and x.dtype.kind in "fV"


def lay_out_as(values, like):
    """values in new memory with like's kind of strides: reversed, transposed, spread out or plain."""
    if like.size == 0 or like.ndim == 0 or like.flags.c_contiguous:
        return numpy.array(values, order="C")
    if 0 in like.strides:
        return numpy.broadcast_to(
            values[tuple(slice(0, 1 if s == 0 else None) for s in like.strides)].copy(), like.shape
        )
    back = tuple(slice(None, None, -1 if s < 0 else 1) for s in like.strides)
    order = sorted(range(like.ndim), key=lambda i: -abs(like.strides[i]))
    gaps = 1 if like.flags.f_contiguous else 2
    room = numpy.empty([like.shape[i] * gaps for i in order], values.dtype)[(slice(None, None, gaps),) * like.ndim]
    out = room.transpose([order.index(i) for i in range(like.ndim)])[back]
    out[...] = values
    return out


def tensors(inputs, dtype="float64", track=False):
    """Inputs as leaf tensors over arrays of their own, floats in dtype; numbers and None as they are."""
    out = []
    for x in inputs:
        if isinstance(x, numpy.ndarray):
            made = lay_out_as(x.astype(dtype) if is_float(x) else x, x)
            x = _core.wrap(made)
            x._tracked = track and is_float(made)
        out.append(x)
    return tuple(out)


def written(record, sample):
    """The inputs that the record says the op writes, by place."""
    if record.op.groups is None:
        return set(record.effects.writes)
    run = len(sample.inputs) // record.op.groups(sample.attrs)
    return {
        group * run + i for group in record.effects.writes for i in range(run) if group * run + i < len(sample.inputs)
    }


# ---- running ----


def apply(op, inputs, attrs):
    """The op on tensors, through the door that serves it; a tracked leaf to be written is cloned first.

    Random ops draw the same numbers every time.
    """
    if op.random is not None:
        pynn.manual_seed(7)
    if op.groups is not None:
        return call_writing(op, inputs, attrs)
    if op.functional is None:
        return call(op, inputs, attrs)
    if isinstance(inputs[0], Tensor) and inputs[0].requires_grad:
        inputs = (inputs[0].clone(), *inputs[1:])
    return call_inplace(op, inputs, attrs)


def several(out):
    """An op's result as a tuple; empty for one that only writes."""
    if out is None:
        return ()
    return out if isinstance(out, tuple) else (out,)


def has_gradient(record, sample):
    """Whether the op has a gradient at this sample."""
    return record.op.differentiable and sample.grad and any(map(is_float, sample.inputs))


def cotangent(shape):
    """Fixed numbers for the gradient of an output of a shape."""
    return numpy.cos(0.7 * numpy.arange(math.prod(shape)) + 1).reshape(shape)


def weighted(out):
    """The sum of an op's float outputs, each times its cotangent: a scalar that depends on every element."""
    total = 0.0
    for o in several(out):
        if o._array.dtype.kind == "f" and o.requires_grad:
            total = total + (o * _core.made(cotangent(o._array.shape).astype(o._array.dtype))).sum()
    return total


def gradients(name, inputs, attrs, **options):
    """The gradients of `weighted(op(*inputs))` with respect to the tracked inputs, None where there is none."""
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    total = weighted(apply(OPS[name].op, inputs, attrs))
    if not isinstance(total, Tensor):
        return [None] * len(wanted)
    return list(pynn.autograd.grad(total, wanted, allow_unused=True, **options))


# ---- where it runs ----


def isas():
    """The instruction sets with kernels that can run here, the best last."""
    return [n for n in ("portable", "avx2", "avx512") if native is not None and native.isa_supported(n)]


def variants():
    """("numpy", None), then ("native", isa) for each instruction set."""
    return [("numpy", None)] + [("native", isa) for isa in isas()]


@contextlib.contextmanager
def running_on(backend, isa):
    """Compute on a backend, with an instruction set, as the default: the way users run it."""
    default, best = _backends.default(), native.isa() if native else None
    _backends.set_default(_backends.get(backend))
    if isa is not None:
        native.set_isa(isa)
    try:
        yield
    finally:
        _backends.set_default(default)
        if isa is not None:
            native.set_isa(best)


def chosen(cases, one_in=4):
    """The cases that `make test` runs: all of them under PYNN_TEST_ALL, else one in `one_in`, the same every time."""
    return [c for c in cases if FULL or zlib.crc32(repr(c).encode()) % one_in == 0]
