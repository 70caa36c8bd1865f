"""Padding modules."""

import pytest

import pynn
from pynn import nn
from pynn.nn import padding

PLAIN = [name for name in padding.__all__ if not name.startswith("Constant")]


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("one", [True, False])
def test_matches_torch(twin, rng, name, one):
    dims = int(name[-2])
    sides = 2 if one else (1, 2, 2, 0, 1, 1)[: 2 * dims]
    twin(lambda nn: getattr(nn, name)(sides), rng.normal(size=(2, 2, 5, 4, 3)[: 2 + dims]))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_constant_matches_torch(twin, rng, dims):
    twin(lambda nn: getattr(nn, f"ConstantPad{dims}d")(1, 2.5), rng.normal(size=(2, 2, 5, 4, 3)[: 2 + dims]))


def test_another_number_of_sides_is_what_pad_makes_of_it():
    assert nn.ZeroPad2d([1, 2])(pynn.ones(1, 1, 2, 2)).shape == (1, 1, 2, 5)  # the last dimension only
    assert nn.ZeroPad2d(range(1, 3)).padding == (1, 2)
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):
        nn.ZeroPad2d((1, 2, 3))(pynn.ones(1, 1, 2, 2))
