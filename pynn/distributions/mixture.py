"""Mixtures of distributions of one kind."""

from typing import Any

import pynn
from pynn._core import Tensor
from pynn.distributions.discrete import Categorical
from pynn.distributions.distribution import Distribution, Shape


class MixtureSameFamily(Distribution):
    """Draws of one of the components, which lie along their last batch dimension, chosen by a Categorical."""

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(f"The mixture distribution needs to be a Categorical, got {mixture_distribution!r}.")
        if not isinstance(component_distribution, Distribution):
            raise ValueError(f"The component distribution needs to be a Distribution, got {component_distribution!r}.")
        weights, batch = mixture_distribution.probs.shape, component_distribution.batch_shape
        if weights[-1:] != batch[-1:]:
            raise ValueError(
                f"`mixture_distribution` has {weights[-1]} components, `component_distribution` batch shape {tuple(batch)}: "
                "the last number has to be the same."
            )
        for a, b in zip(reversed(weights[:-1]), reversed(batch[:-1]), strict=False):
            if 1 not in (a, b) and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` {tuple(weights[:-1])} is not compatible with "
                    f"`component_distribution.batch_shape` {tuple(batch)}."
                )
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """Which component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    @property
    def support(self) -> Any:
        return self._component_distribution.support

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Any:
        """The same distribution with its parameters expanded to a batch shape."""
        batch = pynn.Size(batch_shape)
        components = self._component_distribution.expand((*batch, self._mixture_distribution.probs.shape[-1]))
        return MixtureSameFamily(self._mixture_distribution.expand(batch), components, False)

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape(probs.shape + (1,) * len(self._event_shape))

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(-1 - len(self._event_shape))

    @property
    def variance(self) -> Tensor:
        at, weights, parts = -1 - len(self._event_shape), self._weights(), self._component_distribution
        return (weights * (parts.variance + (parts.mean - self.mean.unsqueeze(at)).pow(2))).sum(at)

    def _for_each(self, value: Tensor) -> Tensor:
        return value.unsqueeze(-1 - len(self._event_shape))

    def cdf(self, value: Tensor) -> Tensor:
        return (self._component_distribution.cdf(self._for_each(value)) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        each = self._component_distribution.log_prob(self._for_each(value))
        return (each + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with pynn.no_grad():
            events = len(self._event_shape)
            drawn = self._component_distribution.sample(sample_shape)
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            at = chosen.reshape(chosen.shape + (1,) * (events + 1)).expand(chosen.shape + (1,) + self._event_shape)
            return drawn.gather(-1 - events, at).squeeze(-1 - events)
