"""Probability distributions: draws, log-probabilities, entropies, divergences, transforms of them.

Names, arguments and results are torch.distributions'. `rsample` carries gradients for those of `has_rsample`.
"""

from pynn.distributions import constraints as constraints
from pynn.distributions import transforms as transforms
from pynn.distributions import utils as utils
from pynn.distributions.constraint_registry import biject_to, transform_to
from pynn.distributions.continuous import (
    Exponential,
    Gumbel,
    Laplace,
    LogNormal,
    MultivariateNormal,
    Normal,
    Uniform,
)
from pynn.distributions.counts import Binomial, Multinomial, NegativeBinomial
from pynn.distributions.discrete import (
    Bernoulli,
    Categorical,
    Geometric,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    Poisson,
)
from pynn.distributions.distribution import Distribution, ExponentialFamily, Independent
from pynn.distributions.gamma import Beta, Chi2, Dirichlet, Gamma
from pynn.distributions.kl import kl_divergence, register_kl
from pynn.distributions.logistic_normal import LogisticNormal
from pynn.distributions.mixture import MixtureSameFamily
from pynn.distributions.relaxed import RelaxedBernoulli, RelaxedOneHotCategorical
from pynn.distributions.tails import Cauchy, HalfCauchy, HalfNormal, Pareto, StudentT, Weibull
from pynn.distributions.transformed import TransformedDistribution
from pynn.distributions.transforms import *  # noqa: F403

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "Dirichlet", "Distribution", "Exponential",
    "ExponentialFamily", "Gamma", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent", "Laplace",
    "LogNormal", "LogisticNormal", "MixtureSameFamily", "Multinomial", "MultivariateNormal", "NegativeBinomial", "Normal",
    "OneHotCategorical", "OneHotCategoricalStraightThrough", "Pareto", "Poisson", "RelaxedBernoulli",
    "RelaxedOneHotCategorical", "StudentT", "TransformedDistribution", "Uniform", "Weibull", "biject_to", "kl_divergence",
    "register_kl", "transform_to",
]  # fmt: skip
__all__ += transforms.__all__

_MODULES = {  # torch's own modules, for `from torch.distributions.normal import Normal`
    "bernoulli": "discrete", "beta": "gamma", "categorical": "discrete", "chi2": "gamma", "dirichlet": "gamma",
    "exponential": "continuous", "geometric": "discrete", "gumbel": "continuous", "independent": "distribution",
    "laplace": "continuous", "log_normal": "continuous", "multivariate_normal": "continuous", "normal": "continuous",
    "one_hot_categorical": "discrete", "poisson": "discrete", "uniform": "continuous",
    "binomial": "counts", "cauchy": "tails", "exp_family": "distribution",
    "half_cauchy": "tails", "half_normal": "tails", "mixture_same_family": "mixture", "multinomial": "counts",
    "negative_binomial": "counts", "pareto": "tails", "relaxed_bernoulli": "relaxed", "relaxed_categorical": "relaxed",
    "studentT": "tails", "transformed_distribution": "transformed", "weibull": "tails",
}  # fmt: skip


def _alias_modules() -> None:
    import sys
    from importlib import import_module

    for name, home in _MODULES.items():
        module = import_module(f"{__name__}.{home}")
        sys.modules.setdefault(f"{__name__}.{name}", module)
        globals().setdefault(name, module)


_alias_modules()
