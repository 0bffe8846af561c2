"""torch.linalg's solvers and inverses."""

from .. import dtypes
from ..errors import scalar_name
from ..naming import named
from ..shapes import broadcast_shapes, rank_of
from ..tensor import Tensor
from .matrix_checks import (
    c_name,
    check_info,
    filled,
    first_failure,
    need_fit,
    need_kernel,
    need_matrix,
    need_one_dtype,
    need_smooth,
    need_square,
    need_tensor,
    no_inverse,
    no_solution,
    result_type,
    untracked,
    written,
)
from .solving_rows import (
    cholesky_inverse_,
    cholesky_solve_,
    inv_ex_,
    solve_ex_,
    solve_triangular_,
)

SOLVE_EX = result_type("linalg_solve_ex", "result", "info")
INV_EX = result_type("linalg_inv_ex", "inverse", "info")


# --- systems ---
def is_vector(A, B):
    """Whether B holds one right side per matrix instead of a matrix of right sides."""
    return B.dim() == 1 or (A.dim() - 1 == B.dim() and B._a.shape == A._a.shape[:-1])


def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """Return (X, info) with A·X = B; info is not 0 where A is singular.

    Args:
        left: False solves X·A = B.
        check_errors: raise instead.

    Shapes:
        A (*, n, n), B (*, n, k) or (*, n) → result as B, info (*) of int32.

    Raises:
        LinAlgError: A is singular, and ``check_errors``.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.solve_ex(2 * plugrad.eye(2), plugrad.ones(2)).result
        tensor([0.5000, 0.5000])
    """
    return filled(SOLVE_EX, _solve("torch.linalg.solve_ex", A, B, left, check_errors), out, A, B)


def _solve(name, A, B, left, check_errors):
    need_tensor(name.removeprefix("torch.").replace(".", "_"), "A", 1, A)
    need_tensor(name.removeprefix("torch.").replace(".", "_"), "B", 2, B)
    need_smooth("linalg.solve", A, "lu_cpu")
    need_one_dtype("linalg.solve", A, B)
    vector = B.dim() > 0 and is_vector(A, B)
    right = B.unsqueeze(-1) if vector else B
    need_square("linalg.solve", A)
    need_matrix("linalg.solve", right, "B")
    need_fit("linalg.solve", A, right, left)
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is "
            "equivalent to B / A.squeeze(-1)"
        )
    x, info = solve_ex_(A, right) if left else solve_ex_(A.mT, right.mT)
    if check_errors:
        check_info(name, info, no_solution)
    x = x if left else x.mT
    return named(x.squeeze(-1) if vector else x, "LinalgSolveExBackward0"), info


def solve(A, B, *, left=True, out=None):
    """Return X of A·X = B.

    Args:
        left: False solves X·A = B.

    Shapes:
        A (*, n, n), B (*, n, k) or (*, n) → as B; batches broadcast.

    Raises:
        LinAlgError: A is singular.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.solve(plugrad.tensor([[2.0, 0.0], [0.0, 4.0]]), plugrad.ones(2))
        tensor([0.5000, 0.2500])
    """
    return written(out, _solve("torch.linalg.solve", A, B, left, True)[0], A, B)


def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """Return X of A·X = B for a triangular A, of which the other triangle is not read.

    Args:
        upper: whether it is the upper triangle.
        left: False solves X·A = B.
        unitriangular: take the diagonal as ones.

    Shapes:
        A (*, n, n), B (*, n, k) → (*, n, k); batches broadcast.

    Example:
        >>> import plugrad
        >>> A = plugrad.tensor([[2.0, 0.0], [1.0, 1.0]])
        >>> plugrad.linalg.solve_triangular(A, plugrad.ones(2, 1), upper=False)
        tensor([[0.5000],
                [0.5000]])
    """
    name = "linalg.solve_triangular"
    need_tensor("linalg_solve_triangular", "A", 1, A)
    need_tensor("linalg_solve_triangular", "B", 2, B)
    need_one_dtype(name, A, B)
    need_square(name, A)
    need_matrix(name, B, "B")
    need_fit(name, A, B, left)
    need_smooth(name, A, "triangular_solve_cpu")
    if out is not None and out.dtype is not A.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(A.dtype)} but found {scalar_name(out.dtype)}")
    return written(out, solve_triangular_(A, B, bool(upper), bool(left), bool(unitriangular)), A, B)


def cholesky_solve(input, L, upper=False, *, out=None):
    """Return X of A·X = input, by the Cholesky factor L of A.

    Args:
        upper: whether the factor is upper triangular.

    Shapes:
        input (*, n, k), L (*, n, n) → (*, n, k); batches broadcast.

    Example:
        >>> import plugrad
        >>> plugrad.cholesky_solve(plugrad.ones(2, 1), 2 * plugrad.eye(2))
        tensor([[0.2500],
                [0.2500]])
    """
    for what, x in (("b", input), ("u", L)):
        if rank_of(x) < 2:
            raise RuntimeError(f"{what} should have at least 2 dimensions, but has {x.dim()} dimensions instead")
    if input.dtype is not L.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {_name(input)} and A of type {_name(L)} instead."
        )
    (n, m), k = L._a.shape[-2:], input._a.shape[-2:]
    if n != m:
        raise RuntimeError(f"A must be batches of square matrices, but they are {n} by {m} matrices")
    if n != k[0]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {n} by {m} but each b matrix is {k[0]} by {k[1]}"
        )
    need_smooth("cholesky_solve", L, "cholesky_solve_cpu")
    return written(out, cholesky_solve_(input, L, bool(upper)), input, L, castable="cholesky_solve")


