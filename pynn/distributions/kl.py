"""The Kullback-Leibler divergence of one distribution from another."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import pynn
from pynn._core import Tensor
from pynn.distributions.continuous import (
    Exponential,
    Gumbel,
    Laplace,
    LogNormal,
    MultivariateNormal,
    Normal,
    Uniform,
)
from pynn.distributions.discrete import Bernoulli, Categorical, Geometric, OneHotCategorical, Poisson
from pynn.distributions.distribution import Distribution, Independent
from pynn.distributions.gamma import Beta, Dirichlet, Gamma

__all__ = ["kl_divergence", "register_kl"]

_Rule = Callable[[Any, Any], Any]
_RULES: dict[tuple[type, type], _Rule] = {}
_Registered = TypeVar("_Registered", bound=_Rule)


def register_kl(type_p: type, type_q: type) -> Callable[[_Registered], _Registered]:
    """A decorator of f(p, q) that gives the divergence of a distribution of one type from one of another."""
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected a subclass of Distribution but got {kind!r}")

    def register(rule: _Registered) -> _Registered:
        _RULES[type_p, type_q] = rule
        return rule

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q), of shape batch_shape. NotImplementedError where no rule for the two types is known."""
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            rule = _RULES.get((kind_p, kind_q))
            if rule is not None:
                found: Tensor = rule(p, q)
                return found
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


@register_kl(Normal, Normal)
@register_kl(LogNormal, LogNormal)
def _normals(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    away = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + away - 1 - ratio.log())


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normals(p: Any, q: Any) -> Any:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed"
        )
    batch = pynn.broadcast_shapes(p.batch_shape, q.batch_shape)
    square = batch + p.event_shape + p.event_shape
    factor = q.scale_tril.expand(square)
    spread = pynn.linalg.solve_triangular(factor, p.scale_tril.expand(square), upper=False).pow(2).sum((-2, -1))
    away = pynn.linalg.solve_triangular(
        factor, (q.loc - p.loc).expand(batch + p.event_shape).unsqueeze(-1), upper=False
    )
    return q._half_log_det() - p._half_log_det() + 0.5 * (spread + away.squeeze(-1).pow(2).sum(-1) - p.event_shape[0])


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Any, q: Any) -> Any:
    softplus = pynn.nn.functional.softplus
    ones = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    return ones + (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))


@register_kl(Categorical, Categorical)
@register_kl(OneHotCategorical, OneHotCategorical)
def _categoricals(p: Any, q: Any) -> Any:
    each = p.probs * (p.logits - q.logits)
    each = pynn.where((q.probs == 0).expand_as(each), math.inf, each)
    return pynn.where((p.probs == 0).expand_as(each), 0.0, each).sum(-1)


@register_kl(Geometric, Geometric)
def _geometrics(p: Any, q: Any) -> Any:
    return -p.entropy() - pynn.log1p(-q.probs) / p.probs - (q.probs.log() - pynn.log1p(-q.probs))


@register_kl(Poisson, Poisson)
def _poissons(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Exponential, Exponential)
def _exponentials(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Laplace, Laplace)
def _laplaces(p: Any, q: Any) -> Any:
    ratio = p.scale / q.scale
    away = (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * pynn.exp(-away / p.scale) - 1


@register_kl(Gumbel, Gumbel)
def _gumbels(p: Any, q: Any) -> Any:
    ratio = p.scale / q.scale
    far, near = q.loc / q.scale, p.loc / q.scale
    return (
        -ratio.log()
        - far
        + near
        + ratio * 0.5772156649015329
        + pynn.exp(far + (1 + ratio).lgamma() - near)
        - (1 + 0.5772156649015329)
    )


@register_kl(Uniform, Uniform)
def _uniforms(p: Any, q: Any) -> Any:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return pynn.where((q.low > p.low) | (q.high < p.high), math.inf, found)


@register_kl(Gamma, Gamma)
def _gammas(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    found = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma()
    return found + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Beta, Beta)
def _betas(p: Any, q: Any) -> Any:
    return _dirichlets(p._pair(), q._pair())


@register_kl(Dirichlet, Dirichlet)
def _dirichlets(p: Any, q: Any) -> Any:
    total = p.concentration.sum(-1)
    found = total.lgamma() - q.concentration.sum(-1).lgamma()
    found = found - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    away = p.concentration - q.concentration
    return found + (away * (p.concentration.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Independent, Independent)
def _independents(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independents with different reinterpreted_batch_ndims.")
    return p._summed(kl_divergence(p.base_dist, q.base_dist))
