"""What the functions of pynn.linalg ask of their arguments, the error of singular matrices, and the named results."""

from collections.abc import Iterable
from typing import Any

import numpy

from pynn._core import Tensor, observe
from pynn._dtypes import TYPE_OF
from pynn.return_types import named


class LinAlgError(RuntimeError):
    """A matrix for which a computation fails: singular, not positive definite, or one whose iteration does not converge."""


def type_name(x: Tensor) -> str:
    """torch's name of a tensor's dtype in error messages: Float, Long, ..."""
    return TYPE_OF[x._array.dtype.name]


def check_tensor(name: str, x: Any, argument: str = "A") -> None:
    """TypeError unless x is a tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument '{argument}' must be Tensor, not {type(x).__name__}.")


def check_floating(name: str, x: Tensor, halves: bool = False) -> None:
    """RuntimeError unless x holds float32 or float64; with `halves`, any float."""
    dtype = x._array.dtype
    if dtype.kind not in "fV":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {type_name(x)}. Convert it with .float()."
        )
    if dtype.itemsize == 2 and not halves:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {type_name(x)}. Convert it with .float().")


def check_matrix(name: str, x: Any, argument: str = "A", square: bool = False, floating: bool = True) -> None:
    """Raise unless x is a tensor of float32 or float64 matrices (square ones)."""
    check_tensor(name, x, argument)
    shape = x._array.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions. Got shape {list(shape)}."
        )
    if square and shape[-1] != shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
        )
    if floating:
        check_floating(name, x)


def check_same_dtype(name: str, a: Tensor, b: Tensor, what: str = "A and B") -> None:
    """RuntimeError unless both have one dtype."""
    if a._array.dtype != b._array.dtype:
        first, _, second = what.partition(" and ")
        raise RuntimeError(
            f"{name}: Expected {what} to have the same dtype, but found {first} of type {type_name(a)} and {second} of type "
            f"{type_name(b)} instead"
        )


def check_batches(name: str, a: Tensor, b: Tensor) -> tuple[int, ...]:
    """The batch shape of two tensors of matrices; RuntimeError where they do not broadcast."""
    try:
        return numpy.broadcast_shapes(a._array.shape[:-2], b._array.shape[:-2])
    except ValueError:
        raise RuntimeError(
            f"{name}: the batch dimensions must broadcast, got shapes {list(a._array.shape)} and {list(b._array.shape)}."
        ) from None


def raise_for_info(name: str, info: Tensor, text: str) -> None:
    """LinAlgError for the first matrix whose info is not 0; `text` says why, and may hold {info}."""
    found = observe(info)
    if not found.any():
        return
    if found.ndim == 0:
        raise LinAlgError(f"{name}: " + text.format(info=int(found)))
    flat = found.reshape(-1)
    place = int(numpy.flatnonzero(flat)[0])
    raise LinAlgError(f"{name}: (Batch element {place}): " + text.format(info=int(flat[place])))


linalg_cholesky_ex = named("linalg_cholesky_ex", ("L", "info"))
linalg_eigh = named("linalg_eigh", ("eigenvalues", "eigenvectors"))
linalg_inv_ex = named("linalg_inv_ex", ("inverse", "info"))
linalg_ldl_factor = named("linalg_ldl_factor", ("LD", "pivots"))
linalg_ldl_factor_ex = named("linalg_ldl_factor_ex", ("LD", "pivots", "info"))
linalg_lstsq = named("linalg_lstsq", ("solution", "residuals", "rank", "singular_values"))
linalg_lu = named("linalg_lu", ("P", "L", "U"))
linalg_lu_factor = named("linalg_lu_factor", ("LU", "pivots"))
linalg_lu_factor_ex = named("linalg_lu_factor_ex", ("LU", "pivots", "info"))
linalg_qr = named("linalg_qr", ("Q", "R"))
linalg_slogdet = named("linalg_slogdet", ("sign", "logabsdet"))
linalg_solve_ex = named("linalg_solve_ex", ("result", "info"))
linalg_svd = named("linalg_svd", ("U", "S", "Vh"))
geqrf = named("geqrf", ("a", "tau"))
lu_unpack = named("lu_unpack", ("P", "L", "U"))
qr = named("qr", ("Q", "R"))
slogdet = named("slogdet", ("sign", "logabsdet"))
svd = named("svd", ("U", "S", "V"))
triangular_solve = named("triangular_solve", ("solution", "cloned_coefficient"))


def dims_pair(name: str, dim: Iterable[int], ndim: int) -> tuple[int, int]:
    """Two distinct dimensions as 0..ndim-1. RuntimeError where they are not."""
    from pynn.ops.view import normal_dim

    dims = tuple(normal_dim(d, ndim) for d in dim)
    if len(dims) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {list(dim)}")
    if dims[0] == dims[1]:
        raise RuntimeError(f"{name}: dims must be different. Got {list(dim)}")
    return dims[0], dims[1]
