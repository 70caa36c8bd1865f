"""unfold (im2col) and fold (its adjoint): sliding windows of (N, C, H, W) as columns (N, C * kernel, windows)."""

import math
from typing import Any

from pynn._core import Op
from pynn.ops.activation import require_floating
from pynn.ops.registry import Sample, register, run
from pynn.ops.windows import fold as fold_windows
from pynn.ops.windows import output_size, windows

GEOMETRY = ("kernel_size", "dilation", "padding", "stride")


def _unfold(xp: Any, x: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    out = output_size(x.shape[2:], kernel, stride, padding, dilation)
    found = windows(xp, x, out, kernel, stride, padding, dilation)
    return xp.reshape(found, (x.shape[0], x.shape[1] * math.prod(kernel), math.prod(out)))


def _fold(xp: Any, columns: Any, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    out = output_size(size, kernel, stride, padding, dilation)
    count, channels = columns.shape[0], columns.shape[1] // math.prod(kernel)
    columns = xp.reshape(columns, (count, channels, *kernel, *out))
    return fold_windows(xp, columns, size, kernel, stride, padding, dilation)


def _check_unfold(inputs: Any, attrs: Any) -> Any:
    (x,) = inputs
    if x._array.dtype.kind != "b":
        require_floating("unfold", x)
    kernel, dilation, padding, stride = attrs
    shape = x._array.shape
    if len(shape) != 4:
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor for input of unfold, but got: {list(shape)}.")
    out = output_size(shape[2:], kernel, stride, padding, dilation)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input with spatial size {list(shape[2:])}, kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, calculated shape of the array of sliding blocks as {out}, but its components must be "
            "at least one."
        )
    return inputs


def _check_fold(inputs: Any, attrs: Any) -> Any:
    (x,) = inputs
    require_floating("fold", x)
    size, kernel, dilation, padding, stride = attrs
    shape = x._array.shape
    if len(shape) != 3 or shape[1] % math.prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input of "
            f"shape {list(shape)} and kernel_size={kernel}."
        )
    out = output_size(size, kernel, stride, padding, dilation)
    if min(out) < 1 or math.prod(out) != shape[2]:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, "
            "expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{' * '.join(map(str, out))} = {math.prod(out)}, but got {shape[2]}."
        )
    return inputs


_CASES = [
    ((2, 3, 4, 5), ((2, 3), (1, 1), (0, 0), (1, 1))),
    ((1, 2, 5, 5), ((3, 2), (1, 2), (1, 1), (2, 1))),
]

UNFOLD = register(
    "unfold",
    exact="forward",
    vjp=(lambda xp, g, out, x, *geometry: run(xp, FOLD, (g,), (tuple(x.shape[2:]), *geometry)),),
    likes=(0,),
    check=_check_unfold,
    shape=lambda x, kernel, dilation, padding, stride: (
        x[0],
        x[1] * math.prod(kernel),
        math.prod(output_size(x[2:], kernel, stride, padding, dilation)),
    ),
    dtype="same",
    attrs=GEOMETRY,
    samples=lambda rng: [Sample((rng.normal(size=shape),), attrs) for shape, attrs in _CASES],
    torch=lambda t, x, *geometry: t.nn.functional.unfold(x, *geometry),
)(_unfold)

FOLD: Op = register(
    "fold",
    vjp=(lambda xp, g, out, x, size, *geometry: run(xp, UNFOLD, (g,), geometry),),
    check=_check_fold,
    shape=lambda x, size, kernel, *rest: (x[0], x[1] // math.prod(kernel), *size),
    dtype="same",
    attrs=("output_size", *GEOMETRY),
    samples=lambda rng: [
        Sample((rng.normal(size=UNFOLD.record.shape(shape, *attrs)),), (shape[2:], *attrs)) for shape, attrs in _CASES
    ],
    torch=lambda t, x, *attrs: t.nn.functional.fold(x, *attrs),
)(_fold)
