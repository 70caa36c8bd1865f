"""Gradients: backward, grad, grad modes and hooks, over the tape in `pynn._core`."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy

from pynn import _core, _lazy
from pynn._core import Tensor, made_beside, state, wrap
from pynn.autograd import _tensor as _tensor
from pynn.autograd import function
from pynn.autograd._handles import RemovableHandle
from pynn.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from pynn.autograd.function import Function
from pynn.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from pynn.autograd.variable import Variable
from pynn.ops.registry import export

__all__ = [
    "Function", "RemovableHandle", "Variable", "anomaly_mode", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function",
    "functional", "grad", "grad_mode", "gradcheck", "gradgradcheck", "graph", "inference_mode", "is_grad_enabled",
    "is_multithreading_enabled", "no_grad", "profiler", "set_detect_anomaly", "set_grad_enabled",
    "set_multithreading_enabled", "variable",
]  # fmt: skip

# What most programs never ask for: imported when first used.
_LAZY = {
    "forward_ad": "",
    "functional": "",
    "gradcheck": "gradcheck",
    "gradgradcheck": "gradcheck",
    "graph": "",
    "profiler": "",
}
__getattr__, __dir__ = _lazy.names(__name__, _LAZY)


def _tensors(value: Any, name: str) -> list[Any]:
    """A tensor or GradientEdge, or a sequence of them, as a list of tensors."""
    out = [value] if isinstance(value, Tensor) or _is_edge(value) else list(value)
    for i, t in enumerate(out):
        if _is_edge(t):
            out[i] = _from_edge(t)
        elif not isinstance(t, Tensor):
            raise TypeError(f"{name} must be Tensors or GradientEdges, got {type(t).__name__}.")
    return out


def _is_edge(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "output_nr") and hasattr(value, "node")


def _from_edge(edge: Any) -> Any:
    """A tensor that stands for a place on the tape, without values."""
    if isinstance(edge.node, _core.AccumulateGrad):
        return edge.node.variable
    tensor: Any = wrap(None)
    tensor._tracked = True
    tensor._node = edge.node
    if edge.node.index >= 0:
        port = _core.Node(_core.OPERATORS["port"], (edge.node,), (), ())
        port.needs, port.index = 1, edge.output_nr
        tensor._node = port
    return tensor


def _root_grads(outputs: list[Any], grads: Any, create_graph: bool) -> list[Any]:
    """The gradient to begin with at each output: an array; a Tensor under create_graph."""
    grads = [None] * len(outputs) if grads is None else [grads] if isinstance(grads, Tensor) else list(grads)
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    out = []
    for i, (tensor, grad) in enumerate(zip(outputs, grads)):
        if not tensor.requires_grad:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn: nothing in its history "
                "requires grad. Was it made under no_grad, or from detached tensors?"
            )
        if grad is None:
            if tensor._array is None:
                raise RuntimeError(
                    "grad can be implicitly created only for Tensors: give the gradient of a GradientEdge."
                )
            if tensor._array.size != 1:
                raise RuntimeError(
                    "grad can be implicitly created only for scalar outputs, but the tensor has shape "
                    f"{list(tensor._array.shape)}. Reduce it (.sum(), .mean()), or pass gradient=."
                )
            grad = made_beside(tensor, numpy.ones(tensor._array.shape, tensor._array.dtype))
        elif not isinstance(grad, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
        elif tensor._array is not None and grad._array.shape != tensor._array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {grad.shape} and output[{i}] has a shape "
                f"of {tensor.shape}."
            )
        elif tensor._array is not None and grad._array.dtype != tensor._array.dtype:
            grad = grad.to(tensor.dtype)
        out.append(grad if create_graph else grad._array)
    return out


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of tensors into the leaves they were computed from (or only into `inputs`).

    tensors: a Tensor or several. grad_tensors: the gradient of the end result with respect to each (1 for scalars).
    retain_graph: keep what backward reads, for another pass; it is freed by default, unless create_graph.
    create_graph: record the computation, for gradients of higher order.
    Raises RuntimeError for a tensor without history, a missing gradient and a graph that was freed.
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
                "`grad_tensors`."
            )
        grad_tensors = grad_variables
    roots = _tensors(tensors, "tensors")
    wanted = None if inputs is None else _tensors(inputs, "inputs")
    if wanted is not None and not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
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
    for t in wanted or ():
        t.retain_grad()  # nothing for a leaf; an error for what requires no grad
    _core.backward(roots, grads, keep, create_graph, wanted, wanted is not None)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of outputs with respect to inputs, as a tuple; nothing is accumulated.

    create_graph: record the computation, for gradients of higher order.
    only_inputs: True; False warns and changes nothing, as in torch.
    is_grads_batched: grad_outputs have one dimension more, in front: one gradient is computed for each, and stacked.
    materialize_grads: zeros in place of None for inputs that outputs do not depend on.
    Raises RuntimeError for an input that outputs do not depend on, unless allow_unused.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs is deprecated and ignored: gradients of inputs alone are computed. backward() accumulates others.",
            FutureWarning,
            stacklevel=2,
        )
    roots, wanted = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for t in wanted:
        if not t.requires_grad:
            raise RuntimeError(
                "One of the differentiated Tensors does not require grad. Call requires_grad_() on it before it is used."
            )
    keep = create_graph if retain_graph is None else retain_graph
    keep = keep or (state.draws is not None and state.draws.more)  # vmap: the next sample goes through the same graph
    if is_grads_batched:
        return _batched(roots, wanted, grad_outputs, keep, create_graph, allow_unused, materialize_grads)
    found = _core.backward(roots, _root_grads(roots, grad_outputs, create_graph), keep, create_graph, wanted)
    out = []
    for i, (t, value) in enumerate(zip(wanted, found)):
        if value is None:
            if materialize_grads:
                value = made_beside(t, numpy.zeros(t._array.shape, t._array.dtype))
                value = value if create_graph else value._array
            elif not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
        out.append(value if value is None or create_graph else wrap(value))
    return tuple(out)


def _batched(
    roots: list[Any],
    wanted: list[Any],
    grads: Any,
    keep: bool,
    create_graph: bool,
    unused: bool | None,
    materialize: bool,
) -> tuple[Any, ...]:
    """`grad` once for each entry of the gradients' first dimension; the results stacked."""
    from pynn.ops.joining import stack

    rows: Sequence[Any] = [grads] if isinstance(grads, Tensor) else list(grads)
    counts = {g._array.shape[0] for g in rows if g is not None}
    if len(counts) != 1:
        raise RuntimeError(
            f"is_grads_batched=True needs grad_outputs of one length in dimension 0, got {sorted(counts)}."
        )
    count = counts.pop()
    if count == 0:
        raise RuntimeError("is_grads_batched=True needs at least one gradient; dimension 0 of grad_outputs is 0.")
    steps = []
    for i in range(count):
        each = [g if g is None else g[i] for g in rows]
        last = keep or i + 1 < count
        steps.append(
            grad(roots, wanted, each, last, create_graph, allow_unused=unused, materialize_grads=materialize)
        )
    return tuple(None if column[0] is None else stack(column) for column in zip(*steps))


@export("backward", function=False)
def _tensor_backward(
    self: Any, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Accumulate this tensor's gradients into the leaves it was computed from.

    gradient: the gradient of the end result with respect to this tensor; 1 for a scalar.
    """
    if gradient is None and inputs is None and not create_graph and _core.backward_from_one(self, bool(retain_graph)):
        return
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


_NODE_CLASSES: dict[str, type] = {}


def _class_of_node(node: Any) -> type:
    """A class by the node's name: users of torch read `fn.__class__.__name__`, and all nodes here are of one type."""
    name = node.name()
    found = _NODE_CLASSES.get(name)
    if found is None:
        found = _NODE_CLASSES[name] = type(name, (_core.Node,), {"__module__": __name__})
    return found


_core.METHODS["class_of_node"] = _class_of_node


def _node_name(node: Any) -> str:
    from pynn.autograd._names import node_name

    return node_name(node)


_core.METHODS["node_name"] = _node_name
