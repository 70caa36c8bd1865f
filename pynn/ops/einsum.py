"""Sums of products named by letters: einsum and tensordot, over permute, reshape and matmul."""

import math
from typing import Any

from pynn._core import Tensor
from pynn.ops.out import store
from pynn.ops.registry import export
from pynn.ops.strided import diagonal
from pynn.ops.view import normal_dim

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _labels(term: Any, whose: Any, equation: Any) -> Any:
    """(labels before the ellipsis, labels after it or None) of one operand's or the result's subscripts."""
    before, dots, after = term.partition("...")
    for part in (before, after):
        if "..." in part:
            raise RuntimeError(
                f"einsum(): found '.' for {whose} for which an ellipsis was already found, in {equation!r}."
            )
        if "." in part:
            raise RuntimeError(f"einsum(): found '.' for {whose} that is not part of any ellipsis, in {equation!r}.")
        for c in part:
            if c not in _LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {equation.find(c)} in the equation string {equation!r}, "
                    "subscripts must be in [a-zA-Z]"
                )
    return before, after if dots else None


def _parse(equation: Any, operands: Any) -> Any:
    """(labels of each operand, labels of the result); an ellipsis becomes labels of its own, the numbers -1, -2, ..."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        few = "fewer" if len(operands) < len(terms) else "more"
        raise RuntimeError(
            f"einsum(): {few} operands were provided than specified in the equation {equation!r}: {len(operands)} for "
            f"{len(terms)}."
        )
    labels = []
    widest = 0
    for i, (term, x) in enumerate(zip(terms, operands)):
        before, after = _labels(term, f"operand {i}", equation)
        count = len(before) + len(after or "")
        spare = x._array.ndim - count
        if spare < 0 or (spare and after is None):
            no = "and no ellipsis was given" if after is None else "although an ellipsis was given"
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({count}) does not match the number of dimensions "
                f"({x._array.ndim}) for operand {i} {no}, in {equation!r}."
            )
        widest = max(widest, spare)
        labels.append([*before, *range(-spare, 0), *(after or "")])
    every = [c for term in labels for c in term]
    if arrow:
        before, after = _labels(right, "output", equation)
        result = [*before, *(range(-widest, 0) if after is not None else ()), *(after or "")]
        if len(set(result)) != len(result):
            raise RuntimeError(f"einsum(): output subscript appears more than once in the output of {equation!r}.")
    else:
        result = [*range(-widest, 0), *sorted({c for c in every if isinstance(c, str) and every.count(c) == 1})]
    for c in result:
        if c not in every:
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
    return labels, result


def _from_lists(arguments: Any) -> Any:
    """(equation, operands) of `einsum(x, [0, 1], y, [1, ...], [0, ...])`."""

    def term(sublist: Any) -> Any:
        letters = []
        for place in sublist:
            if place is Ellipsis:
                letters.append("...")
            elif not isinstance(place, int) or not 0 <= place < len(_LETTERS):
                raise ValueError(
                    f"einsum(): subscript {place!r} in subscript list is not within the valid range [0, {len(_LETTERS)})"
                )
            else:
                letters.append(_LETTERS[place])
        return "".join(letters)

    operands = arguments[: len(arguments) // 2 * 2 : 2]
    lists = arguments[1::2]
    if not all(isinstance(s, (list, tuple)) for s in lists):
        raise ValueError("einsum(): expected a list of subscripts after each operand.")
    equation = ",".join(term(s) for s in lists)
    if len(arguments) % 2:
        equation += "->" + term(arguments[-1])
    return equation, operands


def _distinct(x: Any, labels: Any) -> Any:
    """x with dimensions that share a label replaced by their diagonal."""
    labels = list(labels)
    for c in list(labels):
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            m, n = x._array.shape[i], x._array.shape[j]
            if m != n:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated for an operand but the sizes don't match, {n} != {m}"
                )
            x = diagonal(x, 0, i, j)
            labels = [k for n, k in enumerate(labels) if n not in (i, j)] + [c]
    return x, labels


def _ordered(x: Any, labels: Any, wanted: Any, sizes: Any) -> Any:
    """x permuted to the labels wanted, stretched to their sizes; labels it lacks become dimensions of size 1."""
    x = x.permute([labels.index(c) for c in wanted if c in labels])
    return x.reshape(
        [1 if c not in labels else x._array.shape[[k for k in wanted if k in labels].index(c)] for c in wanted]
    ).expand([sizes[c] for c in wanted])


def _sum_out(x: Any, labels: Any, kept: Any) -> Any:
    gone = [i for i, c in enumerate(labels) if c not in kept]
    return (x.sum(gone), [c for c in labels if c in kept]) if gone else (x, labels)


def _product(x: Any, a: Any, y: Any, b: Any, kept: Any, equation: Any) -> Any:
    sizes: dict[str, int] = {}
    for t, labels in ((x, a), (y, b)):
        for n, c in zip(t._array.shape, labels):
            held = sizes.get(c, 1)
            if n != held and n != 1 and held != 1:
                raise RuntimeError(
                    f"einsum(): subscript {c} has size {n} for an operand which does not broadcast with previously seen "
                    f"size {held}, in {equation!r}."
                )
            sizes[c] = held if n == 1 else n
    x, a = _sum_out(x, a, set(b) | set(kept))
    y, b = _sum_out(y, b, set(a) | set(kept))
    batch = [c for c in a if c in b and c in kept]
    inner = [c for c in a if c in b and c not in kept]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    size = [math.prod(sizes[c] for c in group) for group in (batch, rows, inner, columns)]
    left = _ordered(x, a, batch + rows + inner, sizes).reshape(size[0], size[1], size[2])
    right = _ordered(y, b, batch + inner + columns, sizes).reshape(size[0], size[2], size[3])
    out = batch + rows + columns
    if x._array.dtype == y._array.dtype:
        return (left @ right).reshape([sizes[c] for c in out]), out
    if inner:
        raise RuntimeError(
            f"einsum(): expected operands of one dtype, but found {x.dtype} and {y.dtype}, which {equation!r} sums over "
            f"{inner[0]!r}. Cast one with .to(dtype)."
        )
    return (left * right).reshape([sizes[c] for c in out]), out


@export(method=False)
def einsum(*args: Any) -> Tensor:
    """The sum of products of operands that equation names: `einsum("bij,bjk->bik", x, y)`.

    Letters that the result lacks are summed over; one that an operand has twice names its diagonal; `...` stands for
    dimensions that broadcast. `einsum(x, [0, 1], y, [1, 2], [0, 2])` says the same with numbers below 52.
    Operands are multiplied from left to right; where two share a letter that is summed over, they have one dtype, and
    promote as in `x * y` elsewhere. Raises ValueError without operands, RuntimeError for an
    equation that does not fit them.
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        equation, operands = _from_lists(args)
    else:
        equation, operands = args[0], args[1:]
        if not isinstance(equation, str):
            raise TypeError(f"einsum(): the equation must be str, not {type(equation).__name__}.")
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(x).__name__}")
    labels, result = _parse(equation, operands)
    pairs = [_distinct(x, term) for x, term in zip(operands, labels)]
    x, a = pairs[0]
    for i in range(1, len(pairs)):
        y, b = pairs[i]
        later = {c for _, term in pairs[i + 1 :] for c in term}
        x, a = _product(x, a, y, b, set(result) | later, equation)
    x, a = _sum_out(x, a, result)
    found: Tensor = x.permute([a.index(c) for c in result])
    return found


