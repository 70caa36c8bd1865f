"""Transforms, constraints and what is made with them: torch's numbers."""

import pytest

import pynn
from pynn import distributions as D

torch = pytest.importorskip("torch")

A = pynn.tensor([0.5, 1.5, 4.0], dtype=pynn.float64)
B = pynn.tensor([2.0, 0.7, 1.2], dtype=pynn.float64)
P = pynn.tensor([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]], dtype=pynn.float64)
M = pynn.tensor([[0.3, 0.0], [-0.4, 1.1]], dtype=pynn.float64)
COUNTS = pynn.tensor([0.0, 3.0, 1.0], dtype=pynn.float64)
SIDES = ((D, lambda t: t), (torch.distributions, lambda t: torch.from_numpy(t.numpy().copy())))

TRANSFORMS = {
    "exp": (lambda d, t: d.ExpTransform(), A - B),
    "sigmoid": (lambda d, t: d.SigmoidTransform(), A - B),
    "softplus": (lambda d, t: d.SoftplusTransform(), A - B),
    "tanh": (lambda d, t: d.TanhTransform(), A - B),
    "power": (lambda d, t: d.PowerTransform(t(B)), A),
    "affine": (lambda d, t: d.AffineTransform(t(A), t(-B)), P),
    "affine of an event": (lambda d, t: d.AffineTransform(1.5, -2.0, event_dim=1), P),
    "stick": (lambda d, t: d.StickBreakingTransform(), P),
    "reshape": (lambda d, t: d.ReshapeTransform((3,), (1, 3)), P),
    "independent": (lambda d, t: d.IndependentTransform(d.ExpTransform(), 1), P),
    "cdf": (lambda d, t: d.CumulativeDistributionTransform(d.Normal(t(A), t(B))), A - 1),
    "one after the other": (lambda d, t: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.TanhTransform()]), A - B),
    "of several ranks": (lambda d, t: d.ComposeTransform([d.ExpTransform(), d.StickBreakingTransform()]), P),
    "parts": (lambda d, t: d.CatTransform([d.ExpTransform(), d.TanhTransform()], -1, [1, 2]), P - 0.5),
    "events of parts": (
        lambda d, t: d.CatTransform([d.ExpTransform(), d.AffineTransform(0.0, 2.0, event_dim=1)], -1, [1, 2]),
        P,
    ),
    "places": (lambda d, t: d.StackTransform([d.ExpTransform(), d.TanhTransform()], 0), P),
    "correlations": (lambda d, t: d.CorrCholeskyTransform(), P - 0.4),
    "inverse": (lambda d, t: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.ExpTransform()]).inv, A),
    "identity": (lambda d, t: d.identity_transform, A),
}

MADE = {  # a distribution, a value
    "LogisticNormal": (lambda d, t: d.LogisticNormal(t(A[:2]), t(B[:2])), P),
    "LogisticNormal of one": (lambda d, t: d.LogisticNormal(t(A[0]), t(B[0])).expand((3,)), P[0, :2] / P[0, :2].sum()),
    "Cauchy": (lambda d, t: d.Cauchy(t(A), t(B)), A - B),
    "StudentT": (lambda d, t: d.StudentT(t(A), t(B), t(A)), A - B),
    "HalfNormal": (lambda d, t: d.HalfNormal(t(A)), B),
    "HalfCauchy": (lambda d, t: d.HalfCauchy(t(A)), B),
    "Pareto": (lambda d, t: d.Pareto(t(A), t(B)), A + B),
    "Weibull": (lambda d, t: d.Weibull(t(A), t(B)), B),
    "Binomial": (lambda d, t: d.Binomial(4, t(P[0])), COUNTS),
    "Binomial by logits": (lambda d, t: d.Binomial(4, logits=t(A - B)), COUNTS),
    "NegativeBinomial": (lambda d, t: d.NegativeBinomial(t(A), t(P[0])), COUNTS),
    "NegativeBinomial by logits": (lambda d, t: d.NegativeBinomial(t(A), logits=t(A - B)), COUNTS),
    "Multinomial": (lambda d, t: d.Multinomial(4, t(P)), COUNTS),
    "RelaxedBernoulli": (lambda d, t: d.RelaxedBernoulli(t(A), t(P[0])), P[1]),
    "RelaxedOneHotCategorical": (lambda d, t: d.RelaxedOneHotCategorical(t(A[0]), t(P)), P.flip(0)),
    "a mixture": (lambda d, t: d.MixtureSameFamily(d.Categorical(t(P)), d.Normal(t(A), t(B).expand(2, 3))), A[:2]),
    "a mixture of vectors": (
        lambda d, t: d.MixtureSameFamily(d.Categorical(t(P[0])), d.Independent(d.Normal(t(P.mT), t(P.mT)), 1)),
        A[:2],
    ),
    "tanh of normal": (lambda d, t: d.TransformedDistribution(d.Normal(t(A), t(B)), d.TanhTransform()), P[0]),
    "falling": (lambda d, t: d.TransformedDistribution(d.Normal(t(A), t(B)), [d.AffineTransform(1.0, -2.0)]), A),
    "logistic": (
        lambda d, t: d.TransformedDistribution(
            d.Uniform(t(A) * 0, t(A) * 0 + 1), [d.SigmoidTransform().inv, d.AffineTransform(t(A), t(B))]
        ),
        B,
    ),
    "simplex": (lambda d, t: d.TransformedDistribution(d.Normal(t(A), t(B)), d.StickBreakingTransform()), None),
    "vectors": (
        lambda d, t: d.TransformedDistribution(d.MultivariateNormal(t(A), t(B.diag())), [d.ExpTransform()]),
        P,
    ),
    "independent": (
        lambda d, t: d.TransformedDistribution(d.Independent(d.Normal(t(A), t(B)), 1), [d.ExpTransform()]),
        A,
    ),
    "broadcast": (lambda d, t: d.TransformedDistribution(d.Normal(0.0, 1.0), d.AffineTransform(t(A), t(B))), A),
}


