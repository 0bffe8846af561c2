"""Householder reflections: QR as LAPACK keeps it, and products of the reflections.

Q = H₁ · H₂ ⋯ with Hᵢ = I - τᵢ · vᵢ · vᵢᴴ; vᵢ is 0 above the diagonal, 1 on it, and stands below it in a matrix.
They are imported with the first of their names that is asked for.
"""

from ..compile import general
from ..errors import scalar_name
from .matrix_checks import filled, need_kernel, need_tensor, result_type, untracked, written
from .underived import underived

GEQRF = result_type("geqrf", "a", "tau")


# --- the rows ---
def reflection_grads(xp, g, x, tau, c, adjoint):
    """The gradients of H ⋯ H · c by the matrix of vectors, by tau and by c: what each step met is computed again."""
    steps, met = xp.reflections(x, tau, adjoint), [c]
    for v, t in steps[:-1]:
        met.append(met[-1] - t * xp.matmul(v, xp.matmul(xp.mH(v), met[-1])))
    of_vectors, of_taus = [], []
    for (v, t), y in zip(reversed(steps), reversed(met), strict=True) if steps else ():
        a, b = xp.matmul(xp.mH(y), v), xp.matmul(xp.mH(g), v)
        of_vectors.append(-xp.conjugate(t) * xp.matmul(g, a) - t * xp.matmul(y, b))
        of_tau = -xp.matmul(xp.mH(b), a)
        of_taus.append(xp.conjugate(of_tau) if adjoint else of_tau)
        g = g - xp.conjugate(t) * xp.matmul(v, xp.matmul(xp.mH(v), g))
    if adjoint:
        of_vectors.reverse()
        of_taus.reverse()
    return _grads_of(xp, x, tau, of_vectors, of_taus), g


def _grads_of(xp, x, tau, of_vectors, of_taus):
    rank, rest = len(x.shape), x.shape[-1] - tau.shape[-1]
    if not of_vectors:
        return xp.zeros(tuple(x.shape), x.dtype), xp.zeros(tuple(tau.shape), tau.dtype)
    if rest:
        of_vectors = [*of_vectors, xp.zeros((*x.shape[:-1], rest), x.dtype)]
    of_tau = xp.concat([xp.getitem(t, (..., 0)) for t in of_taus], rank - 2)
    return xp.tril(xp.concat(of_vectors, rank - 1), -1), of_tau


def product_grad(xp, g, x, tau):
    x, tau = xp.conjugate(x), xp.conjugate(tau)
    start = xp.tril(xp.triu(xp.ones(tuple(x.shape), x.dtype), 0), 0)
    return reflection_grads(xp, g, x, tau, start, False)[0]


def reflect_grad(xp, g, x, tau, c, left, adjoint):
    x, tau, c = xp.conjugate(x), xp.conjugate(tau), xp.conjugate(c)
    if left:
        (of_x, of_tau), of_c = reflection_grads(xp, g, x, tau, c, adjoint)
        return of_x, of_tau, of_c
    (of_x, of_tau), of_c = reflection_grads(xp, xp.mH(g), x, tau, xp.mH(c), not adjoint)
    return of_x, of_tau, xp.mH(of_c)


householder_product_ = general(
    "householder_product_(x, tau)",
    vjp=lambda xp, g, x, tau, needs: product_grad(xp, g, x, tau),
    doc="the first columns of a product of reflections",
    xp="householder_product",
    node="LinalgHouseholderProductBackward0",
    match=True,
)
reflect_ = general(
    "reflect_(x, tau, c, *, left, adjoint)",
    vjp=lambda xp, g, x, tau, c, left, adjoint, needs: reflect_grad(xp, g, x, tau, c, left, adjoint),
    doc="a product of reflections times a matrix",
    xp="reflect",
    node="OrmqrBackward0",
    match=True,
)


# --- the functions ---
def geqrf(input, *, out=None):
    """Return (a, tau) of A = Q·R: R in the upper triangle of a, and below it and in tau the reflections that Q is made of.

    Shapes:
        A (*, m, n) → a (*, m, n), tau (*, min(m, n))

    Raises:
        RuntimeError: fewer than two dimensions; the derivative, which torch has not, is asked for.

    Example:
        >>> import plugrad
        >>> plugrad.geqrf(plugrad.tensor([[3.0], [4.0]])).a
        tensor([[-5.0000],
                [ 0.5000]])
    """
    need_tensor("geqrf", "input", 1, input)
    _need_matrices("geqrf", input)
    need_kernel(input, "geqrf_cpu")
    plain = input.detach()
    made = (untracked(plain, a) for a in plain._xp.geqrf(plain._a))
    text = "the derivative for 'geqrf' is not implemented."
    return filled(
        GEQRF, [underived(t, (input,), text, "GeqrfBackward0", NotImplementedError) for t in made], out, input
    )


