"""Ready parametrizations: weight normalization, spectral normalization, orthogonal matrices."""

from enum import Enum, auto
from typing import Any

import numpy

from pynn import linalg
from pynn._core import Tensor, made_beside, observe
from pynn._info import finfo
from pynn.autograd import no_grad
from pynn.nn import functional as F
from pynn.nn.module import Module
from pynn.nn.utils import parametrize
from pynn.nn.utils.spectral_norm import _default_dim, as_matrix, normalized
from pynn.nn.utils.weight_norm import norm_except_dim, weighted
from pynn.ops.creation import eye
from pynn.ops.devices import beside, beside_input
from pynn.ops.joining import cat
from pynn.ops.random import randn

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _weight_of(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# ---- orthogonal ----


@beside_input
def _is_orthogonal(q: Tensor, eps: float | None = None) -> bool:
    n, k = q.shape[-2:]
    identity = eye(k, dtype=q.dtype)
    eps = 10.0 * n * finfo(q.dtype).eps if eps is None else eps
    return bool(((q.mT @ q - identity).abs() <= eps).all())


@beside_input
def _product_of_reflections(a: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of the reflections I - tau_i v_i v_i^T, v_i below the diagonal of a's columns."""
    n, k = a.shape[-2:]
    lower = a.tril(-1) + eye(n, k, dtype=a.dtype)
    q = eye(n, k, dtype=a.dtype).expand(*a.shape[:-2], n, k)
    for i in reversed(range(k)):
        v = lower[..., :, i : i + 1]
        q = q - tau[..., i : i + 1].unsqueeze(-1) * (v @ (v.mT @ q))
    return q


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


class _Orthogonal(Module):
    """A matrix from one with as many free numbers, so that its columns (rows, where it is wide) are orthonormal."""

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if orthogonal_map is _OrthMaps.householder and weight.is_complex():
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        n, k = X.shape[-2:]
        wide = n < k
        if wide:
            X, n, k = X.mT, k, n
        if self.orthogonal_map is _OrthMaps.householder:
            tau = 2.0 / (1.0 + (X.tril(-1) ** 2).sum(-2))
            q = _product_of_reflections(X, tau)
            q = q * X.detach().diagonal(dim1=-2, dim2=-1).trunc().unsqueeze(-2)  # the signs that right_inverse left
        else:
            low = X.tril()
            if n != k:  # the missing columns count nothing
                low = F.pad(low, (0, n - k))
            a = low - low.mT
            if self.orthogonal_map is _OrthMaps.matrix_exp:
                q = linalg.matrix_exp(a)
            else:
                identity = eye(n, dtype=a.dtype, device=beside(a, None))
                q = linalg.solve(identity - 0.5 * a, identity + 0.5 * a)
            q = q[..., :k] if n != k else q
        if hasattr(self, "base") and self.base is not None:
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape "
                             f"{Q.shape}.")  # fmt: skip
        given = Q
        n, k = Q.shape[-2:]
        wide = n < k
        if wide:
            Q, n, k = Q.mT, k, n
        if not hasattr(self, "base"):
            if self.orthogonal_map is not _OrthMaps.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            packed, tau = numpy.linalg.qr(observe(Q), mode="raw")
            a = numpy.swapaxes(packed, -1, -2).copy()
            here = (..., numpy.arange(k), numpy.arange(k))
            a[here] = numpy.sign(a[here]) * numpy.where(tau == 0.0, -1.0, 1.0)  # tau 0: a reflection left out
            result = made_beside(given, a.astype(given._array.dtype))
            return result.mT if wide else result
        if n == k:
            base = Q.clone() if _is_orthogonal(Q) else _orthonormal(Q)
        else:
            base = _orthonormal(cat([Q, randn((*Q.shape[:-2], n, n - k), dtype=Q.dtype, device=beside(Q, None))], -1))
        self.base = base
        # Every map takes the identity, negative as the signs are to be, to the identity's first columns.
        start = -eye(*given.shape[-2:], dtype=given.dtype, device=beside(given, None)).expand(given.shape).clone()
        return start


def _orthonormal(x: Tensor) -> Tensor:
    """Orthonormal columns from x's, which stay as they are where they are orthonormal already."""
    q, r = numpy.linalg.qr(observe(x))
    sign = numpy.sign(numpy.diagonal(r, axis1=-2, axis2=-1))
    return made_beside(x, (q * sign[..., None, :]).astype(x._array.dtype))


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep module's matrix (or batch of matrices) `name` orthogonal: orthonormal columns, or rows where it is wide.

    orthogonal_map: "matrix_exp", "cayley" or "householder" (default: matrix_exp for square ones, else householder).
    use_trivialization: start from the present matrix, made orthogonal. Raises ValueError for a tensor of fewer than two
    dimensions and for another map. Returns module.
    """
    weight = _weight_of(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1] or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    chosen = getattr(_OrthMaps, orthogonal_map, None)
    if chosen is None:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)


# ---- weight norm ----


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weighted(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train the parameter `name` as norms over all dimensions but dim (parametrizations.<name>.original0) and a
    direction (original1); dim None: one norm (arXiv:1602.07868). State that the older form saved can be loaded.

    Returns module.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def from_older(state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        g, v = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if g in state_dict and v in state_dict:
            state_dict[f"{prefix}parametrizations.{name}.original0"] = state_dict.pop(g)
            state_dict[f"{prefix}parametrizations.{name}.original1"] = state_dict.pop(v)

    module._register_load_state_dict_pre_hook(from_older)
    return module


# ---- spectral norm ----


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                u, v = (randn(n, dtype=matrix.dtype, device=beside(matrix, None)) for n in matrix.shape)
                self.register_buffer("_u", normalized(u, eps))
                self.register_buffer("_v", normalized(v, eps))
            self._power_method(matrix.detach(), 15)

    def _power_method(self, matrix: Tensor, n_power_iterations: int) -> None:
        with no_grad():
            for _ in range(n_power_iterations):
                self._u.copy_(normalized(matrix @ self._v, self.eps))
                self._v.copy_(normalized(matrix.t() @ self._u, self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next call writes to the buffers, perhaps before backward
        return weight / (u @ (matrix @ v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # an assigned value is taken to be what the original shall be


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide the parameter `name` by its largest singular value, found by power iterations (arXiv:1802.05957).

    dim: the dimension of the outputs; None: 0, or 1 for transposed convolutions. Raises ValueError where there is no such
    tensor. Returns module.
    """
    weight = _weight_of(module, name)
    dim = _default_dim(module) if dim is None else dim
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, made)
