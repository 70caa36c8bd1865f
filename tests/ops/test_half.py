"""Every op on 16-bit floats: computed in float32 and rounded once, forward and backward, on every backend."""

import numpy
import pytest

import pynn
from tests import cases

HALVES = ("float16", "bfloat16")
# Their float32 sums are taken in another order than the float32 kernels'; the result may differ by a rounding.
SUMS = {"matmul", "linear", "batch_norm"}
# One reads bits, the other goes to the next number of its own dtype.
EXCEPT = {"view_dtype", "nextafter", "nextafter_"}
EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


def with_floats():
    """The ops that take floats and whose values do not depend on the dtype's random bits."""
    names = cases.names(lambda r: r.op.random is None or r.name == "dropout")
    return [n for n in names if any(cases.is_float(x) for s in cases.samples(n) for x in s.inputs) and n not in EXCEPT]


def numpy_dtype(name):
    return getattr(pynn, name).numpy


def rounded(sample, dtype):
    """The sample's float arrays rounded to a 16-bit dtype, as float32."""
    inputs = []
    for x in sample.inputs:
        if cases.is_float(x):
            with numpy.errstate(over="ignore"):
                x = cases.lay_out_as(x.astype(numpy_dtype(dtype)).astype(numpy.float32), x)
        inputs.append(x)
    return cases.Sample(tuple(inputs), sample.attrs, sample.grad)


def float32_only(name, sample):
    """Attrs that name a dtype decide the result's."""
    return any(isinstance(a, numpy.dtype) for a in sample.attrs)


def check(name, dtype):
    record, target = cases.OPS[name], numpy_dtype(dtype)
    for i, drawn in enumerate(cases.samples(name)):
        if float32_only(name, drawn):
            continue
        sample, what = rounded(drawn, dtype), f"{name}, sample {i}, {dtype}"
        narrow, wide = cases.tensors(sample.inputs, target), cases.tensors(sample.inputs, "float32")
        got = cases.several(cases.apply(record.op, narrow, sample.attrs))
        wanted = cases.several(cases.apply(record.op, wide, sample.attrs))
        written = sorted(cases.written(record, sample))
        got += tuple(narrow[j] for j in written)
        wanted += tuple(wide[j] for j in written)
        for j, (g, w) in enumerate(zip(got, wanted, strict=True)):
            stays = j < record.op.outputs and record.op.wide_outputs >> j & 1
            compare(
                g._array, w._array, target if not stays else numpy.dtype("float32"), name in SUMS, f"{what}: output {j}"
            )
        if cases.has_gradient(record, sample):
            check_gradients(name, sample, dtype, target, what)


def compare(got, wanted, target, loosely, what):
    if wanted.dtype.kind != "f":
        numpy.testing.assert_array_equal(got, wanted, err_msg=what)
        return
    assert got.dtype == target, what
    with numpy.errstate(over="ignore", invalid="ignore"):
        wanted = wanted.astype(target).astype(numpy.float32)
    got = got.astype(numpy.float32)
    if loosely:
        eps = numpy.finfo(target).eps if target.kind == "f" else EPS["bfloat16"]
        numpy.testing.assert_allclose(got, wanted, rtol=float(eps), atol=1e-4, err_msg=what)
    else:
        numpy.testing.assert_array_equal(got, wanted, err_msg=what)


def check_gradients(name, sample, dtype, target, what):
    narrow, wide = (cases.tensors(sample.inputs, d, track=True) for d in (target, "float32"))
    got, wanted = (gradients(name, x, sample.attrs, dtype) for x in (narrow, wide))
    for j, (g, w) in enumerate(zip(got, wanted, strict=True)):
        assert (g is None) == (w is None), what
        if g is None:
            continue
        assert g._array.dtype == target, f"{what}: gradient {j}"
        values = w._array
        with numpy.errstate(all="ignore"):
            scale = max(1.0, float(numpy.nanmax(numpy.abs(values), initial=0.0)))
        # what backward saved was rounded, too: a few roundings, of the largest value
        numpy.testing.assert_allclose(
            g._array.astype(numpy.float32),
            values,
            rtol=4 * EPS[dtype],
            atol=8 * EPS[dtype] * scale,
            err_msg=f"{what}: gradient {j}",
        )


def gradients(name, inputs, attrs, dtype):
    """Gradients of the op's float outputs for fixed cotangents of a 16-bit dtype's values."""
    op = cases.OPS[name].op
    outputs = cases.several(cases.apply(op, inputs, attrs))
    outputs = [o for i, o in enumerate(outputs) if o.requires_grad and not op.wide_outputs >> i & 1]
    wanted = [x for x in inputs if isinstance(x, cases.Tensor) and x.requires_grad]
    if not outputs:
        return [None] * len(wanted)
    given = []
    for o in outputs:
        values = cases.cotangent(o._array.shape).astype(numpy_dtype(dtype)).astype(o._array.dtype)
        given.append(pynn._core.wrap(values))
    return list(pynn.autograd.grad(outputs, wanted, given, allow_unused=True))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", with_floats())
def test_rounded_once(name, dtype):
    check(name, dtype)


OTHERS = [(n, d, b, isa) for n in with_floats() for d in HALVES for b, isa in cases.variants()]


@pytest.mark.parametrize(("name", "dtype", "backend", "isa"), cases.chosen(OTHERS, one_in=8))
def test_other_backends(name, dtype, backend, isa):
    with cases.running_on(backend, isa):
        check(name, dtype)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("order", ["rows", "columns"])
@pytest.mark.parametrize("shape", [(700,), (1, 700), (16, 700), (2, 3, 700), (5, 1, 700)])
def test_few_rows_against_a_large_matrix(shape, order, dtype):
    generator = numpy.random.default_rng(0)
    weight = pynn.tensor(generator.standard_normal((700, 600) if order == "rows" else (600, 700))).to(
        getattr(pynn, dtype)
    )
    weight = weight if order == "rows" else weight.T
    x = pynn.tensor(generator.standard_normal(shape)).to(weight.dtype)
    wide = x.double().numpy() @ weight.double().numpy()
    close = {"rtol": EPS[dtype], "atol": 1e-4}
    numpy.testing.assert_allclose((x @ weight).double().numpy(), wide, **close)
    if x.ndim == 3:
        numpy.testing.assert_allclose((x.transpose(0, 1) @ weight).double().numpy(), wide.swapaxes(0, 1), **close)
    elif x.ndim == 2:  # few columns
        numpy.testing.assert_allclose((weight.T @ x.T).double().numpy(), wide.T, **close)
