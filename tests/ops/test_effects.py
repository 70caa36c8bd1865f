"""Every op does to memory and random state what its record says, and nothing else."""

import numpy
import pytest

import pynn
from pynn import _core
from pynn._core import Tensor
from pynn.ops.registry import OPS, result_type_of
from tests import cases

ALL = cases.names()
VIEWS = [n for n in ALL if OPS[n].effects.aliases and not OPS[n].effects.writes]
WRITERS = [n for n in ALL if OPS[n].effects.writes]
RANDOM = [n for n in ALL if OPS[n].effects.random is not None]
WITH_GRADIENT = cases.names(lambda r: any(cases.has_gradient(r, s) for s in cases.samples(r.name)))


def arrays_of(inputs):
    return [x._array if isinstance(x, Tensor) else None for x in inputs]


def bits(array):
    return None if array is None else (array.shape, array.strides, array.tobytes())


@pytest.mark.parametrize("name", ALL)
def test_only_declared_inputs_are_written(name):
    record = OPS[name]
    for i, sample in enumerate(cases.samples(name)):
        for dtype in cases.DTYPES:
            inputs = cases.tensors(sample.inputs, dtype)
            before = [bits(a) for a in arrays_of(inputs)]
            cases.apply(record.op, inputs, sample.attrs)
            writes = cases.written(record, sample)
            for j, (a, b) in enumerate(zip(arrays_of(inputs), before)):
                assert j in writes or bits(a) == b, f"{name}, sample {i}, {dtype}: wrote to input {j}"


@pytest.mark.parametrize("name", WRITERS)
def test_versions_of_written_inputs_go_up_by_one(name):
    record = OPS[name]
    for sample in cases.samples(name):
        inputs = cases.tensors(sample.inputs)
        versions = [_core.shared_version(x) if isinstance(x, Tensor) else None for x in inputs]
        cases.apply(record.op, inputs, sample.attrs)
        writes = cases.written(record, sample)
        assert [v.value for v in versions if v is not None] == [
            int(j in writes) for j, v in enumerate(versions) if v is not None
        ]


