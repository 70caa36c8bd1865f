"""Spectral normalization (arXiv:1802.05957): a weight divided by its largest singular value, by a hook before forward.

`pynn.nn.utils.parametrizations.spectral_norm` is the newer form.
"""

from typing import Any

from pynn._core import Tensor
from pynn.autograd import no_grad
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter
from pynn.ops.devices import beside
from pynn.ops.random import randn

__all__ = ["SpectralNorm", "normalized", "remove_spectral_norm", "spectral_norm"]


def normalized(x: Tensor, eps: float) -> Tensor:
    """A vector over its length, or over eps where that is more."""
    return x / x.norm().clamp(min=eps)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """weight with dimension dim as rows, all others together as columns."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.reshape(weight.shape[0], -1)


class SpectralNorm:
    """The hook: sets module.<name> to <name>_orig over its largest singular value before each forward.

    The singular vectors `<name>_u` and `<name>_v` are buffers, moved by power iterations in training.
    """

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        self.name = name
        self.dim = dim
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """weight with dimension dim as rows, all others together as columns."""
        return as_matrix(weight, self.dim)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The normalized weight, after power iterations where asked for."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalized(matrix.t() @ u, self.eps))
                    u.copy_(normalized(matrix @ v, self.eps))
                u, v = u.clone(), v.clone()  # the next call writes to the buffers, perhaps before backward
        sigma = u @ (matrix @ v)
        result: Tensor = weight / sigma
        return result

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        delattr(module, self.name)
        for suffix in ("_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> "SpectralNorm":
        """Replace module's parameter by the original and the two vectors; returns the hook."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        made = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        with no_grad():
            height, width = as_matrix(weight, dim).shape
            u = normalized(randn(height, dtype=weight.dtype, device=beside(weight, None)), eps)
            v = normalized(randn(width, dtype=weight.dtype, device=beside(weight, None)), eps)
        del module._parameters[name]
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.detach())
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(made)
        module._register_state_dict_hook(_StateHook(made))
        return made


class _StateHook:
    """Notes in the state's metadata which layout the vectors are saved in."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        versions[self.fn.name + ".version"] = self.fn._version


def _default_dim(module: Module) -> int:
    from pynn.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide the parameter `name` by its largest singular value, found by power iterations; returns module.

    dim: the dimension of the outputs; None: 0, or 1 for transposed convolutions. Raises RuntimeError where it was done
    already, ValueError for n_power_iterations below 1.
    """
    SpectralNorm.apply(module, name, n_power_iterations, _default_dim(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo spectral_norm, keeping the weight's value; ValueError where there is none. Returns module."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    for key, hook in list(module._state_dict_hooks.items()):
        if isinstance(hook, _StateHook) and hook.fn.name == name:
            del module._state_dict_hooks[key]
    return module
