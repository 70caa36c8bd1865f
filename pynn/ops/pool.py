"""Pools over the last two or three dimensions: max (with indices), average, and their adaptive forms.

Indices are torch's: the place of the maximum in the flattened input plane. Leading dimensions are free, so that
(C, H, W) and (N, C, H, W) are the same to these ops.
"""

import math
from typing import Any

import numpy

from pynn.ops.activation import require_numbers
from pynn.ops.registry import Sample, register, run
from pynn.ops.selecting import SCATTER_ADD
from pynn.ops.windows import fold, output_size, overlaps, windows

GEOMETRY = ("kernel_size", "stride", "padding")


def _least(dtype: Any) -> Any:
    return -math.inf if dtype.kind == "f" else numpy.iinfo(dtype).min


def _largest(xp: Any, x: Any, axis: Any) -> Any:
    """Where x is largest along an axis, which stays with size 1: the first of equal numbers, the last NaN."""
    place = xp.argmax(x, axis=axis, keepdims=True)
    if xp.isnan(xp.take_along_axis(x, place, axis=axis)).any():
        odd = xp.isnan(x)
        last = x.shape[axis] - 1 - xp.argmax(xp.flip(odd, axis=axis), axis=axis, keepdims=True)
        place = xp.where(odd.any(axis=axis, keepdims=True), last, place)
    return place


def _pick(xp: Any, found: Any, dims: Any) -> Any:
    """(the largest of the windows (..., *kernel, *out) as (..., *out), its place in the flattened kernel)."""
    lead, kernel, out = found.shape[: -2 * dims], found.shape[-2 * dims : -dims], found.shape[-dims:]
    flat = xp.reshape(found, (*lead, math.prod(kernel), *out))
    place = _largest(xp, flat, len(lead))
    values = xp.take_along_axis(flat, place, axis=len(lead))
    return xp.reshape(values, (*lead, *out)), xp.reshape(place, (*lead, *out))


def _flat_index(xp: Any, place: Any, start: Any, kernel: Any, dilation: Any, size: Any) -> Any:
    """Places within windows as places in the flattened plane; start: by dimension, where each window begins."""
    index = xp.zeros((), dtype=xp.int64)
    for i, (begin, d, n) in enumerate(zip(start, dilation, size)):
        step = place // math.prod(kernel[i + 1 :]) % kernel[i]
        where = xp.clip(begin.reshape((-1,) + (1,) * (len(kernel) - 1 - i)) + step * d, 0, n - 1)
        index = index * n + where
    return index


def _max_pool(xp: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any) -> Any:
    dims = len(kernel)
    out = output_size(x.shape[-dims:], kernel, stride, padding, dilation, ceil_mode)
    values, place = _pick(xp, windows(xp, x, out, kernel, stride, padding, dilation, _least(x.dtype)), dims)
    start = [xp.arange(o) * s - p for o, s, p in zip(out, stride, padding)]
    return values, _flat_index(xp, place, start, kernel, dilation, x.shape[-dims:])


def _bins(size: Any, out: Any) -> Any:
    """Where the adaptive pools' windows start and end along one dimension."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive_max_pool(xp: Any, x: Any, out: Any) -> Any:
    dims = len(out)
    size, lead = x.shape[-dims:], x.shape[:-dims]
    values, indices = xp.zeros((*lead, *out), dtype=x.dtype), xp.zeros((*lead, *out), dtype=xp.int64)
    edges = [_bins(n, o) for n, o in zip(size, out)]
    for place in numpy.ndindex(*out):
        bounds = [e[i] for e, i in zip(edges, place)]
        part = x[(..., *(slice(a, b) for a, b in bounds))]
        kernel = part.shape[-dims:]
        flat = xp.reshape(part, (*lead, math.prod(kernel)))
        within = xp.squeeze(_largest(xp, flat, flat.ndim - 1), axis=-1)
        here = (..., *place)
        values[here] = xp.max(flat, axis=-1)
        index = xp.zeros((), dtype=xp.int64)
        for i, ((a, _), n) in enumerate(zip(bounds, size)):
            index = index * n + a + within // math.prod(kernel[i + 1 :]) % kernel[i]
        indices[here] = index
    return values, indices


def _indices_vjp(dims: Any) -> Any:
    """The gradient by the indices of a max pool's second output."""

    def vjp(xp: Any, g: Any, out: Any, x: Any, *attrs: Any) -> Any:
        return None if g[0] is None else _put_back(xp, dims, g[0], out[1], tuple(x.shape))

    return vjp


