"""Pools, with torch.nn.functional's signatures. Inputs are (N, C, ...) or (C, ...).

All raise RuntimeError for shapes and amounts that do not fit. stride defaults to the kernel's size.
"""

import math
from typing import Any

from pynn._core import Tensor, call
from pynn.amp.autocast_mode import float32_function
from pynn.nn.common_types import _size_any_t
from pynn.nn.functional.arguments import sizes, strides, with_indices
from pynn.ops import pool as ops
from pynn.ops.activation import relu
from pynn.ops.out import store
from pynn.ops.registry import export

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d",
    "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices",
    "max_pool3d", "max_pool3d_with_indices", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


def _image(name: str, input: Any) -> Any:
    """A sequence (..., L) as an image (..., 1, L)."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}.")
    if input._array.ndim not in (2, 3):
        raise RuntimeError(f"{name}(): Expected 2D or 3D (batch mode) tensor for input, but got: {list(input.shape)}.")
    return input.unsqueeze(-2)


def _max(
    dims: Any,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    return_indices: Any,
) -> Any:
    kernel = sizes(kernel_size, dims, "kernel_size")
    step, edge, gap = strides(stride, kernel, dims), sizes(padding, dims, "padding"), sizes(dilation, dims, "dilation")
    if dims == 1:
        kernel, step, edge, gap = (1, *kernel), (1, *step), (0, *edge), (1, *gap)
        input = _image("max_pool1d", input)
    attrs = (kernel, step, edge, gap, bool(ceil_mode))
    if not return_indices:
        values = call(ops.MAX_POOL3D if dims == 3 else ops.MAX_POOL2D, (input,), attrs)
        return values.squeeze(-2) if dims == 1 else values
    op = ops.MAX_POOL3D_WITH_INDICES if dims == 3 else ops.MAX_POOL2D_WITH_INDICES
    values, indices = call(op, (input,), attrs)
    return (values.squeeze(-2), indices.squeeze(-2)) if dims == 1 else (values, indices)


def max_pool1d(
    input: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    dilation: _size_any_t = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of (N, C, L); with return_indices also its place, int64."""
    return _max(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    dilation: _size_any_t = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of (N, C, H, W); with return_indices also its place in the flat plane."""
    return _max(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    dilation: _size_any_t = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of (N, C, D, H, W); with return_indices also its place in the flat volume."""
    return _max(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = (
    with_indices(pool) for pool in (max_pool1d, max_pool2d, max_pool3d)
)


def _average(
    dims: Any,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: Any,
    count_include_pad: Any,
    divisor_override: Any,
) -> Tensor:
    kernel = sizes(kernel_size, dims, "kernel_size")
    step, edge = strides(stride, kernel, dims), sizes(padding, dims, "padding")
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    rest = (bool(ceil_mode), bool(count_include_pad), divisor_override)
    if dims == 1:
        geometry = ((1, *kernel), (1, *step), (0, *edge), *rest)
        return call(ops.AVG_POOL2D, (_image("avg_pool1d", input),), geometry).squeeze(-2)
    return call(ops.AVG_POOL2D if dims == 2 else ops.AVG_POOL3D, (input,), (kernel, step, edge, *rest))


@export(method=False)
def avg_pool1d(
    input: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of (N, C, L); count_include_pad counts the padding's zeros."""
    return _average(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The mean of each window of (N, C, H, W), or its sum over divisor_override."""
    result = _average(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return result if out is None else store(out, result, "avg_pool2d")


def avg_pool3d(
    input: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The mean of each window of (N, C, D, H, W), or its sum over divisor_override."""
    result = _average(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return result if out is None else store(out, result, "avg_pool3d")


def _target(output_size: Any, dims: Any, input: Any) -> Any:
    """The output's size with None for a dimension that stays as it is."""
    wanted = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,)
    if isinstance(output_size, (tuple, list)) and len(wanted) >= input._array.ndim:
        raise ValueError(f"Input dimension should be at least {len(wanted) + 1}, got shape {list(input.shape)}.")
    wanted = wanted * dims if len(wanted) == 1 else wanted
    if len(wanted) != dims:
        raise RuntimeError(f"output_size must be one number or {dims}, got {list(wanted)}.")
    found = tuple(n if w is None else int(w) for w, n in zip(wanted, input._array.shape[-dims:]))
    if min(found) < 0:
        raise RuntimeError(f"elements of output_size must be greater than or equal to 0, but received {list(found)}.")
    return found


@export(method=False)
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of output_size windows that cover (N, C, L)."""
    image = _image("adaptive_avg_pool1d", input)
    return call(ops.ADAPTIVE_AVG_POOL2D, (image,), ((1, *_target(output_size, 1, input)),)).squeeze(-2)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of output_size windows that cover (N, C, H, W); None in output_size keeps a size."""
    return call(ops.ADAPTIVE_AVG_POOL2D, (input,), (_target(output_size, 2, input),))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of output_size windows that cover (N, C, D, H, W); None in output_size keeps a size."""
    return call(ops.ADAPTIVE_AVG_POOL3D, (input,), (_target(output_size, 3, input),))


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of output_size windows that cover (N, C, L); with return_indices also their places."""
    image = _image("adaptive_max_pool1d", input)
    values, indices = call(ops.ADAPTIVE_MAX_POOL2D, (image,), ((1, *_target(output_size, 1, input)),))
    return (values.squeeze(-2), indices.squeeze(-2)) if return_indices else values.squeeze(-2)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of output_size windows that cover (N, C, H, W); with return_indices also their places."""
    values, indices = call(ops.ADAPTIVE_MAX_POOL2D, (input,), (_target(output_size, 2, input),))
    return (values, indices) if return_indices else values


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of output_size windows that cover (N, C, D, H, W); with return_indices also their places."""
    values, indices = call(ops.ADAPTIVE_MAX_POOL3D, (input,), (_target(output_size, 3, input),))
    return (values, indices) if return_indices else values


adaptive_max_pool1d_with_indices, adaptive_max_pool2d_with_indices, adaptive_max_pool3d_with_indices = (
    with_indices(pool) for pool in (adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d)
)


def _lp(dims: Any, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: Any) -> Tensor:
    kernel = sizes(kernel_size, dims, "kernel_size")
    count: int = math.prod(kernel)
    mean = _average(dims, input**norm_type, kernel, stride, 0, ceil_mode, True, None)
    return (mean.sign() * relu(mean.abs()) * count) ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x^p)^(1/p) of each window of (N, C, L), p = norm_type."""
    return _lp(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x^p)^(1/p) of each window of (N, C, H, W), p = norm_type."""
    return _lp(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x^p)^(1/p) of each window of (N, C, D, H, W), p = norm_type."""
    return _lp(3, input, norm_type, kernel_size, stride, ceil_mode)


def _unpool(
    dims: Any, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    kernel = sizes(kernel_size, dims, "kernel_size")
    step, edge = strides(stride, kernel, dims), sizes(padding, dims, "padding")
    shape = input._array.shape
    size = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(shape[-dims:], step, edge, kernel))
    if output_size is not None:
        wanted = tuple(output_size)[-dims:]
        if any(abs(w - n) >= s for w, n, s in zip(wanted, size, step)):
            raise ValueError(f"invalid output_size {wanted}: each size must be within the stride {step} of {size}.")
        size = wanted
    lead = shape[:-dims]
    flat = input.reshape((*lead, math.prod(shape[-dims:])))
    total = math.prod(size)
    zeros = flat.detach().new_zeros((*lead, total))
    return zeros.scatter(-1, indices.reshape(flat._array.shape), flat).reshape((*lead, *size))


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    output_size: Any = None,
) -> Tensor:
    """max_pool1d's values put back where they came from, zeros elsewhere."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@float32_function
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    output_size: Any = None,
) -> Tensor:
    """max_pool2d's values put back where they came from, zeros elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@float32_function
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _size_any_t,
    stride: _size_any_t | None = None,
    padding: _size_any_t = 0,
    output_size: Any = None,
) -> Tensor:
    """max_pool3d's values put back where they came from, zeros elsewhere."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
