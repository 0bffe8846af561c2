"""torch.linalg's factorizations: Cholesky, LU, QR, eigenvalues, singular values; and their older names."""

from ...backends.linalg import NotConverged
from .. import dtypes
from ..errors import scalar_name
from ..naming import named
from ..tensor import Tensor
from .decomposition_rows import cholesky_ex_, eig_, eigh_, lu_factor_ex_, qr_, svd_
from .matrix_checks import (
    LinAlgError,
    check_info,
    filled,
    first_failure,
    is_recorded,
    need_kernel,
    need_matrix,
    need_smooth,
    need_square,
    need_tensor,
    need_triangle,
    not_positive,
    renamed,
    result_type,
    untracked,
    written,
)

CHOLESKY_EX = result_type("linalg_cholesky_ex", "L", "info")
LU = result_type("linalg_lu", "P", "L", "U")
LU_FACTOR = result_type("linalg_lu_factor", "LU", "pivots")
LU_FACTOR_EX = result_type("linalg_lu_factor_ex", "LU", "pivots", "info")
LINALG_QR, QR = result_type("linalg_qr", "Q", "R"), result_type("qr", "Q", "R")
EIGH = result_type("linalg_eigh", "eigenvalues", "eigenvectors")
EIG = result_type("linalg_eig", "eigenvalues", "eigenvectors")
EIGEN, SINGULAR = "eigenvalues", "singular values"
LINALG_SVD, SVD = result_type("linalg_svd", "U", "S", "Vh"), result_type("svd", "U", "S", "V")


# --- Cholesky ---
def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """Return (L, info) with A = L·Lᴴ; info is the order of the first leading minor that is not positive, 0 if all are.

    Args:
        upper: give U = Lᴴ, and read the upper triangle of A.
        check_errors: raise instead.

    Shapes:
        A (*, n, n) → L (*, n, n), info (*) of int32.

    Raises:
        LinAlgError: A is not positive definite, and ``check_errors``.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.cholesky_ex(-plugrad.eye(2)).info
        tensor(1, dtype=torch.int32)
    """
    return _cholesky_ex("linalg.cholesky_ex", A, upper, check_errors, out)


def _cholesky_ex(name, A, upper, check_errors, out=None):
    need_square("linalg.cholesky" if name == "linalg.cholesky_ex" else name, A)
    if name != "cholesky":
        need_smooth("linalg.cholesky", A)
    need_kernel(A, "cholesky_cpu")
    factor, info = cholesky_ex_(A, bool(upper))
    if check_errors:
        check_info(name, info, not_positive)
    return filled(CHOLESKY_EX, (factor, info), out, A)


def linalg_cholesky(A, *, upper=False, out=None):
    """Return the lower triangular L of A = L·Lᴴ for a Hermitian positive definite A, of which one triangle is read.

    Args:
        upper: give U = Lᴴ.

    Shapes:
        A (*, n, n) → (*, n, n)

    Raises:
        LinAlgError: A is not positive definite.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.cholesky(plugrad.tensor([[4.0, 2.0], [2.0, 2.0]]))
        tensor([[2., 0.],
                [1., 1.]])
    """
    return written(out, _cholesky_ex("linalg.cholesky", A, upper, True)[0], A)


def cholesky(input, upper=False, *, out=None):
    """Return the Cholesky factor; see :func:`plugrad.linalg.cholesky`."""
    factor = _cholesky_ex("cholesky", input, upper, True)[0]
    return written(out, renamed(factor, "CholeskyBackward0"), input, castable="cholesky")


# --- LU ---
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """Return (LU, pivots, info): both factors of A = P·L·U in one matrix; info is the first zero on the diagonal of U.

    Shapes:
        A (*, m, n) → LU (*, m, n), pivots (*, min(m, n)) of int32 and from 1, info (*) of int32.

    Raises:
        RuntimeError: U has a zero on its diagonal, and ``check_errors``; ``pivot`` is False.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.lu_factor_ex(plugrad.tensor([[0.0, 1.0], [2.0, 3.0]])).pivots
        tensor([2, 2], dtype=torch.int32)
    """
    return filled(LU_FACTOR_EX, _lu_factor("torch.linalg.lu_factor_ex", A, pivot, check_errors)[:3], out, A)


