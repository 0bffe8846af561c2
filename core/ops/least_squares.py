"""Pseudo-inverses, ranks, least squares, tensor equations, and factorizations of low rank."""

from math import prod

from .. import dtypes
from ..errors import scalar_name
from ..naming import named
from ..shapes import rank_of
from ..tensor import Tensor
from .decompositions import eigvalsh, linalg_qr, linalg_svd, svdvals
from .matrix_checks import filled, need_matrix, need_square, need_tensor, result_type, untracked, written
from .sampling import randn
from .solving import inv, is_vector, solve
from .solving_rows import pinv_

LSTSQ = result_type("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
EPS = {"float32": 2.0**-23, "complex64": 2.0**-23, "float64": 2.0**-52, "complex128": 2.0**-52}
DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _tolerances(A, atol, rtol):
    """(atol, rtol) as numbers or raw arrays: rtol is by default the rounding error, or 0 where atol is given."""
    default = EPS.get(A.dtype.name, EPS["float32"]) * max(A._a.shape[-2:])
    if rtol is None and isinstance(atol, Tensor):
        rtol = A._xp.where(atol._a > 0, A._xp.zeros_like(atol._a), A._xp.full_like(atol._a, default))
    elif rtol is None:
        rtol = 0.0 if atol else default
    return tuple(t._a if isinstance(t, Tensor) else 0.0 if t is None else t for t in (atol, rtol))


# --- pseudo-inverse and rank ---
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """Return the Moore-Penrose inverse; singular values up to max(atol, rtol · largest) count as zero.

    Args:
        rcond: another name of rtol.
        hermitian: A is Hermitian, and its lower triangle is read.
        atol, rtol: numbers, or tensors of one per matrix. Default of rtol: max(m, n) times the rounding error, 0 if atol > 0.

    Shapes:
        A (*, m, n) → (*, n, m)

    Raises:
        RuntimeError: fewer than two dimensions, whole numbers, or not square though Hermitian.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.pinv(plugrad.tensor([[2.0, 0.0], [0.0, 0.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.0000]])
    """
    need_tensor("linalg_pinv", "input", 1, A)
    if A.dim() < 2 or A.dtype.name not in EPS:
        raise RuntimeError(
            f"linalg.pinv({scalar_name(A.dtype)}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions of float, double, "
            "cfloat or cdouble types"
        )
    if hermitian:
        need_square("linalg.eigh", A)
    atol, rtol = _tolerances(A, atol, rcond if rtol is None else rtol)
    return written(out, pinv_(A, atol, rtol, bool(hermitian)), A, castable="linalg.pinv")


def pinverse(input, rcond=1e-15):
    """Return the Moore-Penrose inverse; see :func:`plugrad.linalg.pinv`."""
    need_tensor("pinverse", "input", 1, input)
    return pinv(input, rcond)


def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """Return how many singular values are larger than max(atol, rtol · largest), as int64.

    Args:
        tol: another name of atol.
        hermitian: A is Hermitian, and its lower triangle is read.
        atol, rtol: as in :func:`plugrad.linalg.pinv`.

    Shapes:
        A (*, m, n) → (*)

    Example:
        >>> import plugrad
        >>> plugrad.linalg.matrix_rank(plugrad.ones(3, 3))
        tensor(1)
    """
    need_tensor("linalg_matrix_rank", "input", 1, A)
    need_matrix("torch.linalg.matrix_rank", A, "input")
    if A.dtype.kind < dtypes.FLOAT:
        raise RuntimeError("This function doesn't handle types other than float and double")
    if tol is not None and atol is None:
        atol, rtol = tol, 0.0 if rtol is None else rtol
    xp, A = A._xp, A.detach()
    if not A.numel():
        return written(out, untracked(A, xp.zeros(A._a.shape[:-2], xp.int64)), A, castable="torch.linalg.matrix_rank")
    size = eigvalsh(A).abs() if hermitian else svdvals(A)
    bound = xp.cutoff(size._a, *_tolerances(A, atol, rtol))
    axis = len(size._a.shape) - 1
    return written(
        out,
        untracked(A, xp.sum(xp.astype(size._a > bound, xp.int64), (axis,), False)),
        A,
        castable="torch.linalg.matrix_rank",
    )


# --- least squares ---
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """Return the X of least ‖A·X - B‖, of these the smallest: (solution, residuals, rank, singular_values).

    Args:
        rcond: singular values up to rcond · largest count as zero; default: max(m, n) times the rounding error.
        driver: "gelsy" (default), "gels", "gelsd" or "gelss"; says which of the last three are given: residuals ‖A·X - B‖² where
            m > n and all ranks are full, not by "gelsy"; rank not by "gels"; singular_values by "gelsd" and "gelss". Others are
            empty.

    Shapes:
        A (*, m, n), B (*, m, k) or (*, m) → solution (*, n, k) or (*, n)

    Raises:
        RuntimeError: shapes or dtypes do not fit, or another driver.

    Example:
        >>> import plugrad
        >>> A = plugrad.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> X = plugrad.linalg.lstsq(A, A @ plugrad.tensor([[1.0], [2.0]])).solution
        >>> plugrad.allclose(X, plugrad.tensor([[1.0], [2.0]]), atol=1e-5)
        True
    """
    driver = _check_lstsq(A, B, driver)
    xp = A._xp
    rcond = EPS[A.dtype.name] * max(A._a.shape[-2:]) if rcond is None else rcond
    vector = is_vector(A, B)
    right = B.unsqueeze(-1) if vector else B
    x = pinv_(A, 0.0, float(rcond), False) @ right
    values = svdvals(A.detach())
    rank = matrix_rank(A, rtol=float(rcond))
    (m, n), none = A._a.shape[-2:], untracked(A, xp.zeros((0,), values._a.dtype))
    if m > n and driver != "gelsy" and (driver == "gels" or bool((rank == n).all())):
        misfit = (A @ x - right).abs().square().sum(-2)
    else:
        misfit = x.abs().flatten()[:0]
    made = (
        named(x.squeeze(-1) if vector else x, "LinalgLstsqBackward0"),
        named(misfit, "LinalgLstsqBackward0"),
        none.to(dtypes.int64) if driver == "gels" else rank,
        values if driver in ("gelsd", "gelss") else none,
    )
    parts = ("solution", "residuals", "rank", "singular_values")
    return filled(LSTSQ, made, out, A, B, castable="torch.linalg.lstsq", parts=parts)


def _check_lstsq(A, B, driver):
    name = "torch.linalg.lstsq"
    need_tensor("linalg_lstsq", "input", 1, A)
    need_tensor("linalg_lstsq", "b", 2, B)
    if A.dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.dim() < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {scalar_name(A.dtype)} and other's dtype "
            f"{scalar_name(B.dtype)}"
        )
    if not 0 <= A.dim() - B.dim() <= 1:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    at = -1 if is_vector(A, B) else -2
    if A._a.shape[-2] != B._a.shape[at]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size({at})")
    if driver is not None and driver not in DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    return driver or "gelsy"


