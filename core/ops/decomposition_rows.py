"""Factorizations of matrices and eigenvalues: the rows and their derivatives.

M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008); M. Seeger
et al., "Auto-differentiating linear algebra" (arXiv:1710.08717); S. F. Walter and L. Lehmann, "Algorithmic differentiation of
linear algebra functions" (arXiv:1001.1654). Where the first output is complex, the walk conjugates what comes in and what
goes out, so such a rule is the published formula with the conjugates of what it keeps.
"""

from ..compile import general
from ..tensor import Tensor

CLOSE = 1e-2  # how much of a gradient may lie along a phase that the factorization leaves open


def quotient(xp, x, d):
    """x / d, 0 where both are 0: entries that nothing asks for stay finite where values are repeated."""
    nothing = (d == 0) & (x == 0)
    return xp.select(nothing, 0.0, x / xp.select(nothing, 1.0, d))


def half_diagonal(xp, x):
    """The lower triangle with half of the diagonal."""
    return (xp.tril(x, 0) + xp.tril(x, -1)) * 0.5


def without_diagonal(xp, x):
    return x * (1.0 - xp.identity(x.shape[-1], xp.real_part(x).dtype))


def rows_of(x, start, stop):
    return (..., slice(start, stop), slice(None))


def columns_of(start, stop):
    return (..., slice(start, stop))


# --- Cholesky ---
def cholesky_grad(xp, g, factor, upper):
    """½ L⁻ᴴ (T + Tᴴ - diag(T)) L⁻¹, T the lower triangle of Lᴴ g."""
    lower = xp.mT(factor) if upper else xp.conjugate(factor)
    g = xp.mH(g) if upper else g
    inner = xp.matmul(xp.mH(lower), g)
    inner = (xp.tril(inner, 0) + xp.mH(xp.tril(inner, -1))) * 0.5
    left = xp.solve_triangular(xp.mH(lower), inner, True, True, False)
    return xp.solve_triangular(lower, left, False, False, False)


def cholesky_tangent(xp, t_x, factor, upper):
    """L · Φ(L⁻¹ t L⁻ᴴ), Φ the lower triangle with half the diagonal."""
    lower = xp.mH(factor) if upper else factor
    inner = xp.solve_triangular(lower, t_x, False, True, False)
    inner = xp.solve_triangular(xp.mH(lower), inner, True, False, False)
    made = xp.matmul(lower, half_diagonal(xp, inner))
    return xp.mH(made) if upper else made


cholesky_ex_ = general(
    "cholesky_ex_(x, *, upper) -> factor, info:no",
    lambda xp, g, factor, upper: cholesky_grad(xp, g, factor, upper),
    jvp=lambda xp, t_x, factor, upper: cholesky_tangent(xp, t_x, factor, upper),
    doc="the triangular factor of a positive definite matrix, and which leading minor is not positive",
    xp="cholesky_ex",
    node="LinalgCholeskyExBackward0",
)


# --- LU ---
def lu_grad(xp, g, factors, back):
    """Gradient by a, from that by L (below the diagonal of ``g``) and U (the rest)."""
    m, n = factors.shape[-2:]
    k = min(m, n)
    inner = _square_lu_grad(xp, *_without_rest(xp, g, factors, m, n, k))
    if m > k:
        inner = xp.concat([inner, _below(xp, g, factors, k)], len(g.shape) - 2)
    if n > k:
        inner = xp.concat([inner, _beside(xp, g, factors, k)], len(g.shape) - 1)
    index = xp.broadcast_to(xp.expand_dims(back, len(back.shape)), tuple(inner.shape))
    return xp.take_along_axis(inner, index, len(inner.shape) - 2)


def _corner(xp, a, k):
    return xp.slice(a, (..., slice(0, k), slice(0, k)))


def _below(xp, g, factors, k):
    """Rows below the square corner: g U⁻ᴴ."""
    upper = _corner(xp, factors, k)
    return xp.solve_triangular(xp.mT(upper), xp.slice(g, rows_of(g, k, None)), False, False, False)


def _beside(xp, g, factors, k):
    """Columns beside the square corner: L⁻ᴴ g."""
    lower = _corner(xp, factors, k)
    return xp.solve_triangular(xp.mT(lower), xp.slice(g, columns_of(k, None)), True, True, True)


def _without_rest(xp, g, factors, m, n, k):
    """(g of L, g of U, factors) of the square corner, with what flows to it through the rest."""
    corner, square = _corner(xp, factors, k), _corner(xp, g, k)
    lower, upper = xp.tril(square, -1), xp.triu(square, 0)
    if m > k:
        rest = xp.slice(factors, rows_of(factors, k, None))
        upper = upper - xp.triu(xp.matmul(xp.mT(rest), _below(xp, g, factors, k)), 0)
    if n > k:
        rest = xp.slice(factors, columns_of(k, None))
        lower = lower - xp.tril(xp.matmul(_beside(xp, g, factors, k), xp.mT(rest)), -1)
    return lower, upper, corner