def householder_product(A, tau, *, out=None):
    """Return the first n columns of H₁ · H₂ ⋯, the Q of what :func:`plugrad.geqrf` gave.

    Args:
        A: the vectors of the reflections, below the diagonal.
        tau: their factors, n at most.

    Shapes:
        A (*, m, n), tau (*, k) → (*, m, n) for m ≥ n ≥ k

    Raises:
        RuntimeError: other shapes, or two dtypes.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.householder_product(*plugrad.geqrf(plugrad.tensor([[3.0], [4.0]])))
        tensor([[-0.6000],
                [-0.8000]])
    """
    name = "torch.linalg.householder_product"
    need_tensor("linalg_householder_product", "input", 1, A)
    need_tensor("linalg_householder_product", "tau", 2, tau)
    _need_matrices("linalg.householder_product", A)
    m, n = A._a.shape[-2:]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau._a.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    _need_taus(name, A, tau)
    if tau.dtype is not A.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {scalar_name(tau.dtype)} does not match input dtype {scalar_name(A.dtype)}"
        )
    need_kernel(A, "orgqr_cpu")
    return written(out, householder_product_(A, tau), A, tau)


def orgqr(input, tau, *, out=None):
    """As ``linalg.householder_product``."""
    return householder_product(input, tau, out=out)


def ormqr(input, tau, other, left=True, transpose=False, *, out=None):
    """Return Q · other, or other · Q, for the square Q of what :func:`plugrad.geqrf` gave, without making Q.

    Args:
        left: False multiplies from the right.
        transpose: take Qᴴ.

    Shapes:
        input (*, m, n), tau (*, min(m, n)), other (*, m, k), or (*, k, m) from the right → that of ``other``

    Raises:
        RuntimeError: other shapes, or two dtypes.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([[3.0], [4.0]])
        >>> plugrad.ormqr(*plugrad.geqrf(x), x, transpose=True)[0]
        tensor([-5.])
    """
    for place, (what, value) in enumerate((("input", input), ("tau", tau), ("input2", other)), 1):
        need_tensor("ormqr", what, place, value)
    _need_matrices("ormqr", input)
    _need_matrices("ormqr", other, "other")
    axis = -2 if left else -1
    m, n = input._a.shape[-2:]
    met = other._a.shape[axis]
    if met < tau._a.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{axis}] must be greater than or equal to tau.shape[-1]")
    if met != m:
        raise RuntimeError(f"torch.ormqr: other.shape[{axis}] must be equal to input.shape[-2]")
    if tau._a.shape[-1] != min(met, n):
        raise RuntimeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{axis}], input.shape[-1])")
    _need_taus("torch.ormqr", input, tau)
    _check_other(input, tau, other)
    need_kernel(input, "ormqr_cpu")
    return written(out, reflect_(input, tau, other, bool(left), bool(transpose)), input, tau, other)


def _need_matrices(name, A, argument="input"):
    if A.dim() < 2:
        raise RuntimeError(f"torch.{name}: {argument} must have at least 2 dimensions.")


def _need_taus(name, A, tau):
    if tau.dim() != A.dim() - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.dim()} and input.ndim is "
            f"equal to {A.dim()}"
        )
    batch = list(tau._a.shape[:-1])
    if batch != list(A._a.shape[:-2]):
        raise RuntimeError(f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {batch}")


def _check_other(input, tau, other):
    if other.dim() != input.dim():
        raise RuntimeError(
            "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{other.dim()} and input.ndim is equal to {input.dim()}"
        )
    batch = list(other._a.shape[:-2])
    if batch != list(input._a.shape[:-2]):
        raise RuntimeError(
            f"torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got {batch}"
        )
    for what, t in (("tau", tau), ("other", other)):
        if t.dtype is not input.dtype:
            raise RuntimeError(
                f"torch.ormqr: Expected input and {what} to have the same dtype, but input has dtype{scalar_name(input.dtype)} and "
                f"{what} has dtype {scalar_name(t.dtype)}"
            )