# --- equations of tensors ---
def tensorinv(A, ind=2, *, out=None):
    """Return the inverse of a tensor as a map from its last dimensions to its first ``ind``.

    Shapes:
        A (*first, *last) → (*last, *first), with as many elements in first as in last.

    Raises:
        RuntimeError: the sizes differ, or ``ind`` is not positive.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.tensorinv(plugrad.eye(6).reshape(2, 3, 6)).shape
        torch.Size([6, 2, 3])
    """
    need_tensor("linalg_tensorinv", "input", 1, A)
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = A._a.shape[:ind], A._a.shape[ind:]
    if prod(first) != prod(last):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{prod(last)} != {prod(first)}"
        )
    made = inv(A.reshape(prod(last), prod(first))).reshape(*last, *first)
    return written(out, named(made, "ReshapeAliasBackward0"), A, castable="tensorinv")


def tensorsolve(A, B, dims=None, *, out=None):
    """Return X of tensordot(A, X, X.ndim) = B.

    Args:
        dims: dimensions of A to be moved to its end first.

    Shapes:
        A (*B, *X), B (*B) → (*X), with as many elements in B as in X.

    Raises:
        RuntimeError: the sizes differ.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.tensorsolve(plugrad.eye(6).reshape(2, 3, 6), plugrad.ones(2, 3)).shape
        torch.Size([6])
    """
    need_tensor("linalg_tensorsolve", "input", 1, A)
    moved = A
    if dims is not None:
        dims = tuple(dims)
        moved = A.movedim(dims, tuple(range(A.dim() - len(dims), A.dim())))
    shape = moved._a.shape[rank_of(B) :]
    first = B.numel()
    if prod(shape) != first:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{prod(shape)} != {first}"
        )
    made = solve(moved.reshape(first, first), B.flatten()).reshape(*shape)
    return written(out, made, A, B, castable="tensorsolve")


# --- low rank ---
def svd_lowrank(A, q=6, niter=2, M=None):
    """Return (U, S, V) of rank q with A ≈ U·diag(S)·Vᴴ, by a random range (Halko, Martinsson and Tropp, arXiv:0909.4061).

    Args:
        q: a little more than the rank of A.
        niter: how often the range is sharpened by multiplying with A and Aᴴ.
        M: decompose A - M instead; broadcasts.

    Shapes:
        A (*, m, n) → U (*, m, q), S (*, q), V (*, n, q)

    Example:
        >>> import plugrad
        >>> U, S, V = plugrad.svd_lowrank(plugrad.eye(8), q=3)
        >>> S.shape
        torch.Size([3])
    """
    q = 6 if q is None else q
    A = A if M is None else A - M
    m, n = A._a.shape[-2:]
    tall = A if m >= n else A.mH
    basis = _range_of(tall, q, 2 if niter is None else niter)
    u, s, vh = linalg_svd(basis.mH @ tall, False)
    u, v = basis @ u, vh.mH
    return (u, s, v) if m >= n else (v, s, u)


def _range_of(A, q, niter):
    """q orthonormal columns whose span nearly holds the columns of A."""
    basis = linalg_qr(A @ randn(A._a.shape[-1], q, dtype=A.dtype, device=A.device))[0]
    for _ in range(niter):
        basis = linalg_qr(A.mH @ basis)[0]
        basis = linalg_qr(A @ basis)[0]
    return basis


def pca_lowrank(A, q=None, center=True, niter=2):
    """Return (U, S, V) of rank q for data in rows: the columns of V are the principal directions.

    Args:
        q: a little more than the rank wanted; default: min(6, m, n).
        center: subtract the mean of the rows first.
        niter: as in :func:`plugrad.svd_lowrank`.

    Shapes:
        A (*, m, n) → U (*, m, q), S (*, q), V (*, n, q)

    Raises:
        ValueError: q or niter is out of range.

    Example:
        >>> import plugrad
        >>> U, S, V = plugrad.pca_lowrank(plugrad.eye(8), q=3)
        >>> V.shape
        torch.Size([8, 3])
    """
    m, n = A._a.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, True) if center else A, q, niter)


def install():
    """Give Tensor its pseudo-inverse."""
    Tensor.pinverse = pinverse