def _square_lu_grad(xp, g_lower, g_upper, factors):
    """L⁻ᴴ (tril(Lᴴ gL, -1) + triu(gU Uᴴ)) U⁻ᴴ."""
    unit = xp.identity(factors.shape[-1], factors.dtype)
    lower, upper = xp.tril(factors, -1) + unit, xp.triu(factors, 0)
    inner = xp.tril(xp.matmul(xp.mT(lower), g_lower), -1) + xp.triu(xp.matmul(g_upper, xp.mT(upper)), 0)
    inner = xp.solve_triangular(xp.mT(lower), inner, True, True, True)
    return xp.solve_triangular(xp.mT(upper), inner, False, False, False)


lu_factor_ex_ = general(
    "lu_factor_ex_(x) -> factors, pivots:no, info:no, back:no",
    lambda xp, g, factors, back: lu_grad(xp, g, factors, back),
    doc="both factors in one matrix, the exchanges of rows, and the first zero on the diagonal of U",
    xp="lu_factor_ex",
    node="LinalgLuFactorExBackward0",
)


# --- QR ---
def qr_grad(xp, g_q, g_r, q, r, mode):
    m, n = q.shape[-2], r.shape[-1]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to differentiate through linalg.qr."
        )
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    q, r = xp.conjugate(q), xp.conjugate(r)
    if m >= n:
        return _tall_qr_grad(xp, g_q, g_r, q, r)
    g_rest = xp.slice(g_r, columns_of(m, None))
    rest = xp.slice(r, columns_of(m, None))
    g_q = g_q + xp.matmul(q, xp.matmul(rest, xp.mH(g_rest)))
    square = xp.slice(r, columns_of(0, m))
    first = _tall_qr_grad(xp, g_q, xp.slice(g_r, columns_of(0, m)), q, square)
    return xp.concat([first, xp.matmul(q, g_rest)], len(first.shape) - 1)


def _tall_qr_grad(xp, g_q, g_r, q, r):
    """(gQ + Q · sym(triu(gR Rᴴ - Qᴴ gQ))) R⁻ᴴ; sym halves what the diagonal has twice."""
    upper = xp.mH(half_diagonal(xp, xp.mH(xp.matmul(g_r, xp.mH(r)) - xp.matmul(xp.mH(q), g_q))))
    inner = g_q + xp.matmul(q, upper + xp.mH(upper))
    return xp.solve_triangular(xp.mH(r), inner, False, False, False)


qr_ = general(
    "qr_(x, *, mode) -> q, r",
    vjp=lambda xp, g_q, g_r, q, r, mode: (qr_grad(xp, g_q, g_r, q, r, mode),),
    doc="orthonormal columns times an upper triangle",
    xp="qr",
    node="LinalgQrBackward0",
)


# --- eigenvalues ---
def check_phase(xp, diagonal, text):
    """Raise where a loss depends on the phase of complex vectors, which no factorization determines."""
    if not xp.dtype_names[diagonal.dtype].startswith("complex"):
        return
    a, space = (diagonal._a, diagonal._xp) if isinstance(diagonal, Tensor) else (diagonal, xp)
    if getattr(space, "transform", None) is not None or 0 in a.shape:
        return  # no values at hand
    if space.truth(space.any(space.abs(space.imag(a)) > CLOSE, None, False)):
        raise RuntimeError(text)


def eigen_text(name):
    return (
        f"{name}_backward: The eigenvectors in the complex case are specified up to multiplication by e^{{i phi}}. The specified loss "
        "function depends on this quantity, so it is ill-defined."
    )


def differences(xp, values):
    """values_j - values_i, 1 on the diagonal."""
    n = len(values.shape)
    unit = xp.identity(values.shape[-1], values.dtype)
    return xp.expand_dims(values, n - 1) - xp.expand_dims(values, n) + unit


def eigh_grad(xp, g_values, g_vectors, values, vectors):
    """V (diag(gL) + skew(Vᴴ gV) / E) Vᴴ, E_ij = L_j - L_i."""
    inner = xp.matmul(xp.mH(vectors), g_vectors)
    check_phase(xp, xp.diagonal(inner, 0), eigen_text("linalg_eigh"))
    skewed = without_diagonal(xp, (inner - xp.mH(inner)) * 0.5)
    slope = quotient(xp, skewed, differences(xp, values))
    slope = slope + xp.astype(xp.on_diagonal(g_values), slope.dtype)
    return xp.matmul(vectors, xp.matmul(slope, xp.mH(vectors)))


