"""Gradients: backward, grad, grad modes and hooks, over the tape in `pynn._core`."""

import functools
import warnings

import numpy

from pynn import _core
from pynn._core import Tensor, made, state, wrap
from pynn.autograd import function
from pynn.autograd.function import Function
from pynn.ops.registry import export

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "function", "grad", "inference_mode",
    "is_grad_enabled", "no_grad", "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip


class _GradMode:
    """A context manager and decorator that sets whether operations are recorded in this thread."""

    def __init__(self, mode):
        self._mode = bool(mode)
        self._before = []

    def __enter__(self):
        self._before.append(set_grad(self._mode))
        return self

    def __exit__(self, *error):
        set_grad(self._before.pop())

    def __call__(self, function):
        cls, mode = type(self), self._mode

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with _GradMode(mode):
                return function(*args, **kwargs)

        wrapped.__pynn_grad_mode__ = cls
        return wrapped


def set_grad(mode):
    """Set this thread's grad mode; returns what it was."""
    before = state.grad_enabled
    if before != mode:
        state.grad_enabled = mode
        if mode:
            _core.leave_mode()
        else:
            _core.enter_mode()
    return before


class _FixedMode(_GradMode):
    """A mode that is its class's: usable as `with mode():`, `@mode()` and `@mode`."""

    mode = False

    def __new__(cls, function=None):
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()
        return made(function)

    def __init__(self, function=None):
        super().__init__(self.mode)


class no_grad(_FixedMode):
    """Do not record operations: `with no_grad():`, or as a decorator."""


class enable_grad(_FixedMode):
    """Record operations again inside no_grad."""

    mode = True


class inference_mode(_GradMode):
    """no_grad under the name torch gives its stricter form."""

    def __init__(self, mode=True):
        super().__init__(not mode)

    def __new__(cls, mode=True):
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()
        return made(mode)


class set_grad_enabled(_GradMode):
    """Set the grad mode at once, as a function, or for a `with` block."""

    def __init__(self, mode):
        super().__init__(mode)
        self._before.append(set_grad(self._mode))

    def __enter__(self):
        return self


def is_grad_enabled():
    """Whether operations are recorded in this thread."""
    return _core.is_grad_enabled()


export("is_grad_enabled", method=False)(is_grad_enabled)


def _tensors(value, name):
    out = [value] if isinstance(value, Tensor) else list(value)
    for t in out:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name} must be Tensors, got {type(t).__name__}.")
    return out


def _root_grads(outputs, grads, create_graph):
    grads = [None] * len(outputs) if grads is None else [grads] if isinstance(grads, Tensor) else list(grads)
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients; give one gradient a tensor.")
    out = []
    for tensor, grad in zip(outputs, grads):
        if not tensor.requires_grad:
            raise RuntimeError(
                "element 0 of tensors does not require grad and does not have a grad_fn: nothing in its history "
                "requires grad. Was it made under no_grad, or from detached tensors?"
            )
        if grad is None:
            if tensor._array.size != 1:
                raise RuntimeError(
                    "grad can be implicitly created only for scalar outputs, but the tensor has shape "
                    f"{list(tensor._array.shape)}. Reduce it (.sum(), .mean()), or pass gradient=."
                )
            grad = made(numpy.ones(tensor._array.shape, tensor._array.dtype))
        elif grad._array.shape != tensor._array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[0] has a shape of {list(grad._array.shape)} and output[0] has a shape "
                f"of {list(tensor._array.shape)}."
            )
        out.append(grad if create_graph else grad._array)
    return out


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None):
    """Accumulate the gradients of tensors into the leaves they were computed from (or only into `inputs`)."""
    roots = _tensors(tensors, "tensors")
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its "
            "gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid "
            "this. If you have to use this function, make sure to reset the .grad fields of your parameters to None "
            "after use to break the cycle and avoid the leak.",
            UserWarning,
            stacklevel=3,
        )
    grads = _root_grads(roots, grad_tensors, create_graph)
    if inputs is None:
        _core.backward(roots, grads, keep, create_graph, None)
        return
    wanted = _tensors(inputs, "inputs")
    found = _core.backward(roots, grads, keep, create_graph, wanted)
    for leaf, value in zip(wanted, found):
        if value is not None:
            value = value if create_graph else wrap(value)
            _core.set_grad(leaf, value if leaf._grad is None else leaf._grad + value)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of outputs with respect to inputs, as a tuple; nothing is accumulated.

    create_graph: record the computation, for gradients of higher order.
    Raises RuntimeError for an input that outputs do not depend on, unless allow_unused.
    """
    roots, wanted = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    keep = create_graph if retain_graph is None else retain_graph
    for t in wanted:
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad. Call requires_grad_() on it first.")
    found = _core.backward(roots, _root_grads(roots, grad_outputs, create_graph), keep, create_graph, wanted)
    out = []
    for i, (t, value) in enumerate(zip(wanted, found)):
        if value is None:
            if materialize_grads:
                value = made(numpy.zeros(t._array.shape, t._array.dtype))
                value = value if create_graph else value._array
            elif not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
        out.append(value if value is None or create_graph else wrap(value))
    return tuple(out)


@export("backward", function=False)
def _tensor_backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Accumulate this tensor's gradients into the leaves it was computed from.

    gradient: the gradient of the end result with respect to this tensor; 1 for a scalar.
    """
    if gradient is None and inputs is None and not create_graph and _core.backward_from_one(self, bool(retain_graph)):
        return
    backward(self, gradient, retain_graph, create_graph, inputs)


