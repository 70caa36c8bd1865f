"""Distributions: torch's numbers, and draws of the right moments."""

import pytest

import pynn
from pynn import distributions as D

P = pynn.tensor([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]], dtype=pynn.float64)
A = pynn.tensor([0.5, 1.5, 4.0], dtype=pynn.float64)
B = pynn.tensor([2.0, 0.7, 1.2], dtype=pynn.float64)
L = pynn.tensor([[2.0, 0.0], [0.5, 1.0]], dtype=pynn.float64)
L2 = pynn.tensor([[1.0, 0.0], [-0.3, 0.7]], dtype=pynn.float64)

CASES = [  # name, two sets of arguments, a value
    ("Normal", (A, B), (B, A), A - B),
    ("LogNormal", (A, B), (B, A), A),
    ("Laplace", (A, B), (B, A), A - B),
    ("Gumbel", (A, B), (B, A), A),
    ("Uniform", (-A, B), (-A - 1, B + 1), B / 2),
    ("Exponential", (A,), (B,), B),
    ("Gamma", (A, B), (B, A), B),
    ("Chi2", (A,), (B,), B),
    ("Beta", (A, B), (B, A), P[0]),
    ("Dirichlet", (A,), (B,), P),
    ("Bernoulli", (P[0],), (P[1],), pynn.tensor([0.0, 1.0, 1.0], dtype=pynn.float64)),
    ("Bernoulli", (None, A), (None, B), pynn.tensor([0.0, 1.0, 1.0], dtype=pynn.float64)),
    ("Categorical", (P,), (P.flip(0),), pynn.tensor([2, 0])),
    ("Categorical", (None, P), (None, P.flip(1)), pynn.tensor([[2, 0], [1, 1], [0, 2]])),
    ("OneHotCategorical", (P,), (P.flip(0),), pynn.eye(3, dtype=pynn.float64)[:2]),
    ("Geometric", (P[0],), (P[1],), pynn.tensor([0.0, 3.0, 1.0], dtype=pynn.float64)),
    ("Poisson", (A,), (B,), pynn.tensor([0.0, 3.0, 1.0], dtype=pynn.float64)),
    ("MultivariateNormal", (A[:2], None, None, L), (B[:2], L2 @ L2.mT), A[:2]),
]


def made(kind, arguments, of=pynn, as_=lambda t: t):
    return getattr(of.distributions, kind)(*[as_(a) if isinstance(a, pynn.Tensor) else a for a in arguments])


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
def test_the_numbers_are_torchs(case):
    torch = pytest.importorskip("torch")

    def turned(t):
        return torch.from_numpy(t.numpy().copy())

    kind, first, second, value = case
    ours, theirs = made(kind, first), made(kind, first, torch, turned)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    questions = {
        "log_prob": lambda d, v: d.log_prob(v),
        "entropy": lambda d, v: d.entropy(),
        "mean": lambda d, v: d.mean,
        "variance": lambda d, v: d.variance,
        "mode": lambda d, v: d.mode,
        "cdf": lambda d, v: d.cdf(v),
        "support": lambda d, v: d.enumerate_support(),
        "expanded": lambda d, v: d.expand((4, *d.batch_shape)).log_prob(v) if v.ndim < 2 else d.mean,
    }
    for name, ask in questions.items():
        try:
            expected = ask(theirs, turned(value))
        except NotImplementedError:
            continue
        try:
            found = ask(ours, value)
        except NotImplementedError:
            assert name in ("mode", "cdf", "entropy"), name
            continue
        assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-9, abs=1e-12, nan_ok=True), name
    divergence = D.kl_divergence(ours, made(kind, second))
    expected = torch.distributions.kl_divergence(theirs, made(kind, second, torch, turned))
    assert divergence.numpy() == pytest.approx(expected.numpy(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] != "Categorical"], ids=lambda c: c[0])
def test_draws_have_the_mean_and_the_variance(case):
    pynn.manual_seed(0)
    ours = made(case[0], case[1])
    drawn = ours.sample((40000,))
    assert drawn.shape == (40000, *ours.batch_shape, *ours.event_shape)
    error = 6 * (ours.variance / 40000).sqrt() + 1e-12
    assert ((drawn.mean(0) - ours.mean).abs() < error).all()
    if case[0] != "LogNormal":
        assert drawn.var(0).numpy() == pytest.approx(ours.variance.numpy(), rel=0.15)


def test_categories_are_drawn_by_their_probabilities():
    pynn.manual_seed(0)
    drawn = D.Categorical(P).sample((20000,))
    assert drawn.shape == (20000, 2)
    for row in range(2):
        share = pynn.bincount(drawn[:, row], minlength=3) / 20000
        assert share.numpy() == pytest.approx(P[row].numpy(), abs=0.02)
    assert D.Categorical(P[0]).sample().shape == ()


@pytest.mark.parametrize("kind", ["Normal", "Laplace", "Gumbel", "LogNormal"])
def test_draws_carry_gradients(kind):
    loc, scale = pynn.zeros(3, requires_grad=True), pynn.ones(3, requires_grad=True)
    distribution = getattr(D, kind)(loc, scale)
    assert distribution.has_rsample
    distribution.rsample((5,)).sum().backward()
    assert loc.grad is not None
    assert scale.grad is not None
    assert not distribution.sample().requires_grad


def test_straight_through():
    logits = pynn.zeros(4, requires_grad=True)
    drawn = D.OneHotCategoricalStraightThrough(logits=logits).rsample()
    assert drawn.detach().sum() == 1
    (drawn * pynn.arange(4.0)).sum().backward()
    assert logits.grad is not None


def test_independent_sums_over_dimensions_of_the_event():
    base = D.Normal(pynn.zeros(2, 3), pynn.ones(2, 3))
    both = D.Independent(base, 1)
    assert (both.batch_shape, both.event_shape) == ((2,), (3,))
    value = pynn.randn(2, 3)
    pynn.testing.assert_close(both.log_prob(value), base.log_prob(value).sum(-1))
    other = D.Independent(D.Normal(pynn.ones(2, 3), pynn.ones(2, 3)), 1)
    assert D.kl_divergence(both, other).tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    "make",
    [
        lambda: D.Normal(0.0, -1.0),
        lambda: D.Bernoulli(1.5),
        lambda: D.Bernoulli(),
        lambda: D.Bernoulli(0.5, 0.5),
        lambda: D.Uniform(1.0, 0.0),
        lambda: D.Categorical(pynn.tensor(0.5)),
        lambda: D.Categorical(pynn.tensor([-1.0, 2.0])),
        lambda: D.Categorical(P).log_prob(pynn.tensor(3)),
        lambda: D.Bernoulli(0.5).log_prob(pynn.tensor(0.5)),
        lambda: D.Poisson(1.0).log_prob(pynn.tensor(-1.0)),
        lambda: D.MultivariateNormal(pynn.zeros(2)),
    ],
)
def test_bad_parameters_and_values_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_what_has_no_rule_says_so():
    with pytest.raises(NotImplementedError, match="KL"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Poisson(1.0))
    with pytest.raises(NotImplementedError, match="sample"):
        D.Poisson(1.0).rsample()


def test_torchs_modules_are_found():
    from pynn.distributions.bernoulli import Bernoulli
    from pynn.distributions.normal import Normal

    assert (Bernoulli, Normal) == (D.Bernoulli, D.Normal)
