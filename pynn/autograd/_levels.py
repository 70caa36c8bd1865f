"""Differentiation inside a function: what `pynn.func` and `pynn.autograd.forward_ad` are made of.

A *mark* stands for an input of a function under differentiation: the same memory on a node of its own, below
which lies what the input itself came from. Gradients with respect to marks are taken with autograd.grad. What
leaves the function is `released`: cut off, unless something besides these marks needs its history (a parameter
that requires grad, an outer differentiation).
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from pynn import _core
from pynn._core import Node, Op, Tensor, made_beside, wrap
from pynn.autograd import grad
from pynn.autograd.grad_mode import enable_grad

LEVEL: Any = Op("level")
LEVEL.exact = 3
LEVEL.vjp = lambda xp, needs, g, saved, attrs: (g,)


active: dict[int, Any] = {}  # the marks' nodes of the differentiations under way, by id


@contextlib.contextmanager
def under_way(nodes: Sequence[Any]) -> Iterator[None]:
    """Differentiation with respect to these marks goes on, for a block in which its function runs."""
    for node in nodes:
        active[id(node)] = node
    try:
        with enable_grad():
            yield
    finally:
        for node in nodes:
            active.pop(id(node), None)


def mark(x: Any) -> tuple[Any, Any]:
    """(x as a mark, the node to take gradients at): the same memory; a write to it is a write to x."""
    edge = x._node if x._node is not None else x if x.requires_grad else None
    node: Any = Node(LEVEL, (edge,), (), ())
    node.needs = int(edge is not None)
    out: Any = wrap(x._array)
    out._writes = _core.shared_version(x)
    _hang(out, node)
    return out, node


def _hang(x: Any, node: Any) -> None:
    x._node = node
    x._tracked = True


def at(node: Any, x: Any) -> Any:
    """A tensor that stands for a mark's node, for autograd.grad; x gives shape and dtype."""
    out: Any = wrap(x._array)
    _hang(out, node)
    return out


def tracked_beyond(tensors: Sequence[Any], nodes: Sequence[Any]) -> bool:
    """Whether the history of tensors has an end that is neither one of these marks nor one that is used up."""
    own = {id(n) for n in nodes}
    stack = []
    for t in tensors:
        if isinstance(t, Tensor) and t.requires_grad:
            if t.grad_fn is None:
                return True
            stack.append(t.grad_fn)
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if id(node) in active and id(node) not in own:
            return True
        for edge in node.edges:
            if isinstance(edge, Node):
                stack.append(edge)
            elif edge is not None:
                return True
    return False


def released(value: Any, beyond: bool) -> Any:
    """A result on its way out of the function."""
    if beyond or not isinstance(value, Tensor) or not value.requires_grad:
        return value
    return value.detach()


def pull_back(
    outputs: Sequence[Any], nodes: Sequence[Any], inputs: Sequence[Any], grads: Sequence[Any], graph: bool
) -> list[Any]:
    """The gradients at marks for gradients of the outputs; None where nothing arrives. The tape is kept."""
    pairs = [(o, g) for o, g in zip(outputs, grads) if isinstance(o, Tensor) and o.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    with enable_grad():
        return list(
            grad(
                [o for o, _ in pairs],
                [at(n, x) for n, x in zip(nodes, inputs)],
                [g for _, g in pairs],
                retain_graph=True,
                create_graph=graph,
                allow_unused=True,
            )
        )


def zeros_like(x: Any) -> Any:
    """Zeros of x's shape and dtype."""
    return made_beside(x, numpy.zeros(x._array.shape, x._array.dtype))


def push_forward(
    outputs: Sequence[Any], nodes: Sequence[Any], inputs: Sequence[Any], tangents: Sequence[Any], graph: bool
) -> list[Any]:
    """The tangents of outputs for tangents of the inputs: the gradient of the (linear) pull-back; None for zero.

    Every operation whose gradient can be differentiated takes part, with its exact derivative.
    """
    probes, probe_nodes = [], []
    for o in outputs:
        probe, node = mark(zeros_like(o))
        probes.append(probe)
        probe_nodes.append(node)
    pulled = pull_back(outputs, nodes, inputs, probes, True)
    pairs = [(p, t) for p, t in zip(pulled, tangents) if p is not None and t is not None and p.requires_grad]
    if not pairs:
        return [None] * len(outputs)
    return pull_back([p for p, _ in pairs], probe_nodes, probes, [t for _, t in pairs], graph)
