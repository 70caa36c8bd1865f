"""einops takes pynn's tensors: its functions as they are, its layers as `einops.layers.pynn`.

einops asks every subclass of its AbstractBackend that it knows of whether a tensor is its own. `_import_hook` calls
what is here when einops is imported.
"""

import importlib
from types import ModuleType
from typing import Any

_LAYERS = "einops.layers.pynn"


def register(backends: ModuleType) -> None:
    """Make a backend for pynn known to einops._backends."""
    import pynn

    class PynnBackend(backends.AbstractBackend):  # type: ignore[misc, name-defined]
        framework_name = "pynn"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, pynn.Tensor)

        def from_numpy(self, x: Any) -> Any:
            tensor = pynn.from_numpy(x)
            return tensor.requires_grad_() if tensor.is_floating_point() else tensor

        def to_numpy(self, x: Any) -> Any:
            return x.detach().cpu().numpy()

        def arange(self, start: int, stop: int) -> Any:
            return pynn.arange(start, stop, dtype=pynn.int64)

        def reduce(self, x: Any, operation: str, reduced_axes: Any) -> Any:
            if operation in ("min", "max"):
                return getattr(x, "a" + operation)(dim=tuple(reduced_axes))
            if operation in ("sum", "mean"):
                return getattr(x, operation)(dim=tuple(reduced_axes))
            if operation not in ("any", "all", "prod"):
                raise NotImplementedError(f"Unknown reduction {operation}")
            for axis in sorted(reduced_axes, reverse=True):
                x = getattr(x, operation)(dim=axis)
            return x

        def transpose(self, x: Any, axes: Any) -> Any:
            return x.permute(*axes)

        def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
            return pynn.stack(tensors)

        def add_axes(self, x: Any, n_axes: int, pos2len: dict[int, int]) -> Any:
            sizes = [-1] * n_axes
            for position, length in pos2len.items():
                x = x.unsqueeze(position)
                sizes[position] = length
            return x.expand(*sizes)

        def tile(self, x: Any, repeats: Any) -> Any:
            return x.repeat(*repeats)

        def concat(self, tensors: Any, axis: int) -> Any:
            return pynn.cat(list(tensors), dim=axis)

        def add_axis(self, x: Any, new_position: int) -> Any:
            return x.unsqueeze(new_position)

        def is_float_type(self, x: Any) -> bool:
            return bool(x.is_floating_point())

        def layers(self) -> Any:
            return importlib.import_module(_LAYERS)

        def einsum(self, pattern: str, *x: Any) -> Any:
            return pynn.einsum(pattern, *x)

    backends._pynn_backend = PynnBackend  # type: ignore[attr-defined]  # einops holds subclasses weakly


def define_layers(module: ModuleType) -> None:
    """Fill einops.layers.pynn: Rearrange, Reduce and EinMix as pynn's modules."""
    from einops.layers import RearrangeMixin, ReduceMixin
    from einops.layers._einmix import _EinmixMixin

    import pynn

    class Rearrange(RearrangeMixin, pynn.nn.Module):  # type: ignore[misc]
        def forward(self, input: pynn.Tensor) -> pynn.Tensor:
            result: pynn.Tensor = self._apply_recipe(input)
            return result

    class Reduce(ReduceMixin, pynn.nn.Module):  # type: ignore[misc]
        def forward(self, input: pynn.Tensor) -> pynn.Tensor:
            result: pynn.Tensor = self._apply_recipe(input)
            return result

    class EinMix(_EinmixMixin, pynn.nn.Module):  # type: ignore[misc]
        def _create_parameters(
            self, weight_shape: Any, weight_bound: float, bias_shape: Any, bias_bound: float
        ) -> None:
            self.weight = pynn.nn.Parameter(pynn.empty(weight_shape).uniform_(-weight_bound, weight_bound))
            bias = None
            if bias_shape is not None:
                bias = pynn.nn.Parameter(pynn.empty(bias_shape).uniform_(-bias_bound, bias_bound))
            self.register_parameter("bias", bias)

        def _create_rearrange_layers(self, before: Any, before_sizes: Any, after: Any, after_sizes: Any) -> None:
            self.pre_rearrange = None if before is None else Rearrange(before, **before_sizes)
            self.post_rearrange = None if after is None else Rearrange(after, **after_sizes)

        def forward(self, input: pynn.Tensor) -> pynn.Tensor:
            if self.pre_rearrange is not None:
                input = self.pre_rearrange(input)
            result = pynn.einsum(self.einsum_pattern, input, self.weight)
            if self.bias is not None:
                result = result + self.bias
            return result if self.post_rearrange is None else self.post_rearrange(result)

    for layer in (Rearrange, Reduce, EinMix):
        layer.__module__, layer.__qualname__ = _LAYERS, layer.__name__
        setattr(module, layer.__name__, layer)
