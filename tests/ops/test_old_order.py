"""Numbers before the tensors that they multiply, as old programs for torch write them."""

import warnings

import pytest

import pynn
from pynn.ops import old_order

X = pynn.arange(4.0).reshape(2, 2)
Y = X + 1

CALLS = {  # as it was written, as it is written now
    "add": (lambda: pynn.add(X, 2, Y), lambda: pynn.add(X, Y, alpha=2)),
    "sub": (lambda: pynn.sub(X, 2, Y), lambda: pynn.sub(X, Y, alpha=2)),
    "x.add": (lambda: X.add(2, Y), lambda: X.add(Y, alpha=2)),
    "x.add_": (lambda: X.clone().add_(2, Y), lambda: X.add(Y, alpha=2)),
    "x.sub_": (lambda: X.clone().sub_(2, Y), lambda: X.sub(Y, alpha=2)),
    "addcmul": (lambda: pynn.addcmul(X, 2, Y, X), lambda: pynn.addcmul(X, Y, X, value=2)),
    "x.addcmul_": (lambda: X.clone().addcmul_(2, Y, X), lambda: X.addcmul(Y, X, value=2)),
    "x.addcdiv_": (lambda: X.clone().addcdiv_(-2, X, Y), lambda: X.addcdiv(X, Y, value=-2)),
    "addmm": (lambda: pynn.addmm(2, X, 3, Y, X), lambda: pynn.addmm(X, Y, X, beta=2, alpha=3)),
    "addmm without alpha": (lambda: pynn.addmm(2, X, Y, X), lambda: pynn.addmm(X, Y, X, beta=2)),
    "x.addmm_": (lambda: X.clone().addmm_(1, -2, X, Y.t()), lambda: X.addmm(X, Y.t(), beta=1, alpha=-2)),
    "addmv": (lambda: pynn.addmv(2, X[0], 3, X, Y[0]), lambda: pynn.addmv(X[0], X, Y[0], beta=2, alpha=3)),
    "x.baddbmm": (lambda: X[None].baddbmm(2, 3, X[None], Y[None]), lambda: 2 * X[None] + 3 * (X @ Y)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore:This overload of:UserWarning")
def test_values(name):
    then, now = CALLS[name]
    assert pynn.equal(then(), now())


def test_each_function_warns_once(monkeypatch):
    monkeypatch.setattr(old_order, "_warned", set())
    with pytest.warns(UserWarning, match="overload of add_ is deprecated.*alpha=2"):
        X.clone().add_(2, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X.clone().add_(2, Y)


@pytest.mark.parametrize(
    "call",
    [lambda: X.add(Y, 2), lambda: X.add_(1, 2, Y, Y), lambda: X.addcmul(Y, Y, 2), lambda: pynn.addmm(X, 2, Y, "z")],
)
def test_other_orders_are_refused(call):
    with pytest.raises(TypeError, match="tensors, and numbers by their names; got"):
        call()
