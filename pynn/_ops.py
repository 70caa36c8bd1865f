"""torch.ops' namespaces: `pynn.ops.aten.add.Tensor(x, y)` is `pynn.add(x, y)`.

There is no dispatcher: an operation is the public function of its name (or what the table below has), and so is each of
its overloads, which are told apart by name alone.
"""

import functools
import re
from collections.abc import Callable
from typing import Any, cast

import pynn
from pynn._stand_ins import reason, stand_in
from pynn.nn import functional as F
from pynn.nn.functional.twins import _reduction

__all__ = ["OpOverload", "OpOverloadPacket"]

_OVERLOADS = frozenset(
    """
    default Tensor Scalar int float self t vec dim dims names dtype start start_step step using_ints input output generator
    size List ScalarList Tensor_Scalar Scalar_Tensor Tensor_Tensor Tensor_mode Scalar_mode dim_IntList dim_int correction
    values stable any all_dim static sizes ord_str ord_dtype ScalarOpt_dim ScalarOpt_dim_dtype Tensor_float Scalar_Scalar
    int_Tensor int_Scalar Dimname src value reduce value_reduce two sections indices elements decimals periodic high low
    Tensor_Scalar_out self_int self_Tensor self_tensor n_scalar x_scalar low_generator low_dtype other self_Scalar
    other_Scalar Tensor_and_Scalar
    """.split()  # noqa: SIM905  (a list of names reads best as one)
)


class OpOverload:
    """One overload of an operation, such as aten.add.Tensor: a call of the operation."""

    def __init__(self, packet: "OpOverloadPacket", overload: str) -> None:
        self.overloadpacket, self.namespace, self._overloadname = packet, packet._namespace, overload
        self.__name__ = f"{packet.__name__}.{overload}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.overloadpacket(*args, **kwargs)

    @property
    def op(self) -> "OpOverloadPacket":
        """The operation that this is an overload of."""
        return self.overloadpacket

    def name(self) -> str:
        """The full name: aten::add.Tensor, or aten::mm of the default overload."""
        qualified = self.overloadpacket._qualified_op_name
        return qualified if self._overloadname == "default" else f"{qualified}.{self._overloadname}"

    def __str__(self) -> str:
        return f"{self.overloadpacket}.{self._overloadname}"

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self.overloadpacket}', overload='{self._overloadname}')>"

    def __reduce__(self) -> Any:
        return getattr, (self.overloadpacket, self._overloadname)


class OpOverloadPacket:
    """An operation of a namespace, such as aten.add; its overloads are its attributes."""

    def __init__(self, namespace: str, name: str, function: Callable[..., Any]) -> None:
        self._namespace, self.__name__, self._function = namespace, name, function
        self._qualified_op_name = f"{namespace}::{name}"
        self.__doc__ = function.__doc__

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __getattr__(self, name: str) -> OpOverload:
        if name not in _OVERLOADS and not re.fullmatch(r"(\w+_)?out", name):
            raise AttributeError(f"The underlying op of '{self}' has no overload name '{name}'")
        found = OpOverload(self, name)
        self.__dict__[name] = found
        return found

    def __str__(self) -> str:
        return f"{self._namespace}.{self.__name__}"

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self}')>"

    def __reduce__(self) -> Any:
        return getattr, (namespace(self._namespace), self.__name__)


class _OpNamespace:
    """The operations of one namespace, found when they are first asked for."""

    def __init__(self, name: str, find: Callable[[str], Callable[..., Any] | None]) -> None:
        self._name, self._find = name, find

    def __getattr__(self, name: str) -> OpOverloadPacket:
        found = None if name.startswith("__") else self._find(name)
        if found is None:
            raise AttributeError(
                f"there is no operation {self._name}::{name} here; pynn.library.custom_op makes one of your own."
            )
        packet = OpOverloadPacket(self._name, name, found)
        self.__dict__[name] = packet
        return packet

    def __reduce__(self) -> Any:
        return namespace, (self._name,)


def _attribute(place: Any, name: str) -> Callable[..., Any] | None:
    try:
        found = getattr(place, name)
    except (AttributeError, NotImplementedError):  # the second for names that pynn explains the absence of
        return None
    return cast(Callable[..., Any], found) if callable(found) and not isinstance(found, type) else None


def _aten(name: str) -> Callable[..., Any] | None:
    if name in _SPECIAL:
        return _SPECIAL[name]
    prefix, _, rest = name.partition("_")
    if prefix in ("linalg", "special"):
        return _attribute(getattr(pynn, prefix), rest)
    return next((f for f in (_attribute(p, name) for p in (pynn, F, pynn.Tensor)) if f is not None), None)


def _torchvision(name: str) -> Callable[..., Any] | None:
    from pynn.vision import ops

    return _attribute(ops, name)


def _own(space: str) -> Callable[[str], Callable[..., Any] | None]:
    from pynn.library import _OPS

    def find(name: str) -> Callable[..., Any] | None:
        full = f"{space}::{name}"
        return (lambda *args, **kwargs: _OPS[full](*args, **kwargs)) if full in _OPS else None

    return find


_NAMESPACES = {name: _OpNamespace(name, find) for name, find in (("aten", _aten), ("torchvision", _torchvision))}


def namespace(name: str) -> _OpNamespace | None:
    """The namespace of a name, or None where there is no operation in it."""
    from pynn.library import _OPS

    if name not in _NAMESPACES and any(op.startswith(name + "::") for op in _OPS):
        _NAMESPACES[name] = _OpNamespace(name, _own(name))
    return _NAMESPACES.get(name)


