"""Trade time for memory: run a part of the model again in backward instead of keeping what it computed."""

import contextlib
import enum
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pynn import _core
from pynn._core import Tensor, state
from pynn._random import get_rng_state, set_rng_state
from pynn.autograd import Function, backward
from pynn.autograd.grad_mode import enable_grad, no_grad
from pynn.autograd.graph import saved_tensors_hooks

__all__ = [
    "CheckpointError", "CheckpointFunction", "CheckpointPolicy", "check_backward_validity", "checkpoint", "checkpoint_sequential",
    "create_selective_checkpoint_contexts", "detach_variable", "get_device_states", "noop_context_fn", "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop", "set_device_states",
]  # fmt: skip


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function did not do what the first one did."""


class _Stop(Exception):
    """Ends a second run that has computed all that backward needs."""


_early_stop: list[bool | None] = [None]
_debug: list[bool | None] = [None]


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether a second run ends as soon as it has what backward needs (as it does by default), for a block."""
    _early_stop.append(enable)
    try:
        yield
    finally:
        _early_stop.pop()


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Accepted as torch's: errors name shapes and dtypes always."""
    _debug.append(enabled)
    try:
        yield
    finally:
        _debug.pop()


class CheckpointPolicy(enum.Enum):
    """What a policy says of an operation: whether its result is kept for backward or computed again."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> tuple[Any, Any]:
    """Contexts for checkpoint's context_fn by a policy. Everything is computed again, whatever it says: the values are the same."""
    if not (callable(policy_fn_or_list) or isinstance(policy_fn_or_list, list)):
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    return noop_context_fn()


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: for the first run, and for the second."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors among inputs without history; what is no tensor as it is. RuntimeError for anything but a tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type:  {type(inputs).__name__}")
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)


def check_backward_validity(inputs: Any) -> None:
    """Warn where no input requires grad: a reentrant checkpoint would give no gradients."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=3)


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The GPUs that tensors among the arguments lie on, by number, and the random state of each."""
    from pynn import cuda

    devices = sorted({x.get_device() for x in args if isinstance(x, Tensor) and x.is_cuda})
    return devices, [cuda.get_rng_state(i) for i in devices]


def set_device_states(devices: Sequence[int], states: Sequence[Tensor], *, device_type: str | None = None) -> None:
    """Put back what `get_device_states` gave."""
    from pynn import cuda

    for device, random in zip(devices, states, strict=True):
        cuda.set_rng_state(random, device)


class _Surroundings:
    """What a function's results depend on besides its arguments: random state and autocast."""

    def __init__(self, preserve_rng_state: bool) -> None:
        from pynn.amp import autocast_mode

        self.random = get_rng_state() if preserve_rng_state else None
        self.enabled = autocast_mode.is_autocast_cpu_enabled()
        self.dtype = autocast_mode.get_autocast_cpu_dtype()
        self.cache = autocast_mode.is_autocast_cache_enabled()

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """The same surroundings, for a block."""
        from pynn.amp.autocast_mode import autocast

        before = get_rng_state() if self.random is not None else None
        try:
            if self.random is not None:
                set_rng_state(self.random)
            with enable_grad(), autocast("cpu", dtype=self.dtype, enabled=self.enabled, cache_enabled=self.cache):
                yield
        finally:
            if before is not None:
                set_rng_state(before)


