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


class _Rule(Constraint):
    """A region by its name, bounds and a function that says who is in it."""

    def __init__(
        self, name: str, holds: Callable[[Tensor], Tensor], event_dim: int = 0, is_discrete: bool = False, **bounds: Any
    ) -> None:
        self._name, self._holds, self._bounds = name, holds, bounds
        self.event_dim, self.is_discrete = event_dim, is_discrete
        vars(self).update(bounds)

    def check(self, value: Tensor) -> Tensor:
        return self._holds(value)

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(f'{k}={v}' for k, v in self._bounds.items())})"


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


def cat(cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> Constraint:
    """Constraints of slices of a value, of these lengths (1 each by default), one after the other along dim."""
    return _Joined(cseq, dim, [1] * len(cseq) if lengths is None else lengths)


def stack(cseq: Sequence[Constraint], dim: int = 0) -> Constraint:
    """Constraints of the places of a value along dim."""
    return _Joined(cseq, dim)


def greater_than(lower_bound: Any) -> Constraint:
    """Above the bound."""
    return _Rule("GreaterThan", lambda x: lower_bound < x, lower_bound=lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """At the bound or above."""
    return _Rule("GreaterThanEq", lambda x: lower_bound <= x, lower_bound=lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Below the bound."""
    return _Rule("LessThan", lambda x: x < upper_bound, upper_bound=upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between the bounds, or at one."""
    bounds = {"lower_bound": lower_bound, "upper_bound": upper_bound}
    return _Rule("Interval", lambda x: (lower_bound <= x) & (x <= upper_bound), **bounds)


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """At the lower bound or between the two."""
    bounds = {"lower_bound": lower_bound, "upper_bound": upper_bound}
    return _Rule("HalfOpenInterval", lambda x: (lower_bound <= x) & (x < upper_bound), **bounds)


def _whole(x: Tensor) -> Tensor:
    return x % 1 == 0


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Integers between the bounds, or at one."""
    bounds = {"lower_bound": lower_bound, "upper_bound": upper_bound}
    return _Rule(
        "IntegerInterval", lambda x: _whole(x) & (lower_bound <= x) & (x <= upper_bound), is_discrete=True, **bounds
    )


def _integer_from(lower_bound: int) -> Constraint:
    return _Rule(
        "IntegerGreaterThan", lambda x: _whole(x) & (x >= lower_bound), is_discrete=True, lower_bound=lower_bound
    )


def multinomial(upper_bound: Any) -> Constraint:
    """Counts that add up to the bound."""
    return _Rule(
        "Multinomial",
        lambda x: ((x >= 0) & _whole(x)).all(-1) & (x.sum(-1) == upper_bound),
        1,
        True,
        upper_bound=upper_bound,
    )


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


boolean = _Rule("Boolean", lambda x: (x == 0) | (x == 1), is_discrete=True)
corr_cholesky = _Rule("CorrCholesky", lambda x: _lower(x) & _positive_diagonal(x) & _unit_rows(x), 2)
dependent: Constraint = _Dependent()
dependent_property = _DependentProperty
independent = _Independent
lower_cholesky = _Rule("LowerCholesky", lambda x: _lower(x) & _positive_diagonal(x), 2)
lower_triangular = _Rule("LowerTriangular", _lower, 2)
nonnegative = greater_than_eq(0.0)
nonnegative_integer = _integer_from(0)
one_hot = _Rule("OneHot", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), 1, True)
positive = greater_than(0.0)
positive_definite = _Rule("PositiveDefinite", lambda x: _symmetric(x) & (pynn.linalg.cholesky_ex(x).info == 0), 2)
positive_integer = _integer_from(1)
positive_semidefinite = _Rule(
    "PositiveSemidefinite", lambda x: _symmetric(x) & (pynn.linalg.eigvalsh(x) >= 0).all(-1), 2
)
real = _Rule("Real", lambda x: x == x)
real_vector = independent(real, 1)
simplex = _Rule("Simplex", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), 1)
square = _Rule("Square", _square, 2)
symmetric = _Rule("Symmetric", _symmetric, 2)
unit_interval = interval(0.0, 1.0)
