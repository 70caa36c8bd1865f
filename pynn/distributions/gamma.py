"""The gamma distribution and what is made of it: chi-squared, beta, Dirichlet."""

from typing import Any, ClassVar

import pynn
from pynn._core import Tensor
from pynn.distributions import constraints
from pynn.distributions.distribution import Distribution, Shape, broadcast_all
from pynn.distributions.implicit import DirichletDraw, GammaDraw


def _standard_gamma(concentration: Tensor) -> Tensor:
    """A draw of rate 1 for each concentration, by the method of Marsaglia and Tsang."""
    with pynn.no_grad():
        a = concentration.detach().double()
        d = pynn.where(a < 1, a + 1, a) - 1 / 3  # below 1: a draw for a + 1 times u ** (1 / a)
        c = 1 / (9 * d).sqrt()
        out = pynn.zeros_like(a)
        open_ = pynn.ones_like(a, dtype=pynn.bool)
        while bool(open_.any()):
            x = pynn.randn(a.shape, dtype=pynn.float64)
            v = (1 + c * x) ** 3
            u = pynn.rand(a.shape, dtype=pynn.float64)
            logarithm = v.clamp(min=1e-300).log()
            taken = open_ & (v > 0) & (u.log() < 0.5 * x * x + d - d * v + d * logarithm)
            out = pynn.where(taken, d * v, out)
            open_ = open_ & ~taken
        u = pynn.rand(a.shape, dtype=pynn.float64)
        out = pynn.where(a < 1, out * u ** (1 / a), out).to(concentration.dtype)
        return out.clamp(min=pynn.finfo(concentration.dtype).tiny)


class Gamma(Distribution):
    """The gamma distribution of a concentration (shape) and a rate."""

    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        concentration = self.concentration.expand(self._extended_shape(sample_shape))
        drawn: Tensor = GammaDraw.apply(concentration, _standard_gamma(concentration))
        return drawn / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        value = pynn.as_tensor(value, dtype=self.rate.dtype)
        self._require_value(value >= 0, value, "GreaterThanEq(lower_bound=0.0)")
        a, b = self.concentration, self.rate
        return pynn.xlogy(a, b) + pynn.xlogy(a - 1, value) - b * value - a.lgamma()

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()


class Chi2(Gamma):
    """The chi-squared distribution of `df` degrees of freedom."""

    arg_constraints: ClassVar[Any] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (half,) = broadcast_all(df)
        super().__init__(0.5 * half, 0.5, validate_args)
        self._require(half > 0, "df", half, repr(constraints.positive))

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2


class Dirichlet(Distribution):
    """The Dirichlet distribution: vectors of probabilities, one concentration an element."""

    arg_constraints: ClassVar[Any] = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        concentration = self.concentration.expand(self._extended_shape(sample_shape))
        drawn = _standard_gamma(concentration)
        result: Tensor = DirichletDraw.apply(concentration, drawn / drawn.sum(-1, True))
        return result

    def log_prob(self, value: Tensor) -> Tensor:
        inside = (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)
        self._require_value(inside, value, "Simplex()")
        a = self.concentration
        return pynn.xlogy(a - 1.0, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1)
        n = a.shape[-1]
        return a.lgamma().sum(-1) - total.lgamma() - (n - total) * total.digamma() - ((a - 1.0) * a.digamma()).sum(-1)


class Beta(Distribution):
    """The beta distribution over (0, 1)."""

    arg_constraints: ClassVar[Any] = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, (), validate_args)

    def _pair(self) -> Dirichlet:
        return Dirichlet(pynn.stack([self.concentration1, self.concentration0], -1), False)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self._pair().rsample(sample_shape).select(-1, 0)

    def log_prob(self, value: Tensor) -> Tensor:
        self._require_value((value >= 0) & (value <= 1), value, "Interval(lower_bound=0.0, upper_bound=1.0)")
        return self._pair().log_prob(pynn.stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._pair().entropy()