def eigh_tangent(xp, t_x, values, vectors):
    """(Re diag(Vᴴ t V), V · (Vᴴ t V / E))."""
    inner = xp.matmul(xp.mH(vectors), xp.matmul(t_x, vectors))
    turned = quotient(xp, without_diagonal(xp, inner), differences(xp, values))
    return xp.real_part(xp.diagonal(inner, 0)), xp.matmul(vectors, turned)


eigh_ = general(
    "eigh_(x, *, lower) -> values, vectors",
    vjp=lambda xp, g_values, g_vectors, values, vectors: (eigh_grad(xp, g_values, g_vectors, values, vectors),),
    jvp=lambda xp, t_x, values, vectors: eigh_tangent(xp, t_x, values, vectors),
    doc="eigenvalues and eigenvectors of a Hermitian matrix",
    xp="eigh",
    node="LinalgEighBackward0",
)


def eig_grad(xp, g_values, g_vectors, values, vectors, checked):
    """V⁻ᴴ (diag(gL) + (Vᴴ gV - Vᴴ V · diag(Re(Vᴴ gV))) / E*) Vᴴ."""
    values, vectors = xp.conjugate(values), xp.conjugate(vectors)
    inner = xp.matmul(xp.mH(vectors), g_vectors)
    diagonal = xp.diagonal(inner, 0)
    if checked:
        check_phase(xp, diagonal, eigen_text("linalg_eig"))
    gram = xp.matmul(xp.mH(vectors), vectors)
    along = xp.astype(xp.real_part(diagonal), inner.dtype)
    free = without_diagonal(xp, inner - gram * xp.expand_dims(along, len(along.shape) - 1))
    slope = quotient(xp, free, xp.conjugate(differences(xp, values))) + xp.on_diagonal(g_values)
    return xp.solve_ex(xp.mH(vectors), xp.matmul(slope, xp.mH(vectors)))[0]


eig_ = general(
    "eig_(x, *, checked) -> values, vectors",
    vjp=lambda xp, g_values, g_vectors, values, vectors, checked: (
        eig_grad(xp, g_values, g_vectors, values, vectors, checked),
    ),
    doc="complex eigenvalues and eigenvectors of unit length",
    xp="eig_and_vectors",
    node="LinalgEigBackward0",
)


# --- singular values ---
PHASE = (
    "svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss function "
    "depends on this phase term, making it ill-defined."
)


def svd_grad(xp, g_u, g_s, g_vh, u, s, vh):
    """U [(skew(Uᴴ gU) / E) S + S (skew(Vᴴ gV) / E) + diag(gS)] Vᴴ, with E_ij = S_j² - S_i², and the parts of gU and gV that
    lie outside of U and V."""
    k = s.shape[-1]
    u, vh = xp.conjugate(xp.slice(u, columns_of(0, k))), xp.conjugate(xp.slice(vh, rows_of(vh, 0, k)))
    g_u, g_vh = xp.slice(g_u, columns_of(0, k)), xp.slice(g_vh, rows_of(g_vh, 0, k))
    left, right = xp.matmul(xp.mH(u), g_u), xp.matmul(vh, xp.mH(g_vh))
    across, down = xp.expand_dims(s, len(s.shape) - 1), xp.expand_dims(s, len(s.shape))
    gaps = differences(xp, s * s)
    skewed = [without_diagonal(xp, part - xp.mH(part)) for part in (left, right)]
    inner = quotient(xp, skewed[0], gaps) * across + down * quotient(xp, skewed[1], gaps)
    inner = inner + xp.astype(xp.on_diagonal(g_s), inner.dtype) + _turn(xp, left, right, s)
    made = xp.matmul(xp.matmul(u, inner), vh)
    if u.shape[-2] > k:
        beside = quotient(xp, g_u - xp.matmul(u, left), xp.zeros_like(g_u) + across)
        made = made + xp.matmul(beside, vh)
    if vh.shape[-1] > k:
        beside = quotient(xp, g_vh - xp.matmul(xp.mH(right), vh), xp.zeros_like(g_vh) + down)
        made = made + xp.matmul(u, beside)
    return made


def _turn(xp, left, right, s):
    """i · Im diag(Uᴴ gU) / S, the part along the common phase of a pair of complex vectors; 0 for real ones."""
    if not xp.dtype_names[left.dtype].startswith("complex"):
        return 0.0
    a, b = xp.diagonal(left, 0), xp.diagonal(right, 0)
    check_phase(xp, a + b, PHASE)
    turned = a - xp.conjugate(a)
    return xp.on_diagonal(quotient(xp, turned, xp.astype(s * 2.0, turned.dtype)))


svd_ = general(
    "svd_(x, *, full) -> u, s, vh",
    vjp=lambda xp, g_u, g_s, g_vh, u, s, vh: (svd_grad(xp, g_u, g_s, g_vh, u, s, vh),),
    doc="singular values and vectors",
    xp="svd",
    node="LinalgSvdBackward0",
)
