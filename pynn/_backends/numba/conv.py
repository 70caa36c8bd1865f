"""conv2d and its gradients, as products whose right matrix is never made.

An image is laid out with its padding, split into the phases of the stride, so that every tap of the kernel reads the
same positions of a plane, moved by a constant: row (channel, tap) of the matrix of windows is a piece of memory, and a
table says where it starts (`vectors.outer_tile`). Positions run on from row to row, so a few between rows are computed
for nothing. The gradient of the input is the same correlation of g, one for each phase of the stride; that of the weight
is dot products along the positions, with zeros in g where positions lie between rows.
"""

# mypy: disable-error-code="no-untyped-def"

import functools
from typing import Any, NamedTuple

import numpy

from pynn._backends.numba.arrays import are_floats, dense, flat, is_float, optional, pair
from pynn._backends.numba.runtime import jit, parallel
from pynn._backends.numba.vectors import DOTS, ROWS, TILE_BYTES, VECTOR_BYTES, dot_tile, outer_half, outer_tile

BLOCK = 1024  # positions whose sums are held before they go to their places
CHUNK_BYTES = 1 << 18  # of laid out images that a weight gradient takes at once


class Plan(NamedTuple):
    """How one correlation reads images (C, H, W) and writes (rows x columns) results.

    numbers: step_h, step_w between the elements of a phase; rows, pitch of a laid out plane, top, left margin;
    rows, columns of the result. phases: (row, column) of each phase's first element. places: of each (channel, tap)
    in the laid out image. taps: which of the kernel's rows and columns take part.
    """

    numbers: tuple[int, ...]
    phases: Any
    places: Any
    taps: Any
    size: int


