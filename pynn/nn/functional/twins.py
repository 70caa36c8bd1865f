"""The functions that torch publishes at its top level with arguments of their own: torch.batch_norm, torch.embedding, ...

They are what torch.nn.functional's functions of these names call there: training comes as a bool without default,
reductions and modes as numbers (a reduction that is not given is 0, none). Each does what its function of `pynn.nn.functional` does, and raises as it does.
"""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Tensor, call, call_writing, made, observe
from pynn.nn.functional import activation as _activation
from pynn.nn.functional import conv as _conv
from pynn.nn.functional import distance as _distance
from pynn.nn.functional import grid as _grid
from pynn.nn.functional import loss as _loss
from pynn.nn.functional import norm as _norm
from pynn.nn.functional import pool as _pool
from pynn.nn.functional.ctc import ctc_loss as _ctc_loss
from pynn.nn.functional.dropout import _check_probability
from pynn.nn.functional.dropout import alpha_dropout as _alpha_dropout
from pynn.nn.functional.dropout import dropout as _dropout
from pynn.nn.functional.dropout import feature_alpha_dropout as _feature_alpha_dropout
from pynn.nn.functional.embedding import embedding as _embedding
from pynn.nn.functional.embedding import embedding_bag as _embedding_bag
from pynn.nn.functional.linear import bilinear
from pynn.nn.functional.pad import pad as _pad
from pynn.ops.devices import beside_input
from pynn.ops.embedding import EMBEDDING_RENORM
from pynn.ops.norm import BATCH_NORM, GROUP_NORM, LAYER_NORM
from pynn.ops.registry import export

_REDUCTIONS = ("none", "mean", "sum")
_MODES = ("sum", "mean", "max")


def _publish(name: str, function: Any) -> Any:
    return export(name, method=False)(function)


def _reduction(number: int) -> str:
    if number not in (0, 1, 2):
        raise ValueError(f"reduction must be 0 (none), 1 (mean) or 2 (sum), got {number!r}.")
    return _REDUCTIONS[number]


# ---- normalizations ----


@export(method=False)
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Tensor:
    """F.batch_norm; cudnn_enabled has no effect."""
    return _norm.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@export(method=False)
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Tensor:
    """F.instance_norm; cudnn_enabled has no effect."""
    return _norm.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@export(method=False)
def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
    cudnn_enable: bool = True,
) -> Tensor:
    """F.layer_norm; cudnn_enable has no effect."""
    return _norm.layer_norm(input, normalized_shape, weight, bias, eps)


@export(method=False)
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
    cudnn_enabled: bool = True,
) -> Tensor:
    """F.group_norm; cudnn_enabled has no effect."""
    return _norm.group_norm(input, num_groups, weight, bias, eps)


@export(method=False)
def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """layer_norm with its statistics: (output, mean, 1 / sqrt(var + eps)), the latter two keep the dimensions as 1.

    Of 16-bit floats the statistics have weight's dtype, or input's.
    """
    count = _norm._tail("native_layer_norm", input, normalized_shape)
    output, mean, rstd = call(LAYER_NORM, (input, weight, bias), (count, float(eps)))
    return output, *_statistics((weight, input), mean, rstd)


