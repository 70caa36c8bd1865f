"""Parts of matrices: triangles and diagonals."""

from typing import Any

import numpy

from pynn._core import Tensor, call, call_inplace, made
from pynn._device import DeviceLike
from pynn._dtypes import INT64, to_numpy
from pynn._dtypes import dtype as Dtype
from pynn._layout import layout as Layout
from pynn.amp.autocast_mode import float32_function
from pynn.ops.cast import COPY_
from pynn.ops.devices import beside_input
from pynn.ops.diagonals import DIAG_EMBED
from pynn.ops.registry import Sample, export, register, run
from pynn.ops.strided import diagonal
from pynn.ops.view import normal_dim


def _check_tensor(name: str, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(x).__name__}.")


def _matrix_check(name: str) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        if inputs[0]._array.ndim < 2:
            raise RuntimeError(
                f"{name}: input tensor must have at least 2 dimensions, got shape {list(inputs[0]._array.shape)}."
            )
        return inputs

    return check


def _triangle(name: str, reference: Any) -> Any:
    def vjp(xp: Any, g: Any, out: Any, x: Any, diagonal: Any) -> Any:
        return run(xp, op, (g,), (diagonal,))

    op = register(
        name,
        exact=True,
        vjp=(vjp,),
        shape=lambda x, diagonal: x,
        dtype="same",
        check=_matrix_check(name),
        attrs=("diagonal",),
        samples=lambda rng: [
            Sample((rng.normal(size=s),), (k,)) for s in ((3, 4), (2, 4, 3), (0, 3)) for k in (0, 1, -2)
        ],
        torch=lambda t, x, diagonal: getattr(t, name)(x, diagonal),
    )(reference)

    def function(input: Tensor, diagonal: int = 0) -> Tensor:
        return call(op, (input,), (int(diagonal),))

    def function_(self: Any, diagonal: int = 0) -> Tensor:
        return call_inplace(COPY_, (self, function(self, diagonal)))

    side = "on and below" if name == "tril" else "on and above"
    function.__name__, function_.__name__ = name, name + "_"
    function.__doc__ = (
        f"The elements {side} the diagonal, which lies `diagonal` places above the main one; 0 elsewhere."
    )
    function_.__doc__ = f"`{name}` written to the tensor itself."
    export(name)(function)
    export(name + "_", function=False)(function_)
    return op


TRIL = _triangle("tril", lambda xp, x, diagonal: xp.tril(x, diagonal))
TRIU = _triangle("triu", lambda xp, x, diagonal: xp.triu(x, diagonal))


def _publish_indices(name: str, make: Any) -> None:
    def function(
        row: int,
        col: int,
        offset: int = 0,
        *,
        dtype: Dtype | None = None,
        device: DeviceLike | None = None,
        layout: Layout | None = None,
        pin_memory: bool = False,
    ) -> Tensor:
        for side, n in (("row", row), ("col", col)):
            if n < 0:
                raise RuntimeError(f"{side} must be non-negative, got {n}.")
        return made(numpy.stack(make(row, offset, col)).astype(INT64 if dtype is None else to_numpy(dtype)))

    function.__name__ = name
    function.__doc__ = f"The indices of `{name[:4]}`'s elements in a row x col matrix: two rows, of int64."
    export(name, method=False)(function)


for _name, _make in (("tril_indices", numpy.tril_indices), ("triu_indices", numpy.triu_indices)):
    _publish_indices(_name, _make)


_diagonal = diagonal  # diag's argument has the name


@export()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, in dims dim1 and dim2, with input's last dimension on a diagonal and 0 elsewhere.

    offset: how many places the diagonal lies above the main one. Raises IndexError for dims that the result has not,
    RuntimeError where they are one.
    """
    _check_tensor("diag_embed", input)
    ndim = input._array.ndim + 1
    a, b = normal_dim(dim1, ndim), normal_dim(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}.")
    out = call(DIAG_EMBED, (input,), (int(offset),))
    return out if (a, b) == (ndim - 2, ndim - 1) else out.movedim((-2, -1), (a, b))


@export()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector as a diagonal matrix; a matrix's diagonal as a vector."""
    _check_tensor("diag", input)
    if input._array.ndim == 1:
        return diag_embed(input, diagonal)
    if input._array.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._array.ndim}D.")
    return _diagonal(input, diagonal)


@export()
@float32_function
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    _check_tensor("trace", input)
    if input._array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._array.ndim}.")
    return _diagonal(input).sum()


@export(function=False)
@beside_input
def fill_diagonal_(self: Any, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the diagonal, of a matrix or of a tensor of equal sizes, to a number; returns the tensor.

    wrap: of a tall matrix, begin anew below each square.
    """
    shape = self._array.shape
    if len(shape) < 2:
        raise RuntimeError(f"dimensions must larger than 1: fill_diagonal_ got shape {list(shape)}.")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError(f"all dimensions of input must be of equal length, got shape {list(shape)}.")
    on = numpy.zeros(shape, bool)
    if len(shape) == 2 and wrap and shape[0] > shape[1] + 1:
        on.reshape(-1)[:: shape[1] + 1] = True
    else:
        places = numpy.arange(min(shape))
        on[(places,) * len(shape)] = True
    result: Tensor = self.masked_fill_(made(on), fill_value)
    return result
