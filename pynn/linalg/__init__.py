"""Linear algebra under torch.linalg's names, on real matrices of float32 and float64, in batches, with gradients.

Matrices are the last two dimensions. LAPACK as NumPy carries it does the work; what NumPy lacks (LU, triangular systems,
the matrix exponential) is in `pynn.ops.lapack`. Integers and 16-bit floats raise RuntimeError, as in torch.
"""

from pynn.linalg._checks import LinAlgError
from pynn.linalg._decompositions import (
    cholesky,
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    ldl_factor,
    ldl_factor_ex,
    ldl_solve,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    qr,
    svd,
    svdvals,
)
from pynn.linalg._equations import (
    cond,
    det,
    householder_product,
    inv,
    inv_ex,
    lstsq,
    matrix_exp,
    matrix_rank,
    pinv,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
)
from pynn.linalg._norms import matrix_norm, norm, vector_norm
from pynn.linalg._products import (
    cross,
    diagonal,
    matrix_power,
    multi_dot,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
)
from pynn.ops.linalg import matmul
from pynn.ops.other_calls import takes_numpy_names
from pynn.ops.out import complete

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals",
    "eigvalsh", "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu",
    "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank",
    "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals",
    "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

complete(
    globals(),
    """
    cholesky cholesky_ex cond cross det eigh eigvalsh householder_product inv inv_ex ldl_factor ldl_factor_ex ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve
    matrix_exp matrix_norm matrix_power matrix_rank multi_dot norm pinv qr slogdet solve solve_ex solve_triangular svd svdvals
    tensorinv tensorsolve vecdot vector_norm
    """.split(),  # noqa: SIM905
)
for _name in ("cross", "matrix_norm", "norm", "vecdot", "vector_norm"):
    globals()[_name] = takes_numpy_names(globals()[_name])
