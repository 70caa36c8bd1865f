"""Errors inside a model name the module."""

import pickle

import pytest

import pynn
from pynn import nn


class Model(nn.Module):
    """Features, then a head that is also kept in a plain list."""

    def __init__(self, head):
        super().__init__()
        self.Features = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
        self.head = head

    def forward(self, x):
        return self.head(self.Features(x))


class Raises(nn.Module):
    """Raises what it is given."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


def test_path_from_the_outermost_module():
    with pytest.raises(RuntimeError, match=r"cannot be multiplied .* \[in Features\.0 \(Linear\)\]$"):
        Model(nn.Identity())(pynn.ones(4, 5))


def test_deeper():
    outer = nn.Sequential(nn.ModuleDict({"net": Model(nn.Identity())})["net"], nn.ReLU())
    with pytest.raises(RuntimeError, match=r"\[in 0\.Features\.0 \(Linear\)\]$"):
        outer(pynn.ones(4, 5))


def test_root_alone():
    with pytest.raises(RuntimeError, match=r"\[in Linear\]$"):
        nn.Linear(2, 2)(pynn.ones(4, 5))


def test_a_child_of_a_list_that_is_not_called():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Identity(), nn.Linear(2, 2)])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    with pytest.raises(RuntimeError, match=r"\[in layers\.1 \(Linear\)\]$"):
        Listed()(pynn.ones(1, 3))


def test_the_forward_itself():
    class Bad(nn.Module):
        def forward(self, x):
            return x + pynn.ones(7)

    with pytest.raises(RuntimeError, match=r"must match the size .* \[in head \(Bad\)\]$"):
        Model(Bad())(pynn.ones(1, 3))


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, IndexError, TypeError, NotImplementedError])
def test_type_and_identity_are_kept(kind):
    error = kind("it failed")
    with pytest.raises(kind) as caught:
        Model(Raises(error))(pynn.ones(1, 3))
    assert caught.value is error
    assert str(error) == "it failed [in head (Raises)]"


@pytest.mark.parametrize(
    "error", [KeyError("k"), ValueError("a", "b"), ValueError(), ZeroDivisionError("0"), RecursionError("r")]
)
def test_other_errors_pass_unchanged(error):
    before = error.args
    with pytest.raises(type(error)):
        Model(Raises(error))(pynn.ones(1, 3))
    assert error.args == before


def test_a_reworded_error_is_left_alone():
    class Rewords(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Raises(ValueError("first"))

        def forward(self, x):
            try:
                return self.inner(x)
            except ValueError as error:
                error.args = ("second",)
                raise

    with pytest.raises(ValueError, match=r"^second$"):
        nn.Sequential(Rewords())(1)


def test_with_hooks_and_fused_layers():
    m = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with pytest.raises(RuntimeError, match=r"\[in 0 \(Linear\)\]$"):
        m(pynn.ones(1, 3))
    m[0].register_forward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match=r"\[in 0 \(Linear\)\]$"):
        m(pynn.ones(1, 3))


def test_the_error_pickles():
    with pytest.raises(ValueError) as caught:
        Model(Raises(ValueError("it failed")))(pynn.ones(1, 3))
    assert str(pickle.loads(pickle.dumps(caught.value))) == "it failed [in head (Raises)]"
