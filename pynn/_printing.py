"""Tensors as text, in torch's form: tensor([[1., 2.]], dtype=...)."""

import math
from collections.abc import Callable
from typing import Any

import numpy

from pynn._dtypes import default_float, plain

_options: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print: digits, when to summarise, items at each edge, line width, scientific form.

    profile: "default", "short" or "full" (nothing left out); ValueError for any other. What is given beside it counts
    more. sci_mode: None lets the values decide, anew at each call, as in torch.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"profile must be 'default', 'short' or 'full', got {profile!r}.")
        _options.update(_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({k: v for k, v in given.items() if v is not None})
    _options["sci_mode"] = sci_mode


def _formatter(values: numpy.ndarray) -> tuple[Callable[[Any], str], int]:
    """(number -> text, the width those texts are padded to), chosen by the values as torch chooses."""
    if values.dtype.kind != "f":
        width = max((len(str(v)) for v in values.tolist()), default=1)
        return lambda v: str(v).rjust(width), width
    finite = values[numpy.isfinite(values) & (values != 0)].astype(numpy.float64)
    digits = _options["precision"]
    integral = finite.size == 0 or bool(numpy.all(finite == numpy.ceil(finite)))
    scientific = False
    form: Callable[[Any], str]
    if finite.size:
        size = numpy.abs(finite)
        low, high = size.min(), size.max()
        scientific = _options["sci_mode"]
        if scientific is None:
            with numpy.errstate(over="ignore"):
                scientific = bool(high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4)
    if scientific:
        form = lambda v: f"{v:.{digits}e}"  # noqa: E731
    elif integral:
        form = lambda v: f"{v:.0f}." if math.isfinite(v) else f"{v:.0f}"  # noqa: E731
    else:
        form = lambda v: f"{v:.{digits}f}"  # noqa: E731
    width = max((len(form(v)) for v in finite.tolist()), default=1)  # torch pads nothing to the width of nan and inf
    return lambda v: form(v).rjust(width), width


def _edges(array: numpy.ndarray) -> numpy.ndarray:
    """The elements that a summary shows, and by which it chooses its form."""
    n = _options["edgeitems"]
    if n == 0:
        return array if array.ndim == 1 else array.reshape(-1)[:0]
    for axis in range(array.ndim):
        size = array.shape[axis]
        if size > 2 * n:
            array = array.take([*range(n), *range(size - n, size)], axis)
    return array


def _text(array: numpy.ndarray, indent: int, form: Callable[[Any], str], width: int, summarise: bool) -> str:
    edge = _options["edgeitems"]
    if array.ndim == 0:
        return form(array.item())
    cut = summarise and array.shape[0] > 2 * edge
    if array.ndim == 1:
        if cut:
            parts = [form(v) for v in array[:edge].tolist()]
            parts += [" ..." if edge else "...", *(form(v) for v in array[array.shape[0] - edge :].tolist())]
        else:
            parts = [form(v) for v in array.tolist()]
        a_line = max(1, (_options["linewidth"] - indent) // (width + 2))
        lines = [", ".join(parts[i : i + a_line]) for i in range(0, len(parts), a_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [*range(edge), *range(array.shape[0] - edge, array.shape[0])] if cut else range(array.shape[0])
    parts = [_text(array[i], indent + 1, form, width, summarise) for i in rows]
    if cut:
        parts.insert(edge, "...")
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _with_tail(body: str, tail: list[str], indent: int) -> str:
    """The text and what follows it, on a new line where the line would grow too long."""
    used = len(body) - body.rfind("\n") + 1
    parts = [body]
    for item in tail:
        if used + len(item) + 2 > _options["linewidth"]:
            parts.append(",\n" + " " * indent + item)
            used = indent + len(item)
        else:
            parts.append(", " + item)
            used += len(item) + 2
    return "".join(parts) + ")"


def tensor_text(tensor: Any, array: numpy.ndarray) -> str:
    """What repr(tensor) shows; a subclass under its own name."""
    cls = type(tensor)
    own = cls.__module__.partition(".")[0] == "pynn"
    prefix = "tensor(" if own else cls.__name__ + "("
    tail = []
    default = array.dtype == default_float()
    kind = array.dtype.name
    array = plain(array)
    if array.size == 0:
        body = "[]"
        if array.ndim != 1:
            tail.append(f"size={tuple(array.shape)}")
        if not default:
            tail.append(f"dtype=pynn.{kind}")
    else:
        if not _options["edgeitems"]:
            tail.append(f"size={tuple(array.shape)}")
        if not default and kind not in ("int64", "bool"):
            tail.append(f"dtype=pynn.{kind}")
        summarise = array.size > _options["threshold"]
        form, width = _formatter((_edges(array) if summarise else array).reshape(-1))
        body = _text(array, len(prefix), form, width, summarise)
    if tensor.is_cuda:
        tail.insert(0, f"device='{tensor.device}'")
    grad_fn = tensor.grad_fn
    if grad_fn is not None:
        tail.append(f"grad_fn=<{grad_fn.name()}>")
    elif tensor.requires_grad:
        tail.append("requires_grad=True")
    return _with_tail(prefix + body, tail, len(prefix))
