"""Maximum and average pools over the last two dimensions, and their gradients; a thread takes whole planes."""

# mypy: disable-error-code="no-untyped-def"

from math import prod
from typing import Any

import numpy

from pynn._backends.numba.arrays import flat, is_float, pair
from pynn._backends.numba.runtime import jit, parallel


@jit
def _window(place, size, kernel, stride, padding, dilation):
    """The elements (first, one past the last) of a window that lie within."""
    first = place * stride - padding
    last = min(size, first + (kernel - 1) * dilation + 1)
    return (first if first >= 0 else first + (-first + dilation - 1) // dilation * dilation), last


@jit
def _place(plane, top, bottom, left, right, width, down, across):
    """Where the largest element of a window is: the first of equal ones, the last NaN."""
    found = top * width + left
    best = plane[found]
    for i in range(top, bottom, down):
        for j in range(left, right, across):
            value = plane[i * width + j]
            if value > best or value != value:
                best, found = value, i * width + j
    return found


@jit
def _max(start, stop, x, y, places, height, width, rows, columns, kernel, stride, padding, dilation):
    """Planes start to stop; places, if there are any, get where in the plane the largest element is."""
    plain = kernel == (2, 2) and stride == (2, 2) and padding == (0, 0) and dilation == (1, 1) and places.size == 0
    for n in range(start, stop):
        plane, out = x[n * height * width : (n + 1) * height * width], y[n * rows * columns : (n + 1) * rows * columns]
        for i in range(rows):
            if plain and 2 * i + 1 < height and 2 * columns <= width:
                above, below = (
                    plane[2 * i * width : (2 * i + 1) * width],
                    plane[(2 * i + 1) * width : (2 * i + 2) * width],
                )
                to = out[i * columns : (i + 1) * columns]
                for j in range(columns):
                    a, b, c, d = above[2 * j], above[2 * j + 1], below[2 * j], below[2 * j + 1]
                    e = b if b > a or b != b else a
                    f = d if d > c or d != d else c
                    to[j] = f if f > e or f != f else e
                continue
            top, bottom = _window(i, height, kernel[0], stride[0], padding[0], dilation[0])
            for j in range(columns):
                left, right = _window(j, width, kernel[1], stride[1], padding[1], dilation[1])
                found = _place(plane, top, bottom, left, right, width, dilation[0], dilation[1])
                out[i * columns + j] = plane[found]
                if places.size:
                    places[n * rows * columns + i * columns + j] = found


@jit
def _max_slope(start, stop, g, x, gx, height, width, rows, columns, kernel, stride, padding, dilation):
    for n in range(start, stop):
        plane, to = x[n * height * width : (n + 1) * height * width], gx[n * height * width : (n + 1) * height * width]
        to[:] = 0
        for i in range(rows):
            top, bottom = _window(i, height, kernel[0], stride[0], padding[0], dilation[0])
            for j in range(columns):
                left, right = _window(j, width, kernel[1], stride[1], padding[1], dilation[1])
                to[_place(plane, top, bottom, left, right, width, dilation[0], dilation[1])] += g[
                    (n * rows + i) * columns + j
                ]


@jit
def _put_back(start, stop, g, places, gx, area, results):
    for n in range(start, stop):
        to = gx[n * area : (n + 1) * area]
        to[:] = 0
        for i in range(n * results, (n + 1) * results):
            to[places[i]] += g[i]


@jit
def _share(place, size, kernel, stride, padding, include):
    """(first, one past the last, how many count) of an average's window along one dimension."""
    first = place * stride - padding
    last = min(first + kernel, size + padding)
    count = last - first
    first, last = max(first, 0), min(last, size)
    return first, last, count if include else last - first


@jit
def _average(start, stop, x, y, height, width, rows, columns, kernel, stride, padding, include, divisor):
    for n in range(start, stop):
        plane = x[n * height * width : (n + 1) * height * width]
        for i in range(rows):
            top, bottom, tall = _share(i, height, kernel[0], stride[0], padding[0], include)
            for j in range(columns):
                left, right, wide = _share(j, width, kernel[1], stride[1], padding[1], include)
                total = y.dtype.type(0)
                for p in range(top, bottom):
                    for q in range(left, right):
                        total += plane[p * width + q]
                y[(n * rows + i) * columns + j] = total / (divisor if divisor else tall * wide)


@jit
def _average_slope(start, stop, g, gx, height, width, rows, columns, kernel, stride, padding, include, divisor):
    for n in range(start, stop):
        to = gx[n * height * width : (n + 1) * height * width]
        to[:] = 0
        for i in range(rows):
            top, bottom, tall = _share(i, height, kernel[0], stride[0], padding[0], include)
            for j in range(columns):
                left, right, wide = _share(j, width, kernel[1], stride[1], padding[1], include)
                part = gx.dtype.type(g[(n * rows + i) * columns + j] / (divisor if divisor else tall * wide))
                for p in range(top, bottom):
                    for q in range(left, right):
                        to[p * width + q] += part


@jit
def _adaptive(start, stop, x, y, height, width, rows, columns):
    for n in range(start, stop):
        plane = x[n * height * width : (n + 1) * height * width]
        for i in range(rows):
            top, bottom = i * height // rows, ((i + 1) * height + rows - 1) // rows
            for j in range(columns):
                left, right = j * width // columns, ((j + 1) * width + columns - 1) // columns
                total = y.dtype.type(0)
                for p in range(top, bottom):
                    row = plane[p * width + left : p * width + right]
                    for q in range(right - left):
                        total += row[q]
                y[(n * rows + i) * columns + j] = total / ((bottom - top) * (right - left))


@jit
def _adaptive_slope(start, stop, g, gx, height, width, rows, columns):
    for n in range(start, stop):
        to = gx[n * height * width : (n + 1) * height * width]
        to[:] = 0
        for i in range(rows):
            top, bottom = i * height // rows, ((i + 1) * height + rows - 1) // rows
            for j in range(columns):
                left, right = j * width // columns, ((j + 1) * width + columns - 1) // columns
                part = gx.dtype.type(g[(n * rows + i) * columns + j] / ((bottom - top) * (right - left)))
                for p in range(top, bottom):
                    row = to[p * width + left : p * width + right]
                    for q in range(right - left):
                        row[q] += part


def _takes(x: Any) -> bool:
    return is_float(x) and x.ndim in (3, 4) and bool(x.size)


def _pooled(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any) -> Any:
    """(rows, columns) of the result; None where no window fits or the geometry is none."""
    if not (pair(kernel, 1) and pair(stride, 1) and pair(padding, 0) and pair(dilation, 1) and type(ceil_mode) is bool):
        return None
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        room = n + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        count -= ceil_mode and (count - 1) * s >= n + p
        if count < 1 or p > k // 2:
            return None
        out.append(count)
    return tuple(out)


def _max_pool(x: Any, attrs: tuple[Any, ...], indices: bool) -> Any:
    out = _pooled(x.shape[-2:], *attrs) if _takes(x) and len(attrs) == 5 else None
    if out is None:
        return None
    y = numpy.empty((*x.shape[:-2], *out), x.dtype)
    places = numpy.empty(y.shape if indices else 0, numpy.int64)
    parallel(
        _max,
        prod(x.shape[:-2]),
        2 * x.size,
        flat(x),
        y.reshape(-1),
        places.reshape(-1),
        *x.shape[-2:],
        *out,
        *attrs[:4],
    )
    return (y, places) if indices else y


def max_pool2d(x: Any, *attrs: Any) -> Any:
    """(x, kernel, stride, padding, dilation, ceil_mode)."""
    return _max_pool(x, attrs, False)


def max_pool2d_with_indices(x: Any, *attrs: Any) -> Any:
    """(values, their places in the flattened planes)."""
    return _max_pool(x, attrs, True)


def max_pool2d_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, x); the places are found again."""
    x = saved[1]
    out = _pooled(x.shape[-2:], *attrs) if _takes(x) else None
    if out is None or not is_float(g) or g.dtype != x.dtype or g.shape != (*x.shape[:-2], *out):
        return None
    gx = numpy.empty(x.shape, x.dtype)
    parallel(
        _max_slope, prod(x.shape[:-2]), 2 * x.size, flat(g), flat(x), gx.reshape(-1), *x.shape[-2:], *out, *attrs[:4]
    )
    return gx


def max_pool2d_with_indices_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: ((None, places), shape and dtype of x)."""
    g, places, shape = grads[0], saved[0][1], tuple(saved[1].shape)
    if not _takes(g) or type(places) is not numpy.ndarray or places.dtype != numpy.int64 or places.shape != g.shape:
        return None
    gx = numpy.empty(shape, g.dtype)
    parallel(
        _put_back,
        prod(shape[:-2]),
        gx.size,
        flat(g),
        flat(places),
        gx.reshape(-1),
        prod(shape[-2:]),
        prod(g.shape[-2:]),
    )
    return gx


