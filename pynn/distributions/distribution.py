"""The base of all distributions, and Independent, which counts batch dimensions as dimensions of an event."""

from typing import Any, ClassVar, Self

import pynn
from pynn._core import Tensor
from pynn.distributions import constraints

Shape = Any  # a torch.Size, a tuple or a list of ints


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the dtype of the first tensor, or the default one."""
    kind = next((v.dtype for v in values if isinstance(v, Tensor)), pynn.get_default_dtype())
    if not kind.is_floating_point:
        kind = pynn.get_default_dtype()
    return tuple(pynn.broadcast_tensors(*[v if isinstance(v, Tensor) else pynn.tensor(v, dtype=kind) for v in values]))


class Distribution:
    """A probability distribution over a batch of parameters.

    batch_shape: the shape of the parameters; event_shape: that of one draw with one set of them. `sample(shape)` gives
    a tensor of shape + batch_shape + event_shape, `log_prob(value)` one of value's shape without event_shape.

    A subclass says what its parameters may be in `arg_constraints` and where its draws lie in `support`.
    """

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.dependent
    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None) -> None:
        self._batch_shape = pynn.Size(batch_shape)
        self._event_shape = pynn.Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if name in vars(self) and not constraints.is_dependent(constraint):  # others are derived from these
                    value = vars(self)[name]
                    self._require(constraint.check(value), name, value, repr(constraint))

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check their parameters and the values they are asked about."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args takes True or False, got {value!r}.")
        Distribution._validate_args = value

    @property
    def batch_shape(self) -> Any:
        """The shape of the parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """The shape of one draw."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError(f"{type(self).__name__} has no mean.")

    @property
    def variance(self) -> Tensor:
        """The variance of each element."""
        raise NotImplementedError(f"{type(self).__name__} has no variance.")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation of each element."""
        return self.variance.sqrt()

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise NotImplementedError(f"{type(self).__name__} does not implement mode.")

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws, which no gradient flows through."""
        with pynn.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws that gradients flow through to the parameters, where has_rsample says so."""
        raise NotImplementedError(f"{type(self).__name__} has no reparameterized draws; use sample().")

    def sample_n(self, n: int) -> Tensor:
        """`sample((n,))`."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob.")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw up to value."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf.")

    def icdf(self, value: Tensor) -> Tensor:
        """The place up to which a draw has probability value."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf.")

    def entropy(self) -> Tensor:
        """The entropy, in nats, of each set of parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy.")

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__} has no finite support to enumerate.")

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to a batch shape."""
        batch_shape = pynn.Size(batch_shape)
        new: Any = type(self).__new__(type(self))
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                own = value.shape[len(self._batch_shape) :]
                value = value.expand(batch_shape + own)
            elif isinstance(value, Distribution):
                value = value.expand(batch_shape + value.batch_shape[len(self._batch_shape) :])
            setattr(new, name, value)
        new._batch_shape = batch_shape
        expanded: Self = new
        return expanded

    def _extended_shape(self, sample_shape: Shape = ()) -> Any:
        return pynn.Size(sample_shape) + self._batch_shape + self._event_shape

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """A new object for `expand` to fill; NotImplementedError for a subclass of another constructor."""
        if _instance is not None:
            return _instance
        if type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must also define "
                "a custom .expand() method."
            )
        return self.__new__(type(self))

    def _validate_sample(self, value: Any) -> None:
        """ValueError where value is no tensor, does not broadcast with the distribution, or lies outside the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        own = self._batch_shape + self._event_shape
        fits = value.shape[value.dim() - len(self._event_shape) :] == self._event_shape
        if not fits or any(i != j and 1 not in (i, j) for i, j in zip(reversed(value.shape), reversed(own), strict=False)):
            raise ValueError(
                f"Value is not broadcastable with batch_shape+event_shape: {tuple(value.shape)} vs {tuple(own)}."
            )
        if not constraints.is_dependent(self.support):
            self._require_value(self.support.check(value), value, repr(self.support))

    def _require(self, ok: Tensor, name: str, value: Tensor, constraint: str) -> None:
        """ValueError where a parameter is not what it has to be."""
        if self._validate_args and not bool(ok.all()):
            raise ValueError(
                f"Expected parameter {name} (Tensor of shape {tuple(value.shape)}) of distribution {type(self).__name__} "
                f"to satisfy the constraint {constraint}, but found invalid values:\n{value}"
            )

    def _require_value(self, ok: Any, value: Any, constraint: str) -> None:
        """ValueError where a value lies outside the support."""
        if self._validate_args and not bool(ok.all()):
            raise ValueError(
                f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support "
                f"({constraint}) of the distribution {type(self).__name__}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        parts = []
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and not name.startswith("_"):
                parts.append(f"{name}: {value.item() if value.numel() == 1 else tuple(value.shape)}")
        return f"{type(self).__name__}({', '.join(parts)})"


class Independent(Distribution):
    """A distribution whose last batch dimensions count as dimensions of an event: their log_prob is summed."""

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        if reinterpreted_batch_ndims > len(base_distribution.batch_shape):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(base_distribution.batch_shape)}"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        shape = base_distribution.batch_shape + base_distribution.event_shape
        cut = len(base_distribution.batch_shape) - reinterpreted_batch_ndims
        super().__init__(shape[:cut], shape[cut:], validate_args)
        self.has_rsample = base_distribution.has_rsample

    def _summed(self, x: Tensor) -> Tensor:
        n = self.reinterpreted_batch_ndims
        return x.sum(tuple(range(-n, 0))) if n else x

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to a batch shape."""
        inner = self.event_shape[: self.reinterpreted_batch_ndims]
        return type(self)(self.base_dist.expand(pynn.Size(batch_shape) + inner), self.reinterpreted_batch_ndims)

    @property
    def support(self) -> Any:
        n = self.reinterpreted_batch_ndims
        return constraints.independent(self.base_dist.support, n) if n else self.base_dist.support

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self._summed(self.base_dist.entropy())

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class ExponentialFamily(Distribution):
    """A distribution whose logarithm is linear in its natural parameters: a base class to inherit from."""
