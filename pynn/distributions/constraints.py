"""What values a parameter may have, and where draws lie: `constraint.check(value)` says it for each event."""

from collections.abc import Callable, Sequence
from typing import Any

import pynn
from pynn._core import Tensor

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property", "greater_than", "greater_than_eq",
    "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex", "square", "stack", "symmetric",
    "unit_interval",
]  # fmt: skip


class Constraint:
    """A region of values. event_dim: how many dimensions at the right make one value."""

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        """For each event of value whether it lies in the region, as bool."""
        raise NotImplementedError(f"{type(self).__name__} has no check.")

    def __repr__(self) -> str:
        return type(self).__name__[1:] + "()"


def _rule(name: str, holds: Callable[[Tensor], Tensor], event_dim: int = 0, is_discrete: bool = False) -> Constraint:
    """A region without parameters, the only one of its class, by a function that says who is in it."""
    members = {"check": lambda self, value: holds(value), "event_dim": event_dim, "is_discrete": is_discrete}
    made: Constraint = type("_" + name, (Constraint,), members)()
    return made


class _Bounded(Constraint):
    """A region between bounds, which are its attributes."""

    def __repr__(self) -> str:
        return f"{type(self).__name__[1:]}({', '.join(f'{k}={v}' for k, v in vars(self).items())})"


class _Dependent(Constraint):
    """A region that depends on other parameters, known only for a distribution with its parameters."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> None:
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        if self._is_discrete is NotImplemented:
            raise NotImplementedError(".is_discrete cannot be determined statically.")
        return bool(self._is_discrete)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        if self._event_dim is NotImplemented:
            raise NotImplementedError(".event_dim cannot be determined statically.")
        return int(self._event_dim)

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> "_Dependent":
        """The same with what is known of it."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


class _DependentProperty(property, _Dependent):
    """A property of a distribution that is a constraint; of the class, a constraint that depends on parameters."""

    def __init__(
        self,
        fn: Callable[[Any], Constraint] | None = None,
        *,
        is_discrete: Any = NotImplemented,
        event_dim: Any = NotImplemented,
    ) -> None:
        property.__init__(self, fn)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn: Callable[[Any], Constraint]) -> "_DependentProperty":  # type: ignore[override]
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _Independent(Constraint):
    """A constraint whose check is joined over dimensions that count as one event."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        n = self.reinterpreted_batch_ndims
        ok = self.base_constraint.check(value)
        if ok.dim() < n:
            raise ValueError(
                f"Expected value.dim() >= {self.base_constraint.event_dim + n} but got {value.dim()}: {self!r} joins "
                "that many dimensions."
            )
        return ok.reshape(ok.shape[: ok.dim() - n] + (-1,)).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class _Joined(Constraint):
    """Constraints of parts of a value along dim: of slices of the given lengths, or of single places."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> None:
        self.cseq, self.dim, self.lengths = list(cseq), dim, lengths
        self.is_discrete = any(c.is_discrete for c in self.cseq)
        self.event_dim = max(c.event_dim for c in self.cseq) + (lengths is None and dim < 0)

    def check(self, value: Tensor) -> Tensor:
        if self.lengths is None:
            return pynn.stack([c.check(value.select(self.dim, i)) for i, c in enumerate(self.cseq)], self.dim)
        parts = value.split(list(self.lengths), self.dim)
        return pynn.cat([c.check(part) for c, part in zip(self.cseq, parts, strict=True)], self.dim)


class _Cat(_Joined):
    """Constraints of slices of a value, of these lengths (1 each by default), one after the other along dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> None:
        super().__init__(cseq, dim, [1] * len(cseq) if lengths is None else lengths)


class _Stack(_Joined):
    """Constraints of the places of a value along dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        super().__init__(cseq, dim)


class _GreaterThan(_Bounded):
    """Above the bound."""

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return self.lower_bound < value  # type: ignore[no-any-return]


class _GreaterThanEq(_GreaterThan):
    """At the bound or above."""

    def check(self, value: Tensor) -> Tensor:
        return self.lower_bound <= value  # type: ignore[no-any-return]


class _LessThan(_Bounded):
    """Below the bound."""

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound  # type: ignore[no-any-return]


class _Interval(_Bounded):
    """Between the bounds, or at one."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value <= self.upper_bound)  # type: ignore[no-any-return]


class _HalfOpenInterval(_Interval):
    """At the lower bound or between the two."""

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value < self.upper_bound)  # type: ignore[no-any-return]


class _IntegerInterval(_Interval):
    """Integers between the bounds, or at one."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return _whole(value) & super().check(value)


class _IntegerGreaterThan(_GreaterThanEq):
    """Integers at the bound or above."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return _whole(value) & super().check(value)


class _Multinomial(_LessThan):
    """Counts that add up to the bound."""

    is_discrete, event_dim = True, 1

    def check(self, value: Tensor) -> Tensor:
        return ((value >= 0) & _whole(value)).all(-1) & (value.sum(-1) == self.upper_bound)  # type: ignore[no-any-return]


def _whole(x: Tensor) -> Tensor:
    return x % 1 == 0


def is_dependent(constraint: Constraint) -> bool:
    """Whether a constraint depends on parameters, so that its check can only raise."""
    return isinstance(constraint, _Dependent)


def _lower(x: Tensor) -> Tensor:
    return (x.tril() == x).flatten(-2).all(-1)


def _positive_diagonal(x: Tensor) -> Tensor:
    return (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _square(x: Tensor) -> Tensor:
    return pynn.full(x.shape[:-2], x.shape[-2] == x.shape[-1], dtype=pynn.bool)


def _symmetric(x: Tensor) -> Tensor:
    return _square(x) & pynn.isclose(x, x.mT, atol=1e-6).flatten(-2).all(-1)


def _unit_rows(x: Tensor) -> Tensor:
    tolerance = pynn.finfo(x.dtype).eps * x.shape[-1] * 10
    return ((x.norm(dim=-1) - 1).abs() < tolerance).all(-1)


boolean = _rule("Boolean", lambda x: (x == 0) | (x == 1), is_discrete=True)
corr_cholesky = _rule("CorrCholesky", lambda x: _lower(x) & _positive_diagonal(x) & _unit_rows(x), 2)
dependent: Constraint = _Dependent()
dependent_property = _DependentProperty
independent = _Independent
lower_cholesky = _rule("LowerCholesky", lambda x: _lower(x) & _positive_diagonal(x), 2)
lower_triangular = _rule("LowerTriangular", _lower, 2)
greater_than, greater_than_eq, less_than = _GreaterThan, _GreaterThanEq, _LessThan
interval, half_open_interval, integer_interval = _Interval, _HalfOpenInterval, _IntegerInterval
cat, stack, multinomial = _Cat, _Stack, _Multinomial
nonnegative = greater_than_eq(0.0)
nonnegative_integer = _IntegerGreaterThan(0)
one_hot = _rule("OneHot", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), 1, True)
positive = greater_than(0.0)
positive_definite = _rule("PositiveDefinite", lambda x: _symmetric(x) & (pynn.linalg.cholesky_ex(x).info == 0), 2)
positive_integer = _IntegerGreaterThan(1)
positive_semidefinite = _rule(
    "PositiveSemidefinite", lambda x: _symmetric(x) & (pynn.linalg.eigvalsh(x) >= 0).all(-1), 2
)
real = _rule("Real", lambda x: x == x)
real_vector = independent(real, 1)
simplex = _rule("Simplex", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), 1)
square = _rule("Square", _square, 2)
symmetric = _rule("Symmetric", _symmetric, 2)
unit_interval = interval(0.0, 1.0)
