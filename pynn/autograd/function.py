"""Functions with a gradient written by hand: `pynn.autograd.Function`."""

import functools
import weakref
from collections.abc import Callable
from typing import Any

import numpy

from pynn import _core
from pynn._core import Node, Op, Tensor, made, shared_version, state, wrap

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]


class FunctionCtx:
    """What forward leaves for backward; one object a call of `apply`, and free to carry attributes."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._kept: tuple[Any, ...] | None = ()
        self._kept_for_forward: tuple[Any, ...] = ()
        self._no_grad: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._materialize = True
        self._places: tuple[Any, ...] = ()
        self._likes: tuple[Any, ...] = ()
        self._here: Any = None  # a weak reference to the node, once there is one

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for backward, which finds them in `saved_tensors`.

        A write to one of them before backward is noticed, as it is for the library's own operations.
        """
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}. Set an "
                    "attribute of ctx instead."
                )
        self._kept = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for jvp, which finds them in `saved_tensors`; with a backward, jvp is not needed."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_forward can only save variables, but argument {i} is of type {type(t).__name__}."
                )
        self._kept_for_forward = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that `save_for_backward` kept, in order."""
        if self._kept is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved tensors after they have "
                "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
                "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time."
            )
        return tuple(k() if isinstance(k, functools.partial) else k for k in self._kept)

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs of forward have no gradient."""
        self._no_grad = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs forward has written to; they must be among its outputs."""
        self._dirty = tensors
        for t in tensors:
            if isinstance(t, Tensor):
                _core.bump(t)

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Accepted as torch's, which needs it no longer either."""

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward receives zeros (True, as at first) or None for outputs without a gradient."""
        self._materialize = bool(value)

    # What torch's ctx offers as the node of the tape that it is there.

    def _node_of(self) -> Any:
        node = None if self._here is None else self._here()
        if node is None:
            raise RuntimeError(
                "this ctx belongs to no recorded operation: nothing required grad, or its graph is gone."
            )
        return node

    def name(self) -> str:
        """The name of the node: the class's and "Backward"."""
        return type(self).__name__ + "Backward"

    @property
    def next_functions(self) -> Any:
        """The nodes that backward hands its gradients to."""
        return self._node_of().next_functions

    @property
    def metadata(self) -> Any:
        """A dict of the user's own."""
        return self._node_of().metadata


BackwardCFunction = FunctionCtx


def _among(tensor: Any, tensors: Any) -> bool:
    return any(tensor is t for t in tensors)


class Function(FunctionCtx):
    """A differentiable function of your own.

    Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *grads)` (or
    `forward(*args)` and `setup_context(ctx, inputs, output)`), and call `apply`. backward
    returns a gradient, or None, for each argument of forward.
    """

    generate_vmap_rule = False  # accepted: vmap runs apply sample by sample

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; runs without recording."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Fill ctx for a forward that does not take it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments, given those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name for backward."""
        raise NotImplementedError("implement backward.")

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the outputs, given those of the inputs, for a function without backward.

        Where there is a backward, tangents are computed from it: it is differentiated once more.
        """
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it directly."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """Accepted: vmap runs apply sample by sample."""
        raise NotImplementedError("pynn.vmap runs apply sample by sample and calls no vmap method.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            f"function with static forward method: call {type(self).__name__}.apply(...)."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and record backward."""
        from pynn.autograd.grad_mode import no_grad

        ctx = cls.__new__(cls)
        FunctionCtx.__init__(ctx)
        recording = _core.is_grad_enabled()
        needs = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        ctx.needs_input_grad = needs
        tracked = recording and any(needs)
        edges = tuple(_edge(a) if need else None for a, need in zip(args, needs))
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                out = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args, **kwargs)
        single = not isinstance(out, tuple)
        outputs: list[Any] = [out] if single else list(out)
        if not all(_among(d, outputs) for d in ctx._dirty):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
                "modified inplace must all be outputs of the Function."
            )
        before = list(outputs)
        inputs = [a for a in args if isinstance(a, Tensor)]
        for i, o in enumerate(outputs):
            if isinstance(o, Tensor) and not _among(o, ctx._dirty) and (_has_view(o) or _among(o, inputs)):
                outputs[i] = wrap(_array(o))  # a tensor of its own over the same memory
                if tracked:
                    _core.custom_view(outputs[i], o)
                else:
                    outputs[i]._writes = shared_version(o)
        pushed = _push_by_jvp(cls, ctx, args, outputs) if tracked and cls.jvp is not Function.jvp else None
        if pushed is not None:
            ctx._kept = ()
            outputs = pushed
        elif tracked:
            _record(cls, ctx, args, edges, before, outputs, single)
        else:
            ctx._kept = ()
        return outputs[0] if single else tuple(outputs)


