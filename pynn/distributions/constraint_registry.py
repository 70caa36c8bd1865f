"""From a constraint to a transform of all real numbers to the values that it allows: for parameters to be learned.

    scale = transform_to(constraints.positive)(free)

`transform_to` may map many numbers to one value (softmax); `biject_to` maps one to one, and keeps volumes known.
"""

from collections.abc import Callable
from typing import Any

from pynn.distributions import constraints, transforms
from pynn.distributions.constraints import Constraint
from pynn.distributions.transform import Transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

_Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Functions that make transforms, by the class of the constraint that they are for."""

    def __init__(self) -> None:
        self._registry: dict[type[Constraint], _Factory] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Have factory(constraint) make the transforms for a class of constraints (or that of an instance).

        Without factory, a decorator for one. Raises TypeError for what is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not isinstance(kind, type) or not issubclass(kind, Constraint):
            raise TypeError(f"Expected constraint to be a Constraint or a class of them, but got {constraint!r}.")
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        """The transform for a constraint. NotImplementedError where none is registered for its class."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"Cannot transform {type(constraint).__name__} constraints: no factory is registered for them."
            )
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*kinds: Any) -> Callable[[_Factory], _Factory]:
    """Register a factory with both registries."""

    def decorate(factory: _Factory) -> _Factory:
        for kind in kinds:
            biject_to.register(kind, factory)
            transform_to.register(kind, factory)
        return factory

    return decorate


_both(constraints.real)(lambda _: transforms.identity_transform)
_both(constraints.positive, constraints.nonnegative)(lambda _: transforms.ExpTransform())
_both(constraints.corr_cholesky)(lambda _: transforms.CorrCholeskyTransform())
biject_to.register(constraints.simplex, lambda _: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda _: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda _: transforms.LowerCholeskyTransform())
for _kind in (constraints.positive_definite, constraints.positive_semidefinite):
    transform_to.register(_kind, lambda _: transforms.PositiveDefiniteTransform())


@_both(constraints.greater_than, constraints.greater_than_eq)
def _above(constraint: Any) -> Transform:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.lower_bound, 1)]
    )


@_both(constraints.less_than)
def _below(constraint: Any) -> Transform:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


@_both(constraints.interval, constraints.half_open_interval)
def _between(constraint: Any) -> Transform:
    lower, width = constraint.lower_bound, constraint.upper_bound - constraint.lower_bound
    if isinstance(lower, (int, float)) and lower == 0 and isinstance(width, (int, float)) and width == 1:
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(lower, width)])


def _nested(registry: ConstraintRegistry) -> None:
    """For constraints made of others: the transforms of these, joined alike."""

    def independent(constraint: Any) -> Transform:
        inner = registry(constraint.base_constraint)
        return transforms.IndependentTransform(inner, constraint.reinterpreted_batch_ndims)

    def cat(constraint: Any) -> Transform:
        return transforms.CatTransform([registry(c) for c in constraint.cseq], constraint.dim, constraint.lengths)

    def stack(constraint: Any) -> Transform:
        return transforms.StackTransform([registry(c) for c in constraint.cseq], constraint.dim)

    registry.register(constraints.independent, independent)
    registry.register(constraints.cat, cat)
    registry.register(constraints.stack, stack)


_nested(biject_to)
_nested(transform_to)