@pytest.mark.parametrize("name", WRITERS)
def test_written_inputs_are_written(name):
    """At least one sample changes each input that the record says is written."""
    record = OPS[name]
    changed, declared = set(), set()
    for sample in cases.samples(name):
        inputs = cases.tensors(sample.inputs)
        before = [bits(a) for a in arrays_of(inputs)]
        cases.apply(record.op, inputs, sample.attrs)
        run = 1 if record.op.groups is None else len(inputs) // record.op.groups(sample.attrs)
        changed |= {j // run for j, (a, b) in enumerate(zip(arrays_of(inputs), before)) if bits(a) != b}
        declared |= {j // run for j in cases.written(record, sample)}
    assert changed == declared


@pytest.mark.parametrize("name", ALL)
def test_outputs_alias_input_0_exactly_when_declared(name):
    record = OPS[name]
    for i, sample in enumerate(cases.samples(name)):
        inputs = cases.tensors(sample.inputs)
        for o in cases.several(cases.apply(record.op, inputs, sample.attrs)):
            for j, a in enumerate(arrays_of(inputs)):
                if a is not None and a.size and o._array.size:
                    shares = numpy.shares_memory(a, o._array)
                    assert shares == (record.effects.aliases and j == 0), f"{name}, sample {i}: input {j}"


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_the_version_of_their_base(name):
    for sample in cases.samples(name):
        inputs = cases.tensors(sample.inputs)
        view = cases.apply(OPS[name].op, inputs, sample.attrs)
        assert view._writes is inputs[0]._writes
        assert view._base is inputs[0]


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_gradients_are_no_saved_arrays(name):
    """The engine accumulates in place into what a vjp returns, so it must not be, or share memory with, what is saved."""
    op = cases.functional(name).op
    for i, sample in enumerate(cases.samples(name)):
        if not cases.has_gradient(OPS[name], sample):
            continue
        inputs = cases.tensors(sample.inputs, track=True)
        out = cases.several(cases.apply(op, inputs, sample.attrs))
        node = out[0]._node
        if node is not None and node.op is _core.OPERATORS["port"]:
            node = node.edges[0]
        if node is None or node.op is not op:
            continue  # a composite: its steps are ops of their own
        g = [numpy.array(cases.cotangent(o._array.shape)) for o in out]
        grad = g if op.outputs > 1 else g[0]
        held = [a for s in node.saved for a in (s if isinstance(s, tuple) else (s,)) if isinstance(a, numpy.ndarray)]
        before = [bits(a) for a in (*held, *g)]
        results = list(op.vjp(pynn._backends.namespace, node.needs, grad, node.saved, node.attrs))
        if op.backward_kernel is not None and node.shapes is None:
            fast = op.backward_kernel(grad, node.saved, node.attrs, node.needs)
            results += list(fast) if isinstance(fast, tuple) else [fast]
        for r in results:
            for a in held:
                assert not isinstance(r, numpy.ndarray) or not numpy.shares_memory(r, a), f"{name}, sample {i}"
        assert [bits(a) for a in (*held, *g)] == before, f"{name}, sample {i}: backward wrote to what it was given"


@pytest.mark.parametrize("name", RANDOM)
def test_random_ops_draw_what_they_declare(name):
    record = OPS[name]
    for sample in cases.samples(name):
        drawn = []
        for _ in range(2):
            inputs = cases.tensors(sample.inputs)
            words = record.effects.random(arrays_of(inputs), sample.attrs)
            out = cases.apply(record.op, inputs, sample.attrs)  # seeds the generator
            assert pynn._random.default_generator._offset == -(-words // 4)
            drawn.append([bits(o._array) for o in cases.several(out)])
        assert drawn[0] == drawn[1]


def test_only_random_ops_draw():
    for name in ALL:
        if name not in RANDOM:
            for sample in cases.samples(name):
                pynn.manual_seed(3)
                cases.apply(OPS[name].op, cases.tensors(sample.inputs), sample.attrs)
                assert pynn._random.default_generator._offset == 0, name


@pytest.mark.parametrize("name", ALL)
def test_live_attrs_are_attrs(name):
    assert set(OPS[name].effects.live) <= set(OPS[name].attrs)


# ---- shapes and dtypes ----


def wanted_dtype(record, inputs, attrs):
    """What the record's dtype rule gives for inputs, or None where it says nothing."""
    arrays = [x._array if isinstance(x, Tensor) else x for x in inputs if x is not None]
    rule = record.dtype
    if callable(rule):
        return numpy.dtype(rule(*arrays, *attrs))
    if rule == "same":
        return arrays[0].dtype
    if rule in ("promote", "float"):
        found = result_type_of(arrays)
        return found if rule == "promote" or found.kind == "f" else pynn._dtypes.default_float()
    return None if rule is None else numpy.dtype(rule)


@pytest.mark.parametrize("name", ALL)
def test_shape_and_dtype_rules(name):
    record = OPS[name]
    for i, sample in enumerate(cases.samples(name)):
        for dtype in cases.DTYPES:
            inputs = cases.tensors(sample.inputs, dtype)
            out = cases.several(cases.apply(record.op, inputs, sample.attrs))
            what = f"{name}, sample {i}, {dtype}"
            shapes = cases.output_shapes(record, sample)
            if shapes is not None and shapes[0] is not None:
                assert [o._array.shape for o in out] == [tuple(s) for s in shapes], what
            kind = wanted_dtype(record, inputs, sample.attrs)
            if kind is not None:
                assert out[0]._array.dtype == kind, what


POINTWISE = cases.names(lambda r: r.op.pointwise and r.op.functional is None)


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_samples_hold_the_hard_shapes(name):
    """Scalar, empty, an odd length longer than a vector; where floats go in, also other strides and a broadcast."""
    found = [s for s in cases.samples(name) if any(isinstance(x, numpy.ndarray) for x in s.inputs)]
    first = [next(x for x in s.inputs if isinstance(x, numpy.ndarray)) for s in found]
    kinds = {
        "scalar": any(x.ndim == 0 for x in first),
        "empty": any(x.size == 0 for x in first),
        "odd": any(x.ndim == 1 and x.size % 2 and x.size > 32 for x in first),
        "strided": any(not x.flags.c_contiguous for x in first),
    }
    missing = [kind for kind, there in kinds.items() if not there]
    assert not missing or name in FEWER_SHAPES, f"add samples of {name}: {missing}"
    assert missing or name not in FEWER_SHAPES, "take the op off the list"


# Pointwise ops whose samples lack some of these shapes. May only shrink.
FEWER_SHAPES = set()


# ---- threads ----


@pytest.fixture
def two_threads():
    before = pynn.get_num_threads()
    yield
    pynn.set_num_threads(before)


@pytest.mark.skipif(cases.native is None, reason="threads are the compiled kernels'")
@pytest.mark.parametrize("name", ALL)
def test_the_same_bits_on_one_thread_and_two(name, two_threads):
    record = OPS[name]
    for i, sample in enumerate(cases.samples(name)):
        found = []
        for threads in (1, 2):
            pynn.set_num_threads(threads)
            track = cases.has_gradient(record, sample)
            inputs = cases.tensors(sample.inputs, "float32", track)
            results = [o._array for o in cases.several(cases.apply(record.op, inputs, sample.attrs))]
            if track:
                results += [g._array for g in cases.gradients(name, inputs, sample.attrs) if g is not None]
            found.append([bits(a) for a in results])
        assert found[0] == found[1], f"{name}, sample {i}"


@pytest.mark.skipif(cases.native is None, reason="threads are the compiled kernels'")
@pytest.mark.parametrize("name", POINTWISE)
def test_the_same_bits_on_any_number_of_threads_for_large_arrays(name, two_threads):
    """The samples repeated to a length that is worth several threads and divides by nothing."""
    sample = next(
        s for s in cases.samples(name) if all(numpy.ndim(x) <= 1 for x in s.inputs) and numpy.size(s.inputs[0]) > 30
    )
    inputs = [numpy.resize(x, 200_003) if numpy.ndim(x) else x for x in sample.inputs]
    found = []
    for threads in (1, 2, 3):
        pynn.set_num_threads(threads)
        made = cases.tensors(inputs, "float32")
        found.append([bits(o._array) for o in cases.several(cases.apply(OPS[name].op, made, sample.attrs))])
    assert found[0] == found[1] == found[2]


# ---- in-place forms on views ----

INPLACE = cases.names(lambda r: r.op.functional is not None and r.op.functional.differentiable)


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_on_a_view_rewrites_the_history_of_its_base(name):
    """base.T.op_() gives the values and gradients that writing op(base.T) into a new base gives."""
    record = OPS[name]
    for sample in cases.samples(name):
        if not cases.has_gradient(record, sample) or record.op.random is not None:
            continue
        results = []
        for inplace in (True, False):
            leaves = cases.tensors(sample.inputs, track=True)
            if not leaves[0].requires_grad:
                break
            base = leaves[0].permute(*range(leaves[0].ndim)[::-1]).clone()
            turned = base.permute(*range(base.ndim)[::-1])
            if inplace:
                _core.call_inplace(record.op, (turned, *leaves[1:]), sample.attrs)
            else:
                turned = _core.call(record.op.functional, (turned, *leaves[1:]), sample.attrs)
                base = turned.permute(*range(turned.ndim)[::-1])
            total = cases.weighted((base, turned))
            tracked = [x for x in leaves if isinstance(x, Tensor) and x.requires_grad]
            grads = pynn.autograd.grad(total, tracked, allow_unused=True, materialize_grads=True)
            results.append([base._array, turned._array, *[g._array for g in grads]])
        for a, b in zip(*results) if len(results) == 2 else ():
            numpy.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
