"""Linear systems, inverses, determinants, the matrix exponential: the rows and their derivatives.

M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008); G. H. Golub
and V. Pereyra, "The differentiation of pseudo-inverses" (1973). As in decomposition_rows, a rule whose first output is complex
gets conjugated gradients: what the formulas have as Aᴴ is Aᵀ here.
"""

from ..compile import bilinear, general
from ..tensor import Tensor


def solve_grads(xp, g, a, x):
    """(by a, by b) of x = a⁻¹ b: gB = A⁻ᴴ g, gA = -gB xᴴ."""
    g_b = xp.solve_ex(xp.mT(a), g)[0]
    return -xp.matmul(g_b, xp.mT(x)), g_b


solve_ex_ = general(
    "solve_ex_(a, b) -> x, info:no",
    vjp=lambda xp, g, a, x: solve_grads(xp, g, a, x),
    doc="the solution of a · x = b, and whether a is singular",
    xp="solve_ex",
    match=True,
    node="LinalgSolveExBackward0",
)


def inverse_grad(xp, g, inverse):
    """-A⁻ᴴ g A⁻ᴴ."""
    turned = xp.mT(inverse)
    return -xp.matmul(turned, xp.matmul(g, turned))


inv_ex_ = general(
    "inv_ex_(a) -> inverse, info:no",
    lambda xp, g, inverse: inverse_grad(xp, g, inverse),
    doc="the inverse, and the first zero on the diagonal of U",
    xp="inv_ex",
    node="LinalgInvExBackward0",
)


def triangular_grads(xp, g, a, x, upper, left, unitriangular):
    """(by a, by b): gA is cut to the triangle that counts."""
    g_b = xp.solve_triangular(xp.mT(a), g, not upper, left, unitriangular)
    g_a = -xp.matmul(g_b, xp.mT(x)) if left else -xp.matmul(xp.mT(x), g_b)
    outermost = 1 if unitriangular else 0
    return (xp.triu(g_a, outermost) if upper else xp.tril(g_a, -outermost)), g_b


solve_triangular_ = general(
    "solve_triangular_(a, b, *, upper, left, unitriangular) -> x",
    vjp=lambda xp, g, a, x, upper, left, unitriangular: triangular_grads(xp, g, a, x, upper, left, unitriangular),
    doc="the solution of a triangular system",
    xp="solve_triangular",
    match=True,
    node="LinalgSolveTriangularBackward0",
)


def cholesky_solve_grads(xp, g, factor, x, upper):
    """(by b, by the factor): gB = A⁻¹ g, -(gB xᴴ + x gBᴴ) L; of the whole factor, as torch has it."""
    factor, x = xp.conjugate(factor), xp.conjugate(x)
    g_b = xp.cholesky_solve(g, factor, upper)
    both = xp.matmul(g_b, xp.mH(x))
    both = both + xp.mH(both)
    return g_b, -(xp.matmul(factor, both) if upper else xp.matmul(both, factor))


def cholesky_solve_tangent(xp, t_b, t_factor, factor, x, upper):
    """A⁻¹ (t_b - t_A x), where t_A = t Lᴴ + L tᴴ."""
    if t_factor is None:
        return xp.cholesky_solve(t_b, factor, upper)
    left, t_left = (xp.mH(factor), xp.mH(t_factor)) if upper else (factor, t_factor)
    change = xp.matmul(t_left, xp.matmul(xp.mH(left), x)) + xp.matmul(left, xp.matmul(xp.mH(t_left), x))
    return xp.cholesky_solve(-change if t_b is None else t_b - change, factor, upper)


cholesky_solve_ = general(
    "cholesky_solve_(b, factor, *, upper) -> x",
    vjp=lambda xp, g, factor, x, upper: cholesky_solve_grads(xp, g, factor, x, upper),
    jvp=cholesky_solve_tangent,
    doc="the solution of a · x = b by the Cholesky factor of a",
    xp="cholesky_solve",
    match=True,
    node="CholeskySolveBackward0",
)


def cholesky_inverse_grad(xp, g, factor, inverse, upper):
    factor, inverse = xp.conjugate(factor), xp.conjugate(inverse)
    both = xp.matmul(inverse, xp.matmul(g + xp.mH(g), inverse))
    return -(xp.matmul(factor, both) if upper else xp.matmul(both, factor))


def cholesky_inverse_tangent(xp, t_factor, factor, inverse, upper):
    """-A⁻¹ (t Lᴴ + L tᴴ) A⁻¹."""
    turned = xp.mH(t_factor)
    half = xp.matmul(turned, factor) if upper else xp.matmul(factor, turned)
    return -xp.matmul(inverse, xp.matmul(half + xp.mH(half), inverse))


cholesky_inverse_ = general(
    "cholesky_inverse_(factor, *, upper) -> inverse",
    lambda xp, g, factor, inverse, upper: cholesky_inverse_grad(xp, g, factor, inverse, upper),
    jvp=lambda xp, t_factor, factor, inverse, upper: cholesky_inverse_tangent(xp, t_factor, factor, inverse, upper),
    doc="the inverse of a matrix by its Cholesky factor",
    xp="cholesky_inverse",
    node="CholeskyInverseBackward0",
)


