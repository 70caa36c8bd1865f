"""The kernels take what they are there for, and leave the rest to the references. `test_ops` has their values."""

import numpy
import pytest

import pynn
from pynn._backends.cupy import activation, norm, optim, recurrent
from pynn.ops.registry import OPS
from tests import gpu
from tests.cases import samples, tensors, written


def arrays(name, number, dtype):
    """The inputs of one of an op's samples, on the GPU."""
    made = gpu.moved(tensors(samples(name)[number].inputs, dtype))
    return [x._array if isinstance(x, pynn.Tensor) else x for x in made]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("module", [activation, norm, recurrent, optim])
def test_they_take_floats(module, dtype):
    for name, kernel in module.kernels().items():
        if name.endswith(".backward"):
            continue
        given = arrays(name, 0, dtype)
        attrs = samples(name)[0].attrs
        out = kernel(given, *attrs) if OPS[name].op.variadic else kernel(*given, *attrs)
        assert out is not None, name


def test_they_leave_other_dtypes(cupy):
    for name, kernel in activation.kernels().items():
        x = cupy.ones((2, 3), "float16")
        attrs = samples(name.removesuffix(".backward"))[0].attrs
        found = kernel(x, (x, x), attrs, 1) if name.endswith(".backward") else kernel(x, *attrs)
        assert found is None, name
    x = cupy.ones((2, 3), "float16")
    assert norm.batch_norm(x, None, None, 1e-5) is None
    assert norm.layer_norm(x, None, None, 1, 1e-5) is None
    assert recurrent.gru(cupy.ones((2, 3, 4), "float16"), *[x] * 5, False, None, True) is None
    assert optim.sgd_step([x, x], 0.1, 0.0, 0.0, 0.0, False, False, False) is None


def test_backward_of_recurrences_is_a_kernel_of_its_own():
    for name, module in (("gru", pynn.nn.GRU), ("lstm", pynn.nn.LSTM)):
        model, x = module(3, 4).cuda(), pynn.randn(5, 2, 3, device="cuda")
        out = model(x)[0]
        node = out.grad_fn
        while node.name().lower() != f"{name}backward0":
            node = node.next_functions[0][0]
        grads = [None] * OPS[name].op.outputs
        grads[0] = pynn.ones_like(out)._array
        kernel = recurrent.kernels()[f"{name}.backward"]
        assert kernel(grads, node.saved, node.attrs, 255) is not None


def test_steps_count_on_the_cpu(cupy):
    """`step` is a number that is read each time: on the GPU that would wait for all work before it."""
    w = pynn.ones(3, device="cuda", requires_grad=True)
    optimizer = pynn.optim.Adam([w])
    w.sum().backward()
    optimizer.step()
    state = optimizer.state[w]
    assert not state["step"].is_cuda
    assert state["step"].item() == 1
    assert state["exp_avg"].is_cuda


def test_updates_are_written_where_the_record_says():
    for name in optim.kernels():
        sample = samples(name)[0]
        given = arrays(name, 0, "float64")
        before = [a.get() for a in given]
        optim.kernels()[name](given, *sample.attrs)
        changed = {i for i, (a, b) in enumerate(zip(given, before)) if not numpy.array_equal(a.get(), b)}
        assert changed <= written(OPS[name], sample)
