"""A distribution of transformed draws of another."""

from collections.abc import Sequence
from typing import Any

import pynn
from pynn._core import Tensor
from pynn.distributions.composed import ComposeTransform
from pynn.distributions.distribution import Distribution, Independent, Shape
from pynn.distributions.transform import Transform, sum_rightmost


class TransformedDistribution(Distribution):
    """The distribution of transforms(x), one after the other, for x drawn from base_distribution."""

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(transform, Transform) for transform in self.transforms):
            raise ValueError(f"transforms must be a Transform or a list of Transforms, got {transforms!r}.")
        whole = ComposeTransform(self.transforms)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        before, after = whole.domain.event_dim, whole.codomain.event_dim
        own = len(base_distribution.event_shape)
        if len(shape) < before:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {before}, but got {tuple(shape)}."
            )
        out = pynn.Size(whole.forward_shape(shape))
        needed = pynn.Size(whole.inverse_shape(out))
        if needed != shape:
            base_distribution = base_distribution.expand(needed[: len(needed) - own])
        if before > own:
            base_distribution = Independent(base_distribution, before - own)
        self.base_dist = base_distribution
        cut = len(out) - after - max(own - before, 0)
        super().__init__(out[:cut], out[cut:], validate_args)
        self.has_rsample = base_distribution.has_rsample

    @property
    def support(self) -> Any:
        from pynn.distributions import constraints

        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        more = len(self.event_shape) - last.event_dim
        return constraints.independent(last, more) if more > 0 else last

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Any:
        """The same distribution with its parameters expanded to a batch shape."""
        new = self._get_checked_instance(TransformedDistribution, _instance)
        shape = pynn.Size(ComposeTransform(self.transforms).inverse_shape(pynn.Size(batch_shape) + self.event_shape))
        base = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        TransformedDistribution.__init__(new, base, self.transforms, False)
        new._validate_args = self._validate_args
        return new

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with pynn.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        total: Any = 0.0
        dims = len(self.event_shape)
        for transform in reversed(self.transforms):
            before = transform.inv(value)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            stretch = transform.log_abs_det_jacobian(before, value)
            total = total - sum_rightmost(stretch, dims - transform.domain.event_dim)
            value = before
        own = sum_rightmost(self.base_dist.log_prob(value), dims - len(self.base_dist.event_shape))
        return total + own  # type: ignore[no-any-return]

    def _turned(self, probability: Tensor) -> Tensor:
        """The probability from the other end where the transforms, taken together, fall."""
        for transform in self.transforms:
            probability = transform.sign * (probability - 0.5) + 0.5
        return probability

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._turned(value)))
