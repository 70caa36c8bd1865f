"""What lies between linear algebra and arithmetic: sums of outer products, Kronecker products, covariance, distances."""

import itertools
from typing import Any

import numpy

from pynn._core import METHODS, Tensor, call, made
from pynn.amp.autocast_mode import low_precision_function
from pynn.linalg import _norms, _products
from pynn.linalg._checks import check_floating, check_tensor, type_name
from pynn.ops.devices import beside_input
from pynn.ops.halves import rounded_once
from pynn.ops.joining import cat, stack
from pynn.ops.linalg import combined
from pynn.ops.other_calls import numbers_first
from pynn.ops.reduction import NORM
from pynn.ops.registry import export, written
from pynn.ops.triangles import diag_embed
from pynn.ops.view import normal_dim


@export()
@rounded_once
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2); without input where beta is 0."""
    for argument, x in (("input", input), ("vec1", vec1), ("vec2", vec2)):
        check_tensor("addr", x, argument)
    if vec1._array.ndim != 1 or vec2._array.ndim != 1:
        raise RuntimeError(
            f"addr: Expected 1-D argument vec1 and vec2, but got {vec1._array.ndim}-D and {vec2._array.ndim}-D."
        )
    if all(x._array.dtype.kind in "iub" for x in (input, vec1, vec2)):
        for argument, factor in (("beta", beta), ("alpha", alpha)):
            if isinstance(factor, float):
                raise RuntimeError(
                    f"For integral input tensors, argument {argument} must not be a floating point number, got {factor}."
                )
    if all(x._array.dtype.kind == "b" for x in (input, vec1, vec2)):
        beta, alpha = bool(beta), bool(alpha)
    return combined("addr", input, vec1.unsqueeze(-1) * vec2.unsqueeze(0), beta, alpha, promote=True)


@export()
@low_precision_function
@rounded_once
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * the sum of batch1 @ batch2 over the batch; without input where beta is 0."""
    check_tensor("addbmm", input, "input")
    product = METHODS["bmm"](batch1, batch2)
    product = product.sum(0, dtype=product.dtype)
    return combined("addbmm", input, product, beta, alpha)


@export(method=False)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """`linalg.multi_dot` of two-dimensional matrices; of one, that matrix."""
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = tuple(matrices[0])
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for i, x in enumerate(matrices):
        check_tensor("chain_matmul", x, "matrices")
        if x._array.ndim != 2:
            raise RuntimeError(f"chain_matmul(): matrix {i} has {x._array.ndim} dimensions; each must have 2.")
    return matrices[0] if len(matrices) == 1 else _products.multi_dot(matrices)


@export()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: each element of input times all of other, the shapes multiplied dimension by dimension."""
    check_tensor("kron", input, "input")
    check_tensor("kron", other, "other")
    ndim = max(input._array.ndim, other._array.ndim)
    a = (1,) * (ndim - input._array.ndim) + input._array.shape
    b = (1,) * (ndim - other._array.ndim) + other._array.shape
    left = input.reshape([n for size in a for n in (size, 1)])
    right = other.reshape([n for size in b for n in (1, size)])
    return (left * right).reshape([m * n for m, n in zip(a, b)])


@export()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross products of the vectors of three elements along dim; by default the first dimension of size 3."""
    check_tensor("cross", input, "input")
    check_tensor("cross", other, "other")
    if dim is None:
        shape = numpy.broadcast_shapes(input._array.shape, other._array.shape)
        if input._array.ndim != other._array.ndim:
            raise RuntimeError(
                f"linalg.cross: inputs must have the same number of dimensions, got shapes {list(input._array.shape)} and "
                f"{list(other._array.shape)}."
            )
        if 3 not in shape:
            raise RuntimeError(f"no dimension of size 3 in input, which has shape {list(shape)}.")
        dim = shape.index(3)
    return _products.cross(input, other, dim=dim)


@export()
@rounded_once
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """input with each slice along dim whose p-norm is above maxnorm scaled down to it."""
    check_tensor("renorm", input, "input")
    ndim = input._array.ndim
    check_floating("renorm", input, halves=True)
    if not p > 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported, got p={p}.")
    if ndim <= 1:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {ndim} dimensions")
    if not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    kept = normal_dim(dim, ndim)
    wide = input.float() if input._array.dtype.itemsize == 2 else input
    size = call(NORM, (wide,), (float(p), tuple(d for d in range(ndim) if d != kept), True))
    above = size > maxnorm
    scale = (maxnorm / (size + 1e-7)).masked_fill(~above, 1.0)
    return (wide * scale).to(input.dtype)


for _name, _function in (("addr", addr), ("addbmm", addbmm), ("renorm", renorm)):
    written(_name, _function)
numbers_first(3, ("beta", "alpha"), "addr", "addr_", "addbmm", "addbmm_")


# ---- statistics of variables ----