def _average_options(attrs: tuple[Any, ...]) -> Any:
    """(count_include_pad, divisor or 0), or None for what they cannot be."""
    include, divisor = attrs[4:6]
    if type(include) is not bool or not (divisor is None or (type(divisor) is int and divisor)):
        return None
    return include, divisor or 0


def avg_pool2d(x: Any, *attrs: Any) -> Any:
    """(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor or None)."""
    if not _takes(x) or len(attrs) != 6:
        return None
    out, options = _pooled(x.shape[-2:], *attrs[:3], (1, 1), attrs[3]), _average_options(attrs)
    if out is None or options is None:
        return None
    y = numpy.empty((*x.shape[:-2], *out), x.dtype)
    parallel(_average, prod(x.shape[:-2]), x.size, flat(x), y.reshape(-1), *x.shape[-2:], *out, *attrs[:3], *options)
    return y


def avg_pool2d_input(g: Any, *attrs: Any) -> Any:
    """(g, kernel, stride, padding, ceil_mode, count_include_pad, divisor or None, size of the image)."""
    if not _takes(g) or len(attrs) != 7 or not pair(attrs[6], 1):
        return None
    size, options = attrs[6], _average_options(attrs)
    if options is None or _pooled(size, *attrs[:3], (1, 1), attrs[3]) != g.shape[-2:]:
        return None
    gx = numpy.empty((*g.shape[:-2], *size), g.dtype)
    parallel(
        _average_slope, prod(g.shape[:-2]), gx.size, flat(g), gx.reshape(-1), *size, *g.shape[-2:], *attrs[:3], *options
    )
    return gx


