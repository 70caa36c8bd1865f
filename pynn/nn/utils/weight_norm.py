"""Weight normalization (arXiv:1602.07868): a weight as a length times a direction, by a hook before forward.

`pynn.nn.utils.parametrizations.weight_norm` is the newer form.
"""

import warnings
from typing import Any

from pynn._core import Tensor
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter
from pynn.ops.reduction import norm
from pynn.ops.registry import export

__all__ = ["WeightNorm", "norm_except_dim", "remove_weight_norm", "weight_norm"]


@export(method=False)
def norm_except_dim(v: Tensor, pow: float = 2, dim: int = 0) -> Tensor:
    """The norm of v over all dimensions but dim, which are kept with size 1; over all of them for dim -1."""
    if dim == -1:
        return norm(v, pow)
    if not -v.ndim <= dim < v.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-v.ndim}, {v.ndim - 1}], but got {dim})"
        )
    rest = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return norm(v, pow, rest, keepdim=True) if rest else v.abs()


def weighted(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """v with the norms g."""
    return v * (g / norm_except_dim(v, 2, dim))


class WeightNorm:
    """The hook: sets module.<name> to <name>_v times <name>_g over its norm before each forward."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight of the present length and direction."""
        return weighted(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> "WeightNorm":
        """Replace module's parameter by the pair; returns the hook."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        made = WeightNorm(name, dim)
        weight = getattr(module, name)
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, 2, made.dim).detach()))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, made.compute_weight(module))
        module.register_forward_pre_hook(made)
        return made

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"], module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train the parameter `name` as its norms `<name>_g` over all dimensions but dim and a direction `<name>_v`.

    dim None: one norm. Returns module. RuntimeError where it was done already. Deprecated, as in torch: use
    pynn.nn.utils.parametrizations.weight_norm.
    """
    warnings.warn(
        "`pynn.nn.utils.weight_norm` is deprecated in favor of `pynn.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo weight_norm, keeping the weight's value; ValueError where there is none. Returns module."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
