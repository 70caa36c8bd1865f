"""Optimizers whose step is one call of the door for each parameter group.

Six small tensors are moved in about a microsecond, so a step must not look at each of them
in Python. What a call needs is laid out once, in a plan, and the plan is kept while it is
true: the group holds the same parameters, the same of them have gradients, and nobody
touched `state`. Gradients are gathered anew each step.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, ClassVar

import numpy

from pynn import _core
from pynn._core import Tensor, step_group
from pynn._device import CPU
from pynn._dtypes import default_float
from pynn.autograd import set_grad_enabled
from pynn.ops.creation import finish
from pynn.optim.optimizer import Optimizer, ParamsT, loss_of

SWITCHES = frozenset(("amsgrad", "centered", "decoupled_weight_decay", "maximize", "nesterov"))


def scalar(value: Any) -> float:
    """A number given as a Python number or a Tensor of one element, as a float."""
    return value if type(value) is float else float(value)


def check_range(name: str, value: Any, low: float = 0.0, high: float | None = None) -> None:
    """ValueError, in torch's words, unless low <= value (and value < high)."""
    if not low <= value or (high is not None and not value < high):
        raise ValueError(f"Invalid {name}: {value}")


def check_lr(lr: Any, words: str = "Invalid learning rate") -> None:
    """ValueError, beginning with `words`, unless lr is a number, or a Tensor of one element, not below 0."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, got {lr.numel()} elements")
    if not lr >= 0.0:
        raise ValueError(f"{words}: {lr}")


def check_betas(betas: Iterable[Any]) -> None:
    """ValueError unless both betas are from 0 up to, not including, 1."""
    for i, beta in enumerate(betas):
        check_range(f"beta parameter at index {i}", beta, high=1.0)


def check_switches(foreach: bool | None = None, fused: bool | None = None, differentiable: bool = False) -> None:
    """Refuse what excludes each other. foreach and fused change nothing here."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def scalar_array(value: float) -> numpy.ndarray:
    """A 0-d array, as torch keeps step counts in: float32 whatever the parameter is, float64 where that is the default."""
    return numpy.full((), value, default_float() if default_float() == numpy.float64 else numpy.float32)


class Watched(dict[str, Any]):
    """A dict that counts its changes in `table.changes`."""

    def __init__(self, table: "StateTable", items: Any = ()) -> None:
        super().__init__(items)
        self.table = table

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, (dict(self),))


class StateTable(dict[Any, Any]):
    """`Optimizer.state`: a dict of each parameter's state, empty where there is none yet; counts all changes."""

    def __init__(self, states: Any = ()) -> None:
        super().__init__()
        self.changes = 0
        for param, state in dict(states).items():
            self[param] = Watched(self, state) if isinstance(state, dict) else state

    @property
    def table(self) -> "StateTable":
        return self

    def __missing__(self, param: Any) -> Watched:
        self[param] = state = Watched(self)
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        return (StateTable, ({p: dict(s) if isinstance(s, dict) else s for p, s in self.items()},))


