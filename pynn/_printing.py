"""Tensors as text, in torch's form: tensor([[1., 2.]], dtype=...)."""

import numpy

from pynn._dtypes import plain

_options = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors print: digits, when to summarise, items at each edge, line width, scientific form."""
    profiles = {
        "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
        "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
        "full": {"precision": 4, "threshold": float("inf"), "edgeitems": 3, "linewidth": 80},
    }
    if profile is not None:
        _options.update(profiles[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({k: v for k, v in given.items() if v is not None})
    _options["sci_mode"] = sci_mode


def _formatter(values):
    """A function number -> text of one width, chosen by the values as torch chooses."""
    if values.dtype.kind != "f":
        texts = [str(v) for v in values.tolist()]
        width = max(map(len, texts), default=0)
        return lambda v: str(v).rjust(width)
    finite = values[numpy.isfinite(values) & (values != 0)].astype(numpy.float64)
    digits = _options["precision"]
    if finite.size == 0:
        form = lambda v: f"{v:.0f}."  # noqa: E731
    else:
        size = numpy.abs(finite)
        low, high = size.min(), size.max()
        integral = bool(numpy.all(finite == numpy.ceil(finite)))
        scientific = _options["sci_mode"]
        if scientific is None:
            scientific = high / low > 1000.0 or high > 1.0e8 or (not integral and low < 1.0e-4)
            if integral:
                scientific = high / low > 1000.0 or high > 1.0e8
        if scientific:
            form = lambda v: f"{v:.{digits}e}"  # noqa: E731
        elif integral:
            form = lambda v: f"{v:.0f}."  # noqa: E731
        else:
            form = lambda v: f"{v:.{digits}f}"  # noqa: E731

    def one(v):
        return form(v) if numpy.isfinite(v) else ("nan" if numpy.isnan(v) else ("inf" if v > 0 else "-inf"))

    width = max((len(form(v)) for v in finite.tolist()), default=0)  # torch pads nothing to the width of nan and inf
    return lambda v: one(v).rjust(width)


def _edges(array):
    """The elements that a summary shows."""
    n = _options["edgeitems"]
    for axis in range(array.ndim):
        if array.shape[axis] > 2 * n:
            array = numpy.concatenate([array.take(range(n), axis), array.take(range(array.shape[axis] - n, array.shape[axis]), axis)], axis)
    return array


def _text(array, indent, form, summarise):
    edge = _options["edgeitems"]
    if array.ndim == 0:
        return form(array.item())
    cut = summarise and array.shape[0] > 2 * edge
    if array.ndim == 1:
        values = array.tolist()
        parts = [form(v) for v in (values[:edge] + values[-edge:] if cut else values)]
        if cut:
            parts.insert(edge, " ...")
        width = len(parts[0]) + 2 if parts else 1
        a_line = max(1, int((_options["linewidth"] - indent) // max(1, width)))
        lines = [", ".join(parts[i : i + a_line]) for i in range(0, len(parts), a_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = list(range(edge)) + list(range(array.shape[0] - edge, array.shape[0])) if cut else range(array.shape[0])
    parts = [_text(array[i], indent + 1, form, summarise) for i in rows]
    if cut:
        parts.insert(edge, "...")
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def tensor_text(tensor, array):
    """What repr(tensor) shows."""
    tail = []
    kind = array.dtype.name
    array = plain(array)
    if array.size == 0:
        body = "[]"
        if array.shape != (0,):
            tail.append(f"size={tuple(array.shape)}")
    else:
        summarise = array.size > _options["threshold"]
        form = _formatter((_edges(array) if summarise else array).reshape(-1))
        if array.ndim == 0 and array.dtype.kind == "f":
            form = _formatter(array.reshape(-1))
        body = _text(array, 7, form, summarise)
    if kind not in ("float32", "int64", "bool") or (array.size == 0 and kind != "float32"):
        tail.append(f"dtype=pynn.{kind}")
    if tensor.grad_fn is not None:
        tail.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        tail.append("requires_grad=True")
    return "tensor(" + ", ".join([body, *tail]) + ")"