def close(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    make, x = TRANSFORMS[name]
    (ours, theirs), (x, x_) = [make(d, t) for d, t in SIDES], [t(x) for _, t in SIDES]
    y, y_ = ours(x), theirs(x_)
    close(y, y_)
    close(ours.inv(y), theirs.inv(y_))
    close(ours.log_abs_det_jacobian(x, y), theirs.log_abs_det_jacobian(x_, y_))
    assert ours.domain.event_dim == theirs.domain.event_dim
    assert ours.codomain.event_dim == theirs.codomain.event_dim
    assert ours.bijective == theirs.bijective
    assert tuple(ours.forward_shape((7, 3))) == tuple(theirs.forward_shape((7, 3)))
    assert ours.inv.inv is ours
    assert ours == ours.with_cache(0)
    cached = ours.with_cache()
    if name not in ("one after the other", "inverse", "of several ranks", "identity"):
        assert cached.inv(cached(x)) is x


@pytest.mark.parametrize("name", ["AbsTransform", "SoftmaxTransform", "LowerCholeskyTransform"])
def test_transforms_without_a_jacobian(name):
    ours, theirs = (getattr(d, name)() for d, _ in SIDES)
    y, y_ = ours(M), theirs(SIDES[1][1](M))
    close(y, y_)
    close(ours.inv(y), theirs.inv(y_))
    with pytest.raises(NotImplementedError):
        ours.log_abs_det_jacobian(M, y)


@pytest.mark.parametrize("name", MADE)
def test_distributions(name):
    make, value = MADE[name]
    ours, theirs = (make(d, t) for d, t in SIDES)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    if "mixture" not in name and "bound" not in repr(ours.support):  # a tensor of bounds is printed by its library
        assert repr(ours.support) == repr(theirs.support)
    if value is None:
        value = ours.sample()
    value_ = SIDES[1][1](value)
    questions = {
        "log_prob": lambda d, v: d.log_prob(v),
        "entropy": lambda d, v: d.entropy(),
        "mean": lambda d, v: d.mean,
        "variance": lambda d, v: d.variance,
        "mode": lambda d, v: d.mode,
        "cdf": lambda d, v: d.cdf(v),
        "icdf": lambda d, v: d.icdf(v * 0 + 0.3),
        "expanded": lambda d, v: d.expand((4, 1, *d.batch_shape)).log_prob(v),
    }
    for question, ask in questions.items():
        try:
            expected = ask(theirs, value_)
        except NotImplementedError:
            continue
        try:
            found = ask(ours, value)
        except NotImplementedError:
            assert question in ("mode", "entropy"), question
            continue
        close(found, expected)


@pytest.mark.parametrize("name", MADE)
def test_draws(name):
    pynn.manual_seed(0)
    ours = MADE[name][0](*SIDES[0])
    drawn = ours.sample((20000,))
    assert drawn.shape == (20000, *ours.batch_shape, *ours.event_shape)
    assert ours.support.check(drawn).all()
    try:
        mean, error = ours.mean, 6 * (ours.variance / 20000).sqrt()
    except NotImplementedError:
        return
    known = mean.isfinite() & error.isfinite()
    assert ((drawn.mean(0) - mean).abs() < error + 1e-9)[known].all()


def test_draws_carry_gradients_through_transforms():
    loc = pynn.zeros(3, requires_grad=True)
    policy = D.TransformedDistribution(D.Normal(loc, pynn.ones(3)), [D.TanhTransform(cache_size=1)])
    action = policy.rsample()
    policy.log_prob(action).sum().backward()
    assert policy.has_rsample
    assert loc.grad is not None
    weights = pynn.zeros(2, 4, requires_grad=True)
    D.RelaxedOneHotCategorical(pynn.tensor(0.5), logits=weights).rsample().pow(2).sum().backward()
    assert weights.grad.abs().sum() > 0


CHECKED = {
    "boolean": COUNTS, "nonnegative_integer": COUNTS - 0.5, "positive_integer": COUNTS, "real": COUNTS / COUNTS,
    "real_vector": COUNTS / COUNTS, "positive": COUNTS, "nonnegative": COUNTS - 1, "unit_interval": COUNTS, "simplex": P,
    "one_hot": COUNTS, "lower_triangular": M, "lower_cholesky": M, "corr_cholesky": M, "square": M, "symmetric": M @ M.mT,
    "positive_definite": M @ M.mT, "positive_semidefinite": M,
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKED)
def test_constraints(name):
    (ours, theirs), (x, x_) = [getattr(d.constraints, name) for d, _ in SIDES], [t(CHECKED[name]) for _, t in SIDES]
    found, expected = ours.check(x), theirs.check(x_)
    assert found.dtype == pynn.bool
    assert found.tolist() == expected.tolist()
    assert (ours.event_dim, ours.is_discrete) == (theirs.event_dim, theirs.is_discrete)
    assert repr(ours) == repr(theirs)


MADE_CONSTRAINTS = {
    "integers": lambda c: c.integer_interval(0, 2),
    "below": lambda c: c.less_than(1.0),
    "half open": lambda c: c.half_open_interval(0.0, 3.0),
    "multinomial": lambda c: c.multinomial(4),
    "stack": lambda c: c.stack([c.positive, c.real, c.boolean], -1),
    "cat": lambda c: c.cat([c.positive, c.boolean], 0, [1, 2]),
    "independent": lambda c: c.independent(c.nonnegative, 1),
}


@pytest.mark.parametrize("name", MADE_CONSTRAINTS)
def test_constraints_made_of_numbers_and_others(name):
    ours, theirs = (MADE_CONSTRAINTS[name](d.constraints) for d, _ in SIDES)
    assert ours.check(COUNTS).tolist() == theirs.check(SIDES[1][1](COUNTS)).tolist()
    assert ours.event_dim == theirs.event_dim


def test_a_distribution_of_ones_own():
    class Triangle(D.Distribution):
        arg_constraints = {"width": D.constraints.positive}  # noqa: RUF012

        def __init__(self, width, validate_args=None):
            (self.width,) = D.utils.broadcast_all(width)
            super().__init__(self.width.shape, validate_args=validate_args)

        @D.constraints.dependent_property(is_discrete=False, event_dim=0)
        def support(self):
            return D.constraints.interval(-self.width, self.width)

        @D.utils.lazy_property
        def height(self):
            return 1 / self.width

        def expand(self, batch_shape, _instance=None):
            new = self._get_checked_instance(Triangle, _instance)
            new.width = self.width.expand(batch_shape)
            super(Triangle, new).__init__(batch_shape, validate_args=False)
            return new

        def log_prob(self, value):
            if self._validate_args:
                self._validate_sample(value)
            return (self.height * (1 - value.abs() / self.width)).log()

    ours = Triangle(pynn.tensor([1.0, 2.0]))
    assert ours.log_prob(pynn.tensor(0.0)).tolist() == pytest.approx([0.0, -0.6931472])
    assert "height" in vars(ours)
    assert ours.expand((3, 2)).batch_shape == (3, 2)
    assert D.constraints.is_dependent(Triangle.support)
    assert (Triangle.support.event_dim, Triangle.support.is_discrete) == (0, False)
    with pytest.raises(ValueError, match=r"parameter width .* constraint GreaterThan\(lower_bound=0.0\)"):
        Triangle(-1.0)
    with pytest.raises(ValueError, match="within the support"):
        ours.log_prob(pynn.tensor(1.5))
    with pytest.raises(ValueError, match="not broadcastable"):
        ours.log_prob(pynn.zeros(3))
    with pytest.raises(ValueError, match="must be a Tensor"):
        ours.log_prob(0.5)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), [len]), ValueError),
        (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), D.StickBreakingTransform()), ValueError),
        (lambda: D.ReshapeTransform((2,), (3,)), ValueError),
        (lambda: D.ExpTransform(cache_size=2), ValueError),
        (lambda: D.ReshapeTransform((2,), (1, 2))(pynn.ones(3)), ValueError),
        (lambda: D.NegativeBinomial(1.0, 1.0), ValueError),
        (lambda: D.Multinomial(pynn.tensor(3), P), NotImplementedError),
        (lambda: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)), ValueError),
        (lambda: D.MixtureSameFamily(D.Categorical(P), D.Normal(A[:2], B[:2])), ValueError),
        (lambda: D.MixtureSameFamily(D.Categorical(P), 3), ValueError),
        (lambda: D.constraints.dependent.check(A), ValueError),
        (lambda: D.constraints.dependent.event_dim, NotImplementedError),
        (lambda: D.HalfNormal(1.0).log_prob(pynn.tensor(-1.0)), ValueError),
    ],
)
def test_errors(make, error):
    with pytest.raises(error):
        make()


def test_torchs_modules():
    from pynn.distributions.transformed_distribution import TransformedDistribution

    from pynn.distributions.utils import clamp_probs, logits_to_probs, probs_to_logits

    assert TransformedDistribution is D.TransformedDistribution
    p, p_ = P[0] * 0 + clamp_probs(P[0]), SIDES[1][1](P[0])
    for binary in (False, True):
        close(probs_to_logits(p, binary), torch.distributions.utils.probs_to_logits(p_, binary))
        close(logits_to_probs(p, binary), torch.distributions.utils.logits_to_probs(p_, binary))