def _dims_of_both(a: Any, b: Any, dims: Any) -> Any:
    """The dimensions of a and of b that tensordot contracts, as two lists."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a._array.ndim, b._array.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(a._array.ndim - dims, a._array.ndim)), list(range(dims))
    if len(dims) != 2:
        raise RuntimeError(f"tensordot expects dims to be an int or two lists of ints, got {dims!r}.")
    found = []
    for x, own in zip((a, b), dims):
        own = [normal_dim(d, x._array.ndim) for d in ([own] if isinstance(own, int) else own)]
        for d in own:
            if own.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        found.append(own)
    if len(found[0]) != len(found[1]):
        raise RuntimeError(f"both dimension lists should have same length, got {dims!r}.")
    return found


@export(method=False)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """The sum of products over several dimensions of a and b: the last and first `dims`, or those listed for each.

    A dimension of size 1 broadcasts against its partner. Raises RuntimeError where other sizes or the dtypes differ.
    """
    for argument, x in (("a", a), ("b", b)):
        if not isinstance(x, Tensor):
            raise TypeError(f"tensordot(): argument '{argument}' must be Tensor, not {type(x).__name__}.")
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(f"both inputs should have same dtype, got {a.dtype} and {b.dtype}.")
    mine, theirs = _dims_of_both(a, b, dims)
    for i, j in zip(mine, theirs):
        m, n = a._array.shape[i], b._array.shape[j]
        if m == n:
            continue
        if m != 1 and n != 1:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {m} in dim {i} and second has size {n} in dim {j}"
            )
        if m == 1:
            b = b.sum(j, keepdim=True, dtype=b.dtype)
        else:
            a = a.sum(i, keepdim=True, dtype=a.dtype)
    rows = [d for d in range(a._array.ndim) if d not in mine]
    columns = [d for d in range(b._array.ndim) if d not in theirs]
    n = math.prod(a._array.shape[d] for d in mine)
    first, second = [a._array.shape[d] for d in rows], [b._array.shape[d] for d in columns]
    left = a.permute(rows + mine).reshape(math.prod(first), n)
    result = (left @ b.permute(theirs + columns).reshape(n, math.prod(second))).reshape(first + second)
    return result if out is None else store(out, result, "tensordot")
