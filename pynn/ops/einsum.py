"""Sums of products named by letters: einsum and tensordot, over permute, reshape and matmul."""

import math

from pynn._core import Tensor
from pynn.ops.registry import export
from pynn.ops.triangles import diagonal


def _parse(equation, operands):
    """(labels of each operand, labels of the result); an ellipsis becomes labels of its own, the numbers -1, -2, ..."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): the number of operands specified in the equation ({len(terms)}) does not match the number "
            f"given ({len(operands)}), in {equation!r}."
        )
    labels = []
    widest = 0
    for i, (term, x) in enumerate(zip(terms, operands)):
        before, dots, after = term.partition("...")
        if not (before + after).isalpha() and before + after:
            raise RuntimeError(f"einsum(): invalid subscript given at position {i} of {equation!r}; use letters.")
        spare = x._array.ndim - len(before) - len(after)
        if spare < 0 or (spare and not dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) does not match the "
                f"number of dimensions ({x._array.ndim}) for operand {i} of {equation!r}."
            )
        widest = max(widest, spare)
        labels.append([*before, *range(-spare, 0), *after])
    every = [c for term in labels for c in term]
    if arrow:
        before, dots, after = right.partition("...")
        result = [*before, *(range(-widest, 0) if dots else ()), *after]
        if len(set(result)) != len(result):
            raise RuntimeError(f"einsum(): output subscript appears more than once in the output of {equation!r}.")
    else:
        result = [*range(-widest, 0), *sorted({c for c in every if isinstance(c, str) and every.count(c) == 1})]
    for c in result:
        if c not in every:
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand.")
    return labels, result


def _distinct(x, labels):
    """x with dimensions that share a label replaced by their diagonal."""
    labels = list(labels)
    for c in list(labels):
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            x = diagonal(x, 0, i, j)
            labels = [k for n, k in enumerate(labels) if n not in (i, j)] + [c]
    return x, labels


def _ordered(x, labels, wanted, sizes):
    """x permuted to the labels wanted, stretched to their sizes; labels it lacks become dimensions of size 1."""
    x = x.permute([labels.index(c) for c in wanted if c in labels])
    return x.reshape([1 if c not in labels else x._array.shape[[k for k in wanted if k in labels].index(c)] for c in wanted]).expand(
        [sizes[c] for c in wanted]
    )


def _sum_out(x, labels, kept):
    gone = [i for i, c in enumerate(labels) if c not in kept]
    return (x.sum(gone), [c for c in labels if c in kept]) if gone else (x, labels)


def _product(x, a, y, b, kept, equation):
    sizes = {}
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
    return (left @ right).reshape([sizes[c] for c in out]), out


@export(method=False)
def einsum(equation, *operands):
    """The sum of products of operands that equation names: `einsum("bij,bjk->bik", x, y)`.

    Letters that the result lacks are summed over; `...` stands for leading dimensions that
    broadcast. Operands are multiplied from left to right.
    """
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    if not operands or not all(isinstance(x, Tensor) for x in operands):
        raise ValueError("einsum(): must provide at least one operand, and Tensors only.")
    labels, result = _parse(equation, operands)
    pairs = [_distinct(x, term) for x, term in zip(operands, labels)]
    x, a = pairs[0]
    for i in range(1, len(pairs)):
        y, b = pairs[i]
        later = {c for _, term in pairs[i + 1 :] for c in term}
        x, a = _product(x, a, y, b, set(result) | later, equation)
    x, a = _sum_out(x, a, result)
    return x.permute([a.index(c) for c in result])


@export(method=False)
def tensordot(a, b, dims=2):
    """The sum of products over several dimensions of a and b: the last and first `dims`, or those listed."""
    if isinstance(dims, int):
        mine, theirs = list(range(a._array.ndim - dims, a._array.ndim)), list(range(dims))
    else:
        mine, theirs = ([d] if isinstance(d, int) else list(d) for d in dims)
    mine, theirs = [d % a._array.ndim for d in mine], [d % b._array.ndim for d in theirs]
    rows = [d for d in range(a._array.ndim) if d not in mine]
    columns = [d for d in range(b._array.ndim) if d not in theirs]
    n = math.prod(a._array.shape[d] for d in mine)
    shape = [a._array.shape[d] for d in rows] + [b._array.shape[d] for d in columns]
    if [a._array.shape[d] for d in mine] != [b._array.shape[d] for d in theirs]:
        raise RuntimeError(
            f"contracted dimensions need to match, but got shapes {list(a._array.shape)} and {list(b._array.shape)} "
            f"over dims {mine} and {theirs}."
        )
    return (a.permute(rows + mine).reshape(-1, n) @ b.permute(theirs + columns).reshape(n, -1)).reshape(shape)