def _name(x):
    return c_name(x.dtype).capitalize()


def cholesky_inverse(L, upper=False, *, out=None):
    """Return the inverse of A, by its Cholesky factor.

    Args:
        upper: whether the factor is upper triangular.

    Shapes:
        L (*, n, n) → (*, n, n)

    Example:
        >>> import plugrad
        >>> plugrad.cholesky_inverse(2 * plugrad.eye(2))
        tensor([[0.2500, 0.0000],
                [0.0000, 0.2500]])
    """
    need_square("cholesky_inverse", L)
    need_kernel(L, "cholesky_inverse_out_cpu")
    return written(out, cholesky_inverse_(L, bool(upper)), L, castable="cholesky_inverse")


def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """Return X of A·X = B, by what :func:`plugrad.linalg.lu_factor` gave for A.

    Args:
        left: False solves X·A = B.
        adjoint: solve with Aᴴ.

    Shapes:
        LU (*, n, n), pivots (*, n), B (*, n, k) → (*, n, k); batches broadcast.

    Example:
        >>> import plugrad
        >>> LU, pivots = plugrad.linalg.lu_factor(plugrad.tensor([[0.0, 2.0], [4.0, 0.0]]))
        >>> plugrad.linalg.lu_solve(LU, pivots, plugrad.ones(2, 1))
        tensor([[0.2500],
                [0.5000]])
    """
    _check_lu_solve(LU, pivots, B, left)
    made = _lu_solve(LU, pivots, B, adjoint) if left else _lu_solve(LU, pivots, B.mH, not adjoint).mH
    return written(out, named(made, "LinalgLuSolveBackward0"), LU, B)


def _check_lu_solve(LU, pivots, B, left):
    need_smooth("torch.linalg.lu_solve", LU, "lu_solve_cpu")
    need_one_dtype("linalg.lu_solve", LU, B, "LU", "B")
    if str(pivots.dtype) != "torch.int32":
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    need_square("torch.linalg.lu_solve", LU)
    need_matrix("torch.linalg.lu_solve", B, "B")
    need_fit("linalg.lu_solve", LU, B, left)
    if LU._a.shape[-1] != pivots._a.shape[-1]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if LU._a.shape[:-1] != pivots._a.shape:
        raise RuntimeError(
            f"linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape {list(pivots.shape)} "
            "instead"
        )
    xp = pivots._xp
    if not xp.values_at_hand or not pivots.numel():
        return
    for bad, side in (
        (pivots._a < 1, "greater or equal to 1"),
        (pivots._a > LU._a.shape[-2], "smaller or equal to LU.size(-2)"),
    ):
        if xp.truth(xp.any(bad, None, False)):
            raise RuntimeError(
                f"Pivots given to lu_solve must all be {side}. Did you properly pass the result of lu_factor?"
            )


def _lu_solve(LU, pivots, B, adjoint):
    order = LU._xp.exchanged(pivots._a, LU._a.shape[-1])
    if not adjoint:
        y = solve_triangular_(LU, _rows_by(B, order, LU), False, True, True)
        return solve_triangular_(LU, y, True, True, False)
    turned = LU.mH
    y = solve_triangular_(turned, B, False, True, False)
    y = solve_triangular_(turned, y, True, True, True)
    return _rows_by(y, LU._xp.argsort(order, len(order.shape) - 1), LU)


def _rows_by(x, order, LU):
    """The rows of x in an order per matrix of LU."""
    xp = LU._xp
    batch = tuple(broadcast_shapes(tuple(x._a.shape[:-2]), tuple(LU._a.shape[:-2])))
    wide = (*batch, *x._a.shape[-2:])
    x = x if tuple(x._a.shape) == wide else x.expand(*wide)
    index = xp.broadcast_to(xp.expand_dims(order, len(order.shape)), wide)
    return xp.tensors.take_along_axis(x, index, len(wide) - 2)


# --- inverses ---
def inv_ex(A, *, check_errors=False, out=None):
    """Return (the inverse, info); info is the number of the first zero on the diagonal of U, 0 if there is none.

    Shapes:
        A (*, n, n) → inverse (*, n, n), info (*) of int32.

    Raises:
        LinAlgError: A is singular, and ``check_errors``.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.inv_ex(plugrad.zeros(2, 2)).info
        tensor(1, dtype=torch.int32)
    """
    return filled(INV_EX, _inverse("linalg.inv_ex", A, check_errors), out, A)


def _inverse(name, A, check_errors):
    need_square("linalg.inv", A)
    need_smooth("linalg.inv", A)
    if A.dtype in (dtypes.float16, dtypes.bfloat16):
        raise RuntimeError(f"linalg.inv: Low precision dtypes not supported. Got {scalar_name(A.dtype)}")
    x, info = inv_ex_(A)
    if check_errors:
        # Not every library says where it failed.
        check_info(name, info, lambda found: no_inverse(_first_zero(A) or found))
    return x, info


def _first_zero(A):
    found = first_failure(untracked(A, A._xp.lu_factor_ex(A._a)[2]))
    return None if found is None else found[1]


def inv(A, *, out=None):
    """Return the inverse of square matrices.

    Shapes:
        A (*, n, n) → (*, n, n)

    Raises:
        LinAlgError: A is singular.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.inv(plugrad.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return written(out, _inverse("linalg.inv", A, True)[0], A)


def inverse(input, *, out=None):
    """Return the inverse of square matrices; see :func:`plugrad.linalg.inv`."""
    return inv(input, out=out)


METHODS = (cholesky_inverse, cholesky_solve, inverse)


def install():
    """Give Tensor its solvers."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