class InplaceFunction(Function):
    """torch's base of old for functions that may write their input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


def _push_by_jvp(cls: Any, ctx: Any, args: Any, outputs: list[Any]) -> list[Any] | None:
    """The outputs with the tangents that the class's jvp gives; None where it is not to be asked."""
    from pynn.autograd import forward_ad

    if cls.backward is not Function.backward or cls.vjp is not Function.vjp or not forward_ad._levels_open:
        return None
    tangents = [forward_ad.unpack_dual(a).tangent if isinstance(a, Tensor) else None for a in args]
    if all(t is None for t in tangents):
        return None
    if ctx._materialize:
        tangents = [
            wrap(numpy.zeros_like(_array(a))) if t is None and isinstance(a, Tensor) else t
            for a, t in zip(args, tangents)
        ]
    ctx._kept = ctx._kept_for_forward or ctx._kept
    found = cls.jvp(ctx, *tangents)
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != len(outputs):
        raise RuntimeError(f"{cls.__name__}.jvp returned {len(found)} tangents for {len(outputs)} outputs.")
    return [o if t is None else forward_ad.make_dual(o, t) for o, t in zip(outputs, found)]


def _edge(tensor: Any) -> Any:
    return tensor._node if tensor._node is not None else tensor if tensor._tracked else None


def _array(tensor: Any) -> Any:
    return tensor._array


def _has_view(tensor: Any) -> bool:
    return tensor._view is not None


def _record(cls: Any, ctx: Any, args: Any, edges: Any, before: list[Any], outputs: list[Any], single: bool) -> None:
    """Hang the outputs on a node of the tape that calls the class's backward."""
    op: Any = Op(cls.__name__)
    op.custom = True
    op.exact = 3  # backward gets the gradients as they are
    op.vjp = _vjp_of(cls)
    op.outputs = len(outputs)
    node: Any = Node(op, edges, (), (ctx,))
    for i, edge in enumerate(edges):
        node.needs |= (edge is not None) << i
    if not single:
        node.index = len(outputs)
    ctx._here = weakref.ref(node)
    ctx._likes = tuple((_array(a).shape, _array(a).dtype) if isinstance(a, Tensor) else None for a in args)
    ctx._places = tuple((_array(o).shape, _array(o).dtype) if isinstance(o, Tensor) else None for o in outputs)
    for i, o in enumerate(outputs):
        fixed = _among(before[i], ctx._no_grad)
        if not isinstance(o, Tensor) or fixed or not _core.is_floating(_array(o)):
            continue
        _hang(o, node, i, single, _among(o, ctx._dirty))
    versions = [_core.shared_version(k) for k in ctx._kept if k is not None]
    if any(_core.is_inference(k) for k in ctx._kept if k is not None):
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd: clone() them first."
        )
    if versions:
        node.versions = tuple(versions)
        node.version_sum = sum(v.value for v in versions)
    kept: list[Any] = []
    hooks = state.saved_hooks[-1] if state.saved_hooks else None
    for k in ctx._kept:  # an output is kept as its array and its place: the tensor itself would make a cycle
        i = next((i for i, o in enumerate(before) if o is k), -1) if k is not None else -1
        if i >= 0 and _among(k, args) and not _among(k, ctx._dirty):
            i = -1  # an input that forward returned as it is: the output is another tensor
        if k is None:
            kept.append(k)
        elif hooks is not None:
            kept.append(_packed(k, hooks, node, i, single, i >= 0 and outputs[i]._tracked))
        else:
            kept.append(
                k if i < 0 else functools.partial(_again, _array(outputs[i]), ctx._here, i, single, outputs[i]._tracked)
            )
    if hooks is not None:
        node.versions, node.version_sum = None, 0
    ctx._kept = tuple(kept)
    if kept:

        def release() -> None:
            ctx._kept = None

        node.own_hooks().release = release
    if state.anomaly is not None:
        state.anomaly.made(node)


def _hang(o: Any, node: Any, i: int, single: bool, dirty: bool) -> None:
    """Make o output i of a node; where it was written in place, its base follows."""
    if o._tracked and o._node is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    here = node
    if not single:
        here = Node(_core.OPERATORS["port"], (node,), (), ())
        here.needs, here.index = 1, i
    if dirty and o._view is not None:
        if o._view.kind:
            _core.forbid_view(o)
        base = o._view.base
        if base._tracked and base._node is None:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
        write = Node(_core.OPERATORS["view_write"], (_edge(base), here), (), (o._view.steps,))
        write.needs = 2 | (_edge(base) is not None)
        base._node, base._tracked = write, True
        o._view.seen = shared_version(o).value
    o._node = here
    o._tracked = True