@jit
def _lay(to, to_at, x, x_at, channels, height, width, phases, step_h, step_w, rows, pitch, top, left):
    """The channels of an image as planes (rows, pitch), one for each phase, with zeros around."""
    at = to_at
    for channel in range(channels):
        for phase in range(phases.shape[0]):
            down, across = phases[phase, 0] - top, phases[phase, 1] - left
            first = min(max(0, (-across + step_w - 1) // step_w), pitch)
            last = max(first, min(pitch, (width - 1 - across) // step_w + 1))
            for i in range(rows):
                row = to[at : at + pitch]
                at += pitch
                y = i * step_h + down
                if y < 0 or y >= height:
                    row[:] = 0
                    continue
                row[:first] = 0
                row[last:] = 0
                start = x_at + (channel * height + y) * width + across + first * step_w
                source = x[start : start + (last - first - 1) * step_w + 1] if last > first else x[:0]
                inner = row[first:last]
                if step_w == 1:
                    for j in range(last - first):
                        inner[j] = source[j]
                else:
                    for j in range(last - first):
                        inner[j] = source[j * step_w]


@jit
def _store(y, y_at, sums, line, start, stop, pitch, columns, y_pitch, y_step_h, y_step_w, bias):
    """Positions start to stop of one channel of the result, held in sums from `line` on, to their places."""
    for row in range(start // pitch, (stop - 1) // pitch + 1):
        first, last = max(start, row * pitch), min(stop, row * pitch + columns)
        if first >= last:
            continue
        source = sums[line + first - start : line + last - start]
        at = y_at + row * y_step_h * y_pitch + (first - row * pitch) * y_step_w
        if y_step_w == 1:
            to = y[at : at + last - first]
            for j in range(last - first):
                to[j] = source[j] + bias
        else:
            for j in range(last - first):
                y[at + j * y_step_w] = source[j] + bias


@jit
def _correlate(start, stop, parts, x, channels, height, width, phases, numbers, places, weights, depth, tiles, groups, bias,
               y, outputs, y_plane, y_first, y_pitch, y_step_h, y_step_w):  # fmt: skip
    """Items (image, part of the output channels) start to stop of y (N, groups * outputs, ...)."""
    step_h, step_w, rows, pitch, top, left, result_rows, columns = numbers
    lanes, tile = VECTOR_BYTES // y.itemsize, TILE_BYTES // y.itemsize
    positions = (result_rows - 1) * pitch + columns
    laid = numpy.zeros(channels * phases.shape[0] * rows * pitch + pitch + 2 * BLOCK, y.dtype)
    sums = numpy.empty(ROWS * BLOCK, y.dtype)
    for item in range(start, stop):
        image, part = item // parts, item % parts
        for group in range(groups):
            x_at = (image * groups + group) * channels * height * width
            _lay(laid, 0, x, x_at, channels, height, width, phases, step_h, step_w, rows, pitch, top, left)
            for o in range(part * tiles // parts, (part + 1) * tiles // parts):
                a_at = (group * tiles + o) * depth * ROWS
                for block in range(0, positions, BLOCK):
                    count = min(BLOCK, positions - block)
                    done = 0
                    while count - done > lanes:
                        outer_tile(
                            weights, a_at, 1, ROWS, laid, block + done, places, 0, sums, done, BLOCK, depth, False
                        )
                        done += tile
                    if done < count:
                        outer_half(
                            weights, a_at, 1, ROWS, laid, block + done, places, 0, sums, done, BLOCK, depth, False
                        )
                    for r in range(min(ROWS, outputs - o * ROWS)):
                        channel = group * outputs + o * ROWS + r
                        y_at = (image * groups * outputs + channel) * y_plane + y_first
                        shift = bias[channel] if bias.size else y.dtype.type(0)
                        _store(
                            y,
                            y_at,
                            sums,
                            r * BLOCK,
                            block,
                            block + count,
                            pitch,
                            columns,
                            y_pitch,
                            y_step_h,
                            y_step_w,
                            shift,
                        )


@jit
def _correlate_depthwise(start, stop, x, height, width, phases, numbers, places, weights, depth, outputs, bias,
                         y, y_plane, y_first, y_pitch, y_step_h, y_step_w):  # fmt: skip
    """Planes (image, channel) start to stop of x, each to `outputs` planes of y; weights (C * outputs, depth)."""
    step_h, step_w, rows, pitch, top, left, result_rows, columns = numbers
    positions = (result_rows - 1) * pitch + columns
    laid = numpy.zeros(phases.shape[0] * rows * pitch + pitch + BLOCK, y.dtype)
    sums = numpy.empty(BLOCK, y.dtype)
    channels = weights.size // (depth * outputs)
    for plane in range(start, stop):
        _lay(laid, 0, x, plane * height * width, 1, height, width, phases, step_h, step_w, rows, pitch, top, left)
        for o in range(outputs):
            channel = plane % channels * outputs + o
            shift = bias[channel] if bias.size else y.dtype.type(0)
            for block in range(0, positions, BLOCK):
                count = min(BLOCK, positions - block)
                total = sums[:count]
                total[:] = 0
                for k in range(depth):
                    w = weights[channel * depth + k]
                    source = laid[places[k] + block : places[k] + block + count]
                    for j in range(count):
                        total[j] += w * source[j]
                y_at = (plane * outputs + o) * y_plane + y_first
                _store(y, y_at, sums, 0, block, block + count, pitch, columns, y_pitch, y_step_h, y_step_w, shift)


@jit
def _weight(
    start, stop, images, chunk, x, channels, height, width, phases, numbers, places, depth, groups, g, outputs, gw
):
    """Tiles of output channels (over all groups) start to stop of gw (groups * outputs, depth)."""
    step_h, step_w, rows, pitch, top, left, result_rows, columns = numbers
    lanes = VECTOR_BYTES // gw.itemsize
    line = ((result_rows - 1) * pitch + columns + lanes - 1) // lanes * lanes
    area = channels * phases.shape[0] * rows * pitch
    laid = numpy.zeros(chunk * area + line + pitch, gw.dtype)
    spread = numpy.zeros(chunk * DOTS * line, gw.dtype)  # what lies between rows stays 0
    tiles, wide = (outputs + DOTS - 1) // DOTS, (depth + DOTS - 1) // DOTS * DOTS
    total = numpy.zeros((stop - start) * DOTS * wide, gw.dtype)
    for first in range(0, images, chunk):
        count, group_laid = min(chunk, images - first), -1
        for item in range(start, stop):
            group, o = item // tiles, item % tiles * DOTS
            if group != group_laid:
                group_laid = group
                for n in range(count):
                    x_at = ((first + n) * groups + group) * channels * height * width
                    _lay(
                        laid, n * area, x, x_at, channels, height, width, phases, step_h, step_w, rows, pitch, top, left
                    )
            for n in range(count):
                for r in range(DOTS):
                    to = spread[(n * DOTS + r) * line : (n * DOTS + r + 1) * line]
                    if o + r >= outputs:
                        to[:] = 0
                        continue
                    g_at = (((first + n) * groups + group) * outputs + o + r) * result_rows * columns
                    for i in range(result_rows):
                        row = to[i * pitch : i * pitch + columns]
                        source = g[g_at + i * columns : g_at + (i + 1) * columns]
                        for j in range(columns):
                            row[j] = source[j]
            for k in range(0, wide, DOTS):
                dot_tile(spread, 0, line, DOTS * line, laid, 0, places, k, area, count, total,
                         (item - start) * DOTS * wide + k, wide, line)  # fmt: skip
    for item in range(start, stop):
        group, o = item // tiles, item % tiles * DOTS
        for r in range(min(DOTS, outputs - o)):
            to = gw[(group * outputs + o + r) * depth : (group * outputs + o + r + 1) * depth]
            source = total[((item - start) * DOTS + r) * wide : ((item - start) * DOTS + r) * wide + depth]
            for k in range(depth):
                to[k] = source[k]


@jit
def _bias(start, stop, g, images, channels, plane, gb):
    """gb[start:stop], the sums of g (N, C, plane) over all but channels."""
    for channel in range(start, stop):
        total = 0.0
        for n in range(images):
            row = g[(n * channels + channel) * plane : (n * channels + channel + 1) * plane]
            part = g.dtype.type(0)
            for j in range(plane):
                part += row[j]
            total += part
        gb[channel] = total


# ---- plans ----


def _places(channels: int, phases: list[tuple[int, int]], plane: int, pitch: int, taps: Any) -> Any:
    """Where (channel, tap) starts; taps: for each of the kernel's rows, then columns, (phase, distance)."""
    of = {phase: i for i, phase in enumerate(phases)}
    within = [of[a, b] * plane + i * pitch + j for a, i in taps[0] for b, j in taps[1]]
    starts = numpy.arange(channels)[:, None] * (len(phases) * plane) + numpy.array(within, numpy.int64)
    flat = starts.reshape(-1)
    return numpy.concatenate([flat, numpy.repeat(flat[-1:], -flat.size % DOTS)])  # whole tiles of dot products


@functools.lru_cache(maxsize=512)
def forward_plan(channels: int, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, out: Any) -> Plan:
    """The correlation of images with a kernel: the phases are those of the stride that taps read."""
    reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
    rows = out[0] + reach[0] // stride[0]
    pitch = out[1] + reach[1] // stride[1]
    if stride[1] == 1 and padding[1] <= reach[1] and out[1] == size[1] + 2 * padding[1] - reach[1]:
        pitch -= padding[1]  # the zeros to the right of a row are those to the left of the next
    taps = [[(i * d % s, i * d // s) for i in range(k)] for k, d, s in zip(kernel, dilation, stride)]
    phases = sorted({(a, b) for a, _ in taps[0] for b, _ in taps[1]})
    numbers = (*stride, rows, pitch, *padding, *out)
    places = _places(channels, phases, rows * pitch, pitch, taps)
    every = tuple(numpy.arange(k) for k in kernel)
    return Plan(numbers, numpy.array(phases, numpy.int64), places, every, rows * pitch)


class Phase(NamedTuple):
    """A part of an input's gradient: the plan, and where its results go: first row and column."""

    plan: Plan
    first: tuple[int, int]


@functools.lru_cache(maxsize=512)
def input_plans(channels: int, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, out: Any) -> Any:
    """For each phase of the stride: the correlation of g (channels, *out) that gives its elements of an image of `size`."""
    found = []
    for a in range(stride[0]):
        for b in range(stride[1]):
            axes = [_axis(size[i], kernel[i], stride[i], padding[i], dilation[i], (a, b)[i]) for i in (0, 1)]
            if all(axes):
                (first_h, rows, taps_h, top), (first_w, columns, taps_w, left) = axes
                deep, wide = (rows + max(e for _, e in taps_h), columns + max(e for _, e in taps_w))
                numbers = (1, 1, deep, wide, top, left, rows, columns)
                taps = [[(0, e) for _, e in t] for t in (taps_h, taps_w)]
                places = _places(channels, [(0, 0)], deep * wide, wide, taps)
                chosen = tuple(numpy.array([k for k, _ in t]) for t in (taps_h, taps_w))
                plan = Plan(numbers, numpy.zeros((1, 2), numpy.int64), places, chosen, deep * wide)
                found.append(Phase(plan, (first_h, first_w)))
    return found


def _axis(size: int, kernel: int, stride: int, padding: int, dilation: int, phase: int) -> Any:
    """(first element, how many, [(tap, how far it reads from the margin)], margin) of a phase; None without any.

    Element i of the input lies at i + padding = stride * q + phase, and tap k reads g there at q - k * dilation // stride.
    """
    first = (phase - padding) % stride
    count = -(-(size - first) // stride)
    taps = [k for k in range(kernel) if k * dilation % stride == phase]
    if count < 1 or not taps:
        return None
    start = (first + padding - phase) // stride
    reads = [start - k * dilation // stride for k in taps]
    margin = -min(reads)
    return first, count, [(k, r + margin) for k, r in zip(taps, reads)], margin


# ---- kernels ----


def _packed(w: Any) -> Any:
    """Weights (groups, outputs, depth) as tiles (groups, tiles, depth, ROWS), padded with zeros."""
    groups, outputs, depth = w.shape
    tiles = -(-outputs // ROWS)
    whole = numpy.zeros((groups, tiles * ROWS, depth), w.dtype)
    whole[:, :outputs] = w
    return numpy.ascontiguousarray(whole.reshape(groups, tiles, ROWS, depth).transpose(0, 1, 3, 2)).reshape(-1), tiles


def _run(plan: Plan, x: Any, w: Any, groups: int, bias: Any, y: Any, first: Any = (0, 0), step: Any = (1, 1)) -> None:
    """The correlation of x (N, groups * C, H, W) with w (groups, outputs, C * taps), into y."""
    images, (height, width) = x.shape[0], x.shape[2:]
    channels, outputs, depth = x.shape[1] // groups, w.shape[1], w.shape[2]
    y_plane, y_pitch = y.shape[2] * y.shape[3], y.shape[3]
    place = (y_plane, first[0] * y_pitch + first[1], y_pitch, *step)
    bias = optional(bias, y)
    work = images * groups * outputs * depth * plan.numbers[6] * plan.numbers[7] // 8
    if channels == 1 and outputs <= 2:
        parallel(_correlate_depthwise, images * groups, work, flat(x), height, width, plan.phases, plan.numbers, plan.places,
                 flat(w), depth, outputs, bias, y.reshape(-1), *place)  # fmt: skip
        return
    weights, tiles = _packed(w)
    parts = 1 if images > 8 else min(tiles, 8)
    parallel(_correlate, images * parts, work, parts, flat(x), channels, height, width, plan.phases, plan.numbers, plan.places,
             weights, depth, tiles, groups, bias, y.reshape(-1), outputs, *place)  # fmt: skip


def _geometry(geometry: Any, outputs: int) -> bool:
    """Whether it is (stride, padding, dilation, groups) as a convolution to so many channels can have."""
    if len(geometry) != 4:
        return False
    stride, padding, dilation, groups = geometry
    whole = type(groups) is int and groups > 0 and outputs > 0 and not outputs % groups
    return whole and pair(stride, 1) and pair(padding, 0) and pair(dilation, 1)


def _out(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> tuple[int, ...]:
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(size, kernel, stride, padding, dilation)
    )


def _four(*arrays: Any) -> bool:
    return (
        is_float(arrays[0])
        and are_floats(arrays[0].dtype, *arrays[1:])
        and all(a is not None and a.ndim == 4 for a in arrays)
    )


def conv2d(x: Any, w: Any, bias: Any, *geometry: Any) -> Any:
    """x (N, C, H, W), w (O, C / groups, *kernel), bias (O,) or None."""
    if not _four(x, w) or not _geometry(geometry, w.shape[0]) or not x.size or not w.size:
        return None
    stride, padding, dilation, groups = geometry
    if x.shape[1] != w.shape[1] * groups:
        return None
    if bias is not None and not (is_float(bias) and bias.dtype == x.dtype and bias.shape == w.shape[:1]):
        return None
    out = _out(x.shape[2:], w.shape[2:], stride, padding, dilation)
    if min(out) < 1:
        return None
    y = numpy.empty((x.shape[0], w.shape[0], *out), x.dtype)
    plan = forward_plan(w.shape[1], x.shape[2:], w.shape[2:], stride, padding, dilation, out)
    _run(plan, dense(x), w.reshape(groups, w.shape[0] // groups, -1), groups, bias, y)
    return y


def _input_gradient(g: Any, w: Any, geometry: Any, size: Any) -> Any:
    stride, padding, dilation, groups = geometry
    made = numpy.empty if max(stride) == 1 else numpy.zeros  # a phase may have no tap
    gx = made((g.shape[0], w.shape[1] * groups, *size), g.dtype)
    parts = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    plans = input_plans(parts.shape[1], tuple(size), w.shape[2:], stride, padding, dilation, g.shape[2:])
    g = dense(g)
    for plan, first in plans:
        chosen = parts[:, :, :, plan.taps[0]][..., plan.taps[1]].transpose(0, 2, 1, 3, 4)
        _run(plan, g, chosen.reshape(groups, w.shape[1], -1), groups, None, gx, first, stride)
    return gx


def _weight_gradient(g: Any, x: Any, geometry: Any, kernel: Any) -> Any:
    stride, padding, dilation, groups = geometry
    images, (height, width) = x.shape[0], x.shape[2:]
    channels, outputs = x.shape[1] // groups, g.shape[1] // groups
    gw = numpy.empty((g.shape[1], channels, *kernel), g.dtype)
    plan = forward_plan(channels, x.shape[2:], tuple(kernel), stride, padding, dilation, g.shape[2:])
    depth = channels * kernel[0] * kernel[1]
    chunk = max(1, min(images, CHUNK_BYTES // (channels * len(plan.phases) * plan.size * g.itemsize)))
    parallel(_weight, groups * -(-outputs // DOTS), g.size * depth // 8, images, chunk, flat(x), channels, height, width,
             plan.phases, plan.numbers, plan.places, depth, groups, flat(g), outputs, gw.reshape(-1))  # fmt: skip
    return gw


def _bias_gradient(g: Any) -> Any:
    gb = numpy.empty(g.shape[1], g.dtype)
    parallel(_bias, g.shape[1], g.size // 8, flat(g), g.shape[0], g.shape[1], g.shape[2] * g.shape[3], gb)
    return gb


def conv2d_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, x, weight, bias)."""
    x, w = saved[1:3]
    if not _four(g, x, w) or not g.size:
        return None
    return (
        _input_gradient(g, w, attrs, x.shape[2:]) if needs & 1 else None,
        _weight_gradient(g, x, attrs, w.shape[2:]) if needs & 2 else None,
        _bias_gradient(g) if needs & 4 else None,
    )


def _fits(g: Any, size: Any, kernel: Any, geometry: Any) -> bool:
    """Whether g has as many elements as a convolution of `size` gives, or fewer by a transposed one's output_padding."""
    return all(m <= n for m, n in zip(g.shape[2:], _out(size, kernel, *geometry[:3])))


def conv2d_input(g: Any, w: Any, *rest: Any) -> Any:
    """The gradient of an image of size rest[4] by g (N, O, ...) and w."""
    *geometry, size = rest
    if not _four(g, w) or not _geometry(geometry, w.shape[0]) or not g.size or not w.size:
        return None
    if not pair(size, 1) or g.shape[1] != w.shape[0]:
        return None
    return _input_gradient(g, w, geometry, size)


def conv2d_weight(g: Any, x: Any, *rest: Any) -> Any:
    """The gradient of a weight with kernel rest[4] by g (N, O, ...) and x."""
    *geometry, kernel = rest
    if not _four(g, x) or not _geometry(geometry, g.shape[1]) or not g.size or not x.size:
        return None
    if not pair(kernel, 1) or g.shape[0] != x.shape[0] or x.shape[1] % geometry[3]:
        return None
    return _weight_gradient(g, x, geometry, kernel) if _fits(g, x.shape[2:], kernel, geometry) else None


def conv2d_input_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, y, weight); g is of the image."""
    y, w = saved[1:3]
    *geometry, _ = attrs
    if not _four(g, y, w) or not g.size or _out(g.shape[2:], w.shape[2:], *geometry[:3]) != y.shape[2:]:
        return None
    return (
        conv2d(g, w, None, *geometry) if needs & 1 else None,
        _weight_gradient(y, g, geometry, w.shape[2:]) if needs & 2 else None,
    )


def conv2d_weight_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, y, x); g is of the weight."""
    y, x = saved[1:3]
    *geometry, _ = attrs
    if not _four(g, y, x) or not x.size or _out(x.shape[2:], g.shape[2:], *geometry[:3]) != y.shape[2:]:
        return None
    return (
        conv2d(x, g, None, *geometry) if needs & 1 else None,
        _input_gradient(y, g, geometry, x.shape[2:]) if needs & 2 else None,
    )


KERNELS = {
    "conv2d": conv2d,
    "conv2d.backward": conv2d_backward,
    "conv2d_input": conv2d_input,
    "conv2d_input.backward": conv2d_input_backward,
    "conv2d_weight": conv2d_weight,
    "conv2d_weight.backward": conv2d_weight_backward,
}
