"""Central finite differences in float64, and the comparison of a gradient with them."""

import numpy

import pynn
from pynn import _core
from pynn._core import Tensor
from tests import cases

STEP = 1e-5
TOLERANCE = 1e-6  # of the largest derivative; a central difference of step 1e-5 is good to about 1e-9
FEW = 40  # up to this many elements each gets its own derivative, beyond it random directions stand for all


def directions(x):
    """Changes to an array to try: each element alone, or, of a large array, twelve mixtures of all."""
    if x.size <= FEW:
        for i in range(x.size):
            v = numpy.zeros(x.size)
            v[i] = 1.0
            yield v.reshape(x.shape)
    else:
        rng = numpy.random.default_rng(x.size)
        for _ in range(12):
            yield rng.normal(size=x.shape) / numpy.sqrt(x.size)


def compare(f, inputs, grads, what):
    """f(inputs) -> float against grads, one an input (an array; None where the input is not differentiated)."""
    for j, (x, g) in enumerate(zip(inputs, grads, strict=True)):
        if g is None:
            continue
        assert g.shape == x.shape, f"{what}: gradient {j} has shape {g.shape}, the input {x.shape}"
        pairs = []
        for v in directions(x):
            ends = [f([*inputs[:j], cases.lay_out_as(x + s * STEP * v, x), *inputs[j + 1 :]]) for s in (1, -1)]
            pairs.append(((ends[0] - ends[1]) / (2 * STEP), float((g * v).sum())))
        if pairs:
            wanted, got = numpy.array(pairs).T
            scale = max(1.0, numpy.abs(wanted).max())
            numpy.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE * scale, err_msg=f"{what}: input {j}")


def value(name, sample):
    """inputs -> the sum of the op's float outputs by their cotangents, as a float, untracked."""

    def f(inputs):
        with pynn.no_grad():
            total = 0.0
            for o in cases.several(cases.apply(cases.OPS[name].op, cases.tensors(inputs), sample.attrs)):
                if cases.is_float(o._array):
                    total += float((o._array * cases.cotangent(o._array.shape)).sum())
            return total

    return f


def differentiable_here(name, sample):
    """Whether the op has a gradient at this sample and computes in float64, which differences need."""
    if not cases.has_gradient(cases.OPS[name], sample):
        return False
    outs = cases.several(cases.apply(cases.OPS[name].op, cases.tensors(sample.inputs), sample.attrs))
    return all(o._array.dtype == numpy.float64 for o in outs if cases.is_float(o._array))


def tracked(inputs):
    """Float inputs that are tracked, as places."""
    return [j for j, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]


def check_first(name, sample, what):
    """The gradient of an op at a sample."""
    inputs = cases.tensors(sample.inputs, track=True)
    found = cases.gradients(name, inputs, sample.attrs)
    grads = [None] * len(inputs)
    for j, g in zip(tracked(inputs), found):
        grads[j] = numpy.zeros(inputs[j].shape) if g is None else g._array
    compare(value(name, sample), list(sample.inputs), grads, what)


def double(name, sample, inputs, weights):
    """The sum of the op's gradients by fixed weights, as a tensor that can be differentiated again; None without any."""
    op = cases.OPS[name].op
    outs = [o for o in cases.several(cases.apply(op, inputs, sample.attrs)) if o.requires_grad]
    wanted = [inputs[j] for j in tracked(inputs)]
    grads = pynn.autograd.grad(outs, wanted, list(weights[: len(outs)]), create_graph=True, allow_unused=True)
    total = None
    for g in grads:
        if g is not None and g.requires_grad:
            part = (g * _core.wrap(numpy.sin(1.3 * numpy.arange(g._array.size) + 2).reshape(g._array.shape))).sum()
            total = part if total is None else total + part
    return total


def check_second(name, sample, what):
    """The gradient of the gradient of an op, in its inputs and in the gradient that comes in."""
    op = cases.OPS[name].op
    outs = cases.several(cases.apply(op, cases.tensors(sample.inputs, track=True), sample.attrs))
    cotangents = [cases.cotangent(o._array.shape) for o in outs if o.requires_grad]
    if not cotangents:
        return
    count = len(sample.inputs)

    def run(arrays):
        made = cases.tensors(arrays, track=True)
        return made, double(name, sample, made[:count], made[count:])

    arrays = [*sample.inputs, *cotangents]
    made, total = run(arrays)
    if total is None:
        return
    wanted = tracked(made)
    grads = [None] * len(made)
    for j, g in zip(wanted, pynn.autograd.grad(total, [made[j] for j in wanted], allow_unused=True)):
        grads[j] = numpy.zeros(made[j].shape) if g is None else g._array
    compare(lambda a: run(a)[1]._array.item(), arrays, grads, what)