def avg_pool2d_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, shape and dtype of x)."""
    return avg_pool2d_input(g, *attrs, tuple(saved[1].shape[-2:]))


def adaptive_avg_pool2d(x: Any, out: Any) -> Any:
    """The means of blocks of x, out (rows, columns) of them."""
    if not _takes(x) or not pair(out, 1):
        return None
    y = numpy.empty((*x.shape[:-2], *out), x.dtype)
    parallel(_adaptive, prod(x.shape[:-2]), x.size, flat(x), y.reshape(-1), *x.shape[-2:], *out)
    return y


def adaptive_avg_pool2d_input(g: Any, size: Any) -> Any:
    """The gradient of an image of `size`."""
    if not _takes(g) or not pair(size, 1):
        return None
    gx = numpy.empty((*g.shape[:-2], *size), g.dtype)
    parallel(_adaptive_slope, prod(g.shape[:-2]), gx.size, flat(g), gx.reshape(-1), *size, *g.shape[-2:])
    return gx


def adaptive_avg_pool2d_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, shape and dtype of x)."""
    return adaptive_avg_pool2d_input(g, tuple(saved[1].shape[-2:]))


KERNELS = {
    "max_pool2d": max_pool2d,
    "max_pool2d.backward": max_pool2d_backward,
    "max_pool2d_with_indices": max_pool2d_with_indices,
    "max_pool2d_with_indices.backward": max_pool2d_with_indices_backward,
    "avg_pool2d": avg_pool2d,
    "avg_pool2d.backward": avg_pool2d_backward,
    "avg_pool2d_input": avg_pool2d_input,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "adaptive_avg_pool2d.backward": adaptive_avg_pool2d_backward,
    "adaptive_avg_pool2d_input": adaptive_avg_pool2d_input,
}