def _statistics(tensors: Sequence[Tensor | None], a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Statistics, which pynn keeps in float32 for 16-bit floats, in the dtype of the first tensor there is."""
    dtype = next(x.dtype for x in tensors if x is not None)
    return a.to(dtype), b.to(dtype)


@export(method=False)
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """group_norm with its statistics: (output, mean (N, group), 1 / sqrt(var + eps) (N, group))."""
    output, mean, rstd = call(GROUP_NORM, (input, weight, bias), (int(group), float(eps)))
    return output, *_statistics((weight, input), mean.reshape(N, group), rstd.reshape(N, group))


@export(method=False)
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """batch_norm with the batch's statistics: (output, mean, 1 / sqrt(var + eps)); both empty in evaluation."""
    output = _norm.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return output, *_statistics((running_mean, weight, input), input.new_empty((0,)), input.new_empty((0,)))
    _, mean, var = call(BATCH_NORM, (input.detach(), None, None), (float(eps),))
    return output, *_statistics((running_mean, weight, input), mean, (var + eps).rsqrt())


# ---- dropout ----


@export(method=False)
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """(dropout of input, which elements were kept)."""
    if train is False:
        return input.clone(), input.new_ones(input.shape).bool()
    kept = _dropout(input.new_ones(input.shape), p, True)
    return input * kept, kept != 0


def _feature_dropout(input: Tensor, p: float, train: bool, inplace: bool = False) -> Tensor:
    _check_probability(p)
    if not train or p == 0.0:
        return input
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    kept = _dropout(input.new_ones((*input.shape[:2], *[1] * (input.ndim - 2))), p, True)
    result: Tensor = input * kept
    return input.copy_(result) if inplace else result


def _drop(name: str, function: Any, about: str) -> None:
    """Publish function(input, p, train) as `name`, and as `name_` where it works in place."""

    def plain(input: Tensor, p: float, train: bool) -> Tensor:
        result: Tensor = function(input, p, train)
        return result

    def inplace(input: Tensor, p: float, train: bool) -> Tensor:
        result: Tensor = function(input, p, train, inplace=True)
        return result

    plain.__name__, plain.__doc__ = name, about
    inplace.__name__, inplace.__doc__ = name + "_", f"{name} written to the tensor itself."
    _publish(name, plain)
    _publish(name + "_", inplace)


_drop("dropout", _dropout, "F.dropout.")
_drop("feature_dropout", _feature_dropout, "dropout of whole channels (dimension 1).")
_drop("alpha_dropout", _alpha_dropout, "F.alpha_dropout.")
_drop("feature_alpha_dropout", _feature_alpha_dropout, "F.feature_alpha_dropout.")


# ---- embeddings ----


@export(method=False)
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """F.embedding with the weight first; padding_idx -1 for none."""
    row = None if padding_idx == -1 else padding_idx
    return _embedding(indices, weight, row, None, 2.0, scale_grad_by_freq, sparse)


@export(method=False)
def embedding_renorm_(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scale the rows of weight that indices names, in place, to that norm at most; returns weight."""
    call_writing(EMBEDDING_RENORM, (weight, indices), (float(max_norm), float(norm_type)))
    return weight


@export(method=False)
@beside_input
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """F.embedding_bag with the weight first: (output, each index's bag, the bags' sizes, empty).

    mode: 0 sum, 1 mean, 2 max.
    """
    if mode not in (0, 1, 2):
        raise RuntimeError(f"embedding_bag: mode must be 0 (sum), 1 (mean) or 2 (max), got {mode!r}.")
    output = _embedding_bag(
        indices,
        weight,
        offsets,
        scale_grad_by_freq=scale_grad_by_freq,
        mode=_MODES[mode],
        sparse=sparse,
        per_sample_weights=per_sample_weights,
        include_last_offset=include_last_offset,
        padding_idx=padding_idx,
    )
    starts = observe(offsets)
    starts = starts[:-1] if include_last_offset else starts
    bags = numpy.searchsorted(starts, numpy.arange(indices.numel()), side="right") - 1
    sizes = numpy.bincount(bags, minlength=len(starts))
    return output, made(bags.astype(numpy.int64)), made(sizes.astype(numpy.int64)), made(numpy.zeros(0, numpy.int64))


# ---- losses ----


@export(method=False)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Tensor:
    """F.ctc_loss with the reduction as a number."""
    return _ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _reduction(reduction), zero_infinity)


@export(method=False)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """F.cosine_embedding_loss with the reduction as a number."""
    return _distance.cosine_embedding_loss(input1, input2, target, margin, reduction=_reduction(reduction))


@export(method=False)
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """F.hinge_embedding_loss with the reduction as a number."""
    return _distance.hinge_embedding_loss(input, target, margin, reduction=_reduction(reduction))


@export(method=False)
def kl_div(input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False) -> Tensor:
    """F.kl_div with the reduction as a number."""
    result = _loss.kl_div(input, target, reduction="none", log_target=log_target)
    return _loss.reduce_loss(result, _reduction(reduction))


@export(method=False)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """F.margin_ranking_loss with the reduction as a number."""
    return _distance.margin_ranking_loss(input1, input2, target, margin, reduction=_reduction(reduction))


@export(method=False)
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """F.poisson_nll_loss with the reduction as a number."""
    return _loss.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_reduction(reduction))


@export(method=False)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Tensor:
    """F.triplet_margin_loss with the reduction as a number."""
    return _distance.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=_reduction(reduction)
    )


@export(method=False)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 0,
) -> Tensor:
    """F.binary_cross_entropy_with_logits with the reduction as a number."""
    return _loss.binary_cross_entropy_with_logits(
        input, target, weight, reduction=_reduction(reduction), pos_weight=pos_weight
    )


# ---- convolutions, pools, grids ----


@export(method=False)
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Tensor:
    """conv1d, conv2d or conv3d, by weight's number of dimensions, or where transposed their transposed form."""
    dims = weight.ndim - 2
    if dims not in (1, 2, 3):
        raise RuntimeError(f"convolution takes a weight of 3 to 5 dimensions, got shape {list(weight.shape)}.")
    if transposed:
        function = getattr(_conv, f"conv_transpose{dims}d")
        return function(input, weight, bias, stride, padding, output_padding, groups, dilation)  # type: ignore[no-any-return]
    function = getattr(_conv, f"conv{dims}d")
    return function(input, weight, bias, stride, padding, dilation, groups)  # type: ignore[no-any-return]


@export(method=False)
def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """F.affine_grid."""
    return _grid.affine_grid(theta, size, align_corners)


@export(method=False)
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """F.grid_sample with numbers: modes 0 bilinear, 1 nearest, 2 bicubic; paddings 0 zeros, 1 border, 2 reflection."""
    modes, paddings = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
    if interpolation_mode not in (0, 1, 2) or padding_mode not in (0, 1, 2):
        raise RuntimeError(
            f"grid_sampler(): interpolation_mode and padding_mode must be 0, 1 or 2, got {interpolation_mode} and "
            f"{padding_mode}."
        )
    return _grid.grid_sample(input, grid, modes[interpolation_mode], paddings[padding_mode], align_corners)


@export(method=False)
def constant_pad_nd(input: Tensor, pad: Any, value: float = 0) -> Tensor:
    """F.pad with a constant."""
    return _pad(input, pad, "constant", value)


_publish("grid_sampler_2d", grid_sampler)
_publish("grid_sampler_3d", grid_sampler)


def _max_pool(name: str, dims: int, with_indices: bool) -> None:
    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        return _pool._max(dims, input, kernel_size, stride, padding, dilation, ceil_mode, with_indices)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"F.max_pool{dims}d" + (" with return_indices=True: (values, indices)." if with_indices else ".")
    _publish(name, function)


for _dims in (1, 2, 3):
    _max_pool(f"max_pool{_dims}d", _dims, False)
_max_pool("max_pool1d_with_indices", 1, True)


@export(method=False)
def adaptive_max_pool1d(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """F.adaptive_max_pool1d with return_indices=True: (values, indices)."""
    values, indices = _pool.adaptive_max_pool1d(input, output_size, True)
    return values, indices


# ---- activations in place, whose arguments are those of the other forms ----


@export(method=False)
def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """rrelu written to the tensor itself."""
    return _activation.rrelu(input, lower, upper, training, inplace=True)


@export(method=False)
def selu_(input: Tensor) -> Tensor:
    """selu written to the tensor itself."""
    return _activation.selu(input, inplace=True)


_publish("bilinear", bilinear)
