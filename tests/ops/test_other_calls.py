"""NumPy's argument names, and numbers before the tensors that they scale."""

import pytest

import pynn
from pynn.ops.other_calls import numbers_first


def _square():
    return pynn.arange(4.0).reshape(2, 2)


@pytest.mark.parametrize(
    "name",
    ["argsort", "cummax", "cumprod", "diff", "logcumsumexp", "logsumexp", "mode", "nansum", "sort", "unbind", "std_mean"],
)
def test_axis_means_dim(name):
    x = pynn.tensor([[3.0, 1.0], [2.0, 5.0]])
    for function in (getattr(pynn, name), getattr(pynn.Tensor, name, None)):
        if function is not None:
            pynn.testing.assert_close(tuple(function(x, axis=0)), tuple(function(x, dim=0)))


def test_keepdims_means_keepdim():
    assert _square().logsumexp(axis=1, keepdims=True).shape == (2, 1)


def test_linalg_takes_axis():
    x = _square()
    pynn.testing.assert_close(pynn.linalg.norm(x, axis=0, keepdims=True), pynn.linalg.norm(x, dim=0, keepdim=True))
    pynn.testing.assert_close(pynn.linalg.vecdot(x, x, axis=0), pynn.linalg.vecdot(x, x, dim=0))


def test_argmax_of_all_keeps_its_dimensions():
    assert _square().argmax(keepdim=True).tolist() == [[3]]
    assert _square().argmin().shape == ()


def test_one_tensor_is_no_list_of_them():
    for function in (pynn.cat, pynn.stack, pynn.hstack, pynn.vstack, pynn.dstack, pynn.column_stack):
        with pytest.raises(TypeError, match="must be tuple of Tensors, not Tensor"):
            function(_square())


def test_a_variance_without_degrees_of_freedom_warns():
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert pynn.ones(1).std().isnan()


def test_both_names_are_too_many():
    with pytest.raises(TypeError, match="both dim= and axis="):
        _square().sort(dim=0, axis=0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (lambda x, y: pynn.add(x, 2, y), lambda x, y: x + 2 * y),
        (lambda x, y: x.add(2, y), lambda x, y: x + 2 * y),
        (lambda x, y: x.clone().add_(2, y), lambda x, y: x + 2 * y),
        (lambda x, y: x.clone().sub_(2, y), lambda x, y: x - 2 * y),
        (lambda x, y: x.clone().addcmul_(2, y, y), lambda x, y: x + 2 * y * y),
        (lambda x, y: pynn.addcdiv(x, 2, y, y), lambda x, y: x + 2 * y / y),
        (lambda x, y: pynn.addmm(2, x, 3, y, y), lambda x, y: 2 * x + 3 * (y @ y)),
        (lambda x, y: pynn.addmm(2, x, y, y), lambda x, y: 2 * x + y @ y),
        (lambda x, y: x.addmm(2, 3, y, y), lambda x, y: 2 * x + 3 * (y @ y)),
        (lambda x, y: x.clone().addmm_(2, y, y), lambda x, y: 2 * x + y @ y),
        (lambda x, y: x.addr(2, 3, y[0], y[1]), lambda x, y: 2 * x + 3 * pynn.outer(y[0], y[1])),
    ],
)
def test_numbers_may_stand_before_what_they_scale(old, new):
    x, y = _square(), _square() + 1
    with pytest.warns(UserWarning, match="deprecated, with numbers before the tensors that they scale: give them by keyword"):
        found = old(x, y)
    pynn.testing.assert_close(found, new(x, y))


@pytest.mark.parametrize("args", [(1.0, 2), (1.0, 2, 3)])
def test_numbers_elsewhere_are_refused(args):
    x = _square()
    with pytest.raises(TypeError):
        x.addmm(x, x, *args)


def test_names_that_are_not_published_are_left_out():
    numbers_first(2, ("alpha",), "no_such_function")
    assert not hasattr(pynn, "no_such_function")
