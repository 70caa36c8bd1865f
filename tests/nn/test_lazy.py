"""Lazy modules: no shape before the first input, ordinary modules afterwards."""

import copy

import pytest

import pynn
from pynn import nn
from pynn.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

CASES = [
    ("LazyLinear", (3,), (2, 5), nn.Linear, {"weight": (3, 5), "bias": (3,)}),
    ("LazyConv1d", (4, 3), (2, 6, 9), nn.Conv1d, {"weight": (4, 6, 3), "bias": (4,)}),
    ("LazyConv2d", (4, 3), (6, 9, 9), nn.Conv2d, {"weight": (4, 6, 3, 3), "bias": (4,)}),
    ("LazyConv3d", (4, (1, 2, 3)), (1, 6, 5, 5, 5), nn.Conv3d, {"weight": (4, 6, 1, 2, 3), "bias": (4,)}),
    ("LazyConvTranspose1d", (4, 3), (2, 6, 9), nn.ConvTranspose1d, {"weight": (6, 4, 3), "bias": (4,)}),
    ("LazyConvTranspose2d", (4, 2), (2, 6, 3, 3), nn.ConvTranspose2d, {"weight": (6, 4, 2, 2), "bias": (4,)}),
    ("LazyConvTranspose3d", (4, 2), (2, 6, 3, 3, 3), nn.ConvTranspose3d, {"weight": (6, 4, 2, 2, 2), "bias": (4,)}),
    ("LazyBatchNorm1d", (), (4, 5), nn.BatchNorm1d, {"weight": (5,), "running_var": (5,)}),
    ("LazyBatchNorm2d", (), (4, 5, 3, 3), nn.BatchNorm2d, {"bias": (5,), "running_mean": (5,)}),
    ("LazyBatchNorm3d", (), (4, 5, 2, 3, 3), nn.BatchNorm3d, {"bias": (5,), "running_mean": (5,)}),
    ("LazyInstanceNorm1d", (), (4, 5, 6), nn.InstanceNorm1d, {"weight": (5,), "running_mean": (5,)}),
    ("LazyInstanceNorm2d", (), (4, 5, 6, 6), nn.InstanceNorm2d, {"weight": (5,), "running_mean": (5,)}),
    ("LazyInstanceNorm3d", (), (4, 5, 2, 6, 6), nn.InstanceNorm3d, {"weight": (5,), "running_mean": (5,)}),
]


@pytest.mark.parametrize(("name", "args", "shape", "becomes", "shapes"), CASES, ids=[c[0] for c in CASES])
def test_first_input_makes_an_ordinary_module(name, args, shape, becomes, shapes):
    module = getattr(nn, name)(*args)
    assert isinstance(module, becomes)
    assert module.has_uninitialized_params()
    assert all(is_lazy(p) for p in module.parameters())
    twin = copy.deepcopy(module)
    module(pynn.randn(*shape))
    assert type(module) is becomes
    assert {key: tuple(module.state_dict()[key].shape) for key in shapes} == shapes
    assert not any(is_lazy(p) for p in module.parameters())
    assert not module._forward_pre_hooks
    assert twin.has_uninitialized_params()
    twin.load_state_dict(module.state_dict())
    assert not twin.has_uninitialized_params()
    assert type(twin) is not becomes
    twin(pynn.randn(*shape))
    assert type(twin) is becomes
    assert repr(twin) == repr(module)
    for key, value in module.state_dict().items():
        if "running" not in key and "num" not in key:
            assert pynn.equal(twin.state_dict()[key], value)


def test_repr_and_signature_are_torchs():
    torch = pytest.importorskip("torch")
    for name, args, *_ in CASES:
        assert repr(getattr(nn, name)(*args)) == repr(getattr(torch.nn, name)(*args))


def test_parameters_are_drawn_as_those_of_the_ordinary_module():
    pynn.manual_seed(3)
    lazy = nn.LazyLinear(4)
    lazy(pynn.ones(1, 6))
    pynn.manual_seed(3)
    assert pynn.equal(lazy.weight, nn.Linear(6, 4).weight)


def test_uninitialized_parameters_refuse_use():
    weight = nn.LazyLinear(3).weight
    assert isinstance(weight, UninitializedParameter)
    assert repr(weight) == "<UninitializedParameter>"
    assert weight.dtype is pynn.float32
    assert weight.requires_grad
    assert weight.grad is None
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter or buffer"):
        weight.shape  # noqa: B018
    for use in (lambda: weight + 1, lambda: 2 * weight, lambda: weight.numel(), lambda: weight[0], lambda: len(weight)):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
            use()
    with pytest.raises(RuntimeError, match="Can't share memory"):
        weight.share_memory_()
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        nn.Linear(2, 3).load_state_dict(nn.LazyLinear(3).state_dict())


def test_conversion_before_the_first_input():
    module = nn.Sequential(nn.LazyBatchNorm1d(), nn.LazyLinear(2)).double()
    assert isinstance(module[0].running_mean, UninitializedBuffer)
    assert module(pynn.ones(3, 4, dtype=pynn.float64)).dtype is pynn.float64
    assert module[0].running_var.dtype is pynn.float64


def test_materialize():
    parameter = UninitializedParameter(requires_grad=False, dtype=pynn.float64)
    parameter.materialize((2, 3))
    assert type(parameter) is nn.Parameter
    assert parameter.shape == (2, 3)
    assert parameter.dtype is pynn.float64
    assert not parameter.requires_grad
    buffer = UninitializedBuffer()
    buffer.materialize((4,), dtype=pynn.float64)
    assert type(buffer) is nn.Buffer
    assert buffer.shape == (4,)
    assert buffer.dtype is pynn.float64


def test_errors():
    with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"):
        nn.LazyConv2d(3, 2)(pynn.ones(2))
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.LazyConv2d(4, 2, groups=2)(pynn.ones(1, 3, 4, 4))
    module = nn.LazyLinear(2)
    loaded = module.load_state_dict(nn.LazyLinear(2).state_dict())  # neither has a shape
    assert not loaded.missing_keys
    assert module.has_uninitialized_params()


def test_a_class_of_ones_own():
    from pynn.nn.modules.lazy import LazyModuleMixin

    class Scale(LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = UninitializedParameter()

        def initialize_parameters(self, x):
            self.scale.materialize((x.shape[-1],))
            with pynn.no_grad():
                self.scale.fill_(2.0)

        def forward(self, x):
            return x * self.scale

    module = Scale()
    assert module(pynn.ones(2, 3)).tolist() == [[2.0] * 3] * 2
    assert type(module) is Scale
    assert type(module.scale) is nn.Parameter
