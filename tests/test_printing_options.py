"""set_printoptions: every option, and where what follows the numbers is put on a line of its own."""

import math
import random

import numpy
import pytest

import pynn


@pytest.fixture(autouse=True)
def _default_options():
    yield
    pynn.set_printoptions(profile="default")


GOLDEN = [
    ({"precision": 2}, [0.123456, 10.5], "tensor([ 0.12, 10.50])"),
    ({"sci_mode": True}, [1.0, 2.5], "tensor([1.0000e+00, 2.5000e+00])"),
    ({"sci_mode": False}, [1e-6, 2.5], "tensor([0.0000, 2.5000])"),
    ({"threshold": 3, "edgeitems": 1}, [1, 2, 3, 4], "tensor([1,  ..., 4])"),
    ({"edgeitems": 0, "threshold": 1}, [1, 2, 3], "tensor([...], size=(3,))"),
    ({"linewidth": 20}, [1.0, 2.0, 3.0, 4.0], "tensor([1., 2., 3.,\n        4.])"),
    ({"profile": "short"}, [0.123456, 10.5], "tensor([ 0.12, 10.50])"),
    ({"profile": "short", "precision": 3}, [0.123456], "tensor([0.123])"),
]


@pytest.mark.parametrize(("options", "data", "text"), GOLDEN)
def test_options(options, data, text):
    pynn.set_printoptions(**options)
    assert repr(pynn.tensor(data)) == text


def test_full_profile_leaves_nothing_out():
    pynn.set_printoptions(profile="full")
    assert "..." not in repr(pynn.arange(5000))


def test_scientific_form_is_forgotten_at_the_next_call():
    pynn.set_printoptions(sci_mode=True)
    pynn.set_printoptions(precision=2)
    assert repr(pynn.tensor([1.0])) == "tensor([1.])"


def test_unknown_profile():
    with pytest.raises(ValueError, match="profile"):
        pynn.set_printoptions(profile="huge")


def test_tail_on_its_own_line():
    pynn.set_printoptions(linewidth=40)
    x = pynn.tensor([0.6407, -0.5477], requires_grad=True)
    assert repr(x) == "tensor([ 0.6407, -0.5477],\n       requires_grad=True)"


def test_subclass_prints_its_name():
    class Mine(pynn.Tensor):
        pass

    assert repr(pynn.tensor([1.0]).as_subclass(Mine)) == "Mine([1.])"


def test_non_finite_values_do_not_widen():
    assert repr(pynn.tensor([math.inf, 0.0, -math.inf, math.nan])) == "tensor([inf, 0., -inf, nan])"


def test_empty_of_the_default_dtype():
    pynn.set_default_dtype(pynn.float64)
    try:
        assert repr(pynn.zeros(0)) == "tensor([])"
        assert repr(pynn.zeros(2, 0, dtype=pynn.float32)) == "tensor([], size=(2, 0), dtype=pynn.float32)"
    finally:
        pynn.set_default_dtype(pynn.float32)


def test_as_torch_prints():
    torch = pytest.importorskip("torch")
    rng = random.Random(1)
    numbers = numpy.random.default_rng(0)
    options = (
        {}, {"precision": 2}, {"threshold": 10}, {"threshold": 5, "edgeitems": 1}, {"linewidth": 40}, {"sci_mode": True},
        {"sci_mode": False}, {"profile": "short"}, {"edgeitems": 0, "threshold": 3}, {"linewidth": 120, "precision": 8},
    )  # fmt: skip
    try:
        for _ in range(300):
            shape = tuple(rng.choice((0, 1, 2, 7, 13)) for _ in range(rng.choice((0, 1, 1, 2, 3))))
            array = (
                numbers.normal(size=shape) * rng.choice((1.0, 1e-6, 1e3, 1e9)) * 10.0 ** numbers.integers(-2, 3, shape)
            )
            if rng.random() < 0.4:
                array = numpy.round(array)
            if rng.random() < 0.2:
                array = numpy.where(
                    numbers.random(shape) < 0.3, rng.choice((math.nan, math.inf, -math.inf, 0.0)), array
                )
            chosen = rng.choice(options)
            for lib in (torch, pynn):
                lib.set_printoptions(profile="default")
                lib.set_printoptions(**chosen)
            dtype = rng.choice(("float32", "float16", "bool"))
            theirs = torch.tensor(array).to(getattr(torch, dtype))
            ours = pynn.tensor(array).to(getattr(pynn, dtype))
            if "torch." in repr(theirs):  # "torch." is a letter longer than "pynn.": lines may be broken elsewhere
                assert repr(ours).split() == repr(theirs).replace("torch.", "pynn.").split()
            else:
                assert repr(ours) == repr(theirs)
    finally:
        torch.set_printoptions(profile="default")
