"""From a constraint to a transform into it: torch's choices, and one's own."""

import pytest

import pynn
from pynn import distributions
from pynn.distributions import constraints, transform_to, transforms

X = pynn.tensor([0.1, 0.5, -0.3], dtype=pynn.float64)

CONSTRAINTS = {
    "real": lambda c: c.real,
    "positive": lambda c: c.positive,
    "nonnegative": lambda c: c.nonnegative,
    "greater": lambda c: c.greater_than(1.0),
    "less": lambda c: c.less_than(2.0),
    "unit": lambda c: c.unit_interval,
    "interval": lambda c: c.interval(2.0, 5.0),
    "half open": lambda c: c.half_open_interval(-1.0, 1.0),
    "simplex": lambda c: c.simplex,
    "corr_cholesky": lambda c: c.corr_cholesky,
    "lower_cholesky": lambda c: c.lower_cholesky,
    "positive_definite": lambda c: c.positive_definite,
    "independent": lambda c: c.independent(c.positive, 1),
    "cat": lambda c: c.cat([c.positive, c.real], 0, [1, 2]),
    "stack": lambda c: c.stack([c.positive, c.real, c.unit_interval], 0),
}


@pytest.mark.parametrize("registry", ["transform_to", "biject_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_values_are_torchs_and_satisfy_the_constraint(name, registry):
    torch = pytest.importorskip("torch")
    make, x = CONSTRAINTS[name], pynn.outer(X, X) if name in ("lower_cholesky", "positive_definite") else X
    theirs = getattr(torch.distributions, registry)
    try:
        want = theirs(make(torch.distributions.constraints))
    except NotImplementedError:
        with pytest.raises(NotImplementedError, match="Cannot transform _"):
            getattr(distributions, registry)(make(constraints))
        return
    ours = getattr(distributions, registry)(make(constraints))
    y, given = ours(x), torch.from_numpy(x.numpy())
    pynn.testing.assert_close(y, pynn.from_numpy(want(given).numpy()))
    assert make(constraints).check(y).all()
    pynn.testing.assert_close(ours(ours.inv(y)), y)
    if ours.bijective:
        volume = want.log_abs_det_jacobian(given, want(given))
        pynn.testing.assert_close(ours.log_abs_det_jacobian(x, y), pynn.from_numpy(volume.numpy()))


def test_constraints_are_known_by_their_class():
    assert isinstance(constraints.positive, constraints.greater_than)
    assert not isinstance(constraints.positive, constraints.less_than)
    assert type(constraints.real) is not type(constraints.simplex)


def test_factories_of_ones_own(monkeypatch):
    monkeypatch.setattr(transform_to, "_registry", dict(transform_to._registry))

    class Even(constraints.Constraint):
        pass

    @transform_to.register(Even)
    def double(constraint):
        return transforms.AffineTransform(0, 2)

    assert transform_to(Even())(pynn.ones(1)) == 2
    transform_to.register(constraints.boolean, double)
    assert transform_to(constraints.boolean) == transforms.AffineTransform(0, 2)
    with pytest.raises(TypeError, match=r"to be a Constraint or a class of them, but got <class .*Normal"):
        transform_to.register(distributions.Normal, double)