def _weights(name: str, x: Tensor, count: int, floating: bool) -> Tensor:
    check_tensor("cov", x, name)
    if x._array.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {x._array.ndim} dimensions"
        )
    kind = x._array.dtype.kind
    if (kind not in "fV") if floating else (kind not in "iu"):
        what = "floating point" if floating else "integral"
        raise RuntimeError(f"cov(): expected {name} to have {what} dtype but got {name} with {type_name(x)} dtype")
    if x._array.size != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{x._array.size} != {count}"
        )
    if (x < 0).any():
        raise RuntimeError(f"cov(): {name} cannot be negative")
    return x


@export()
@beside_input
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of the rows (variables) of a matrix whose columns are observations; the variance of a vector.

    correction: what is taken off the number of observations (1 = Bessel's). fweights: how often each observation
    occurs; aweights: its relative weight.
    """
    check_tensor("cov", input, "input")
    if input._array.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input._array.ndim} dimensions"
        )
    if input._array.dtype == bool:
        raise RuntimeError("cov(): bool dtype is not supported for input. Convert it with .float().")
    x = input.reshape(1, -1) if input._array.ndim < 2 else input
    count = x._array.shape[1]
    weights = None
    if fweights is not None:
        weights = _weights("fweights", fweights, count, False)
    if aweights is not None:
        relative = _weights("aweights", aweights, count, True)
        weights = relative if weights is None else weights * relative
    if weights is not None and not weights.sum() > 0 and weights._array.size:
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    if x._array.dtype.kind in "iu":
        x = x.to(made(numpy.zeros((), numpy.float32)).dtype)
    if weights is None:
        total: Any = float(count)
        average = x.mean(1, keepdim=True)
        freedom: Any = total - correction
    else:
        total = weights.sum()
        average = (x * weights).sum(1, keepdim=True) / total
        if aweights is None or correction == 0:
            freedom = total - correction
        else:
            freedom = total - correction * (weights * aweights).sum() / total
    centred = x - average
    weighted = centred if weights is None else centred * weights
    freedom = (
        freedom.clamp(min=0) if isinstance(freedom, Tensor) else made(numpy.asarray(max(freedom, 0.0), x._array.dtype))
    )
    out = (
        weighted @ centred.t()
        if weighted._array.dtype == centred._array.dtype
        else weighted @ centred.t().to(weighted.dtype)
    )
    result: Tensor = (out / freedom).squeeze()
    return result


@export()
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of the rows (variables) of a matrix whose columns are observations."""
    check_tensor("corrcoef", input, "input")
    if input._array.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input._array.ndim} dimensions"
        )
    c = cov(input)
    if c._array.ndim == 0:
        return c / c
    spread = c.diagonal().sqrt()
    return (c / spread.unsqueeze(1) / spread.unsqueeze(0)).clamp(-1, 1)


# ---- arrangements ----


@export(method=False)
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element from each vector, a row each, the last vector's running fastest."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for x in tensors:
        check_tensor("cartesian_prod", x, "tensors")
        if x._array.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x._array.shape)}")
    if not tensors:
        raise RuntimeError("cartesian_prod expects at least one tensor.")
    if len(tensors) == 1:
        return tensors[0]
    sizes = [x._array.shape[0] for x in tensors]
    columns = []
    for i, x in enumerate(tensors):
        columns.append(x.reshape([-1 if j == i else 1 for j in range(len(sizes))]).expand(sizes).reshape(-1))
    return stack(columns, 1)


@export()
@beside_input
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to choose r elements of a vector, in order, a row each."""
    check_tensor("combinations", input, "input")
    if input._array.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._array.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return made(numpy.zeros((0,), input._array.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = numpy.array(list(choose(range(input._array.shape[0]), r)), numpy.int64).reshape(-1, r)
    return input.index_select(0, made(places.reshape(-1))).reshape(-1, r)


@export()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A square matrix with input's elements, flattened, on a diagonal."""
    return diag_embed(input.reshape(-1), offset)


@export(method=False)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers N - 1 ... 0 (as many as x has elements by default) of a vector's elements, in columns; 0 ... if increasing."""
    check_tensor("vander", x, "x")
    if x._array.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor, got shape {list(x._array.shape)}.")
    size = x._array.shape[0] if N is None else int(N)
    if size < 0:
        raise RuntimeError(f"N must be non-negative, got {size}.")
    if x._array.dtype.kind in "biu":
        x = x.long()
    out = x.new_ones((x._array.shape[0], size))
    if size > 1:
        powers = x.unsqueeze(1).expand(x._array.shape[0], size - 1).cumprod(1)
        out = cat([out[:, :1], powers], 1)
    return out if increasing else out.flip(1)


# ---- norms and distances ----

export("nuclear_norm", method=False)(_norms.nuclear_norm)
export("frobenius_norm", method=False)(_norms.frobenius_norm)
