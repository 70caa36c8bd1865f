"""Functions with a gradient written by hand: `pynn.autograd.Function`."""

import functools

import numpy

from pynn import _core
from pynn._core import Node, Op, Tensor, made, shared_version, wrap

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What forward leaves for backward; one object a call of `apply`, and free to carry attributes."""

    needs_input_grad = ()

    def __init__(self):
        self._kept = ()
        self._no_grad = ()
        self._dirty = ()
        self._materialize = True
        self._places = ()

    def save_for_backward(self, *tensors):
        """Keep tensors (or None) for backward, which finds them in `saved_tensors`.

        A write to one of them before backward is noticed, as it is for the library's own operations.
        """
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but got an argument of type {type(t).__name__}. Set "
                    "an attribute of ctx instead."
                )
        self._kept = tensors

    @property
    def saved_tensors(self):
        """The tensors that `save_for_backward` kept, in order."""
        return tuple(k() if isinstance(k, functools.partial) else k for k in self._kept)

    def mark_non_differentiable(self, *tensors):
        """Say which outputs of forward have no gradient."""
        self._no_grad = tensors

    def mark_dirty(self, *tensors):
        """Say which inputs forward has written to; they must be among its outputs."""
        self._dirty = tensors

    def set_materialize_grads(self, value):
        """Whether backward receives zeros (True, as at first) or None for outputs without a gradient."""
        self._materialize = bool(value)


def _among(tensor, tensors):
    return any(tensor is t for t in tensors)


class Function(FunctionCtx):
    """A differentiable function of your own.

    Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *grads)` (or
    `forward(*args)` and `setup_context(ctx, inputs, output)`), and call `apply`. backward
    returns a gradient, or None, for each argument of forward.
    """

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the outputs; runs without recording."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Fill ctx for a forward that does not take it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """The gradients of the arguments, given those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @staticmethod
    def vjp(ctx, *grad_outputs):
        """Another name for backward."""
        raise NotImplementedError("implement backward.")

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            f"function with static forward method: call {type(self).__name__}.apply(...)."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record backward."""
        from pynn.autograd import no_grad

        ctx = cls()
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
        outputs = [out] if single else list(out)
        before = list(outputs)
        inputs = [a for a in args if isinstance(a, Tensor)]
        for i, o in enumerate(outputs):
            if isinstance(o, Tensor) and not _among(o, ctx._dirty) and (o._view is not None or _among(o, inputs)):
                outputs[i] = wrap(o._array)  # a tensor of its own over the same memory
                outputs[i]._version = shared_version(o)
        if tracked:
            _record(cls, ctx, args, edges, before, outputs, single)
        return outputs[0] if single else tuple(outputs)


def _edge(tensor):
    return tensor._node if tensor._node is not None else tensor if tensor._tracked else None


def _record(cls, ctx, args, edges, before, outputs, single):
    """Hang the outputs on a node of the tape that calls the class's backward."""
    op = Op(cls.__name__)
    op.exact = 3  # backward gets the gradients as they are
    op.vjp = _vjp_of(cls)
    op.outputs = len(outputs)
    node = Node(op, edges, (), (ctx,))
    for i, edge in enumerate(edges):
        node.needs |= (edge is not None) << i
    if not single:
        node.index = len(outputs)
    ctx._likes = tuple((a._array.shape, a._array.dtype) if isinstance(a, Tensor) else None for a in args)
    ctx._places = tuple((o._array.shape, o._array.dtype) if isinstance(o, Tensor) else None for o in outputs)
    for i, o in enumerate(outputs):
        fixed = _among(before[i], ctx._no_grad)
        if not isinstance(o, Tensor) or fixed or not _core.is_floating(o._array):
            continue
        if o._tracked and o._node is None:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        if single:
            o._node = node
        else:
            port = Node(_core.OPERATORS["port"], (node,), (), ())
            port.needs, port.index = 1, i
            o._node = port
        o._tracked = True
    versions = [shared_version(k) for k in ctx._kept if k is not None]
    if versions:
        node.versions = tuple(versions)
        node.version_sum = sum(v.value for v in versions)
    kept = []
    for k in ctx._kept:  # an output is kept as its array and its place: the tensor itself would make a cycle
        i = next((i for i, o in enumerate(before) if o is k), None) if k is not None else None
        kept.append(k if i is None else functools.partial(_again, outputs[i]._array, node, i, single, outputs[i]._tracked))
    ctx._kept = tuple(kept)


def _again(array, node, i, single, tracked):
    """A saved output, hanging on the same place of the tape."""
    tensor = wrap(array)
    if tracked:
        if not single:
            port = Node(_core.OPERATORS["port"], (node,), (), ())
            port.needs, port.index = 1, i
            node = port
        tensor._node, tensor._tracked = node, True
    return tensor


def _vjp_of(cls):
    user = cls.backward if cls.backward is not Function.backward else cls.vjp
    if user is Function.vjp:
        user = Function.backward

    def vjp(xp, needs, g, saved, attrs):
        from pynn.autograd import enable_grad, no_grad

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


def _fitting(cls, i, value, like):
    """A gradient in its input's shape and dtype; RuntimeError where it cannot be."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{cls.__name__}.backward must return Tensors or None, got {type(value).__name__} as gradient {i}."
        )
    shape, dtype = like
    if value._array.shape != shape:
        try:
            fits = numpy.broadcast_shapes(shape, value._array.shape) == value._array.shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {cls.__name__}Backward returned an invalid gradient at index {i} - got "
                f"{list(value._array.shape)} but expected shape compatible with {list(shape)}."
            )
        value = _core_unbroadcast(value, shape)
    return value if value._array.dtype == dtype else value.to(dtype)


def _core_unbroadcast(value, shape):
    from pynn.ops import namespace
    from pynn.ops.registry import unbroadcast

    return unbroadcast(namespace, value, shape)


def once_differentiable(function):
    """Decorator of a backward whose result is not to be differentiated again."""

    @functools.wraps(function)
    def wrapped(ctx, *grads):
        from pynn.autograd import no_grad

        with no_grad():
            return function(ctx, *grads)

    return wrapped