def _lu_factor(name, A, pivot, check_errors):
    need_tensor("linalg_" + name.rpartition(".")[2], "A", 1, A)
    if A.dim() < 2:
        what = "linalg.lu" if name == "linalg.lu" else "torch.lu_factor"
        raise RuntimeError(f"{what}: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead")
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    need_kernel(A, "lu_cpu")
    made = lu_factor_ex_(A)
    failure = first_failure(made[2]) if check_errors else None
    if failure is not None:
        place, i = failure
        raise RuntimeError(
            f"{name}: {'' if place is None else f'(Batch element {place}): '}U[{i},{i}] is zero and using it on lu_solve would result in "
            "a division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )
    return made


def lu_factor(A, *, pivot=True, out=None):
    """Return (LU, pivots), both factors of A = P·L·U in one matrix, as :func:`plugrad.linalg.lu_solve` takes them.

    Shapes:
        A (*, m, n) → LU (*, m, n), pivots (*, min(m, n)) of int32 and from 1.

    Raises:
        RuntimeError: U has a zero on its diagonal; ``pivot`` is False.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.lu_factor(plugrad.tensor([[2.0, 2.0], [1.0, 3.0]])).LU
        tensor([[2.0000, 2.0000],
                [0.5000, 2.0000]])
    """
    return filled(LU_FACTOR, _lu_factor("torch.linalg.lu_factor", A, pivot, True)[:2], out, A)


def lu(A, *, pivot=True, out=None):
    """Return (P, L, U) with A = P·L·U: a permutation, a lower triangle with ones on its diagonal, an upper triangle.

    Shapes:
        A (*, m, n) → P (*, m, m), L (*, m, k), U (*, k, n), k = min(m, n).

    Raises:
        RuntimeError: fewer than two dimensions, or ``pivot`` is False.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.lu(plugrad.tensor([[0.0, 1.0], [2.0, 3.0]])).P
        tensor([[0., 1.],
                [1., 0.]])
    """
    both, _, _, back = _lu_factor("linalg.lu", A, pivot, False)
    xp, (m, n) = A._xp, A._a.shape[-2:]
    k = min(m, n)
    places = xp.arange(0, m, 1, xp.int64)
    exchange = xp.astype(xp.expand_dims(back._a, len(back._a.shape)) == places, A._a.dtype)
    unit = untracked(A, xp.getitem(xp.identity(max(m, k), A._a.dtype), (slice(0, m), slice(0, k))))
    lower = both[..., :k].tril(-1) + unit
    upper = both[..., :k, :].triu()
    parts = untracked(A, exchange), named(lower, "LinalgLuBackward0"), named(upper, "LinalgLuBackward0")
    return filled(LU, parts, out, A)


# --- QR ---
def linalg_qr(A, mode="reduced", *, out=None):
    """Return (Q, R) with A = Q·R: orthonormal columns and an upper triangle.

    Args:
        mode: "reduced"; "complete" for a square Q; "r" for R alone.

    Shapes:
        A (*, m, n) → Q (*, m, k), R (*, k, n), with k = min(m, n), or m where complete.

    Raises:
        RuntimeError: another mode. Its derivative raises for mode "r", and for "complete" where m > n.

    Example:
        >>> import plugrad
        >>> Q, R = plugrad.linalg.qr(plugrad.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> plugrad.allclose(Q.T @ Q, plugrad.eye(2), atol=1e-6)
        True
    """
    need_tensor("linalg_qr", "A", 1, A)
    return filled(LINALG_QR, _qr(A, mode), out, A)


def _qr(A, mode):
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    need_matrix("linalg.qr", A)
    need_smooth("linalg.qr", A, "geqrf_cpu")
    q, r = qr_(A, mode)
    return (untracked(A, A._xp.zeros((0,), A._a.dtype)) if mode == "r" else q), r


def qr(input, some=True, *, out=None):
    """Return (Q, R); see :func:`plugrad.linalg.qr`, which is to be preferred.

    Args:
        some: False for a square Q.
    """
    need_tensor("qr", "input", 1, input)
    return filled(QR, _qr(input, "reduced" if some else "complete"), out, input)


# --- eigenvalues ---
def _converged(name, what, function, A, *statics):
    try:
        return function(A, *statics)
    except NotConverged as error:
        host = A._host()
        why = f"is ill-conditioned or has too many repeated {what} ({error})."
        if what == SINGULAR and not (host * 0 == 0).all():
            why = "contained non-finite values."
        raise LinAlgError(f"{name}: The algorithm failed to converge because the input matrix {why}") from error


def linalg_eigh(A, UPLO="L", *, out=None):
    """Return (eigenvalues, eigenvectors) of a Hermitian matrix, A = V·diag(L)·Vᴴ, the real eigenvalues in rising order.

    Args:
        UPLO: "L" or "U", the triangle of A that is read.

    Shapes:
        A (*, n, n) → eigenvalues (*, n), eigenvectors (*, n, n) in columns.

    Raises:
        RuntimeError: UPLO is none of these. The derivative of complex vectors raises where it depends on their phase.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.eigh(plugrad.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    need_square("linalg.eigh", A)
    need_kernel(A, "linalg_eigh_cpu")
    need_triangle(UPLO)
    return filled(EIGH, _converged("linalg.eigh", EIGEN, eigh_, A, UPLO in "Ll"), out, A)


def eigvalsh(A, UPLO="L", *, out=None):
    """Return the eigenvalues of a Hermitian matrix in rising order; see :func:`plugrad.linalg.eigh`.

    Shapes:
        A (*, n, n) → (*, n)
    """
    need_square("linalg.eigh", A)
    need_kernel(A, "linalg_eigh_cpu")
    need_triangle(UPLO)
    if is_recorded(A):
        return written(out, _converged("linalg.eigh", EIGEN, eigh_, A, UPLO in "Ll")[0], A)
    values = _converged("linalg.eigh", EIGEN, lambda x, lower: x._xp.eigvalsh(x._a, lower), A, UPLO in "Ll")
    return written(out, untracked(A, values), A)


def _need_finite(A):
    if A.dtype.kind < dtypes.FLOAT:
        raise RuntimeError(f"Unknown Complex ScalarType for {scalar_name(A.dtype)}")
    need_kernel(A, "linalg_eig_out_cpu")
    xp = A._xp
    if xp.transform is None and 0 not in A._a.shape and not xp.truth(xp.all(xp.isfinite(A._a), None, False)):
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


def eig(A, *, out=None):
    """Return the complex (eigenvalues, eigenvectors) of a square matrix, A = V·diag(L)·V⁻¹, vectors of length 1.

    Shapes:
        A (*, n, n) → eigenvalues (*, n), eigenvectors (*, n, n) in columns.

    Raises:
        RuntimeError: A holds infinities or NaN. The derivative raises where it depends on the phase of the vectors.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.eig(plugrad.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([2.+0.j, 1.+0.j])
    """
    need_square("linalg.eig", A)
    _need_finite(A)
    parts = ("eigenvalues", "eigenvectors")
    made = _converged("linalg.eig", EIGEN, eig_, A, True)
    return filled(EIG, made, out, A, castable="torch.linalg.eig", parts=parts)


def eigvals(A, *, out=None):
    """Return the complex eigenvalues (*, n) of square matrices (*, n, n); see :func:`plugrad.linalg.eig`."""
    need_square("linalg.eigvals", A)
    _need_finite(A)
    kept = {"castable": "torch.linalg.eigvals", "what": "eigenvalues"}
    if is_recorded(A):
        return written(out, _converged("linalg.eig", EIGEN, eig_, A, True)[0], A, **kept)
    return written(out, untracked(A, _converged("linalg.eig", EIGEN, lambda x: x._xp.eigvals(x._a), A)), A, **kept)


# --- singular values ---
def linalg_svd(A, full_matrices=True, *, driver=None, out=None):
    """Return (U, S, Vh) with A = U·diag(S)·Vh, the singular values in falling order.

    Args:
        full_matrices: give square U and Vh.
        driver: must be None: it chooses among algorithms of one vendor.

    Shapes:
        A (*, m, n) → U (*, m, m), S (*, k), Vh (*, n, n), k = min(m, n); else U (*, m, k), Vh (*, k, n).

    Raises:
        LinAlgError: A holds infinities or NaN. The derivative of complex vectors raises where it depends on their phase.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.svd(plugrad.tensor([[3.0, 0.0], [0.0, 2.0]])).S
        tensor([3., 2.])
    """
    need_tensor("linalg_svd", "A", 1, A)
    _need_no_driver(driver)
    return filled(LINALG_SVD, _svd(A, full_matrices), out, A)


def _need_no_driver(driver):
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


def _svd(A, full):
    need_matrix("linalg.svd", A)
    need_smooth("linalg.svd", A, "linalg_svd_cpu")
    return _converged("linalg.svd", SINGULAR, svd_, A, bool(full))


def svdvals(A, *, driver=None, out=None):
    """Return the singular values of a matrix in falling order.

    Shapes:
        A (*, m, n) → (*, min(m, n))

    Example:
        >>> import plugrad
        >>> plugrad.linalg.svdvals(plugrad.tensor([[0.0, 2.0], [3.0, 0.0]]))
        tensor([3., 2.])
    """
    need_tensor("linalg_svdvals", "A", 1, A)
    _need_no_driver(driver)
    if is_recorded(A):
        return written(out, _svd(A, False)[1], A)
    need_matrix("linalg.svd", A)
    need_smooth("linalg.svd", A, "linalg_svd_cpu")
    values = _converged("linalg.svd", SINGULAR, lambda x: x._xp.svdvals(x._a), A)
    return written(out, untracked(A, values), A)


def svd(input, some=True, compute_uv=True, *, out=None):
    """Return (U, S, V) with input = U·diag(S)·Vᴴ; :func:`plugrad.linalg.svd` is to be preferred.

    Args:
        some: False for square U and V.
        compute_uv: False gives zeros in place of square U and V.
    """
    need_tensor("svd", "input", 1, input)
    if input.dim() < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input.dim()} dimensions instead"
        )
    if compute_uv:
        u, s, vh = _svd(input, not some)
        return filled(SVD, (u, s, vh.mH), out, input)
    m, n = input._a.shape[-2:]
    batch = tuple(input._a.shape[:-2])
    zeros = [untracked(input, input._xp.zeros((*batch, k, k), input._a.dtype)) for k in (m, n)]
    return filled(SVD, (zeros[0], svdvals(input), zeros[1]), out, input)


METHODS = (cholesky, qr, svd)


# --- methods whose module is imported when they are called ---
def _geqrf(self):
    """(a, tau): see :func:`plugrad.geqrf`."""
    from .reflections import geqrf

    return geqrf(self)


def _orgqr(self, input2):
    """The Q of what geqrf gave; see ``linalg.householder_product``."""
    from .reflections import orgqr

    return orgqr(self, input2)


def _ormqr(self, input2, input3, left=True, transpose=False):
    """Q · input3 for the Q of what geqrf gave; see :func:`plugrad.ormqr`."""
    from .reflections import ormqr

    return ormqr(self, input2, input3, left, transpose)


def install():
    """Give Tensor its factorizations."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    for function in (_geqrf, _orgqr, _ormqr):
        function.__name__ = function.__qualname__ = function.__name__.lstrip("_")
        setattr(Tensor, function.__name__, function)
