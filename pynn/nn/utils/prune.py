"""Pruning: parameters with some of their elements held at zero by a mask.

`l1_unstructured(layer, "weight", amount=0.3)` moves the parameter to `weight_orig`, adds the buffer `weight_mask`, and
sets `weight` to their product before each forward. Names and behaviour are those of torch.nn.utils.prune.
"""

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from pynn._core import Tensor
from pynn.nn.module import Module
from pynn.ops.devices import beside
from pynn.ops.joining import cat
from pynn.ops.random import rand, rand_like
from pynn.ops.reduction import norm
from pynn.ops.sorting import topk

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip


class BasePruningMethod(ABC):
    """A way to choose what is pruned: a subclass defines compute_mask and sets PRUNING_TYPE.

    PRUNING_TYPE: "unstructured" (elements), "structured" (slices along `dim`) or "global".
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        """The hook before forward: sets the pruned tensor."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for importance scores t, of which default_mask is pruned already: 1 to keep, 0 to prune."""

    def apply_mask(self, module: Module) -> Tensor:
        """The original parameter times the mask."""
        if not hasattr(self, "_tensor_name"):
            raise AssertionError(f"Module {module} has to be pruned")
        mask = getattr(module, self._tensor_name + "_mask")
        original = getattr(module, self._tensor_name + "_orig")
        result: Tensor = mask.to(dtype=original.dtype) * original
        return result

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> "BasePruningMethod":
        """Prune module's parameter `name`, after what was pruned before; returns the method in charge from now on."""
        before = [
            (key, hook)
            for key, hook in module._forward_pre_hooks.items()
            if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
        ]
        if len(before) > 1:
            raise AssertionError(f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}.")
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        for key, hook in before:
            container = hook if isinstance(hook, PruningContainer) else PruningContainer(hook)
            container.add_pruning_method(method)
            del module._forward_pre_hooks[key]
            method = container
        original = getattr(module, name)
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got "
                f"{importance_scores.shape} and {original.shape}"
            )
        importance_scores = importance_scores.detach()
        try:
            if before:
                mask = method.compute_mask(importance_scores, getattr(module, name + "_mask"))
            else:
                mask = method.compute_mask(importance_scores, importance_scores.new_ones(importance_scores.shape))
        except Exception:
            for _, hook in before:  # as it was
                if isinstance(hook, PruningContainer):
                    hook._pruning_methods = hook._pruning_methods[:-1]
                module.register_forward_pre_hook(hook)
            raise
        if not before:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A pruned copy of t, by its own values or by importance_scores of its shape."""
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {importance_scores.shape} and {t.shape}"
            )
        mask = t.new_ones(t.shape) if default_mask is None else default_mask
        return t * self.compute_mask(importance_scores, mask)

    def remove(self, module: Module) -> None:
        """Make what is left an ordinary parameter."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original: Any = module._parameters[name + "_orig"]
        original.data = weight.data
        del module._parameters[name + "_orig"], module._buffers[name + "_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods on one tensor, each pruning what the ones before left."""

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args and not (len(args) == 1 and isinstance(args[0], Iterable)):
            self._tensor_name = args[0]._tensor_name
        elif args:
            args = tuple(args[0])
            if args:
                self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method for the same tensor; TypeError for anything else, ValueError for another tensor's."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)  # type: ignore[operator]  # None is kept as torch keeps it

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """default_mask, and what the last method prunes of what it leaves."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            part: Any = mask == 1
        elif method.PRUNING_TYPE == "structured":
            if not hasattr(method, "dim"):
                raise AttributeError(
                    "Pruning methods of PRUNING_TYPE 'structured' need to have the attribute `dim` defined."
                )
            dim = method.dim if method.dim >= 0 else method.dim + t.dim()
            kept = mask.sum([d for d in range(t.dim()) if d != dim]) != 0  # slices that are not all pruned
            part = (slice(None),) * dim + (kept,)
        elif method.PRUNING_TYPE == "global":
            part = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        result = mask.clone()
        result[part] = method.compute_mask(t[part], default_mask=mask[part]).to(dtype=mask.dtype)
        return result


class Identity(BasePruningMethod):
    """Prunes nothing, but puts the parameter and a mask of ones in place."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> BasePruningMethod:  # type: ignore[override]
        return super().apply(module, name)


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if (isinstance(amount, numbers.Integral) and int(amount) < 0) or (
        not isinstance(amount, numbers.Integral) and not 0.0 <= float(amount) <= 1.0
    ):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count(amount: Any, size: int) -> int:
    """How many of `size` are pruned; ValueError for more than there are."""
    if not isinstance(amount, numbers.Integral):
        out: int = round(amount * size)
        return out
    if int(amount) > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return int(amount)


class _ByAmount(BasePruningMethod):
    """What the methods that prune an amount share: a number (int) or a share (float) of the elements or slices."""

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount


class _Unstructured(_ByAmount):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[self._chosen(t, count)] = 0
        return mask

    @abstractmethod
    def _chosen(self, t: Tensor, count: int) -> Tensor:
        """The places, in the flat tensor, of the `count` elements to prune."""


class RandomUnstructured(_Unstructured):
    """Prunes elements at random: amount of them (an int), or that share of them (a float)."""

    def _chosen(self, t: Tensor, count: int) -> Tensor:
        return topk(rand_like(t).view(-1), count).indices

    @classmethod
    def apply(cls, module: Module, name: str, amount: float) -> BasePruningMethod:  # type: ignore[override]
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Unstructured):
    """Prunes the elements of least absolute value: amount of them (an int), or that share of them (a float)."""

    def _chosen(self, t: Tensor, count: int) -> Tensor:
        return topk(t.abs().reshape(-1), count, largest=False).indices

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Structured(_ByAmount):
    PRUNING_TYPE = "structured"
    dim: int

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.dim()} dims"
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid dim {self.dim} for tensor of size {t.shape}")
        count = _count(self.amount, t.shape[self.dim])
        if not count:
            return default_mask
        keep = default_mask.new_zeros(default_mask.shape)
        keep[(slice(None),) * (self.dim % t.dim()) + (self._kept(t, count),)] = 1
        return keep * default_mask.to(dtype=keep.dtype)

    @abstractmethod
    def _kept(self, t: Tensor, count: int) -> Tensor:
        """What selects, along dim, all slices but the `count` to prune."""