# --- determinants ---
def det_grad(xp, g, a, out):
    """g · the cofactors of a: det · A⁻ᴴ, or by singular values where a matrix is singular."""
    per_matrix = xp.expand_dims(xp.expand_dims(g, len(g.shape)), len(g.shape) + 1)
    if is_singular(xp, a, out):
        return per_matrix * cofactors(xp, a)
    scale = xp.expand_dims(xp.expand_dims(out, len(g.shape)), len(g.shape) + 1)
    unit = xp.identity(a.shape[-1], a.dtype) + xp.zeros_like(a)
    return xp.solve_ex(xp.mT(a), per_matrix * scale * unit)[0]


def is_singular(xp, a, out):
    """Whether a determinant is zero but for rounding; under vmap, where no value is at hand, none is taken to be."""
    space = out._xp if isinstance(out, Tensor) else xp
    a, out = getattr(a, "_a", a), getattr(out, "_a", out)
    if getattr(space, "transform", None) is not None or 0 in a.shape:
        return False
    n = a.shape[-1]
    size = space.sqrt(space.sum(space.square_abs(a), (len(a.shape) - 2, len(a.shape) - 1), False) / n)
    eps = 1e-14 if space.dtype_names[size.dtype] == "float64" else 1e-5
    return space.truth(space.any(space.abs(out) <= space.pow_scalar(size, n) * eps, None, False))


def cofactors(xp, a):
    """det(U) det(Vᴴ) · conj(U) · diag(products of the other singular values) · conj(Vᴴ)."""
    u, s, vh = xp.svd(a, False)
    others = xp.astype(xp.product_of_others(s, (len(s.shape) - 1,)), a.dtype)
    sign = xp.det(u) * xp.det(vh)
    sign = xp.expand_dims(xp.expand_dims(sign, len(sign.shape)), len(sign.shape) + 1)
    scaled = xp.conjugate(u) * xp.expand_dims(others, len(others.shape) - 1)
    return sign * xp.matmul(scaled, xp.conjugate(vh))


det_ = general(
    "det_(a)",
    lambda xp, g, a, out: det_grad(xp, g, a, out),
    doc="the determinant",
    xp="det",
    node="LinalgDetBackward0",
)


def slogdet_grad(xp, g_sign, g_logabsdet, a, sign):
    """A⁻ᴴ · (g of the logarithm - i Im(conj(g of the sign) · sign))."""
    g = g_logabsdet
    if xp.dtype_names[a.dtype].startswith("complex"):
        turned = g_sign * sign
        g = xp.astype(g, a.dtype) + (turned - xp.conjugate(turned)) * 0.5
    per_matrix = xp.expand_dims(xp.expand_dims(g, len(g.shape)), len(g.shape) + 1)
    unit = xp.identity(a.shape[-1], a.dtype) + xp.zeros_like(a)
    return xp.solve_ex(xp.mT(a), per_matrix * unit)[0]


slogdet_ = general(
    "slogdet_(a) -> sign, logabsdet",
    vjp=lambda xp, g_sign, g_logabsdet, a, sign: (slogdet_grad(xp, g_sign, g_logabsdet, a, sign),),
    doc="the sign of the determinant and log |determinant|",
    xp="slogdet",
    node="LinalgSlogdetBackward0",
)


# --- functions of a matrix ---
def matrix_exp_grad(xp, g, a):
    """The upper right block of exp [[Aᴴ, g], [0, Aᴴ]]."""
    n = a.shape[-1]
    turned = xp.mT(a)
    rows = len(a.shape) - 2
    above = xp.concat([turned, g], rows + 1)
    below = xp.concat([xp.zeros_like(turned), turned], rows + 1)
    made = xp.matrix_exp(xp.concat([above, below], rows))
    return xp.slice(made, (..., slice(0, n), slice(n, None)))


matrix_exp_ = general(
    "matrix_exp_(a)",
    lambda xp, g, a: matrix_exp_grad(xp, g, a),
    doc="the exponential Σ aᵏ / k!",
    xp="matrix_exp",
    node="LinalgMatrixExpBackward0",
)


def pinv_grad(xp, g, a, inverse):
    """Golub and Pereyra, for matrices that keep their rank."""
    a, x = xp.conjugate(a), xp.conjugate(inverse)
    xh, gh = xp.mH(x), xp.mH(g)
    if a.shape[-2] <= a.shape[-1]:
        k = xp.matmul(gh, x)
        kxh = xp.matmul(k, xh)
        rest = xp.matmul(xp.matmul(xh, x), gh - xp.matmul(k, a))
        return kxh - xp.mH(xp.matmul(x, k)) - xp.matmul(xp.matmul(a, x), kxh) + rest
    k = xp.matmul(x, gh)
    xhk = xp.matmul(xh, k)
    rest = xp.matmul(xp.matmul(gh - xp.matmul(a, k), x), xh)
    return xhk - xp.mH(xp.matmul(k, x)) + rest - xp.matmul(xp.matmul(xhk, x), a)


pinv_ = general(
    "pinv_(a, *, atol, rtol, hermitian) -> inverse",
    lambda xp, g, a, inverse: pinv_grad(xp, g, a, inverse),
    doc="the Moore-Penrose inverse; singular values up to max(atol, rtol · largest) count as zero",
    xp="pinv",
    node="LinalgPinvBackward0",
)

cross_ = bilinear(
    "cross_(x, y, *, axis)",
    lambda xp, g, y, axis: xp.cross(y, g, axis),
    lambda xp, g, x, axis: xp.cross(g, x, axis),
    doc="the cross products of vectors of three",
    xp="cross",
    node="LinalgCrossBackward0",
)