def _counting(name: str) -> Callable[..., Any]:
    plain = getattr(dict, name)

    def change(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.table.changes += 1
        return plain(self, *args, **kwargs)

    change.__name__ = name
    return change


for _name in ("__setitem__", "__delitem__", "__ior__", "update", "pop", "popitem", "clear", "setdefault"):
    setattr(Watched, _name, _counting(_name))
    setattr(StateTable, _name, _counting(_name))


class Call:
    """One call of the door: the places of its parameters among the plan's (None for all), tensors and attrs."""

    def __init__(
        self,
        where: Sequence[int] | None,
        params: tuple[Tensor, ...],
        states: tuple[Tensor, ...],
        extra: tuple[Any, ...],
        live: Callable[[], tuple[Any, ...]],
    ) -> None:
        self.where = where
        self.params = params
        self.states = states
        self.extra = extra
        self.live = live
        self.attrs: tuple[Any, ...] | None = None


class Plan:
    """The calls that step one group, and what they were laid out for.

    params: those of the group's parameters that had a gradient; names: the kinds of state.
    state, changes: the optimizer's state table and how often it had been changed.
    options: the group's options that attrs were made from; None where one is a Tensor, which may change unseen.
    """

    def __init__(
        self, group: dict[str, Any], params: tuple[Tensor, ...], names: tuple[str, ...], calls: list[Call]
    ) -> None:
        self.group = group  # held, so that its id stays its own
        self.params = params
        self.names = names
        self.calls = calls
        self.state: StateTable | None = None
        self.changes = 0
        self.options: Any = None


def _beside(param: Tensor, array: numpy.ndarray) -> Tensor:
    """A new tensor of state where its parameter lies; numbers, such as `step`, stay on the CPU, where they are read."""
    return _core.made_beside(param, array) if array.ndim else finish(array, CPU)


class GroupedOptimizer(Optimizer):
    """An optimizer with a kernel for a whole group: subclasses name the op, its options, its state and its attrs."""

    op: ClassVar[Any] = None
    options: ClassVar[tuple[str, ...]] = ()  # the group's options that the op reads; `_attrs` gets them in this order
    extra: ClassVar[tuple[Any, ...]] = ()  # attrs after those, of an ordinary call
    detaches = False  # whether a differentiable step copies values without their gradient
    _read: "staticmethod[[dict[str, Any]], Any]"  # the values of options in a group

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._read = staticmethod(itemgetter(*cls.options))

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self._plans: dict[int, Plan] = {}
        super().__init__(params, defaults)

    def _table(self, states: Any = ()) -> dict[Any, Any]:
        return StateTable(states)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._plans = {}
        super().__setstate__(state)
        for group in self.param_groups:  # a checkpoint of an older version may lack some
            for name, value in self.defaults.items():
                group.setdefault(name, value)

    def _complete(self, state: Any, param: Tensor, group: dict[str, Any], names: tuple[str, ...]) -> None:
        """Add the kinds of state that a parameter lacks, in torch's order; `step` is a Tensor from then on."""
        for name in sorted(names, key=self._order):
            value = state.get(name)
            if value is None:
                state[name] = _beside(param, self._start(name, param, group))
            elif not isinstance(value, Tensor):
                state[name] = finish(scalar_array(value), CPU)

    def _order(self, name: str) -> int:
        """Where a kind of state stands in torch's dicts: `step` first."""
        return name != "step"

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The kinds of state the op takes after params and grads, in order."""
        raise NotImplementedError

    def _attrs(self, *options: Any) -> tuple[Any, ...]:
        """The op's attrs, without `extra`: switches as bools, numbers and the numbers of pairs as floats."""
        attrs: list[Any] = []
        for name, value in zip(self.options, options):
            if name in SWITCHES:
                attrs.append(bool(value))
            else:
                attrs += map(scalar, value) if isinstance(value, (tuple, list)) else (scalar(value),)
        return tuple(attrs)

    def _start(self, name: str, param: Any, group: dict[str, Any]) -> numpy.ndarray:
        """The array that a kind of state starts as: 0 for `step`, else zeros like the parameter."""
        return scalar_array(0.0) if name == "step" else numpy.zeros_like(param._array)

    def _split(
        self, group: dict[str, Any], params: tuple[Any, ...]
    ) -> list[tuple[Sequence[int] | None, tuple[Any, ...]]]:
        """The calls to make: pairs of the places of their params (None for all) and their extra attrs."""
        return [(None, self.extra)]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move all parameters that have a gradient once.

        closure: computes the loss anew, with gradients, and returns it; step returns what it returned.
        """
        loss = None if closure is None else loss_of(closure)
        state: Any = self.state
        for group in self.param_groups:
            plan = self._plans.get(id(group))
            if plan is not None and plan.state is state and plan.changes == state.changes:  # type: ignore[union-attr]
                options = self._read(group)
                if options == plan.options or self._adapt(plan, group, options):
                    c = plan.calls[0]  # the only one: others are not kept
                    if step_group(self.op, group["params"], plan.params, c.states, c.attrs, c.live):
                        continue
            plan = self._lay_out(group)
            grads = _core.gather_grads(group["params"], plan.params)
            for c in plan.calls:
                own = grads if c.where is None else tuple([grads[i] for i in c.where])
                _core.call_writing(self.op, c.params + own + c.states, c.attrs, c.live)
        return loss

    def _adapt(self, plan: Plan, group: dict[str, Any], options: Any) -> bool:
        """Give a plan the attrs that new options make; False if they ask for other state."""
        if self._names(group) != plan.names:
            return False
        attrs = self._attrs(*options)
        for c in plan.calls:
            c.attrs = attrs + c.extra
        plan.options = None if any(isinstance(value, Tensor) for value in options) else options
        return True

    def _step_on_tape(
        self,
        group: dict[str, Any],
        params: tuple[Tensor, ...],
        names: tuple[str, ...],
        splits: list[tuple[Sequence[int] | None, tuple[Any, ...]]],
    ) -> None:
        """Move a group's parameters by operations that are recorded, so that the step itself can be differentiated.

        Each step writes to new tensors of state, so that backward through several steps finds what it saved.
        """
        from pynn.optim import _tape

        xp = _tape.Detaching() if self.detaches else _tape
        attrs: list[Any] = []
        for value in self._read(group):
            attrs += value if isinstance(value, (tuple, list)) else (value,)
        with set_grad_enabled(bool(self.defaults.get("differentiable"))):
            for where, extra in splits:
                own = params if where is None else tuple([params[i] for i in where])
                for p in own:
                    for name in names:
                        self.state[p][name] = self.state[p][name].clone()
                states = tuple([self.state[p][name] for name in names for p in own])
                grads = tuple([p.grad for p in own])
                self.op.reference(xp, own + grads + states, *attrs, *extra)

    def _lay_out(self, group: dict[str, Any]) -> Plan:
        """Make the group's plan, and what state its parameters lack; keep it if later changes would be seen."""
        params = tuple([p for p in group["params"] if p.grad is not None])
        names = self._names(group)
        splits = self._split(group, params) if params else []
        entries = [self.state[p] for p in params] if names else []
        for p, state in zip(params, entries):
            self._complete(state, p, group, names)
        if group.get("differentiable"):
            self._step_on_tape(group, params, names, splits)
            return Plan(group, params, names, [])

        def live() -> tuple[Any, ...]:
            return self._attrs(*self._read(group)) + self.extra

        calls = []
        for where, extra in splits:
            own = params if where is None else tuple([params[i] for i in where])
            states = tuple([self.state[p][name] for name in names for p in own])
            calls.append(Call(where, own, states, extra, live))
        plan = Plan(group, params, names, calls)
        self._adapt(plan, group, self._read(group))
        table = self.state
        whole = [where for where, _ in splits] == [None]
        if whole and isinstance(table, StateTable) and all(isinstance(s, Watched) for s in entries):
            plan.state = table
            plan.changes = table.changes
            self._plans[id(group)] = plan
        return plan
