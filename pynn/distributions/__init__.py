"""Probability distributions: draws, log-probabilities, entropies, divergences. Constraints and transforms are not here.

Names, arguments and results are torch.distributions'. `rsample` carries gradients for those of `has_rsample`; draws of
Gamma, Beta, Dirichlet and Chi2 do not.
"""

from pynn.distributions.continuous import (
    Exponential,
    Gumbel,
    Laplace,
    LogNormal,
    MultivariateNormal,
    Normal,
    Uniform,
)
from pynn.distributions.discrete import (
    Bernoulli,
    Categorical,
    Geometric,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    Poisson,
)
from pynn.distributions.distribution import Distribution, Independent
from pynn.distributions.gamma import Beta, Chi2, Dirichlet, Gamma
from pynn.distributions.kl import kl_divergence, register_kl

__all__ = [
    "Bernoulli", "Beta", "Categorical", "Chi2", "Dirichlet", "Distribution", "Exponential", "Gamma", "Geometric",
    "Gumbel", "Independent", "Laplace", "LogNormal", "MultivariateNormal", "Normal", "OneHotCategorical",
    "OneHotCategoricalStraightThrough", "Poisson", "Uniform", "kl_divergence", "register_kl",
]  # fmt: skip

_MODULES = {  # torch's own modules, for `from torch.distributions.normal import Normal`
    "bernoulli": "discrete", "beta": "gamma", "categorical": "discrete", "chi2": "gamma", "dirichlet": "gamma",
    "exponential": "continuous", "geometric": "discrete", "gumbel": "continuous", "independent": "distribution",
    "laplace": "continuous", "log_normal": "continuous", "multivariate_normal": "continuous", "normal": "continuous",
    "one_hot_categorical": "discrete", "poisson": "discrete", "uniform": "continuous",
}  # fmt: skip


def _alias_modules() -> None:
    import sys
    from importlib import import_module

    for name, home in _MODULES.items():
        module = import_module(f"{__name__}.{home}")
        sys.modules.setdefault(f"{__name__}.{name}", module)
        globals().setdefault(name, module)


_alias_modules()
