"""Every op on every sample, values and gradients, against what torch computed (tests/golden), on every backend and ISA."""

import numpy
import pytest

from tests import cases
from tests.ops import golden

WITH_TWIN = cases.names(lambda record: cases.functional(record.name).torch is not None)

# Ops that torch has no twin of under one call; finite differences and their own tests check them. May only shrink.
# (Optimizer steps are compared with torch's optimizers in tests/optim.)
WITHOUT_TWIN = {
    "assign",
    "bernoulli",
    "cauchy",
    "dropout",
    "dropout_again",
    "exponential",
    "geometric",
    "log_normal",
    "normal",
    "rand",
    "randint",
    "randn",
    "randperm",
    "uniform",
    "view_write",
}


def test_ops_without_a_torch_twin_are_the_listed_ones():
    records = [cases.OPS[n] for n in cases.names(lambda r: r.op.functional is None and r.op.groups is None)]
    without = {r.name for r in records if r.torch is None}
    assert without <= WITHOUT_TWIN, "give the new op's record a torch twin"
    assert without >= WITHOUT_TWIN, "take the op off the list"


def stored(name, i):
    """Sample i of an op, its arrays as they are stored in the golden files."""
    sample = cases.samples(name)[i]
    base = cases.functional(name).name
    found = golden.several(f"{base}/{place_of(name, i)}/in")
    inputs = list(sample.inputs)
    for j, x in enumerate(inputs):
        if isinstance(x, numpy.ndarray):
            if j not in found or found[j].shape != x.shape:
                pytest.fail(f"no golden values of {base}, sample {i}: run tools/make_golden.py")
            inputs[j] = cases.lay_out_as(found[j], x)
    return cases.Sample(tuple(inputs), sample.attrs, sample.grad)


def place_of(name, i):
    """The number of an in-place op's sample among those of its out-of-place op."""
    sample = cases.samples(name)[i]
    if cases.OPS[name].op.functional is None:
        return i
    theirs = cases.samples(cases.functional(name).name)
    return next(k for k, s in enumerate(theirs) if s.attrs == sample.attrs and same(s.inputs, sample.inputs))


def same(a, b):
    return len(a) == len(b) and all(
        isinstance(y, numpy.ndarray) and x.tobytes() == y.tobytes()
        if isinstance(x, numpy.ndarray)
        else x is y or x == y
        for x, y in zip(a, b)
    )


def close(got, wanted, tolerance, what):
    """Equal shapes; values equal to tolerance, absolute and relative, after rounding to what was computed in."""
    assert got.shape == wanted.shape, what
    if wanted.dtype.kind != "f":
        numpy.testing.assert_array_equal(got, wanted, err_msg=what)
        return
    with numpy.errstate(over="ignore", under="ignore"):
        numpy.testing.assert_allclose(got, wanted.astype(got.dtype), rtol=tolerance, atol=tolerance, err_msg=what)


def check(name, dtype):
    record = cases.OPS[name]
    base = cases.functional(name).name
    for i in range(len(cases.samples(name))):
        sample = stored(name, i)
        key = f"{base}/{place_of(name, i)}/"
        what = f"{name}, sample {i}, {dtype}"
        tolerance = record.tolerance[dtype]
        track = cases.has_gradient(record, sample)
        out = cases.several(cases.apply(record.op, cases.tensors(sample.inputs, dtype), sample.attrs))
        wanted = golden.several(key + "out")
        assert len(out) == len(wanted), what
        for j, o in enumerate(out):
            close(o._array, wanted[j], tolerance, f"{what}: output {j}")
        if track:
            inputs = cases.tensors(sample.inputs, dtype, track=True)
            places = [j for j, x in enumerate(inputs) if isinstance(x, cases.Tensor) and x.requires_grad]
            wanted = golden.several(key + "grad")
            for j, g in zip(places, cases.gradients(name, inputs, sample.attrs)):
                if j in wanted:
                    got = numpy.zeros(inputs[j].shape) if g is None else g._array
                    close(got, wanted[j], 4 * tolerance, f"{what}: gradient of input {j}")


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("name", WITH_TWIN)
def test_default_backend(name, dtype):
    check(name, dtype)


OTHERS = [(n, d, b, isa) for n in WITH_TWIN for d in cases.DTYPES for b, isa in cases.variants()]


@pytest.mark.parametrize(("name", "dtype", "backend", "isa"), cases.chosen(OTHERS))
def test_other_backends(name, dtype, backend, isa):
    with cases.running_on(backend, isa):
        check(name, dtype)