def _max_pool_vjp(dims: Any, with_indices: Any) -> Any:
    """The gradient of the values alone, whose places are found again."""

    def vjp(xp: Any, g: Any, out: Any, x: Any, *attrs: Any) -> Any:
        return _put_back(xp, dims, g, run(xp, with_indices, (x,), attrs)[1], tuple(x.shape))

    return vjp


def _put_back(xp: Any, dims: Any, g: Any, indices: Any, shape: Any) -> Any:
    """g added at its indices, plane by plane, in zeros of a shape."""
    planes, size = math.prod(shape[:-dims]), math.prod(shape[-dims:])
    rows = xp.reshape(g, (planes, -1)) if planes else xp.reshape(g, (0, math.prod(g.shape[-dims:])))
    places = xp.reshape(indices, tuple(rows.shape))
    if xp.name == "pynn":
        total = run(xp, SCATTER_ADD, (xp.zeros((planes, size), dtype=g.dtype), places, rows), (1,))
    else:
        flat = places + xp.arange(planes)[:, None] * size
        total = xp.bincount(flat.ravel(), rows.ravel(), planes * size).astype(g.dtype)
    return xp.reshape(total, shape)


def _check_pool(name: str, dims: Any) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        (x,) = inputs
        require_numbers(name, x, floating=name.startswith("adaptive"))
        shape = x._array.shape
        if len(shape) not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"{name}(): Expected {dims + 1}D or {dims + 2}D (batch mode) tensor for input, but got: {list(shape)}."
            )
        if 0 in shape[-dims - 1 :]:
            raise RuntimeError(
                f"{name}(): Expected non-zero sizes but for the batch, got input of shape {list(shape)}."
            )
        if len(attrs) > 1:
            kernel, stride, padding = attrs[:3]
            dilation = attrs[3] if isinstance(attrs[3], tuple) else (1,) * dims
            _check_geometry(
                name, shape, dims, kernel, stride, padding, dilation, attrs[4 if dilation is attrs[3] else 3]
            )
        return inputs

    return check


def _check_geometry(
    name: str, shape: Any, dims: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> None:
    for what, values in (("kernel size", kernel), ("stride", stride), ("dilation", dilation)):
        if min(values) < 1:
            raise RuntimeError(f"{name}(): {what} should be greater than zero, but got {values}.")
    for p, k in zip(padding, kernel):
        if p < 0 or p > k // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size and not negative, but got pad={p} and "
                f"kernel_size={k} in {name}(). Use pad() before it for more."
            )
    out = output_size(shape[-dims:], kernel, stride, padding, dilation, ceil_mode)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input size: {list(shape)}. Calculated output size: {list(shape[:-dims]) + list(out)}. Output size "
            f"is too small: {name} got kernel_size={kernel}."
        )


# ---- averages ----


def _divisor(
    xp: Any, x_size: Any, out: Any, kernel: Any, stride: Any, padding: Any, count_include_pad: Any, divisor: Any
) -> Any:
    if divisor is not None:
        return divisor
    return overlaps(xp, x_size, out, kernel, stride, padding)[0 if count_include_pad else 1]


def _is_float(x: Any) -> bool:
    return numpy.dtype(getattr(x.dtype, "numpy", x.dtype)).kind in "fV"