class CheckpointFunction(Function):
    """The reentrant form: an operation whose backward runs the function again and calls backward on it."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        """run_function(*args), without recording."""
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.around = _Surroundings(preserve_rng_state)
        ctx.values = [None if isinstance(x, Tensor) else x for x in args]
        ctx.places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        """Run the function again, recording, and pass the gradients through it."""
        run = _core.current_pass()
        if run is None or run.places is not None:
            raise RuntimeError(
                "When use_reentrant=True, pynn.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter "
                "to .backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without "
                "passing the `inputs` argument."
            )
        values = list(ctx.values)
        for i, x in zip(ctx.places, ctx.saved_tensors):
            values[i] = x
        inputs = detach_variable(tuple(values))
        with ctx.around.again():
            outputs = ctx.run_function(*inputs)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        pairs = [(o, g) for o, g in zip(outputs, args) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[x.grad if isinstance(x, Tensor) else None for x in inputs])


class _Holder:
    """Stands on the tape for a tensor that the second run will compute."""

    __slots__ = ("__weakref__", "frame", "like", "value")

    def __init__(self, frame: "_Frame", tensor: Any) -> None:
        self.frame = frame
        self.like = _like(tensor)
        self.value: Any = None


def _like(tensor: Any) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


class _Frame:
    """One call of a checkpointed function: its arguments and surroundings, and what stands for what it saved."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        around: _Surroundings,
        context: Any,
    ) -> None:
        self.function = function
        self.around = around
        self.context = context
        self.holders: list[Any] = []  # weak references, in the order in which the first run saved
        self.complete = False
        self.check = True
        self.early_stop = True
        # Inside another checkpoint the arguments are its to compute again.
        self.outer = state.saved_hooks[-1] if state.saved_hooks else None
        self.args = tuple(self._kept(x) for x in args)
        self.kwargs = {name: self._kept(x) for name, x in kwargs.items()}

    def _kept(self, x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x, None
        if self.outer is None or x.is_leaf:
            return x, None
        with no_grad():
            return self.outer.pack(x.detach()), x.requires_grad

    def _argument(self, kept: Any) -> Any:
        value, packed = kept
        if packed is not None:
            return self.outer.unpack(value).detach().requires_grad_(packed)  # type: ignore[union-attr]
        return value.detach().requires_grad_(value.requires_grad) if isinstance(value, Tensor) else value

    def pack(self, tensor: Any) -> _Holder:
        """What is kept of a tensor that the first run saves."""
        holder = _Holder(self, tensor)
        self.holders.append(weakref.ref(holder))
        return holder

    def unpack(self, holder: _Holder) -> Any:
        """The tensor that a holder stands for, from a second run."""
        if holder.value is None:
            self.recompute()
        value, holder.value = holder.value, None
        if value is None:
            raise CheckpointError("pynn.utils.checkpoint: the recomputation did not save a tensor that backward needs.")
        return value

    def recompute(self) -> None:
        """Run the function again and fill the holders."""
        count = 0
        differ: list[str] = []
        expected = len(self.holders)

        def collect(tensor: Any) -> None:
            nonlocal count
            holder = self.holders[count]() if count < expected else None
            if holder is not None:
                like = _like(tensor)
                if self.check and like != holder.like:
                    differ.append(
                        f"tensor at position {count}:\nsaved metadata: {holder.like}\nrecomputed metadata: {like}"
                    )
                holder.value = tensor.detach()
            count += 1
            if count == expected and self.early_stop:
                raise _Stop

        def refuse(_: Any) -> Any:
            raise CheckpointError("pynn.utils.checkpoint: backward ran inside of a recomputation, on what it recorded.")

        args = [self._argument(x) for x in self.args]
        kwargs = {name: self._argument(x) for name, x in self.kwargs.items()}
        with self.around.again(), self.context, saved_tensors_hooks(collect, refuse), contextlib.suppress(_Stop):
            self.function(*args, **kwargs)
        if count != expected:
            raise CheckpointError(
                "pynn.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {expected}\n"
                f"Number of tensors saved during recomputation: {count}.\n"
                "The function must do the same operations each time it runs."
            )
        if differ:
            raise CheckpointError(
                "pynn.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                "forward pass.\n" + "\n".join(differ)
            )


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), without keeping what backward needs of it: backward runs it again.

    The gradients are the same. Random numbers are drawn alike both times, unless preserve_rng_state=False; autocast
    is as it was. The function must do the same each time: CheckpointError where the second run saves other
    tensors (determinism_check="none": where it saves another number of them).
    use_reentrant: False: only what backward comes by is computed again, and everything autograd can do works. True:
    the older form, whose inputs must require grad, for backward() only. None warns, and means True.
    context_fn: gives two contexts, for the first run and for the second (use_reentrant=False only).
    early_stop: end the second run when it has what backward needs.
    """
    if use_reentrant is None:
        warnings.warn(
            "pynn.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
            "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but if you need "
            "to preserve the current default behavior, you can pass use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = bool(kwargs.pop("preserve_rng_state", True))
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'] but got: {determinism_check}")
    first, second = context_fn()
    if not _core.is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    frame = _Frame(function, args, kwargs, _Surroundings(preserve), second)
    frame.check = determinism_check == "default"
    chosen = _early_stop[-1]
    frame.early_stop = early_stop if chosen is None else chosen
    with first, saved_tensors_hooks(frame.pack, frame.unpack):
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A Sequential, or list of modules, run in so many segments, each but the last one checkpointed."""
    if use_reentrant is None:
        warnings.warn(
            "pynn.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version "
            "2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))

    def run(start: int, end: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for part in functions[start:end]:
                x = part(x)
            return x

        return forward

    from pynn.nn import Sequential

    functions = list(functions.children()) if isinstance(functions, Sequential) else list(functions)
    if not 0 < segments <= len(functions):
        raise ValueError(f"segments must be between 1 and the number of functions, {len(functions)}; got {segments}.")
    size = len(functions) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(run(start, start + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return run(last, len(functions))(input)