class RandomStructured(_Structured):
    """Prunes whole slices along dim at random."""

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _kept(self, t: Tensor, count: int) -> Tensor:
        chance = rand(t.shape[self.dim], device=beside(t, None))
        return chance > topk(chance, count, largest=False).values[-1]

    @classmethod
    def apply(cls, module: Module, name: str, amount: float, dim: int = -1) -> BasePruningMethod:  # type: ignore[override]
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Structured):
    """Prunes the slices along dim of least n-norm."""

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.n = n
        self.dim = dim

    def _kept(self, t: Tensor, count: int) -> Tensor:
        rest = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        return topk(norm(t, self.n, rest), t.shape[self.dim] - count, largest=True).indices

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"mask shape {self.mask.shape} must match default_mask shape {default_mask.shape}")
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> BasePruningMethod:  # type: ignore[override]
        return super().apply(module, name, mask=mask)


def identity(module: Module, name: str) -> Module:
    """Put module's parameter `name` under a mask of ones; returns module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prune elements of module's parameter `name` at random: a number (int) or a share (float). Returns module.

    Raises TypeError for an amount that is no number, ValueError for one out of range.
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Prune the elements of least absolute value (or score) of module's parameter `name`; returns module."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prune slices along dim of module's parameter `name` at random; returns module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the slices along dim of least n-norm of module's parameter `name`; returns module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune parameters, given as (module, name), as if they were one: an amount is of all their elements together.

    pruning_method: a class of PRUNING_TYPE "unstructured" (else TypeError); kwargs: its arguments.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    places = list(parameters)
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    chosen = [scores.get((module, name), getattr(module, name)) for module, name in places]
    flat_scores = cat([s.detach().reshape(-1) for s in chosen])
    masks = [getattr(m, name + "_mask", getattr(m, name).new_ones(getattr(m, name).shape)) for m, name in places]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container.add_pruning_method(method)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of type '
            f"{method.PRUNING_TYPE}"
        )
    final = container.compute_mask(flat_scores, cat([m.detach().reshape(-1) for m in masks]))
    start = 0
    for module, name in places:
        value = getattr(module, name)
        custom_from_mask(module, name, final[start : start + value.numel()].view(value.shape))
        start += value.numel()


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune module's parameter `name` by a mask of its shape: 1 to keep, 0 to prune. Returns module."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Module, name: str) -> Module:
    """Make the pruned tensor an ordinary parameter, its pruned elements zero; ValueError where it is not pruned."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Whether anything in module is pruned."""
    return any(
        isinstance(hook, BasePruningMethod) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )
