"""Discrete distributions. Those over classes take `probs` or `logits`, and give both."""

from typing import Any, ClassVar

import pynn
from pynn._core import Tensor
from pynn.distributions import constraints
from pynn.distributions.distribution import Distribution, Shape, broadcast_all


def _one_of(probs: Any, logits: Any) -> bool:
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return probs is not None


class Bernoulli(Distribution):
    """1 with probability `probs` (the sigmoid of `logits`), else 0."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._by_probs = _one_of(probs, logits)
        (self._given,) = broadcast_all(probs if self._by_probs else logits)
        super().__init__(self._given.shape, (), validate_args)
        if self._by_probs:
            inside = (self._given >= 0) & (self._given <= 1)
            self._require(inside, "probs", self._given, "Interval(lower_bound=0.0, upper_bound=1.0)")
        else:
            self._require(self._given == self._given, "logits", self._given, "Real()")

    @property
    def probs(self) -> Tensor:
        """The probability of 1."""
        return self._given if self._by_probs else self._given.sigmoid()

    @property
    def logits(self) -> Tensor:
        """log(probs / (1 - probs))."""
        if not self._by_probs:
            return self._given
        eps = pynn.finfo(self._given.dtype).eps
        clamped = self._given.clamp(eps, 1 - eps)
        return clamped.log() - pynn.log1p(-clamped)

    @property
    def param_shape(self) -> Any:
        """The shape of what was given."""
        return self._given.shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        p = self.probs
        return pynn.where(p == 0.5, pynn.nan, (p >= 0.5).to(p.dtype))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with pynn.no_grad():
            return pynn.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._require_value((value == 0) | (value == 1), value, "Boolean()")
        logits, value = broadcast_all(self.logits, value)
        return -pynn.nn.functional.binary_cross_entropy_with_logits(logits, value.to(logits.dtype), reduction="none")

    def entropy(self) -> Tensor:
        return pynn.nn.functional.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = pynn.arange(2, dtype=self._given.dtype).view((2,) + (1,) * len(self._batch_shape))
        return values.expand((2, *self._batch_shape)) if expand else values

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'probs' if self._by_probs else 'logits'}: {tuple(self._given.shape)})"


class Categorical(Distribution):
    """An index of the last dimension of `probs` (normalised to sum to 1) or `logits`."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}

    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        by_probs = _one_of(probs, logits)
        given: Any = probs if by_probs else logits
        if given.dim() < 1:
            raise ValueError(f"`{'probs' if by_probs else 'logits'}` parameter must be at least one-dimensional.")
        super().__init__(given.shape[:-1], (), validate_args)
        self._by_probs = by_probs
        if by_probs:
            self._require((given >= 0) & (given.sum(-1, keepdim=True) > 0), "probs", given, "Simplex()")
            self._given = given / given.sum(-1, keepdim=True)
        else:
            self._require(given == given, "logits", given, "IndependentConstraint(Real(), 1)")
            self._given = given - given.logsumexp(dim=-1, keepdim=True)

    @property
    def support(self) -> Any:
        return constraints.integer_interval(0, self._classes - 1)

    @property
    def _classes(self) -> int:
        return int(self._given.shape[-1])

    @property
    def probs(self) -> Tensor:
        """The probability of each class."""
        found: Tensor = self._given if self._by_probs else pynn.softmax(self._given, -1)
        return found

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        if not self._by_probs:
            given: Tensor = self._given
            return given
        eps = pynn.finfo(self._given.dtype).eps
        clamped: Tensor = self._given.clamp(eps, 1 - eps)
        return clamped.log()

    @property
    def param_shape(self) -> Any:
        """The shape of what was given."""
        return self._given.shape

    @property
    def mean(self) -> Tensor:
        return pynn.full(self._batch_shape, pynn.nan, dtype=self._given.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(dim=-1)

    @property
    def variance(self) -> Tensor:
        return pynn.full(self._batch_shape, pynn.nan, dtype=self._given.dtype)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = pynn.Size(sample_shape)
        with pynn.no_grad():
            rows = self.probs.detach().reshape(-1, self._classes)
            drawn = pynn.multinomial(rows, max(shape.numel(), 1), True).t()
            return drawn[: shape.numel()].reshape(shape + self._batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        inside = (value >= 0) & (value < self._classes)
        self._require_value(inside, value, f"IntegerInterval(lower_bound=0, upper_bound={self._classes - 1})")
        index, logits = pynn.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=pynn.finfo(self._given.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = pynn.arange(self._classes).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((self._classes, *self._batch_shape)) if expand else values

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'probs' if self._by_probs else 'logits'}: {tuple(self._given.shape)})"


class OneHotCategorical(Categorical):
    """The same with a draw as a vector of zeros and a one."""

    support = constraints.one_hot

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)
        self._event_shape = self._given.shape[-1:]

    def _one_hot(self, index: Tensor) -> Tensor:
        return pynn.nn.functional.one_hot(index, self._classes).to(self._given.dtype)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self.probs.argmax(dim=-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return self._one_hot(super().sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        ones = ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)
        self._require_value(ones, value, "OneHot()")
        return super().log_prob(value.argmax(dim=-1))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = pynn.eye(self._classes, dtype=self._given.dtype)
        values = values.view((self._classes,) + (1,) * len(self._batch_shape) + (self._classes,))
        return values.expand((self._classes, *self._batch_shape, self._classes)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same; gradients flow to the probabilities as if a draw were they."""

    has_rsample = True

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Geometric(Distribution):
    """How many trials of probability `probs` fail before the first success."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        by_probs = _one_of(probs, logits)
        (given,) = broadcast_all(probs if by_probs else logits)
        self.probs = given if by_probs else given.sigmoid()
        super().__init__(self.probs.shape, (), validate_args)
        self._require((self.probs > 0) & (self.probs <= 1), "probs", self.probs, "Interval(0.0, 1.0)")

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return pynn.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with pynn.no_grad():
            drawn = pynn.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            drawn = drawn.clamp(min=pynn.finfo(self.probs.dtype).tiny)
            return (drawn.log() / pynn.log1p(-self.probs)).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._require_value(value >= 0, value, "IntegerGreaterThan(lower_bound=0)")
        return pynn.xlogy(value, 1 - self.probs) + self.probs.log()

    def entropy(self) -> Tensor:
        fails = 1 - self.probs
        return -(pynn.xlogy(fails, fails) + pynn.xlogy(self.probs, self.probs)) / self.probs


class Poisson(Distribution):
    """How many events of a rate happen."""

    arg_constraints: ClassVar[Any] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with pynn.no_grad():
            return pynn.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._require_value((value >= 0) & (value == value.floor()), value, "IntegerGreaterThan(lower_bound=0)")
        rate, value = broadcast_all(self.rate, value)
        return pynn.xlogy(value, rate) - rate - (value + 1).lgamma()