def _set_requires_grad(self, value):
    value = bool(value)
    if value and not _core.is_floating(self._array):
        raise RuntimeError(
            f"only Tensors of floating point dtype can require gradients, got {self._array.dtype}. Use .float() first."
        )
    if self._node is not None:
        if not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        return  # it does already
    self._tracked = value


def _requires_grad_setter(self, value):
    if self._node is not None and value:
        raise RuntimeError("you can only change requires_grad flags of leaf variables.")
    _set_requires_grad(self, value)


def _set_grad(self, value):
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}.")
        if value._array.shape != self._array.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value._array.shape)}' to a tensor of size "
                f"'{list(self._array.shape)}'. Please ensure that the gradient and the tensor are the same size."
            )
        if value._array.dtype != self._array.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value._array.dtype}' to a tensor with dtype "
                f"'{self._array.dtype}'. The gradient must match the tensor's dtype: convert it with .to(tensor.dtype)."
            )
    _core.set_grad(self, value)


_core.METHODS["set_requires_grad"] = _requires_grad_setter
_core.METHODS["set_grad"] = _set_grad


@export(function=False)
def requires_grad_(self, requires_grad=True):
    """Set requires_grad; returns the tensor."""
    _set_requires_grad(self, requires_grad)
    return self


class RemovableHandle:
    """Takes a hook off again: `handle.remove()`, or at the end of a `with` block.

    extra: further tables that may hold something under this handle's id.
    """

    _next = 0

    def __init__(self, hooks, extra=()):
        self._hooks = hooks
        self._extra = extra
        self.id = RemovableHandle._next
        RemovableHandle._next += 1

    def remove(self):
        """Take the hook off; nothing happens the second time."""
        self._hooks.pop(self.id, None)
        for table in self._extra:
            table.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()


def _add_hook(hooks, hook):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


@export(function=False)
def register_hook(self, hook):
    """Call hook(grad) when this tensor's gradient is computed; what it returns, unless None, replaces it."""
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._node is not None:
        if self._node.hooks is None:
            self._node.hooks = {}
        return _add_hook(self._node.hooks, hook)
    if self._hooks is None:
        self._hooks = {}
    return _add_hook(self._hooks, hook)


@export(function=False)
def retain_grad(self):
    """Keep this non-leaf tensor's gradient in `.grad` after backward."""
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if self._node is None or getattr(self, "_retains", False):
        return
    import weakref

    here = weakref.ref(self)

    def keep(grad):
        tensor = here()
        if tensor is not None:
            held = tensor._grad
            _core.set_grad(tensor, grad.clone() if held is None else held + grad)

    self._retains = True
    register_hook(self, keep)


_core.install(Tensor, "retains_grad", property(lambda self: getattr(self, "_retains", False)))


class _VariableType(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """torch's name of old for a tensor: `Variable(x)` is x, without history."""

    def __new__(cls, data, requires_grad=False):
        return data.detach().requires_grad_(requires_grad)


class set_detect_anomaly:
    """Accepted as torch's; backward's own errors name the operation already. A function, or for a `with` block."""

    def __init__(self, mode, check_nan=True):
        self.mode = bool(mode)

    def __enter__(self):
        return None

    def __exit__(self, *error):
        return None


class detect_anomaly(set_detect_anomaly):
    """`set_detect_anomaly(True)` for a `with` block."""

    def __init__(self, check_nan=True):
        super().__init__(True, check_nan)
