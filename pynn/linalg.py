"""Norms, under torch.linalg's names; of the rest of linear algebra there are only products."""

import math

from pynn.ops.linalg import matmul
from pynn.ops.reduction import norm as _norm

__all__ = ["matmul", "norm", "vector_norm"]


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """The norm of x's elements (over dim(s), or all of them) as a vector: ord a number, inf or -inf."""
    return _norm(x, ord, dim, keepdim, dtype)


def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """A vector norm, or the Frobenius norm of a matrix (ord None or "fro").

    Raises ValueError for the other norms of matrices.
    """
    if ord not in (None, "fro"):
        over = A.ndim if dim is None else 1 if isinstance(dim, int) else len(dim)
        if over != 1:
            raise ValueError(
                f"linalg.norm: ord={ord!r} over {over} dimensions is a norm of matrices, and only 'fro' is there. For the "
                "elements' norm use vector_norm."
            )
        return _norm(A, math.inf if ord == "inf" else ord, dim, keepdim, dtype)
    return _norm(A, 2, dim, keepdim, dtype)
