"""Initial values."""

import inspect
import math

import numpy
import pytest

import pynn
from pynn import nn
from pynn.nn import init


@pytest.fixture(autouse=True)
def seeded():
    pynn.manual_seed(11)


def test_fill_in_place_without_history():
    p = nn.Parameter(pynn.empty(3, 4))
    for fill in (init.ones_, init.zeros_, init.uniform_, init.normal_, init.xavier_normal_, init.kaiming_uniform_):
        assert fill(p) is p
        assert p.is_leaf
        assert p.requires_grad
    assert init.constant_(p, 2.5).tolist() == [[2.5] * 4] * 3
    assert init.ones_(p).sum().item() == 12.0


def moments(tensor, mean, std):
    values = tensor.numpy().astype(numpy.float64)
    assert abs(values.mean() - mean) < 0.05 * std
    assert abs(values.std() - std) < 0.03 * std


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda t: init.uniform_(t, -3, 3), math.sqrt(3)),
        (lambda t: init.normal_(t, 0, 0.2), 0.2),
        (lambda t: init.xavier_uniform_(t), math.sqrt(2 / 300)),
        (lambda t: init.xavier_normal_(t, gain=2.0), 2 * math.sqrt(2 / 300)),
        (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2 / 100)),
        (lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), math.sqrt(2 / 200)),
        (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), 1 / math.sqrt(300)),
    ],
)
def test_moments(fill, std):
    moments(fill(pynn.empty(200, 100)), 0.0, std)


def test_bounds_of_uniform():
    t = init.xavier_uniform_(pynn.empty(200, 100))
    bound = math.sqrt(6 / 300)
    assert 0.99 * bound < t.abs().max().item() <= bound


def test_fans_count_the_receptive_field():
    assert init._calculate_fan_in_and_fan_out(pynn.empty(4, 3, 5, 2)) == (30, 40)
    assert init._calculate_correct_fan(pynn.empty(4, 3, 5, 2), "FAN_OUT") == 40
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        init.xavier_uniform_(pynn.empty(3))


@pytest.mark.parametrize("limits", [(-2.0, 2.0), (0.5, 0.6), (1.0, 4.0), (-0.1, 0.1)])
def test_trunc_normal_is_the_normal_within_limits(limits):
    low, high = limits
    values = init.trunc_normal_(pynn.empty(20000, dtype=pynn.float64), 0.0, 1.0, low, high).numpy()
    assert low <= values.min() < values.max() <= high
    density = [math.exp(-(x**2) / 2) for x in numpy.linspace(low, high, 2001)]
    mean = numpy.average(numpy.linspace(low, high, 2001), weights=density)
    assert abs(values.mean() - mean) < 0.02 * (high - low)


def test_trunc_normal_scales():
    values = init.trunc_normal_(pynn.empty(5000), 3.0, 0.5, 2.5, 3.5).numpy()
    assert 2.5 <= values.min() < values.max() <= 3.5
    assert abs(values.mean() - 3.0) < 0.02
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        init.trunc_normal_(pynn.empty(5), 10.0, 1.0, -2.0, 2.0)


def test_eye_and_dirac():
    assert init.eye_(pynn.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ValueError, match="Only tensors with 2 dimensions"):
        init.eye_(pynn.empty(2))
    conv = nn.Conv2d(4, 4, 3, padding=1, bias=False, groups=2)
    init.dirac_(conv.weight, groups=2)
    x = pynn.randn(1, 4, 5, 5)
    assert pynn.equal(conv(x), x)
    with pytest.raises(ValueError, match="3, 4, or 5 dimensions"):
        init.dirac_(pynn.empty(2, 2))
    with pytest.raises(ValueError, match="divisible by groups"):
        init.dirac_(pynn.empty(3, 2, 1), groups=2)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (4, 3, 3)])
def test_orthogonal(shape):
    q = init.orthogonal_(pynn.empty(shape, dtype=pynn.float64), gain=2.0).numpy().reshape(shape[0], -1)
    product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    assert numpy.allclose(product, 4 * numpy.eye(len(product)))
    with pytest.raises(ValueError, match="2 or more dimensions"):
        init.orthogonal_(pynn.empty(3))


def test_sparse():
    t = init.sparse_(pynn.empty(10, 6), 0.25, std=2.0)
    assert ((t == 0).sum(0) == 3).all()
    with pytest.raises(ValueError, match="Only tensors with 2 dimensions"):
        init.sparse_(pynn.empty(3), 0.1)


def test_gains():
    assert init.calculate_gain("linear") == 1
    assert init.calculate_gain("tanh") == pytest.approx(5 / 3)
    assert init.calculate_gain("relu") == pytest.approx(math.sqrt(2))
    assert init.calculate_gain("selu") == 0.75
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04))
    assert init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))
    with pytest.raises(ValueError, match="Unsupported nonlinearity gelu"):
        init.calculate_gain("gelu")
    with pytest.raises(ValueError, match="negative_slope True not a valid number"):
        init.calculate_gain("leaky_relu", True)
    with pytest.raises(ValueError, match="Mode fan_up not supported"):
        init.kaiming_uniform_(pynn.empty(2, 2), mode="fan_up")


def test_empty_tensors_warn():
    for fill in (init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
            fill(pynn.empty(0, 3))


def test_generator():
    results = []
    for _ in range(2):
        generator = pynn.Generator()
        generator.manual_seed(5)
        results.append(init.orthogonal_(pynn.empty(4, 4), generator=generator))
    assert pynn.equal(*results)


def test_older_names_warn():
    for name in (
        "uniform",
        "normal",
        "constant",
        "eye",
        "dirac",
        "xavier_uniform",
        "kaiming_normal",
        "orthogonal",
        "sparse",
    ):
        t = pynn.empty(2, 2, 1) if name == "dirac" else pynn.empty(2, 2)
        more = {"constant": (1.0,), "sparse": (0.5,)}.get(name, ())
        with pytest.warns(FutureWarning, match=rf"nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`"):
            assert getattr(init, name)(t, *more) is t


def test_signatures_are_torchs():
    torch = pytest.importorskip("torch")
    for name in init.__all__:
        if name.endswith("_") or name == "calculate_gain":
            ours, theirs = inspect.signature(getattr(init, name)), inspect.signature(getattr(torch.nn.init, name))
            assert [(p.name, p.default) for p in ours.parameters.values()] == [
                (p.name, p.default) for p in theirs.parameters.values()
            ], name
