"""vmap: a function of single samples, run over a dimension of its arguments."""

import functools
from collections.abc import Callable
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, made_beside, state
from pynn.utils._pytree import LeafSpec, TreeSpec, broadcast_prefix, tree_flatten, tree_unflatten


class _Draws:
    """What random operations may do inside vmap; sits in `_core.state.draws`.

    more: whether other samples follow, here or in a vmap outside, which need the graph that this one's backward reads.
    """

    def __init__(self, randomness: str, outer: Any) -> None:
        self.randomness = randomness
        self.outer = outer
        self.starts: dict[int, tuple[Any, Any]] = {}
        self.more = False

    def drawing(self, generator: Any) -> None:
        """A random operation is about to draw."""
        if self.outer is not None:
            self.outer.drawing(generator)
        if self.randomness == "error":
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
                "randomness flags on vmap or perform the randomness operation out of vmap"
            )
        if self.randomness == "same" and id(generator) not in self.starts:
            self.starts[id(generator)] = (generator, generator.get_state())

    def next_sample(self) -> None:
        """With "same": the next sample draws what the first one drew."""
        for generator, start in self.starts.values():
            generator.set_state(start)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that runs func on each slice of its arguments along in_dims and stacks the results along out_dims.

    in_dims: a dimension for all tensors, or a tree like the arguments with one each; None: the argument is passed
    whole, as keyword arguments are, and may not be written in place. out_dims: the same for the results; None: the result must not depend on the sample.
    randomness: "error", "same" (each sample draws the same numbers) or "different".
    chunk_size: accepted; samples run one after the other.
    Gradients flow through it, and it nests with grad, vjp, jacrev and itself. Raises ValueError for dimensions that
    do not fit.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        leaves, spec, dims, count = _inputs(name, in_dims, args)
        whole = [x for x, d in zip(leaves, dims) if d is None and isinstance(x, Tensor)]
        writes = [_core.shared_version(x).value for x in whole]
        before, draws = state.draws, _Draws(randomness, state.draws)
        state.draws = draws
        _core.enter_mode()
        try:
            columns: list[list[Any]] = []
            out_spec: TreeSpec | None = None
            for i in range(max(count, 1)):
                if i:
                    draws.next_sample()
                draws.more = i + 1 < count or (before is not None and before.more)
                sample = tree_unflatten([_slice(x, d, i, count) for x, d in zip(leaves, dims)], spec)
                values, found = tree_flatten(func(*sample, **kwargs))
                if [_core.shared_version(x).value for x in whole] != writes:
                    raise RuntimeError(
                        f"vmap: inplace arithmetic in `{name}` writes to an argument that is not mapped over (its in_dim is "
                        "None), which cannot hold a value for each sample. Use the out-of-place form, or map over it."
                    )
                for value in values:
                    if not isinstance(value, Tensor):
                        raise ValueError(
                            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. Did you mean to "
                            "set out_dims= to None for output?"
                        )
                if out_spec is not None and found != out_spec:
                    raise ValueError(
                        f"vmap({name}, ...): `{name}` returned {out_spec} for one sample and {found} for another."
                    )
                out_spec = found
                columns.append(values)
        finally:
            _core.leave_mode()
            state.draws = before
        return _outputs(name, out_dims, columns, out_spec or LeafSpec(), count)

    return wrapper


def _inputs(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], TreeSpec, list[Any], int]:
    """(leaves of the arguments, their shape as a tree, the dimension of each or None, the number of samples)."""
    if not isinstance(in_dims, (int, tuple)) or isinstance(in_dims, bool):
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) tuple "
            f"matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = broadcast_prefix(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of `inputs`. "
            f"in_dims has structure {tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims)):
        if d is None:
            continue
        if not isinstance(d, int) or isinstance(d, bool):
            raise ValueError(
                f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for an input but in_dim must be either an "
                "integer dimension or None."
            )
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for an input but the input is of type "
                f"{type(x)}. We cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        n = x.dim()
        if not -n <= d < n:
            raise ValueError(
                f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for some input, but that input is a Tensor "
                f"of dimensionality {n} so expected in_dim to satisfy -{n} <= in_dim < {n}."
            )
        dims[i] = d % n
        sizes.append(x.shape[d])
    if not sizes:
        raise ValueError(f"vmap: Expected at least one Tensor to vmap over; in_dims={in_dims} names no dimension.")
    if len(set(sizes)) != 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped "
            "dimension"
        )
    return leaves, spec, dims, sizes[0]


def _slice(x: Any, dim: int | None, i: int, count: int) -> Any:
    """Sample i of an argument; of no samples one of zeros, by which the results' shapes are found."""
    if dim is None:
        return x
    if count == 0:
        shape = x._array.shape[:dim] + x._array.shape[dim + 1 :]
        return made_beside(x, numpy.zeros(shape, x._array.dtype))
    return x.select(dim, i)


def _outputs(name: str, out_dims: Any, columns: list[list[Any]], spec: TreeSpec, count: int) -> Any:
    from pynn.ops.joining import stack

    dims = broadcast_prefix(out_dims, spec)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            f"out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    results: list[Any] = []
    for k, dim in enumerate(dims):
        values = [row[k] for row in columns]
        first = values[0]
        if dim is None:
            if any(v is not first and not _same(v, first) for v in values):
                raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
            results.append(first)
            continue
        if not isinstance(dim, int):
            raise ValueError(f"vmap({name}, ..., out_dims={out_dims}): out_dims must be ints or None, got {type(dim)}.")
        n = first.dim() + 1
        if not -n <= dim < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
        if any(v.shape != first.shape for v in values):
            raise RuntimeError(
                f"vmap({name}, ...): samples gave results of different shapes, {sorted({tuple(v.shape) for v in values})}."
            )
        if count:
            results.append(stack(values, dim % n))
        else:
            shape = list(first._array.shape)
            shape.insert(dim % n, 0)
            results.append(made_beside(first, numpy.zeros(tuple(shape), first._array.dtype)))
    return tree_unflatten(results, spec)


def _same(a: Any, b: Any) -> bool:
    """Whether two results, of two samples, are the same values of no history."""
    if a.requires_grad or b.requires_grad or a.shape != b.shape:
        return False
    return bool(numpy.array_equal(_core.observe(a), _core.observe(b)))
