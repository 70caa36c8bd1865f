"""Convolutions (cross-correlations, as torch's): conv2d and conv3d, and the two gradients of each as ops of their own.

The three are linear in both of their inputs, and the gradients of each are the two others, so that gradients of any
order stay within them. conv2d_input is also what a transposed convolution computes. The reference gathers windows
(im2col) and multiplies matrices.
"""

from typing import Any

import numpy

from pynn._core import Op, Tensor
from pynn.ops.activation import require_numbers
from pynn.ops.registry import Sample, joint, register, run
from pynn.ops.windows import fold, output_size, windows

GEOMETRY = ("stride", "padding", "dilation", "groups")


def _product(sizes: Any) -> Any:
    n = 1
    for size in sizes:
        n *= size
    return n


def _columns(xp: Any, x: Any, out: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    """The windows of x (N, C, *size) as matrices: (N, groups, C / groups * prod(kernel), prod(out))."""
    found = windows(xp, x, out, kernel, stride, padding, dilation)
    return xp.reshape(found, (x.shape[0], groups, x.shape[1] // groups * _product(kernel), _product(out)))


def _grouped(xp: Any, w: Any, groups: Any) -> Any:
    """A weight (O, C / groups, *kernel) as matrices (groups, O / groups, C / groups * prod(kernel))."""
    return xp.reshape(w, (groups, w.shape[0] // groups, _product(w.shape[1:])))


def _conv(xp: Any, x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    kernel = w.shape[2:]
    out = output_size(x.shape[2:], kernel, stride, padding, dilation)
    columns = _columns(xp, x, out, kernel, stride, padding, dilation, groups)
    y = xp.reshape(xp.matmul(_grouped(xp, w, groups), columns), (x.shape[0], w.shape[0], *out))
    return y if b is None else y + xp.reshape(b, (-1,) + (1,) * len(out))


def _conv_input(xp: Any, g: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: Any, size: Any) -> Any:
    kernel, out = w.shape[2:], g.shape[2:]
    matrices = xp.permute_dims(_grouped(xp, w, groups), (0, 2, 1))
    rows = xp.reshape(g, (g.shape[0], groups, g.shape[1] // groups, _product(out)))
    columns = xp.reshape(xp.matmul(matrices, rows), (g.shape[0], w.shape[1] * groups, *kernel, *out))
    return fold(xp, columns, size, kernel, stride, padding, dilation)


def _conv_weight(xp: Any, g: Any, x: Any, stride: Any, padding: Any, dilation: Any, groups: Any, kernel: Any) -> Any:
    out = g.shape[2:]
    columns = _columns(xp, x, out, kernel, stride, padding, dilation, groups)
    columns = xp.reshape(xp.permute_dims(columns, (1, 0, 3, 2)), (groups, -1, columns.shape[2]))
    rows = xp.reshape(g, (g.shape[0], groups, g.shape[1] // groups, _product(out)))
    rows = xp.reshape(xp.permute_dims(rows, (1, 2, 0, 3)), (groups, rows.shape[2], -1))
    return xp.reshape(xp.matmul(rows, columns), (g.shape[1], x.shape[1] // groups, *kernel))


# ---- checks ----


def _check_arguments(name: str, dims: Any, inputs: Any, attrs: Any) -> Any:
    x, w, b = inputs
    require_numbers(name, x)
    if not isinstance(w, Tensor):
        raise TypeError(f"{name}(): argument 'weight' (position 2) must be Tensor, not {type(w).__name__}.")
    if b is not None and not isinstance(b, Tensor):
        raise TypeError(f"{name}(): argument 'bias' (position 3) must be Tensor, not {type(b).__name__}.")
    a, k = x._array, w._array
    stride, padding, dilation, groups = attrs[:4]
    if k.ndim != dims + 2 or a.ndim != dims + 2:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, and a {dims + 2}D weight, but "
            f"got input of size: {list(a.shape)} and weight of size: {list(k.shape)}."
        )
    if groups <= 0:
        raise RuntimeError(f"non-positive groups is not supported: {name} got groups={groups}.")
    for what, values, least in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)):
        if min(values) < least:
            word = "negative" if least == 0 else "non-positive"
            raise RuntimeError(f"{word} {what} is not supported: {name} got {what}={values}.")
    if 0 in k.shape[2:]:
        raise RuntimeError(
            f"kernel size should be greater than zero, but {name} got a weight of size {list(k.shape)}. Make the layer "
            "with a kernel_size of at least 1."
        )
    if k.dtype != a.dtype or (b is not None and b._array.dtype != a.dtype):
        other = k.dtype if k.dtype != a.dtype or b is None else b._array.dtype
        raise RuntimeError(
            f"Input type ({a.dtype}) and {'weight' if k.dtype != a.dtype else 'bias'} type ({other}) should be the "
            "same. Cast the input with .to(weight.dtype), or the layer with .to(input.dtype)."
        )
    if k.shape[0] % groups or k.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible by it, but "
            f"got weight of size {list(k.shape)} instead."
        )
    return a, k, b


_CHANNELS_LAST = {
    3: "sequences of shape (N, L, C) need .transpose(1, 2)",
    4: "images of shape (N, H, W, C) need .permute(0, 3, 1, 2)",
    5: "volumes of shape (N, D, H, W, C) need .permute(0, 4, 1, 2, 3)",
}


def wrong_channels(input: Any, weight: Any, groups: int) -> RuntimeError:
    """The error for an input and a weight of these shapes whose channels do not fit."""
    return RuntimeError(
        f"Given groups={groups}, weight of size {list(weight)}, expected input{list(input)} to have {weight[1] * groups} "
        f"channels, but got {input[1]} channels instead. The input is (N, C, ...): {_CHANNELS_LAST[len(input)]}."
    )


def _check_conv(name: str, dims: Any) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        a, k, b = _check_arguments(name, dims, inputs, attrs)
        _stride, padding, dilation, groups = attrs
        if a.shape[1] != k.shape[1] * groups:
            raise wrong_channels(a.shape, k.shape, groups)
        if b is not None and b._array.shape != (k.shape[0],):
            raise RuntimeError(
                f"Given weight of size {list(k.shape)}, expected bias to be 1-dimensional with {k.shape[0]} elements, "
                f"but got bias of size {list(b._array.shape)} instead."
            )
        reach = [n + 2 * p for n, p in zip(a.shape[2:], padding)]
        need = [d * (n - 1) + 1 for n, d in zip(k.shape[2:], dilation)]
        if any(r < n for r, n in zip(reach, need)):
            raise RuntimeError(
                f"Calculated padded input size per channel: ({' x '.join(map(str, reach))}). Kernel size: "
                f"({' x '.join(map(str, need))}). Kernel size can't be greater than actual input size. The input has "
                f"shape {list(a.shape)}: use a larger one, or more padding."
            )
        return inputs

    return check


def _check_adjoint(name: str, dims: Any) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        a, k, _ = _check_arguments(name, dims, (*inputs, None), attrs)
        if a.shape[1] != k.shape[0]:
            raise RuntimeError(
                f"Given transposed=1, weight of size {list(k.shape)}, expected input{list(a.shape)} to have "
                f"{k.shape[0]} channels, but got {a.shape[1]} channels instead."
            )
        return inputs

    return check


# ---- records ----


def _register_family(dims: Any) -> Any:
    """conv{dims}d, conv{dims}d_input and conv{dims}d_weight; returns them."""
    name = f"conv{dims}d"
    ops: dict[str, Op] = {}

    @joint
    def vjp(
        xp: Any,
        needs: Any,
        g: Any,
        out: Any,
        x: Any,
        w: Any,
        b: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: Any,
    ) -> Any:
        gx = gw = gb = None
        if needs & 1:
            gx = run(xp, ops["input"], (g, w), (stride, padding, dilation, groups, tuple(x.shape[2:])))
        if needs & 2:
            gw = run(xp, ops["weight"], (g, x), (stride, padding, dilation, groups, tuple(w.shape[2:])))
        if needs & 4:
            gb = xp.sum(g, axis=(0, *range(2, 2 + dims)))
        return gx, gw, gb

    @joint
    def input_vjp(
        xp: Any,
        needs: Any,
        g: Any,
        out: Any,
        y: Any,
        w: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: Any,
        size: Any,
    ) -> Any:
        geometry = (stride, padding, dilation, groups)
        gy = run(xp, ops["conv"], (g, w, None), geometry) if needs & 1 else None
        gw = run(xp, ops["weight"], (y, g), (*geometry, tuple(w.shape[2:]))) if needs & 2 else None
        return gy, gw

    @joint
    def weight_vjp(
        xp: Any,
        needs: Any,
        g: Any,
        out: Any,
        y: Any,
        x: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: Any,
        kernel: Any,
    ) -> Any:
        geometry = (stride, padding, dilation, groups)
        gy = run(xp, ops["conv"], (x, g, None), geometry) if needs & 1 else None
        gx = run(xp, ops["input"], (y, g), (*geometry, tuple(x.shape[2:]))) if needs & 2 else None
        return gy, gx

    tolerance = {"float32": 2e-5}
    ops["conv"] = register(
        name,
        vjp=vjp,
        saves=(0, 1),
        check=_check_conv(name, dims),
        shape=lambda x, w, b, *geometry: (x[0], w[0], *output_size(x[2:], w[2:], *geometry[:3])),
        attrs=GEOMETRY,
        samples=_conv_samples(dims),
        torch=lambda t, x, w, b, *geometry: getattr(t.nn.functional, name)(x, w, b, *geometry),
        tolerance=tolerance,
    )(_conv)
    ops["input"] = register(
        name + "_input",
        vjp=input_vjp,
        saves=(0, 1),
        check=_check_adjoint(f"conv_transpose{dims}d", dims),
        shape=lambda g, w, stride, padding, dilation, groups, size: (g[0], w[1] * groups, *size),
        attrs=(*GEOMETRY, "size"),
        samples=_adjoint_samples(dims, "input"),
        torch=lambda t, g, w, s, p, d, groups, size: getattr(t.nn.grad, name + "_input")(
            (g.shape[0], w.shape[1] * groups, *size), w, g, s, p, d, groups
        ),
        tolerance=tolerance,
    )(_conv_input)
    ops["weight"] = register(
        name + "_weight",
        vjp=weight_vjp,
        saves=(0, 1),
        check=lambda inputs, attrs: inputs,  # its arguments come from a convolution that was checked
        shape=lambda g, x, stride, padding, dilation, groups, kernel: (g[1], x[1] // groups, *kernel),
        attrs=(*GEOMETRY, "kernel"),
        samples=_adjoint_samples(dims, "weight"),
        torch=lambda t, g, x, s, p, d, groups, kernel: getattr(t.nn.grad, name + "_weight")(
            x, (g.shape[1], x.shape[1] // groups, *kernel), g, s, p, d, groups
        ),
        tolerance=tolerance,
    )(_conv_weight)
    return ops["conv"], ops["input"], ops["weight"]


def _cases(dims: Any) -> Any:
    """(x shape, w shape, bias, geometry) that try each argument."""
    if dims == 3:
        return [
            ((1, 2, 3, 4, 3), (2, 2, 2, 2, 2), True, ((1, 1, 1), (0, 1, 0), (1, 1, 1), 1)),
            ((2, 2, 4, 3, 3), (2, 1, 2, 1, 2), False, ((2, 1, 1), (1, 0, 0), (1, 1, 2), 2)),
            ((1, 2, 2, 3, 4), (3, 2, 1, 1, 1), True, ((1, 1, 1), (0, 0, 0), (1, 1, 1), 1)),
        ]
    one = (1, 1)
    return [
        ((2, 3, 5, 4), (4, 3, 3, 2), True, (one, (0, 0), one, 1)),
        ((2, 3, 5, 5), (4, 3, 3, 3), False, ((2, 2), (1, 1), one, 1)),
        ((1, 4, 6, 5), (6, 2, 3, 2), True, ((2, 1), (1, 2), (2, 1), 2)),
        ((2, 3, 4, 4), (6, 1, 2, 2), True, ((1, 3), (0, 1), (1, 2), 3)),
        ((2, 3, 3, 3), (2, 3, 1, 1), True, (one, (0, 0), one, 1)),
        ((0, 2, 3, 3), (2, 2, 2, 2), False, (one, (0, 0), one, 1)),
        ((2, 3, 4, 5), (3, 1, 3, 3), True, (one, (1, 1), one, 3)),
        ((1, 2, 5, 6), (2, 1, 3, 3), False, ((2, 2), (1, 1), one, 2)),
        ((1, 2, 4, 3), (2, 1, 5, 5), True, (one, (2, 2), one, 2)),
        ((2, 1, 1, 9), (3, 1, 1, 4), True, ((1, 2), (0, 2), (1, 2), 1)),
    ]


def _conv_samples(dims: Any) -> Any:
    def samples(rng: Any) -> Any:
        out = []
        for x, w, bias, geometry in _cases(dims):
            inputs = (rng.normal(size=x), rng.normal(size=w), rng.normal(size=w[0]) if bias else None)
            out.append(Sample(inputs, geometry))
        if dims == 2:
            channels_last = numpy.moveaxis(rng.normal(size=(2, 4, 5, 3)), 3, 1)
            out.append(Sample((channels_last, rng.normal(size=(2, 3, 2, 2)), None), ((1, 1), (0, 0), (1, 1), 1)))
        return out

    return samples


def _adjoint_samples(dims: Any, which: Any) -> Any:
    def samples(rng: Any) -> Any:
        out = []
        for x, w, _, geometry in _cases(dims):
            y = (x[0], w[0], *output_size(x[2:], w[2:], *geometry[:3]))
            if not x[0]:
                continue
            if which == "input":
                out.append(Sample((rng.normal(size=y), rng.normal(size=w)), (*geometry, x[2:])))
            else:
                out.append(Sample((rng.normal(size=y), rng.normal(size=x)), (*geometry, w[2:])))
        return out

    return samples


CONV2D, CONV2D_INPUT, CONV2D_WEIGHT = _register_family(2)
CONV3D, CONV3D_INPUT, CONV3D_WEIGHT = _register_family(3)
