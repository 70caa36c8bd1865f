"""Views as copies (`view_copy`, ...), copies with a part replaced (`slice_scatter`, ...), and pieces of tensors."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from pynn._core import METHODS, Tensor, unary
from pynn.ops.cast import CLONE
from pynn.ops.out import takes_out
from pynn.ops.registry import export
from pynn.ops.selecting import chunk, narrow, split
from pynn.ops.strided import as_strided, diagonal
from pynn.ops.view import _ints, normal_dim


def _publish_copy(name: str, view: Callable[..., Any]) -> Callable[..., Any]:
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        out = view(input, *args, **kwargs)
        return unary(CLONE, out) if isinstance(out, Tensor) else tuple(unary(CLONE, x) for x in out)

    function.__name__ = name + "_copy"
    function.__doc__ = f"`{name}` as a copy, in memory of its own."
    export(function.__name__, method=False)(takes_out(function))
    return function


for _name in (
    "detach", "diagonal", "expand", "permute", "select", "split", "squeeze", "t", "transpose", "unbind", "unfold",
    "unsqueeze", "view", "as_strided",
):  # fmt: skip
    _publish_copy(_name, METHODS[_name])
_publish_copy("alias", lambda x: x)


def _narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    try:
        dim = normal_dim(dim, input._array.ndim)
    except IndexError as error:  # what `narrow` raises; torch's copy differs from its view
        raise RuntimeError(str(error)) from None
    return narrow(input, dim, start, length)


export("narrow_copy", function=False)(_publish_copy("narrow", _narrow))


def _slice(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return input[(slice(None),) * normal_dim(dim, input._array.ndim) + (slice(start, end, step),)]


_publish_copy("slice", _slice)


# ---- a copy with a part replaced ----


def _replaced(name: str, input: Tensor, src: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
    out = unary(CLONE, input)
    window = part(out)
    if window._array.shape != src._array.shape:
        raise RuntimeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = {list(src._array.shape)}, slice "
            f"size = {list(window._array.shape)}."
        )
    window.copy_(src)
    return out


@export()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of input with src in place of its part start:end:step along dim. RuntimeError unless src has that part's shape."""
    return _replaced("slice_scatter", input, src, lambda x: _slice(x, dim, start, end, step))


@export()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of input with src in place of its slice at index along dim. RuntimeError unless src has that slice's shape."""
    return _replaced("select_scatter", input, src, lambda x: x.select(dim, index))


@export()
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of input with src in place of a diagonal. RuntimeError unless src has the diagonal's shape."""
    return _replaced("diagonal_scatter", input, src, lambda x: diagonal(x, offset, dim1, dim2))


@export()
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy of input with src in the places that as_strided shows. RuntimeError unless src has that shape."""
    return _replaced("as_strided_scatter", input, src, lambda x: as_strided(x, size, stride, storage_offset or 0))


# ---- pieces ----


@export("split_with_sizes")
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """input cut along dim into pieces of the sizes given, which must add up to dim's size. Views."""
    pieces = split(input, [int(n) for n in split_sizes], dim)
    return pieces


_publish_copy("split_with_sizes", split_with_sizes)


def _publish_unsafe(name: str, function: Callable[..., Any]) -> None:
    def unsafe(input: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        return tuple(unary(CLONE, x) for x in function(input, *args, **kwargs))

    unsafe.__name__ = "unsafe_" + name
    unsafe.__doc__ = f"`{name}` as copies: a write to one piece shows nowhere else."
    export(unsafe.__name__)(unsafe)


for _name, _function in (("split", split), ("chunk", chunk), ("split_with_sizes", split_with_sizes)):
    _publish_unsafe(_name, _function)


@export()
def tensor_split(input: Tensor, indices_or_sections: Tensor | int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """input cut along dim into n pieces of almost equal size, or at the indices listed. Views.

    indices_or_sections: an int or a 0-d tensor, or indices (a 1-D tensor too; those below 0 count from the end).
    """
    if input._array.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims.")
    n = input._array.shape[normal_dim(dim, input._array.ndim)]
    if isinstance(indices_or_sections, Tensor):
        if indices_or_sections._array.ndim > 1 or indices_or_sections._array.dtype.kind != "i":
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor of "
                f"int64, but got {indices_or_sections._array.dtype} of shape {list(indices_or_sections._array.shape)}."
            )
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        if indices_or_sections <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {indices_or_sections}.")
        whole, more = divmod(n, indices_or_sections)
        cuts = list(itertools.accumulate(whole + (i < more) for i in range(indices_or_sections - 1)))
    else:
        cuts = [min(max(int(i) + n if i < 0 else int(i), 0), n) for i in indices_or_sections]
    return tuple(narrow(input, dim, a, max(b - a, 0)) for a, b in itertools.pairwise([0, *cuts, n]))


def _publish_split(name: str, least: int, dim_of: Callable[[Tensor], int]) -> None:
    def function(input: Tensor, *indices_or_sections: Any, **named: Any) -> tuple[Tensor, ...]:
        if named:
            indices_or_sections = tuple(named.values())
        given = indices_or_sections[0] if len(indices_or_sections) == 1 else indices_or_sections
        if input._array.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension{'s' if least > 1 else ''}, but got a tensor "
                f"with {input._array.ndim} dimensions!"
            )
        dim = dim_of(input)
        if isinstance(given, int) and (given == 0 or input._array.shape[dim] % given):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
                f"{input._array.shape[dim]} is not divisible by the split_size {given}!"
            )
        pieces: tuple[Tensor, ...] = tensor_split(input, given, dim)
        return pieces

    function.__name__ = name
    function.__doc__ = (
        "input cut into n equal pieces, or at the indices listed, along the dimension of that name. Views."
    )
    export(name)(function)


_publish_split("hsplit", 1, lambda x: 0 if x._array.ndim == 1 else 1)
_publish_split("vsplit", 2, lambda x: 0)
_publish_split("dsplit", 3, lambda x: 2)


@export()
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged (a view): of real numbers, the adjoint is the transpose."""
    if input._array.ndim == 0:
        return input.permute(())
    if input._array.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input._array.ndim}-D tensor."
        )
    return input.transpose(-2, -1)


@export()
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """input with `value` around it: pad is (left, right) of the last dimension, then of the one before it, ...

    Negative pads cut off.
    """
    sizes = _ints((pad,))
    if len(sizes) % 2 or len(sizes) > 2 * input._array.ndim:
        raise RuntimeError(
            f"Length of pad must be even and at most twice the number of dimensions ({input._array.ndim}), got {list(sizes)}."
        )
    shape = list(input._array.shape)
    inside: list[slice] = [slice(None)] * len(shape)
    outside: list[slice] = [slice(None)] * len(shape)
    for k in range(len(sizes) // 2):
        d, (left, right) = len(shape) - 1 - k, sizes[2 * k : 2 * k + 2]
        grown = shape[d] + left + right
        if grown < 0:
            raise RuntimeError(
                f"The input size {shape[d]}, plus negative padding {left} and {right}, resulted in a negative output size, "
                f"which is invalid. Check dimension {d} of your input."
            )
        inside[d] = slice(max(-left, 0), shape[d] - max(-right, 0))
        outside[d] = slice(max(left, 0), grown - max(right, 0))
        shape[d] = grown
    out = input.new_full(shape, value)
    out[tuple(outside)] = input[tuple(inside)]
    return out
