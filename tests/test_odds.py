"""Names of the top level that few programs ask for."""

import pytest

import pynn


def test_typename_and_the_like():
    assert pynn.typename(pynn.ones(1).bool()) == "pynn.BoolTensor"
    assert pynn.typename(3) == "int"
    assert pynn.typename(pynn.nn.Linear(1, 1)) == "pynn.nn.linear.Linear"
    assert not pynn.is_storage(3)
    assert pynn.get_device(pynn.ones(1)) == -1
    assert pynn.get_device_module() is pynn.cpu
    assert pynn.get_device_module("cuda") is pynn.cuda
    with pytest.raises(RuntimeError, match="Invalid device module"):
        pynn.get_device_module("hpu")
    assert pynn.can_cast(pynn.float64, pynn.float32)
    assert not pynn.can_cast(pynn.float32, pynn.int64)
    assert pynn.can_cast(pynn.uint8, pynn.int8)
    assert not pynn.can_cast(pynn.int32, pynn.bool)
    assert (pynn.sym_int(-3.5), pynn.sym_max(1, 2.0), pynn.sym_min(1, 2.0), pynn.sym_not(True)) == (-3, 2.0, 1.0, False)
    assert pynn.newaxis is None
    assert pynn.e == 2.718281828459045


def test_assertions_as_functions():
    pynn._assert(pynn.tensor([True]), "no")
    pynn._assert(1, "no")
    with pytest.raises(AssertionError, match="no"):
        pynn._assert(pynn.tensor(False), "no")
    with pytest.raises(RuntimeError, match="nonzero"):
        pynn._assert_async(pynn.tensor(0))
    for name, error in (
        ("_check", RuntimeError),
        ("_check_value", ValueError),
        ("_check_type", TypeError),
        ("_check_index", IndexError),
        ("_check_not_implemented", NotImplementedError),
    ):
        getattr(pynn, name)(True, "why")
        with pytest.raises(error, match="why"):
            getattr(pynn, name)(False, lambda: "why")
    with pytest.raises(TypeError, match="cond must be a bool"):
        pynn._check(pynn.tensor(True))
    pynn._check_is_size(3, max=3)
    with pytest.raises(RuntimeError, match="Expected cond"):
        pynn._check_is_size(-1)
    pynn._check_tensor_all(pynn.ones(2) > 0)
    with pytest.raises(RuntimeError, match="some"):
        pynn._check_tensor_all(pynn.tensor([True, False]), "some")
    assert pynn._shape_as_tensor(pynn.ones(2, 3)).tolist() == [2, 3]


def test_softmax_backward_data():
    x = pynn.arange(6.0).view(2, 3).requires_grad_()
    grad = pynn.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
    for dim in (0, 1):
        y = x.softmax(dim)
        (expected,) = pynn.autograd.grad(y, x, grad)
        pynn.testing.assert_close(pynn._softmax_backward_data(grad, y.detach(), dim, pynn.float32), expected)


def test_second_names():
    assert pynn.legacy_contiguous_format is pynn.contiguous_format
    assert pynn.Future is pynn.futures.Future
    assert pynn.nn.attention.SDPBackend.MATH is not None
    assert issubclass(pynn.jit.TracerWarning, Warning)
