"""torch.linalg's names."""

import typing as _typing

from plugrad.core.ops.decompositions import (
    cholesky_ex,
    eig,
    eigvals,
    eigvalsh,
    lu,
    lu_factor,
    lu_factor_ex,
    svdvals,
)
from plugrad.core.ops.decompositions import linalg_cholesky as cholesky
from plugrad.core.ops.decompositions import linalg_eigh as eigh
from plugrad.core.ops.decompositions import linalg_qr as qr
from plugrad.core.ops.decompositions import linalg_svd as svd
from plugrad.core.ops.determinants import det, matrix_exp, matrix_power
from plugrad.core.ops.determinants import linalg_slogdet as slogdet
from plugrad.core.ops.least_squares import lstsq, matrix_rank, pinv, tensorinv, tensorsolve
from plugrad.core.ops.linalg import (
    cond,
    cross,
    diagonal,
    matmul,
    matrix_norm,
    multi_dot,
    norm,
    vander,
    vecdot,
    vector_norm,
)
from plugrad.core.ops.matrix_checks import LinAlgError
from plugrad.core.ops.solving import inv, inv_ex, lu_solve, solve, solve_ex, solve_triangular

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "householder_product", "inv",
    "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power",
    "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals",
    "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

if _typing.TYPE_CHECKING:
    from plugrad.core.ops.reflections import householder_product
else:  # a type checker would take every name for known

    def __getattr__(name):
        if name != "householder_product":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from plugrad.core.ops.reflections import householder_product

        globals()[name] = householder_product
        return householder_product