# ---- operations whose arguments are others than those of the public function ----


def _loss(name: str, *arguments: str) -> Callable[..., Any]:
    """A loss of F's whose further arguments are in this order, and its reduction a number."""

    def function(input: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        named = {**dict(zip(arguments, args)), **kwargs}
        reduction = _reduction(named.pop("reduction", 1))
        return getattr(F, name)(input, target, **named, reduction=reduction)

    return function


def _upsample(mode: str, antialias: bool = False) -> Callable[..., Any]:
    def resized(input: Any, size: Any, align_corners: Any, scales: Any, named: Any) -> Any:
        factors = named.get("scale_factors", scales[0] if scales else None)
        wanted = {"scale_factor": factors} if size is None else {"size": size}
        return F.interpolate(input, **wanted, mode=mode, align_corners=align_corners, antialias=antialias)

    if mode.startswith("nearest"):
        return lambda input, output_size, *scales, **named: resized(input, output_size, None, scales, named)
    return lambda input, output_size, align_corners, *scales, **named: resized(
        input, output_size, align_corners, scales, named
    )


def _padded(mode: str) -> Callable[..., Any]:
    return lambda self, padding: F.pad(self, padding, mode)


def _sliced(self: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return self[(slice(None),) * (dim % self.dim()) + (slice(start, end, step),)]


def _to_copy(self: Any, *, layout: Any = None, pin_memory: Any = None, **kwargs: Any) -> Any:
    return self.to(**{k: v for k, v in kwargs.items() if v is not None}, copy=True)


_SPECIAL: dict[str, Callable[..., Any]] = {
    "_adaptive_avg_pool2d": F.adaptive_avg_pool2d,
    "_adaptive_avg_pool3d": F.adaptive_avg_pool3d,
    "_local_scalar_dense": lambda self: self.item(),
    "_log_softmax": lambda self, dim, half_to_float: F.log_softmax(self, dim),
    "_reshape_alias": lambda self, size, stride: self.as_strided(size, stride),
    "_safe_softmax": lambda self, dim, dtype=None: F.softmax(self, dim, dtype=dtype).nan_to_num(0.0),
    "_softmax": lambda self, dim, half_to_float: F.softmax(self, dim),
    "_to_copy": _to_copy,
    "_unsafe_index": lambda self, indices: self[tuple(slice(None) if i is None else i for i in indices)],
    "_unsafe_view": lambda self, size: self.view(size),
    "alias": lambda self: self.view_as(self),
    "col2im": lambda self, output_size, kernel_size, dilation, padding, stride: F.fold(
        self, output_size, kernel_size, dilation, padding, stride
    ),
    "copy": lambda self, src, non_blocking=False: self.clone().copy_(src),
    "elu": lambda self, alpha=1, scale=1, input_scale=1: F.elu(self * input_scale, alpha) * scale,
    "im2col": lambda self, kernel_size, dilation, padding, stride: F.unfold(
        self, kernel_size, dilation, padding, stride
    ),
    "lift_fresh": lambda self: self,
    "log_sigmoid": F.logsigmoid,
    "max_pool2d_with_indices": functools.partial(F.max_pool2d, return_indices=True),
    "max_pool3d_with_indices": functools.partial(F.max_pool3d, return_indices=True),
    "slice": _sliced,
    "sym_numel": lambda self: self.numel(),
    "sym_size": lambda self, *dim: self.size(*dim),
    "sym_storage_offset": lambda self: self.storage_offset(),
    "sym_stride": lambda self, *dim: self.stride(*dim),
    "zero": lambda self: self.clone().zero_(),
    "l1_loss": _loss("l1_loss", "reduction"),
    "mse_loss": _loss("mse_loss", "reduction"),
    "soft_margin_loss": _loss("soft_margin_loss", "reduction"),
    "multilabel_margin_loss": _loss("multilabel_margin_loss", "reduction"),
    "smooth_l1_loss": _loss("smooth_l1_loss", "reduction", "beta"),
    "huber_loss": _loss("huber_loss", "reduction", "delta"),
    "multi_margin_loss": _loss("multi_margin_loss", "p", "margin", "weight", "reduction"),
    "binary_cross_entropy": _loss("binary_cross_entropy", "weight", "reduction"),
    "cross_entropy_loss": _loss("cross_entropy", "weight", "reduction", "ignore_index", "label_smoothing"),
    **dict.fromkeys(
        ("nll_loss", "nll_loss2d", "nll_loss_nd"), _loss("nll_loss", "weight", "reduction", "ignore_index")
    ),
    **{f"reflection_pad{d}d": _padded("reflect") for d in (1, 2, 3)},
    **{f"replication_pad{d}d": _padded("replicate") for d in (1, 2, 3)},
    **{f"upsample_nearest{d}d": _upsample("nearest") for d in (1, 2, 3)},
    **{f"_upsample_nearest_exact{d}d": _upsample("nearest-exact") for d in (1, 2, 3)},
    "upsample_linear1d": _upsample("linear"),
    "upsample_bilinear2d": _upsample("bilinear"),
    "upsample_bicubic2d": _upsample("bicubic"),
    "upsample_trilinear3d": _upsample("trilinear"),
    "_upsample_bilinear2d_aa": _upsample("bilinear", True),
    "_upsample_bicubic2d_aa": _upsample("bicubic", True),
}
_SPECIAL["index"] = _SPECIAL["_unsafe_index"]
_SPECIAL["lift"] = _SPECIAL["lift_fresh"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'.")
    return stand_in(__name__, name, reason("_ops") or "")
