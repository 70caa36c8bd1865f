"""What torch calls the nodes of the tape, where its operation has another name than ours."""

import re
from collections.abc import Callable
from typing import Any


def _camel(name: str) -> str:
    """max_pool2d as MaxPool2D: what follows an underscore or a digit is a capital."""
    return re.sub(r"(?:^|_|(?<=\d))([a-z])", lambda found: found[1].upper(), name)


_NAMES = {
    "assign": "Copy", "batch_norm": "NativeBatchNorm", "batch_norm_fixed": "NativeBatchNorm", "cast": "ToCopy",
    "cholesky_ex": "LinalgCholeskyEx", "clamp_tensor": "Clamp", "det": "LinalgDet", "dropout": "Mul",
    "group_norm": "NativeGroupNorm", "layer_norm": "NativeLayerNorm", "lay_out": "Clone", "logsigmoid": "LogSigmoid",
    "lstsq": "LinalgLstsq", "lu_factor_ex": "LinalgLuFactorEx", "matrix_exp": "LinalgMatrixExp", "max_dim": "Max",
    "max_pool2d": "MaxPool2DWithIndices", "max_pool3d": "MaxPool3DWithIndices", "min_dim": "Min",
    "norm": "LinalgVectorNorm", "pad": "ConstantPadNd", "prelu": "PreluKernel", "rms_norm": "Mul",
    "scaled_dot_product_attention": "ScaledDotProductFlashAttentionForCpu", "selu": "Elu", "slogdet": "LinalgSlogdet",
    "softsign": "Div", "std_root": "Std", "solve_triangular": "LinalgSolveTriangular", "square": "Pow", "tanhshrink": "Sub",
    "unfold": "Im2Col", "fold": "Col2Im", "unfold_dim": "Unfold",
    **{name: "Special" + _camel(name) for name in ("entr", "erfcx", "i0e", "i1", "i1e", "log_ndtr", "ndtri", "xlog1py")},
    **{name: "Convolution" for base in ("conv1d", "conv2d", "conv3d") for name in (base, base + "_input")},
}  # fmt: skip


def _reduction(node: Any) -> str:
    dims = node.attrs[0] if node.attrs else None
    ndim = len(node.saved[1].shape) if node.saved and len(node.saved) > 1 and node.saved[1] is not None else None
    whole = dims is None or not isinstance(dims, tuple) or len(dims) == ndim
    name: str = node.op.name.capitalize()
    return name + ("Backward0" if whole else "Backward1")


def _product(node: Any) -> str:
    ranks = tuple(getattr(value, "ndim", 2) for value in node.saved[1:3]) if node.saved else (2, 2)
    named: dict[tuple[int, ...], str] = {
        (1, 1): "DotBackward0",
        (2, 1): "MvBackward0",
        (1, 2): "SqueezeBackward4",
        (2, 2): "MmBackward0",
        (3, 3): "BmmBackward0",
    }
    return named.get(ranks, "UnsafeViewBackward0")  # batches are laid out as matrices first


def _linear(node: Any) -> str:
    rank = getattr(node.saved[1], "ndim", 2) if node.saved else 2
    if len(node.edges) > 2 and node.edges[2] is not None:
        return "AddmmBackward0" if rank == 2 else "ViewBackward0"
    return {1: "SqueezeBackward4", 2: "MmBackward0"}.get(rank, "UnsafeViewBackward0")


def _view(node: Any) -> str:
    """A view that only adds or drops sizes of 1 is called so."""
    before, after = node.saved[1].shape if node.saved else node.attrs[0], node.attrs[0]
    more = len(after) - len(before)
    if not more or [n for n in before if n != 1] != [n for n in after if n != 1]:
        return "ViewBackward0"
    named = {1: "UnsqueezeBackward0", -1: "SqueezeBackward1"}
    return named.get(more, "SqueezeBackward0" if more < 0 and 1 not in after else "ViewBackward0")


def _permutation(node: Any) -> str:
    order = tuple(node.attrs[0])
    moved = [place for place, dim in enumerate(order) if place != dim]
    if len(order) == 2 and moved:
        return "TBackward0"
    return "TransposeBackward0" if len(moved) == 2 else "PermuteBackward0"


def _slice(node: Any) -> str:
    index = [part for part in node.attrs[0] if part is not Ellipsis]
    if index and index[-1] is None:
        return "UnsqueezeBackward0"
    return "SelectBackward0" if index and isinstance(index[-1], int) else "SliceBackward0"


def _resample(node: Any) -> str:
    kind, size = node.attrs[:2]
    by_size = ("Linear", "Bilinear", "Trilinear")[len(size) - 1]
    name = {"linear": by_size, "cubic": "Bicubic", "nearest-exact": "NearestExact"}.get(kind, kind.capitalize())
    return f"Upsample{name}{len(size)}DBackward0"


def _second(place: int) -> Callable[[Any], str]:
    """The name of an op that torch has for a number (Backward0) and for a tensor (Backward1) as its input `place`."""

    def name(node: Any) -> str:
        saved = node.saved or (None, 0, *[0] * place)  # none is kept where only the gradient of the first is asked for
        if isinstance(saved[1], (int, float)) and node.op.name == "pow" and node.saved:
            return "PowBackward2"
        return _camel(node.op.name) + ("Backward0" if isinstance(saved[place + 1], (int, float)) else "Backward1")

    return name


def _loss(each: str) -> Callable[[Any], str]:
    """The name of a loss that torch composes: its last step is the reduction, or without one `each`."""
    return lambda node: {"mean": "Mean", "sum": "Sum"}.get(_reduced(node), each) + "Backward0"


def _reduced(node: Any) -> Any:
    return next((x for x in node.attrs if x in ("mean", "sum", "none")), None)


def _cross_entropy(node: Any) -> str:
    if node.attrs[1]:
        return "AddBackward0"  # the smoothed part is added
    images = node.saved and getattr(node.saved[1], "ndim", 2) > 2
    return ("NllLoss2D" if images else "NllLoss") + "Backward0"


def _pad_edges(node: Any) -> str:
    mode = next((x for x in node.attrs if isinstance(x, str)), "")
    kind = {"reflect": "Reflection", "replicate": "Replication"}.get(mode)
    pads = node.attrs[0]
    count = next((len(pads) - i for i, pair in enumerate(pads) if any(pair)), 1)
    return f"{kind}Pad{count}DBackward0" if kind else "CopySlices"


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
    "cross_entropy": _cross_entropy,
    "div_rounded": lambda node: "DivBackward2",
    "fmod": _second(1),
    "hinge_embedding_loss": _loss("Add"),
    "kl_div": _loss("Mul"),
    "l1_loss": _loss("Abs"),
    "lerp": _second(2),
    "pad_edges": _pad_edges,
    "poisson_nll_loss": _loss("Sub"),
    "pow": _second(1),
    "remainder": _second(1),
    "round_decimals": lambda node: "RoundBackward1",
    "sum_to_size": lambda node: "SumBackward1",
    "view": _view,
}


def node_name(node: Any) -> str:
    """The name of a node, as torch's operation of the kind would have it: 'AddmmBackward0' of a linear with a bias."""
    name = node.op.name
    rule = _RULES.get(name)
    if rule is not None:
        return rule(node)
    known = _NAMES.get(name)
    return (_camel(name) if known is None else known) + "Backward0"
