"""What torch calls the nodes of the tape, where its operation has another name than ours."""

from collections.abc import Callable
from typing import Any

_NAMES = {
    "adaptive_avg_pool2d": "AdaptiveAvgPool2D", "adaptive_avg_pool3d": "AdaptiveAvgPool3D",
    "adaptive_max_pool2d": "AdaptiveMaxPool2D", "adaptive_max_pool3d": "AdaptiveMaxPool3D",
    "assign": "Copy", "avg_pool2d": "AvgPool2D", "avg_pool3d": "AvgPool3D", "batch_norm": "NativeBatchNorm",
    "batch_norm_fixed": "NativeBatchNorm", "cast": "ToCopy", "cholesky_ex": "LinalgCholeskyEx", "det": "LinalgDet",
    "group_norm": "NativeGroupNorm", "layer_norm": "NativeLayerNorm", "lay_out": "Clone", "log1p": "Log1P",
    "logsigmoid": "LogSigmoid", "max_dim": "Max", "max_pool2d": "MaxPool2DWithIndices",
    "max_pool3d": "MaxPool3DWithIndices", "min_dim": "Min", "norm": "LinalgVectorNorm", "pad": "ConstantPadNd", "prelu": "PreluKernel",
    "scaled_dot_product_attention": "ScaledDotProductFlashAttentionForCpu", "square": "Pow", "unfold": "Im2Col",
    "fold": "Col2Im", "unfold_dim": "Unfold", "cross_entropy": "NllLoss",
    **{name: "Convolution" for base in ("conv1d", "conv2d", "conv3d") for name in (base, base + "_input")},
}  # fmt: skip


def _reduction(node: Any) -> str:
    dims = node.attrs[0] if node.attrs else None
    ndim = len(node.saved[1].shape) if node.saved and len(node.saved) > 1 and node.saved[1] is not None else None
    whole = dims is None or not isinstance(dims, tuple) or len(dims) == ndim
    name: str = node.op.name.capitalize()
    return name + ("Backward0" if whole else "Backward1")


def _product(node: Any) -> str:
    ranks = [getattr(value, "ndim", 2) for value in node.saved[1:3]] if node.saved else []
    named: dict[tuple[int, ...], str] = {(1, 1): "Dot", (2, 1): "Mv", (3, 3): "Bmm"}
    return named.get(tuple(ranks), "Mm") + "Backward0"


def _linear(node: Any) -> str:
    return ("Addmm" if len(node.edges) > 2 and node.edges[2] is not None else "Mm") + "Backward0"


def _permutation(node: Any) -> str:
    order = tuple(node.attrs[0])
    moved = [place for place, dim in enumerate(order) if place != dim]
    if len(order) == 2 and moved:
        return "TBackward0"
    return "TransposeBackward0" if len(moved) == 2 else "PermuteBackward0"


def _slice(node: Any) -> str:
    index = [part for part in node.attrs[0] if part is not Ellipsis]
    return "SelectBackward0" if index and isinstance(index[-1], int) else "SliceBackward0"


def _resample(node: Any) -> str:
    kind, size = node.attrs[:2]
    name = ("Linear", "Bilinear", "Trilinear")[len(size) - 1] if kind == "linear" else kind.capitalize()
    return f"Upsample{name}{len(size)}DBackward0"


_RULES: dict[str, Callable[[Any], str]] = {
    "sum": _reduction,
    "mean": _reduction,
    "prod": _reduction,
    "matmul": _product,
    "linear": _linear,
    "permute": _permutation,
    "slice": _slice,
    "resample": _resample,
    "fill": lambda node: "FillBackward2",
    "clamp": lambda node: "ClampBackward1",
}


def node_name(node: Any) -> str:
    """The name of a node, as torch's operation of the kind would have it: 'AddmmBackward0' of a linear with a bias."""
    name = node.op.name
    rule = _RULES.get(name)
    if rule is not None:
        return rule(node)
    known = _NAMES.get(name)
    return ("".join(part.capitalize() for part in name.split("_")) if known is None else known) + "Backward0"