def _packed(tensor: Any, hooks: Any, node: Any, i: int, single: bool, tracked: bool) -> Any:
    """A saved tensor as what saved_tensors_hooks make of it; called, it is unpacked and hung on the same place."""
    from pynn.autograd.grad_mode import no_grad

    leaf = tensor._node is None and tensor._tracked
    with no_grad():
        value = hooks.pack(tensor if leaf else wrap(tensor._array))
    if i >= 0:
        here = weakref.ref(node)
        return functools.partial(lambda: _again(hooks.unpack(value)._array, here, i, single, tracked))
    edge, needs = tensor if leaf else tensor._node, tensor._tracked

    def unpack() -> Any:
        found = hooks.unpack(value)
        if found is edge:
            return found
        found = wrap(found._array)
        if needs and not leaf:
            found._node, found._tracked = edge, True
        elif needs:
            found = edge.view_as(edge)
            found._array = hooks.unpack(value)._array
        return found

    return functools.partial(unpack)


def _again(array: Any, here: Any, i: int, single: bool, tracked: bool) -> Any:
    """A saved output, hanging on the same place of the tape."""
    tensor: Any = wrap(array)
    node = here()
    if tracked and node is not None:
        if not single:
            port = Node(_core.OPERATORS["port"], (node,), (), ())
            port.needs, port.index = 1, i
            node = port
        tensor._node, tensor._tracked = node, True
    return tensor


def _vjp_of(cls: Any) -> Callable[..., Any]:
    user = cls.backward if cls.backward is not Function.backward else cls.vjp
    if user is Function.vjp:
        user = Function.backward
    elif cls.backward is not Function.backward and cls.vjp is not Function.vjp:
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of "
            "them."
        )

    def vjp(xp: Any, needs: int, g: Any, saved: Any, attrs: Any) -> Any:
        from pynn.autograd.grad_mode import enable_grad, no_grad

        (ctx,) = attrs
        graph = xp.name == "pynn"
        given = list(g) if isinstance(g, list) else [g]
        for i, value in enumerate(given):
            if value is not None:
                given[i] = value if graph else wrap(value)
            elif ctx._materialize and ctx._places[i] is not None:
                given[i] = made(numpy.zeros(*ctx._places[i]))
        with enable_grad() if graph else no_grad():
            results = user(ctx, *given)
            results = list(results) if isinstance(results, tuple) else [results]
            count = len(ctx._likes)
            if len(results) > count and all(r is None for r in results[count:]):
                results = results[:count]
            if len(results) != count:
                raise RuntimeError(
                    f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {count}, got "
                    f"{len(results)}). backward must return one value, or None, for each argument of forward."
                )
            for i, value in enumerate(results):
                results[i] = _fitting(cls, i, value, ctx._likes[i]) if needs >> i & 1 and value is not None else None
        return tuple(r if r is None or graph else r._array for r in results)

    return vjp


def _fitting(cls: Any, i: int, value: Any, like: Any) -> Any:
    """A gradient in its input's shape and dtype; RuntimeError where it cannot be."""
    if not isinstance(value, Tensor):
        raise RuntimeError(
            f"expected Variable or None (got {type(value).__name__}): {cls.__name__}.backward must return Tensors or None, "
            f"as gradient {i} too."
        )
    shape, dtype = like
    if _array(value).shape != shape:
        try:
            fits = numpy.broadcast_shapes(shape, _array(value).shape) == _array(value).shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {cls.__name__}Backward returned an invalid gradient at index {i} - got "
                f"{list(_array(value).shape)} but expected shape compatible with {list(shape)}"
            )
        value = _unbroadcast(value, shape)
    return value if _array(value).dtype == dtype else value.to(dtype)


def _unbroadcast(value: Any, shape: tuple[int, ...]) -> Any:
    from pynn.ops import namespace
    from pynn.ops.registry import unbroadcast

    return unbroadcast(namespace, value, shape)


class _Twice(Function):
    """The end of the tape for gradients that must not be differentiated again."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Any) -> Any:
        """The first `count` tensors as they are."""
        return tuple(t.detach() for t in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Refuse."""
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a backward whose result is not to be differentiated again: RuntimeError where that is tried."""

    @functools.wraps(fn)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        from pynn.autograd.grad_mode import no_grad

        with no_grad():
            results = fn(ctx, *grads)
        if not _core.is_grad_enabled():
            return results
        kept = ctx._kept or ()
        reads = [*grads, *(k() if isinstance(k, functools.partial) else k for k in kept)]
        tracked = [t for t in reads if isinstance(t, Tensor) and t.requires_grad]
        if not tracked:
            return results
        several = isinstance(results, tuple)
        values = list(results) if several else [results]
        places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        for i, value in zip(places, _Twice.apply(len(places), *[values[i] for i in places], *tracked)):
            values[i] = value
        return tuple(values) if several else values[0]

    return wrapped
