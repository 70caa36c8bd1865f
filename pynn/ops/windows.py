"""What convolutions and pools share: windows sliding over the last dimensions of an array, and their adjoint.

A window geometry is (kernel, stride, padding, dilation), each a tuple of one int a spatial dimension. The functions
take arrays, not tensors.
"""

import itertools
from typing import Any


def span(kernel: Any, dilation: Any) -> Any:
    """How many elements a window reaches over, in each dimension."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation))


def output_size(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool = False) -> Any:
    """How many windows fit along each dimension.

    ceil_mode: also one that starts inside the input (or its left padding) but ends outside.
    """
    out = []
    for n, reach, s, p in zip(size, span(kernel, dilation), stride, padding):
        room = n + 2 * p - reach
        count = -(-room // s) + 1 if ceil_mode else room // s + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        out.append(count)
    return tuple(out)


def padded(xp: Any, x: Any, size: Any, before: Any, fill: int = 0) -> Any:
    """x in an array of spatial size `size`, `before` elements from its start; the rest is fill."""
    here = x.shape[-len(size) :]
    if tuple(here) == tuple(size):
        return x
    out = xp.full((*x.shape[: -len(size)], *size), fill, dtype=x.dtype)
    out[(..., *(slice(b, b + n) for b, n in zip(before, here)))] = x[
        (..., *(slice(0, s - b) for b, s in zip(before, size)))
    ]
    return out


def reached(out: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    """The spatial size that `out` windows cover."""
    return tuple((o - 1) * s + r for o, s, r in zip(out, stride, span(kernel, dilation)))


def windows(xp: Any, x: Any, out: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, fill: int = 0) -> Any:
    """A view (..., *kernel, *out) of x (..., *size), padded with fill."""
    dims = len(kernel)
    need = reached(out, kernel, stride, dilation)
    size = tuple(max(a, b + p) for a, b, p in zip(need, x.shape[-dims:], padding))
    x = padded(xp, x, size, padding, fill)
    steps = x.strides[-dims:]
    strides = (*(t * d for t, d in zip(steps, dilation)), *(t * s for t, s in zip(steps, stride)))
    return xp.as_strided(x, (*x.shape[:-dims], *kernel, *out), x.strides[:-dims] + strides, writeable=False)


def fold(xp: Any, columns: Any, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """The adjoint of `windows`: columns (..., *kernel, *out) summed where they came from, as (..., *size)."""
    dims = len(kernel)
    out = columns.shape[-dims:]
    lead = columns.shape[: -2 * dims]
    room = tuple(max(a, n + p) for a, n, p in zip(reached(out, kernel, stride, dilation), size, padding))
    total = xp.zeros((*lead, *room), dtype=columns.dtype)
    for place in itertools.product(*(range(k) for k in kernel)):
        where = tuple(slice(k * d, k * d + s * (o - 1) + 1, s) for k, d, s, o in zip(place, dilation, stride, out))
        total[(..., *where)] += columns[(..., *place, *(slice(None),) * dims)]
    return xp.copy(total[(..., *(slice(p, p + n) for p, n in zip(padding, size)))])


def overlaps(xp: Any, size: Any, out: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    """How many elements of each window lie in the padded input, and how many in the input itself: (*out) arrays."""
    both = []
    for limit_to_input in (False, True):
        counts = xp.ones((), dtype=xp.int64)
        for n, o, k, s, p in zip(size, out, kernel, stride, padding):
            start = xp.arange(o) * s - p
            end = xp.minimum(start + k, n + p)
            if limit_to_input:
                start, end = xp.maximum(start, 0), xp.minimum(end, n)
            counts = counts[..., None] * (end - start)
        both.append(counts)
    return tuple(both)