def _avg_pool(
    xp: Any, x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: Any, count_include_pad: Any, divisor: Any
) -> Any:
    dims = len(kernel)
    size, one = x.shape[-dims:], (1,) * dims
    out = output_size(size, kernel, stride, padding, one, ceil_mode)
    found = windows(xp, x, out, kernel, stride, padding, one)
    total = xp.sum(found, axis=tuple(range(found.ndim - 2 * dims, found.ndim - dims)))
    parts = _divisor(xp, size, out, kernel, stride, padding, count_include_pad, divisor)
    return xp.astype(total / parts if _is_float(x) else xp.trunc(total / parts), x.dtype)  # integers lose the rest


def _avg_pool_input(
    xp: Any,
    g: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: Any,
    count_include_pad: Any,
    divisor: Any,
    size: Any,
) -> Any:
    dims = len(kernel)
    out, lead = g.shape[-dims:], g.shape[:-dims]
    share = xp.astype(g / _divisor(xp, size, out, kernel, stride, padding, count_include_pad, divisor), g.dtype)
    columns = xp.broadcast_to(xp.reshape(share, (*lead, *(1,) * dims, *out)), (*lead, *kernel, *out))
    return fold(xp, columns, size, kernel, stride, padding, (1,) * dims)


def _adaptive_avg_pool(xp: Any, x: Any, out: Any) -> Any:
    """Block means are means of means, one dimension after the other."""
    given = x
    for i, o in enumerate(out):
        axis = x.ndim - len(out) + i
        n = x.shape[axis]
        if n == o:
            continue
        lead = (slice(None),) * axis
        if n % o == 0:
            shape = tuple(x.shape)
            x = xp.sum(xp.reshape(x, (*shape[:axis], o, n // o, *shape[axis + 1 :])), axis=(axis + 1,)) / (n // o)
            continue
        parts = [xp.sum(x[(*lead, slice(a, b), ...)], axis=(axis,), keepdims=True) / (b - a) for a, b in _bins(n, o)]
        x = xp.concat(parts, axis=axis)
    return xp.copy(x) if x is given else x


def _adaptive_avg_pool_input(xp: Any, g: Any, size: Any) -> Any:
    """The adjoint of _adaptive_avg_pool: each window's elements get an equal share of its gradient."""
    for i, n in enumerate(size):
        axis = g.ndim - len(size) + i
        lead = (slice(None),) * axis
        total = xp.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), dtype=g.dtype)
        for place, (a, b) in enumerate(_bins(n, g.shape[axis])):
            total[(*lead, slice(a, b), ...)] += g[(*lead, slice(place, place + 1), ...)] / (b - a)
        g = total
    return xp.copy(g)


# ---- records ----


def _torch_pool(name: str, **fixed: Any) -> Any:
    return lambda t, x, *attrs: getattr(t.nn.functional, name)(x, *attrs, **fixed)


def _register_pools(dims: Any) -> Any:
    """max_pool, avg_pool, their adaptive forms and avg_pool's gradient over `dims` dimensions."""
    wide = (3, 2) if dims == 2 else (2, 1, 2)
    size = (2, 2, 5, 4) if dims == 2 else (2, 1, 4, 3, 5)
    one, none, two = (1,) * dims, (0,) * dims, (2,) * dims

    def shape(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: Any) -> Any:
        return x[:-dims] + output_size(x[-dims:], kernel, stride, padding, dilation, ceil)

    def max_samples(rng: Any) -> Any:
        plain = (two, two, none, one, False)
        edge = (*one[:-1], 0) if dims == 2 else none
        long = (*size[: 2 if dims == 2 else 1], *(1,) * (dims - 2), 1, 7, 70)[-dims - 2 :]
        cases = [
            (size, plain), (size, (wide, one, edge, one, False)), (size, (two, two, one, one, True)),
            (size, (two, one, none, two, False)), (long, (plain[0], two, none, one, False)), (long, plain),
            (long, ((*one[:-1], 3), two, (*none[:-1], 1), one, False)), (long, ((*one[:-1], 3), one, none, one, True)),
            (long, ((*one[:-1], 4), (*one[:-1], 3), (*none[:-1], 2), (*one[:-1], 2), True)),
        ]  # fmt: skip
        if dims == 3:
            cases = [c for c in cases if c[0] is size] + [
                (long, (one[:1] + (2, 2), one[:1] + (2, 2), none, one, False))
            ]
        out = [Sample((rng.permutation(math.prod(n)).reshape(n) / 7.0,), attrs) for n, attrs in cases]
        out.append(Sample((rng.permutation(math.prod(size)).reshape(size[::-1]).T / 7.0,), plain))
        odd = rng.choice([1.0, 1.0, 2.0, -math.inf, math.inf, math.nan], (1, *one[1:], 6, 38))
        out += [Sample((odd,), (two, n, none, one, False), grad=False) for n in (one, two)] if dims == 2 else []
        return out

    def max_record(name: str, vjp: Any, **fields: Any) -> Any:
        return register(
            name,
            vjp=(vjp,),
            check=_check_pool(f"max_pool{dims}d", dims),
            dtype="same",
            attrs=(*GEOMETRY, "dilation", "ceil_mode"),
            samples=max_samples,
            **fields,
        )

    maximum_indices = max_record(
        f"max_pool{dims}d_with_indices",
        _indices_vjp(dims),
        saves=("out1",),
        likes=(0,),
        outputs=2,
        shape=lambda *a: (shape(*a),) * 2,
        torch=_torch_pool(f"max_pool{dims}d", return_indices=True),
    )(_max_pool)
    maximum = max_record(
        f"max_pool{dims}d",
        _max_pool_vjp(dims, maximum_indices),
        saves=(0,),
        shape=shape,
        torch=_torch_pool(f"max_pool{dims}d"),
    )(lambda xp, *args: _max_pool(xp, *args)[0])
    adaptive_maximum = register(
        f"adaptive_max_pool{dims}d",
        vjp=(_indices_vjp(dims),),
        saves=("out1",),
        likes=(0,),
        outputs=2,
        check=_check_pool(f"adaptive_max_pool{dims}d", dims),
        shape=lambda x, out: ((*x[:-dims], *out),) * 2,
        dtype="same",
        attrs=("output_size",),
        samples=lambda rng: [
            Sample((rng.permutation(math.prod(size)).reshape(size) / 7.0,), (out,)) for out in (one, two, (3,) * dims)
        ],
        torch=_torch_pool(f"adaptive_max_pool{dims}d", return_indices=True),
    )(_adaptive_max_pool)

    def averaged(x: Any, kernel: Any, stride: Any, padding: Any, ceil: Any, *rest: Any) -> Any:
        return x[:-dims] + output_size(x[-dims:], kernel, stride, padding, one, ceil)

    choices: tuple[Any, ...] = (
        (two, two, none, False, True, None), (wide, one, none, False, True, None), (two, two, one, True, True, None),
        (two, two, one, True, False, None), (two, two, one, False, True, 3),
    )  # fmt: skip
    sizes = [size] * len(choices)
    if dims == 2:
        choices += (
            ((2, 2), (2, 2), (0, 0), False, True, None), ((3, 3), (2, 2), (1, 1), False, False, None),
            ((3, 3), (1, 1), (1, 1), False, True, None), ((2, 4), (2, 3), (1, 1), True, True, None),
        )  # fmt: skip
        sizes += [(2, 1, 5, 71)] * 4
    names = (*GEOMETRY, "ceil_mode", "count_include_pad", "divisor_override")
    average = register(
        f"avg_pool{dims}d",
        vjp=(lambda xp, g, out, x, *attrs: run(xp, average_input, (g,), (*attrs, tuple(x.shape[-dims:]))),),
        likes=(0,),
        check=_check_pool(f"avg_pool{dims}d", dims),
        shape=averaged,
        attrs=names,
        samples=lambda rng: [Sample((rng.normal(size=n),), attrs) for n, attrs in zip(sizes, choices)],
        torch=_torch_pool(f"avg_pool{dims}d"),
    )(_avg_pool)
    average_input = register(
        f"avg_pool{dims}d_input",
        vjp=(lambda xp, g, out, x, *attrs: run(xp, average, (g,), attrs[:-1]),),
        check=lambda inputs, attrs: inputs,  # its arguments come from a pool that was checked
        shape=lambda g, *attrs: g[:-dims] + attrs[-1],
        attrs=(*names, "size"),
        samples=lambda rng: [
            Sample((rng.normal(size=averaged(n, *attrs)),), (*attrs, n[-dims:])) for n, attrs in zip(sizes, choices)
        ],
        torch=lambda t, g, *attrs: _torch_adjoint(
            t, g, attrs[-1], lambda x: getattr(t.nn.functional, f"avg_pool{dims}d")(x, *attrs[:-1])
        ),
    )(_avg_pool_input)
    adaptive_sizes = [(size, out) for out in (one, two, (3,) * dims, size[-dims:])]
    adaptive_sizes += [((1, 2, 3, 37), (2, 5)), ((2, 1, 9, 7), (1, 1))] if dims == 2 else []
    adaptive_average = register(
        f"adaptive_avg_pool{dims}d",
        vjp=(lambda xp, g, out, x, wanted: run(xp, adaptive_average_input, (g,), (tuple(x.shape[-dims:]),)),),
        likes=(0,),
        check=_check_pool(f"adaptive_avg_pool{dims}d", dims),
        shape=lambda x, out: (*x[:-dims], *out),
        attrs=("output_size",),
        samples=lambda rng: [Sample((rng.normal(size=n),), (out,)) for n, out in adaptive_sizes],
        torch=_torch_pool(f"adaptive_avg_pool{dims}d"),
    )(_adaptive_avg_pool)
    adaptive_average_input = register(
        f"adaptive_avg_pool{dims}d_input",
        vjp=(lambda xp, g, out, x, n: run(xp, adaptive_average, (g,), (tuple(x.shape[-dims:]),)),),
        likes=(0,),
        check=lambda inputs, attrs: inputs,  # its arguments come from a pool that was checked
        shape=lambda g, n: (*g[:-dims], *n),
        attrs=("size",),
        samples=lambda rng: [Sample((rng.normal(size=(*n[:-dims], *out)),), (n[-dims:],)) for n, out in adaptive_sizes],
        torch=lambda t, g, n: _torch_adjoint(
            t, g, n, lambda x: getattr(t.nn.functional, f"adaptive_avg_pool{dims}d")(x, tuple(g.shape[-dims:]))
        ),
    )(_adaptive_avg_pool_input)
    return maximum, maximum_indices, adaptive_maximum, average, adaptive_average


def _torch_adjoint(t: Any, g: Any, size: Any, pool: Any) -> Any:
    """The gradient of one of torch's average pools, which are linear: any input will do."""
    x = t.zeros((*g.shape[: -len(size)], *size), dtype=g.dtype, requires_grad=True)
    return t.autograd.grad(pool(x), x, g, create_graph=True)[0]


MAX_POOL2D, MAX_POOL2D_WITH_INDICES, ADAPTIVE_MAX_POOL2D, AVG_POOL2D, ADAPTIVE_AVG_POOL2D = _register_pools(2)
MAX_POOL3D, MAX_POOL3D_WITH_INDICES, ADAPTIVE_MAX_POOL3D, AVG_POOL3D, ADAPTIVE_AVG_POOL3D = _register_pools(3)
