"""The list of what NumPy serves: the tool sees who served an op."""

from pynn.ops.registry import OPS
from tests import cases
from tools import make_numpy_served


def test_sinc_is_numpys_and_matmul_is_the_kernels():
    assert make_numpy_served.served("sinc", "float32")[0] == "NumPy"
    if OPS["matmul"].op.kernel is not None:
        assert make_numpy_served.served("matmul", "float32")[0] == "kernel"
    assert not isinstance(OPS["matmul"].op.reference, make_numpy_served.Watch)


def test_watching_leaves_the_op_as_it_was():
    op = OPS["exp"].op
    before = (op.kernel, op.reference, op.vjp)
    make_numpy_served.served("exp", "bfloat16")
    assert (op.kernel, op.reference, op.vjp) == before


def test_arguments_and_their_text():
    inputs, attrs = make_numpy_served.arguments("exp")
    assert inputs[0].shape == make_numpy_served.POINTWISE
    assert make_numpy_served.shown(inputs, attrs) == "[1024, 1024]"
    assert all(name in cases.names() for name in make_numpy_served.SHAPES)
