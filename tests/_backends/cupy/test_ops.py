"""Every op on a GPU's tensors: values, gradients and random bits are the CPU's."""

import numpy
import pytest

import pynn
from pynn import _core
from pynn._core import Tensor
from pynn.ops.registry import OPS
from tests import gpu
from tests.cases import FULL, apply, chosen, gradients, has_gradient, is_float, names, samples, several, tensors

# How far the GPU's sums, of another order, may be from the CPU's: relative and absolute.
LEAST = {"float64": 1e-10, "float32": 1e-4, "bfloat16": 4e-2}
# Their logarithms and exponentials are another library's, but the bits drawn are the same.
DRAWS = {"rand", "randint", "randperm", "uniform", "bernoulli", "dropout", "dropout_again", "uniform_", "bernoulli_"}


def close(got, want, tolerance):
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    if is_float(want):
        numpy.testing.assert_allclose(got.astype("f8"), want.astype("f8"), tolerance, tolerance)
    else:
        numpy.testing.assert_array_equal(got, want)


def run(name, sample, dtype, backend):
    record = OPS[name]
    kind = pynn.bfloat16.numpy if dtype == "bfloat16" else numpy.dtype(dtype)
    tolerance = max(10 * record.tolerance[dtype], LEAST[dtype])
    inputs = tensors(sample.inputs, kind)
    there = gpu.moved(tensors(sample.inputs, kind))
    want = several(apply(record.op, inputs, sample.attrs))
    with pynn.backend(backend):
        got = several(apply(record.op, there, sample.attrs))
    for a, b in zip(got, want, strict=True):
        assert a.is_cuda, f"{name} returned a tensor of the CPU"
        if name in DRAWS:
            assert gpu.host(a).tobytes() == gpu.host(b).tobytes() or (tolerance and name.startswith("dropout"))
        close(gpu.host(a), gpu.host(b), tolerance)
    for a, b in zip(there, inputs, strict=True):  # what it wrote, and what it must not have written
        if isinstance(a, Tensor):
            close(gpu.host(a), gpu.host(b), tolerance)
    if dtype == "bfloat16" or not has_gradient(record, sample):
        return
    want = gradients(name, tensors(sample.inputs, kind, True), sample.attrs)
    with pynn.backend(backend):
        got = gradients(name, gpu.moved(tensors(sample.inputs, kind), True), sample.attrs)
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            close(gpu.host(a), gpu.host(b), 5 * tolerance)


@pytest.mark.parametrize("name", names())
def test_values_and_gradients(name):
    for backend in gpu.backends():
        for number, sample in enumerate(samples(name)[: None if FULL else 5]):
            for dtype in ("float64", "float32", "bfloat16") if number == 0 else ("float32",):
                run(name, sample, dtype, backend)


@pytest.mark.parametrize("name", chosen(names(lambda r: r.op.differentiable and not r.op.writes), 6))
def test_second_derivatives(name):
    record = OPS[name]
    sample = next((s for s in samples(name) if has_gradient(record, s)), None)
    if sample is None or record.op.random is not None:
        pytest.skip("no gradient to differentiate")
    found = []
    for backend in ("numpy", gpu.backends()[0]):
        inputs = tensors(sample.inputs, "float64", True)
        with pynn.backend(backend):
            inputs = inputs if backend == "numpy" else gpu.moved(inputs, True)
            grads = gradients(name, inputs, sample.attrs, create_graph=True)
            grads = [g for g in grads if g is not None and g.requires_grad]
            if not grads:
                pytest.skip("a linear op")
            total = sum((g * g).sum() for g in grads)
            wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
            found.append(pynn.autograd.grad(total, wanted, allow_unused=True))
    for a, b in zip(*found, strict=True):
        if a is not None:
            close(gpu.host(b), gpu.host(a), 1e-8)


def test_every_gpu_backend_has_every_op():
    """By a kernel, a reference over its namespace, or the CPU: `test_values_and_gradients` runs them all."""
    for name in gpu.backends():
        backend = pynn._backends.get(name)
        assert backend.device == "cuda"
        assert set(backend.kernels) <= {*OPS, *(f"{n}.backward" for n in OPS)}


def test_nothing_is_asked_of_arrays_before_a_gpu_is_used():
    if gpu.REAL:
        pytest.skip("a GPU is in use for good")
    from tests import cupy_stand_in

    with cupy_stand_in.installed():
        assert not _core.has_devices()
        pynn.ones(2).cuda()
        assert _core.has_devices()
    pynn.ones(1).cuda()  # of the module's own stand-in again
