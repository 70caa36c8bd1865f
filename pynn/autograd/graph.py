"""The tape as users see it: nodes and edges, hooks on several gradients, and on what backward needs."""

import abc
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from pynn import _core
from pynn._core import Tensor, state
from pynn.autograd._handles import RemovableHandle

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge",
    "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


class Node(metaclass=abc.ABCMeta):  # noqa: B024
    """What `grad_fn` and `next_functions` hold: for isinstance and annotations."""


Node.register(_core.Node)
Node.register(_core.AccumulateGrad)


class GradientEdge(NamedTuple):
    """A place on the tape where a gradient arrives; autograd.grad and backward take it for a tensor."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The place where the tensor's gradient arrives; RuntimeError for what requires no grad."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node = tensor.grad_fn
    return GradientEdge(_core.accumulator(tensor) if node is None else node, tensor.output_nr)


def increment_version(tensor: Any) -> None:
    """Count a write to the memory of a tensor, or of several, as in-place operations do."""
    for t in [tensor] if isinstance(tensor, Tensor) else tensor:
        if _core.is_inference(t):
            raise RuntimeError("Inference tensors do not track version counter.")
        _core.shared_version(t)
        _core.bump(t)


_disabled: list[str] = []


class saved_tensors_hooks:
    """Decide for a block how tensors are kept for backward.

    pack_hook(tensor) is called for each that an operation saves; what it returns is kept in its place.
    unpack_hook(packed) is called when backward needs it and returns a tensor of the same values.
    Writes to the tensors are not noticed while hooks hold them.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    @property
    def pack(self) -> Callable[[Tensor], Any]:
        """pack_hook, as the tape calls it."""
        return self.pack_hook

    @property
    def unpack(self) -> Callable[[Any], Tensor]:
        """unpack_hook, as the tape calls it."""
        return self.unpack_hook

    def __enter__(self) -> None:
        if _disabled:
            raise RuntimeError(_disabled[-1])
        state.saved_hooks = (*state.saved_hooks, self)
        _core.enter_mode()

    def __exit__(self, *error: object) -> None:
        state.saved_hooks = state.saved_hooks[:-1]
        _core.leave_mode()


class save_on_cpu(saved_tensors_hooks):
    """Keep what backward needs in the CPU's memory, and bring it back to its device."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Any) -> Any:
            return tensor.device, tensor.cpu()

        def unpack(packed: Any) -> Any:
            device, tensor = packed
            return tensor.to(device)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Generator[None, None, None]:
    """Make entering saved_tensors_hooks raise RuntimeError(error_message), for a block or a decorated function."""
    if state.saved_hooks:
        raise RuntimeError(error_message)
    _disabled.append(error_message)
    try:
        yield
    finally:
        _disabled.pop()


class _MutationContext:
    """What `allow_mutation_on_saved_tensors` gives: the copies it holds."""

    def __init__(self) -> None:
        self.copies: list[Any] = []

    def clear(self) -> None:
        """Forget the copies: backward is no longer possible."""
        for held in self.copies:
            held.clear()
        self.copies.clear()


@contextmanager
def allow_mutation_on_saved_tensors() -> Generator[_MutationContext, None, None]:
    """Let tensors that backward needs be written in place: it sees the values they had when they were saved.

    Each is copied as it is saved. The block must still be open when backward runs.
    """
    context = _MutationContext()

    def pack(tensor: Any) -> Any:
        held = [tensor.detach().clone()]
        context.copies.append(held)
        return held

    def unpack(held: Any) -> Any:
        if not held:
            raise RuntimeError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was "
                "originally recorded."
            )
        return held[0]

    try:
        with saved_tensors_hooks(pack, unpack):
            yield context
    finally:
        context.clear()


class _Handles:
    """Several handles as one."""

    def __init__(self, handles: Iterable[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Take all of the hooks off."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> "_Handles":
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def _number_of_pass() -> int:
    """The number of the backward pass under way, or -1."""
    run = _core.current_pass()
    return -1 if run is None else int(run.number)


def register_multi_grad_hook(tensors: Sequence[Any], fn: Callable[[Any], None], *, mode: str = "all") -> "_Handles":
    """Call fn when gradients of several tensors are computed in one backward pass.

    mode "all": fn(grads) once all that the pass will compute are there, None for the others.
    mode "any": fn(grad) for the first one of the pass.
    Returns a handle with remove().
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = tuple(tensors)
    if mode == "any":
        seen: set[int] = set()

        def first(grad: Any) -> None:
            task = _number_of_pass()
            if task not in seen:
                seen.clear()
                seen.add(task)
                fn(grad)

        return _Handles(t.register_hook(first) for t in tensors)
    passes: dict[int, dict[int, Any]] = {}

    def collect(i: int, grad: Any) -> None:
        task = _number_of_pass()
        if task not in passes:
            passes.clear()
            passes[task] = {}
        held = passes[task]
        held[i] = grad
        if len(held) == sum(map(_core.current_pass().comes_by, tensors)):
            fn(tuple(held.get(k) for k in range(len(tensors))))

    def hook_of(i: int) -> Callable[[Any], None]:
        return lambda grad: collect(i, grad)

    return _Handles([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])
