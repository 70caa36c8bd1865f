"""The base of all optimizers: parameter groups, state, hooks and their `state_dict`."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from types import MappingProxyType
from typing import Any, TypeAlias

from pynn import _core
from pynn._core import METHODS, Tensor
from pynn.autograd import RemovableHandle, enable_grad
from pynn.autograd._handles import add_hook

__all__ = ["Optimizer", "ParamsT", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required"]


# What an optimizer takes as params.
ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class _Required:
    """Stands in `defaults` for an option that every parameter group must give itself."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_all_pre_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_all_post_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()


def _hang(
    hooks: OrderedDict[int, Callable[..., Any]], hook: Callable[..., Any], prepend: bool = False
) -> RemovableHandle:
    handle = add_hook(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) before each step of every optimizer; returns a removable handle."""
    return _hang(_all_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) after each step of every optimizer; returns a removable handle."""
    return _hang(_all_post_hooks, hook)


def loss_of(closure: Callable[[], Any]) -> Any:
    """What a closure returns that a step was given: called with gradients, though the step itself records none."""
    with enable_grad():
        return closure()


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """A class's `step`, with its hooks around it, and a note for the schedulers that it was called."""

    @functools.wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
        if not (self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _all_pre_hooks or _all_post_hooks):
            return step(self, *args, **kwargs) if args or kwargs else step(self)
        if self._in_step:  # super().step() of a subclass's step: the hooks are around that one
            return step(self, *args, **kwargs)
        whole: tuple[Any, ...] = (self, *args)  # torch hands the optimizer along as the first of args
        for hook in (*_all_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            changed = hook(self, whole, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                whole, kwargs = changed
        self._in_step = True
        try:
            out = step(*whole, **kwargs)
        finally:
            self._in_step = False
        for hook in (*self._optimizer_step_post_hooks.values(), *_all_post_hooks.values()):
            hook(self, whole, kwargs)
        return out

    return hooked


_NO_HOOKS: Any = MappingProxyType({})  # of an optimizer around another, which did not call Optimizer.__init__


class Optimizer:
    """Base class: holds parameters in groups with options of their own, and a state for each parameter.

    params: an iterable of Tensors, of (name, Tensor) pairs, or of dicts with "params" and options.
    defaults: the options of groups that do not give them.
    A subclass writes `step`, which the hooks are hung around by themselves.
    Raises TypeError for params that are a Tensor or hold something else, ValueError for none at all, for one that is
    no leaf or stands in two groups.
    """

    _hook_tables = (
        "_optimizer_step_pre_hooks", "_optimizer_step_post_hooks",
        "_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks",
        "_optimizer_load_state_dict_pre_hooks", "_optimizer_load_state_dict_post_hooks",
    )  # fmt: skip
    _optimizer_step_pre_hooks: OrderedDict[int, Callable[..., Any]] = _NO_HOOKS
    _optimizer_step_post_hooks: OrderedDict[int, Callable[..., Any]] = _NO_HOOKS
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]] = _NO_HOOKS
    _optimizer_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]] = _NO_HOOKS
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]] = _NO_HOOKS
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]] = _NO_HOOKS
    defaults: dict[str, Any]
    param_groups: list[dict[str, Any]]
    state: dict[Any, Any]
    _in_step = False  # whether a step with hooks is running
    _opt_called = False  # whether step() ran since a scheduler took hold of the optimizer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for table in self._hook_tables:
            setattr(self, table, OrderedDict())
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            advice = "Put it in a list." if isinstance(params, Tensor) else "Give it model.parameters()."
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}. {advice}"
            )
        self.state = self._table()
        self.param_groups = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _table(self, states: Any = ()) -> dict[Any, Any]:
        """The dict that `state` is, holding states."""
        return defaultdict(dict, states)

    def __getstate__(self) -> dict[str, Any]:
        state = defaultdict(dict, {p: dict(s) if isinstance(s, dict) else s for p, s in self.state.items()})
        return {"defaults": self.defaults, "state": state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for table in self._hook_tables:
            self.__dict__.setdefault(table, OrderedDict())
        self.state = self._table(self.state)

    def __repr__(self) -> str:
        groups = [
            "\n".join(
                [f"Parameter Group {i}", *(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")]
            )
            for i, group in enumerate(self.param_groups)
        ]
        return f"{type(self).__name__} (\n" + "\n\n".join(groups) + "\n)"

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step; it may return new (args, kwargs)."""
        return _hang(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step."""
        return _hang(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) before each state_dict()."""
        return _hang(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after each state_dict(); it may return another one."""
        return _hang(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before each load_state_dict(); it may return another one to load."""
        return _hang(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) after each load_state_dict()."""
        return _hang(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for group in self.param_groups:
            if set_to_none:
                _core.clear_grads(group["params"])
                continue
            for p in group["params"]:
                if p.grad is not None:
                    if p.grad.grad_fn is not None:
                        p.grad.detach_()
                    else:
                        p.grad.requires_grad_(False)
                    p.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move all parameters once; closure, if given, computes the loss anew and returns it."""
        raise NotImplementedError(f"{type(self).__name__} does not define step(); write it in the subclass.")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a dict with "params" and options; options it lacks are the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        params = list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        if names and len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        if names:
            params = [p[1] for p in params]
            param_group["param_names"] = names
        param_group["params"] = params
        self._check_params(params)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in group) != ("param_names" in param_group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if names else 'without'} names to the optimizer"
                )
            if not set(params).isdisjoint(group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _check_params(self, params: Iterable[Any]) -> None:
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}. "
                    "Give it model.parameters()."
                )
            if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
                raise ValueError(
                    "can't optimize a non-leaf Tensor: an operation made this parameter "
                    f"({p.grad_fn.name()}). Give the tensor it was made from, or detach() it."
                )

    def state_dict(self) -> dict[str, Any]:
        """{"state": {index: {name: Tensor}}, "param_groups": [{options, "params": [index]}]}, in torch's layout.

        Parameters are numbered in the order of the groups. The tensors are the optimizer's own, not copies.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        places: dict[int, int] = {}
        groups = []
        start = 0
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for i, p in enumerate(group["params"], start):
                places.setdefault(id(p), i)
            packed["params"] = [places[id(p)] for p in group["params"]]
            start += len(group["params"])
            groups.append(packed)
        state = {
            places[id(p)] if isinstance(p, Tensor) else p: dict(value) if isinstance(value, dict) else value
            for p, value in self.state.items()
        }
        found = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, found)
            found = found if changed is None else changed
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict() gave; floating point state is cast to its parameter's dtype.

        Raises ValueError where the groups' number or sizes differ.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, and the optimizer "
                f"{len(self.param_groups)}"
            )
        params: dict[int, Tensor] = {}
        for group, new in zip(self.param_groups, saved):
            if len(group["params"]) != len(new["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"{len(new['params'])} parameters, and the optimizer's {len(group['params'])}"
                )
            params.update(zip(new["params"], group["params"]))
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        state = {}
        for key, value in state_dict["state"].items():
            p = params.get(key)
            state[key if p is None else p] = value if p is None else _like_param(p, value)
        self.__setstate__({"state": defaultdict(dict, state), "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


def _like_param(param: Any, value: Any, key: Any = None) -> Any:
    """A parameter's state with its tensors in the parameter's dtype; `step` keeps its own."""
    if isinstance(value, Tensor):
        keep = key == "step" or not _core.is_floating(param._array)
        return value if keep else METHODS["type_as"](value, param)
    if isinstance(value, dict):
        return {k: _like_param(param, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_like_param(param, v) for v in value)
    return value
