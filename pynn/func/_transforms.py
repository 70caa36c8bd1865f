"""grad, vjp, jvp, jacobians and hessians of functions, to be nested in any way."""

import functools
from collections.abc import Callable
from typing import Any

import numpy

from pynn._core import Tensor, made_beside
from pynn.autograd import _levels
from pynn.utils._pytree import TreeSpec, tree_flatten, tree_map, tree_unflatten

Argnums = int | tuple[int, ...]


def _argnums(argnums: Argnums, count: int) -> tuple[int, ...]:
    """The numbers of the arguments to differentiate, from the front; RuntimeError for what is out of range."""
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    if not wanted:
        raise RuntimeError("argnums must be non-empty")
    out: list[int] = []
    for n in wanted:
        if not isinstance(n, int) or isinstance(n, bool):
            raise RuntimeError(f"argnum must be int or Tuple[int], got: {type(n)}")
        if not -count <= n < count:
            raise RuntimeError(f"Got argnum={n}, but only {count} positional inputs")
        out.append(n % count)
    if len(set(out)) != len(out):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return tuple(out)


class Marked:
    """Arguments of a function with those under differentiation replaced by marks."""

    def __init__(self, args: tuple[Any, ...], argnums: Argnums) -> None:
        self.single = not isinstance(argnums, tuple)
        places = _argnums(argnums, len(args))
        self.leaves, self.spec = tree_flatten(tuple(args[p] for p in places))
        for x in self.leaves:
            if not isinstance(x, Tensor):
                raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        pairs = [_levels.mark(x) for x in self.leaves]
        self.nodes = [n for _, n in pairs]
        marked = tree_unflatten([m for m, _ in pairs], self.spec)
        whole = list(args)
        for place, value in zip(places, marked):
            whole[place] = value
        self.args = tuple(whole)

    def shaped(self, values: list[Any]) -> Any:
        """One value a leaf, in the form of the arguments."""
        out = tree_unflatten(values, self.spec)
        return out[0] if self.single else out


def _aux(output: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(output, tuple) or len(output) != 2:
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def _released(tree: Any, nodes: list[Any]) -> Any:
    leaves, spec = tree_flatten(tree)
    beyond = _levels.tracked_beyond(leaves, nodes)
    return tree_unflatten([_levels.released(x, beyond) for x in leaves], spec)


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns (the gradient of func, its value); with has_aux (gradient, (value, aux)).

    func returns a tensor of one element without dimensions. The gradient has the form of the argument.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        name = "grad_and_value(f)(*args)"
        marked = Marked(args, argnums)
        with _levels.under_way(marked.nodes):
            output = func(*marked.args, **kwargs)
        aux = None
        if has_aux:
            output, aux = _aux(output, name)
        if not isinstance(output, Tensor):
            raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(output)}")
        if output.dim() != 0:
            raise RuntimeError(
                f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with {output.dim()} dims. Maybe you "
                "wanted to use the vjp or jacrev APIs instead?"
            )
        beyond = _levels.tracked_beyond([output], marked.nodes)
        one = made_beside(output, numpy.ones((), output._array.dtype))
        found = _levels.pull_back([output], marked.nodes, marked.leaves, [one], beyond)
        found = [_levels.zeros_like(x) if g is None else g for g, x in zip(found, marked.leaves)]
        value = _levels.released(output, beyond)
        if has_aux:
            return marked.shaped(found), (value, _released(aux, marked.nodes))
        return marked.shaped(found), value

    return wrapper


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of func with respect to an argument (or several: a tuple of numbers).

    has_aux: func returns (value, aux), and the gradient function (gradient, aux).
    """
    inner = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found, rest = inner(*args, **kwargs)
        return (found, rest[1]) if has_aux else found

    return wrapper


def _tensors_only(leaves: list[Any], name: str) -> None:
    if not leaves:
        raise RuntimeError(f"{name}: Expected f to be a function that has non-empty output")
    for x in leaves:
        if not isinstance(x, Tensor):
            raise RuntimeError(f"{name}: expected f(*primals) to return only tensors, got unsupported type {type(x)}")


class _Pullback:
    """What vjp returns besides the output: gradients of the outputs in, gradients of the inputs out."""

    def __init__(self, marked: Marked, outputs: list[Any], spec: TreeSpec) -> None:
        self.marked = marked
        self.outputs = outputs
        self.spec = spec
        self.beyond = _levels.tracked_beyond(outputs, marked.nodes)

    def flat(self, leaves: list[Any]) -> list[Any]:
        """The same for flat lists; None for zero."""
        graph = self.beyond or any(isinstance(g, Tensor) and g.requires_grad for g in leaves)
        return _levels.pull_back(self.outputs, self.marked.nodes, self.marked.leaves, leaves, graph)

    def __call__(self, cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        leaves, spec = tree_flatten(cotangents)
        if spec != self.spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {spec}, primal output: {self.spec}"
            )
        found = self.flat(leaves)
        return self.marked.shaped(
            [_levels.zeros_like(x) if g is None else g for g, x in zip(found, self.marked.leaves)]
        )


def _vjp(
    func: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool, argnums: Argnums
) -> tuple[Any, _Pullback, Any]:
    marked = Marked(primals, argnums)
    with _levels.under_way(marked.nodes):
        output = func(*marked.args)
    aux = None
    if has_aux:
        output, aux = _aux(output, "vjp(f, *primals)")
    leaves, spec = tree_flatten(output)
    _tensors_only(leaves, "vjp(f, *primals)")
    back = _Pullback(marked, leaves, spec)
    value = tree_unflatten([_levels.released(x, back.beyond) for x in leaves], spec)
    return value, back, _released(aux, marked.nodes)


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), f): f(cotangents) gives the gradients of the primals, as a tuple.

    cotangents have the form of the output. has_aux: func returns (output, aux), and vjp (output, f, aux).
    """
    value, back, aux = _vjp(func, primals, has_aux, tuple(range(len(primals))))
    return (value, back, aux) if has_aux else (value, back)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), the derivative of it in the direction of tangents); with has_aux a third: aux.

    strict: RuntimeError where the output does not depend on the primals. The derivative is that of the pull-back,
    so each operation's gradient must have a gradient.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    flat, spec = tree_flatten(tangents)
    if tree_flatten(primals)[1] != spec:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For example, if "
            f"primals is a tuple of 3 tensors, tangents also must be. Got primals with structure {tree_flatten(primals)[1]} "
            f"and tangents with structure {spec}"
        )
    marked = Marked(primals, tuple(range(len(primals))))
    for x, t in zip(marked.leaves, flat):
        check_tangent(x, t)
    with _levels.under_way(marked.nodes):
        output = func(*marked.args)
    aux = None
    if has_aux:
        output, aux = _aux(output, "jvp(f, primals, tangents)")
    leaves, out_spec = tree_flatten(output)
    _tensors_only(leaves, "jvp(f, primals, tangents)")
    beyond = _levels.tracked_beyond(leaves, marked.nodes)
    graph = beyond or any(t.requires_grad for t in flat)
    pushed = _levels.push_forward(leaves, marked.nodes, marked.leaves, flat, graph)
    if strict and any(p is None for p in pushed):
        raise RuntimeError("jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs.")
    pushed = [_levels.zeros_like(x) if p is None else _levels.released(p, graph) for p, x in zip(pushed, leaves)]
    value = tree_unflatten([_levels.released(x, beyond) for x in leaves], out_spec)
    change = tree_unflatten(pushed, out_spec)
    return (value, change, _released(aux, marked.nodes)) if has_aux else (value, change)


