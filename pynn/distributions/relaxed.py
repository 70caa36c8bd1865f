"""Continuous stand-ins for discrete distributions, whose draws carry gradients: the concrete, or Gumbel-softmax, ones."""

from typing import Any, ClassVar

import pynn
from pynn._core import Tensor
from pynn.distributions import constraints
from pynn.distributions.discrete import Bernoulli, OneHotCategorical
from pynn.distributions.distribution import Distribution, Shape
from pynn.distributions.transformed import TransformedDistribution
from pynn.distributions.transforms import ExpTransform, SigmoidTransform


def _uniform(shape: Any, like: Tensor) -> Tensor:
    """Numbers in (0, 1), both ends left out."""
    limits = pynn.finfo(like.dtype)
    return pynn.rand(shape, dtype=like.dtype).clamp(limits.tiny, 1 - limits.eps)


class _Relaxed(Distribution):
    """A temperature, and the discrete distribution that is relaxed."""

    has_rsample = True

    def __init__(self, temperature: Any, exact: Any, validate_args: bool | None) -> None:
        self.temperature, self._exact = pynn.as_tensor(temperature), exact
        super().__init__(exact.batch_shape, exact.event_shape, validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._exact.probs  # type: ignore[no-any-return]

    @property
    def logits(self) -> Tensor:
        """The logits."""
        return self._exact.logits  # type: ignore[no-any-return]

    @property
    def param_shape(self) -> Any:
        """The shape of the probabilities."""
        return self._exact.probs.shape

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Any:
        """The same distribution with its parameters expanded to a batch shape."""
        new: Any = self.__new__(type(self))
        _Relaxed.__init__(new, self.temperature, self._exact.expand(batch_shape), False)
        new._validate_args = self._validate_args
        return new


class LogitRelaxedBernoulli(_Relaxed):
    """The logit of a relaxed Bernoulli variable."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(temperature, Bernoulli(probs, logits, validate_args), validate_args)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        limits = pynn.finfo(self.probs.dtype)
        probs = self.probs.expand(self._extended_shape(sample_shape)).clamp(limits.eps, 1 - limits.eps)
        u = _uniform(probs.shape, probs)
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        difference = self.logits - value * self.temperature
        return self.temperature.log() + difference - 2 * difference.exp().log1p()


class ExpRelaxedCategorical(_Relaxed):
    """The logarithm of a relaxed one-hot variable."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(temperature, OneHotCategorical(probs, logits, validate_args), validate_args)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        u = _uniform(self._extended_shape(sample_shape), self.logits)
        return ((self.logits - (-u.log()).log()) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        n = self.logits.shape[-1]
        score = (self.logits - value * self.temperature).log_softmax(-1).sum(-1)
        scale = pynn.full_like(self.temperature, float(n)).lgamma() + self.temperature.log() * (n - 1)
        return score + scale


class _Map(TransformedDistribution):
    """A relaxed distribution mapped to where the discrete one lies."""

    has_rsample = True
    base_dist: Any

    @property
    def temperature(self) -> Tensor:
        """How far from discrete: at 0 not at all."""
        return self.base_dist.temperature  # type: ignore[no-any-return]

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs  # type: ignore[no-any-return]

    @property
    def logits(self) -> Tensor:
        """The logits."""
        return self.base_dist.logits  # type: ignore[no-any-return]

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Any:
        """The same distribution with its parameters expanded to a batch shape."""
        return super().expand(batch_shape, self.__new__(type(self)) if _instance is None else _instance)


class RelaxedBernoulli(_Map):
    """Bernoulli draws made continuous, in (0, 1): the lower the temperature, the nearer to 0 and 1."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args)


class RelaxedOneHotCategorical(_Map):
    """One-hot draws made continuous, on the simplex: the lower the temperature, the nearer to one-hot."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits), ExpTransform(), validate_args)