def check_tangent(x: Any, tangent: Any) -> None:
    """RuntimeError or ValueError for a tangent that does not fit its primal."""
    if not isinstance(tangent, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(tangent)}")
    if tangent._array.shape != x._array.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(x._array.shape)} while the given forward gradient is of size "
            f"{list(tangent._array.shape)}."
        )
    if tangent._array.dtype != x._array.dtype:
        raise RuntimeError(
            f"Trying to set a forward gradient of dtype {tangent.dtype} on a tensor of dtype {x.dtype}: they must be equal."
        )


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), f): f(*tangents) gives the derivative there in their direction; func runs once."""
    marked = Marked(primals, tuple(range(len(primals))))
    with _levels.under_way(marked.nodes):
        output = func(*marked.args)
    leaves, spec = tree_flatten(output)
    _tensors_only(leaves, "linearize(f, *primals)")
    beyond = _levels.tracked_beyond(leaves, marked.nodes)

    def push(*tangents: Any) -> Any:
        flat, found = tree_flatten(tangents)
        if found != marked.spec:
            raise RuntimeError(
                f"Expected the tangents {found} to have the same argspec as the primals {marked.spec} in linearize(f, *primals)"
            )
        for x, t in zip(marked.leaves, flat):
            check_tangent(x, t)
        graph = beyond or any(t.requires_grad for t in flat)
        pushed = _levels.push_forward(leaves, marked.nodes, marked.leaves, flat, graph)
        return tree_unflatten([_levels.zeros_like(x) if p is None else p for p, x in zip(pushed, leaves)], spec)

    return tree_unflatten([_levels.released(x, beyond) for x in leaves], spec), push


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of func, computed row by row from its gradients.

    For an output of shape O and an argument of shape I it has the shape O + I; for trees of outputs a tree of them,
    each in the form of the argument. has_aux: func returns (output, aux), and this (Jacobian, aux).
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from pynn.ops.joining import stack

        _, back, aux = _vjp(functools.partial(func, **kwargs), args, has_aux, argnums)
        inputs = back.marked.leaves
        results = []
        for output in back.outputs:
            rows: list[list[Any]] = [[] for _ in inputs]
            size = output._array.size
            for j in range(size):
                one = numpy.zeros(output._array.shape, output._array.dtype)
                one.reshape(-1)[j] = 1
                found = _levels.pull_back([output], back.marked.nodes, inputs, [made_beside(output, one)], back.beyond)
                for k, (g, x) in enumerate(zip(found, inputs)):
                    rows[k].append(_levels.zeros_like(x) if g is None else g)
            columns = []
            for k, x in enumerate(inputs):
                shape = tuple(output._array.shape) + tuple(x._array.shape)
                whole = stack(rows[k]) if size else made_beside(x, numpy.zeros(shape, x._array.dtype))
                columns.append(whole.reshape(shape))
            results.append(back.marked.shaped(columns))
        jacobian = tree_unflatten(results, back.spec)
        return (jacobian, aux) if has_aux else jacobian

    return wrapper


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """`jacrev` under the name of its column-by-column form: the same numbers."""
    if randomness not in ("error", "same", "different"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns the Hessian of func: the Jacobian of its Jacobian."""
    return jacfwd(jacrev(func, argnums), argnums)


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """func itself: its writes to memory need no replacing here."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove=...): received invalid argument for remove={remove}. Valid options are: "
            "remove='mutations', remove='mutations_and_views'"
        )

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """The tensor: there are no wrappers around it here."""
    return tree_map(lambda x: x, tensor)
