"""Factorizations, solvers and what is made of them: that they multiply back, their derivatives as functions of unrestricted
matrices, refusals, and the compositions that stand in for a library's own functions."""

import numpy as np
import pytest

import plugrad
from plugrad import linalg
from plugrad.backends.factorizations import Factorizations
from plugrad_testing import assert_values, on

pytestmark = pytest.mark.device

RNG = np.random.default_rng(11)
PARTS = {"real": False, "complex": True}


def draw(*shape, complex=False):
    made = RNG.uniform(-1, 1, shape)
    return made + 1j * RNG.uniform(-1, 1, shape) if complex else made


def tensor(array, requires_grad=False):
    xp = plugrad.core.device.space()
    if getattr(xp, array.dtype.name) is None:
        pytest.skip(f"backend {xp.name} has no {array.dtype.name}")
    return on(array, requires_grad=requires_grad)


def host(x):
    return x.detach()._host()


def gram(M):
    return M @ M.mH + 0.5 * plugrad.eye(M.shape[-1], dtype=M.dtype)


@pytest.fixture(params=PARTS)
def is_complex(request):
    return PARTS[request.param]


# --- multiplied back ---
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (2, 1, 4, 4), (20, 20), (0, 2, 2), (0, 0)])
def test_products_give_the_matrix(shape, is_complex):
    a = draw(*shape, complex=is_complex) + 2 * np.eye(shape[-1])
    A = tensor(a)
    P, L, U = linalg.lu(A)
    assert_values(host(P @ L @ U), a, 1e-9, 1e-10)
    Q, R = linalg.qr(A)
    assert_values(host(Q @ R), a, 1e-9, 1e-10)
    u, s, vh = linalg.svd(A, full_matrices=False)
    assert_values(host((u * s.unsqueeze(-2)) @ vh), a, 1e-9, 1e-10)
    values, vectors = linalg.eig(A)
    assert_values(host(A.to(values.dtype) @ vectors), host(vectors * values.unsqueeze(-2)), 1e-8, 1e-9)
    H = gram(A)
    lower, upper = linalg.cholesky(H), linalg.cholesky(H, upper=True)
    assert_values(host(lower @ lower.mH), host(H), 1e-9, 1e-10)
    assert_values(host(upper.mH @ upper), host(H), 1e-9, 1e-10)
    values, vectors = linalg.eigh(H)
    assert_values(host(H @ vectors), host(vectors * values.unsqueeze(-2)), 1e-8, 1e-9)
    assert_values(host(linalg.eigvalsh(H)), host(values), 1e-9, 1e-10)


@pytest.mark.parametrize("n", [1, 3, 16, 17, 40])
def test_solutions(n, is_complex):
    a, b = draw(2, n, n, complex=is_complex) + 3 * np.eye(n), draw(n, 3, complex=is_complex)
    A, B = tensor(a), tensor(b)
    assert_values(host(A @ linalg.solve(A, B)), np.broadcast_to(b, (2, n, 3)), 1e-9, 1e-10)
    assert_values(host(linalg.inv(A) @ A), np.broadcast_to(np.eye(n), (2, n, n)), 1e-9, 1e-10)
    assert_values(host(linalg.det(A)), np.linalg.det(a), 1e-9)
    for upper in (False, True):
        triangle = np.triu(a) if upper else np.tril(a)
        X = linalg.solve_triangular(A, B, upper=upper)
        assert_values(triangle @ host(X), np.broadcast_to(b, (2, n, 3)), 1e-8, 1e-9)
    LU, pivots = linalg.lu_factor(A)
    for adjoint in (False, True):
        X = linalg.lu_solve(LU, pivots, B, adjoint=adjoint)
        assert_values(host((A.mH if adjoint else A) @ X), np.broadcast_to(b, (2, n, 3)), 1e-9, 1e-10)


@pytest.mark.parametrize("size", [0.0, 0.3, 3.0, 30.0])
def test_exponential(size):
    a = size * draw(3, 3)
    values, vectors = np.linalg.eig(a)
    expected = (vectors * np.exp(values)) @ np.linalg.inv(vectors) if size else np.eye(3)
    assert_values(host(linalg.matrix_exp(tensor(a))), expected.real, 1e-8, 1e-9 * np.abs(expected).max())


# --- what numpy has natively, composed of the required functions ---
@pytest.mark.parametrize("name", ["cholesky_ex", "lu_factor_ex", "solve_ex", "inv_ex", "det", "slogdet"])
def test_compositions_agree(name, is_complex):
    xp = plugrad.core.device.space()
    a = draw(2, 5, 5, complex=is_complex)
    a = a @ a.conj().swapaxes(-1, -2) + np.eye(5)
    arguments = [tensor(a)._a]
    if name == "cholesky_ex":
        arguments.append(False)
    if name == "solve_ex":
        arguments.append(tensor(draw(5, 2, complex=is_complex))._a)
    made, composed = getattr(xp, name)(*arguments), getattr(Factorizations, name)(xp, *arguments)
    made, composed = (m if isinstance(m, tuple) else (m,) for m in (made, composed))
    for x, y in zip(made, composed, strict=True):
        assert_values(xp.to_host(x), xp.to_host(y), 1e-10, 1e-11)


# --- derivatives, as functions of any matrix ---
SMOOTH = {
    "cholesky": lambda M: linalg.cholesky(gram(M)),
    "cholesky_upper": lambda M: linalg.cholesky(gram(M), upper=True),
    "cholesky_solve": lambda M: plugrad.cholesky_solve(M, linalg.cholesky(gram(M))),
    "cholesky_inverse": lambda M: plugrad.cholesky_inverse(linalg.cholesky(gram(M))),
    "eigvalsh": lambda M: linalg.eigvalsh(gram(M)),
    "eigh": lambda M: (lambda found: (found[1] * found[0].exp().unsqueeze(-2)) @ found[1].mH)(linalg.eigh(gram(M))),
    "eigh_sizes": lambda M: linalg.eigh(gram(M))[1].abs(),
    "eig": lambda M: (lambda found: (found[1] * found[0].unsqueeze(-2)) @ linalg.inv(found[1]))(linalg.eig(M)).abs(),
    "eigvals": lambda M: linalg.eigvals(M).abs().sum(-1),
    "svdvals": linalg.svdvals,
    "svd_sizes": lambda M: tuple(x.abs() for x in linalg.svd(M, full_matrices=False)),
    "svd_polar": lambda M: (lambda found: found[0] @ found[2])(linalg.svd(M, full_matrices=False)),
    "pinv": linalg.pinv,
    "pinv_hermitian": lambda M: linalg.pinv(gram(M), hermitian=True),
    "lu": lambda M: linalg.lu(M)[1:],
    "lu_solve": lambda M: linalg.lu_solve(*linalg.lu_factor(M), M.mH),
    "logdet": lambda M: plugrad.logdet(gram(M)),
    "lstsq": lambda M: linalg.lstsq(M[..., :2], M).solution,
    "matrix_power": lambda M: linalg.matrix_power(M, -2),
    "nuclear": lambda M: linalg.matrix_norm(M, "nuc"),
    "spectral": lambda M: linalg.matrix_norm(M, 2),
    "cond": lambda M: linalg.cond(M),
    "cond_fro": lambda M: linalg.cond(M, "fro"),
    "tensorinv": lambda M: linalg.tensorinv(M, 1),
    "vander": lambda M: linalg.vander(M, N=4),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name, is_complex):
    start = np.diag([3.0, 2.0, 1.0]) + 0.3 * np.random.default_rng(3).normal(size=(3, 3))
    if is_complex:
        start = start + 0.3j * np.random.default_rng(4).normal(size=(3, 3))
    M = tensor(start, requires_grad=True)
    assert plugrad.autograd.gradcheck(SMOOTH[name], (M,), check_forward_ad=True, fast_mode=True)
    assert plugrad.autograd.gradgradcheck(SMOOTH[name], (M,), fast_mode=True)


@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
@pytest.mark.parametrize("name", ["svdvals", "svd_sizes", "svd_polar", "pinv", "lu", "nuclear"])
def test_derivatives_of_oblong_matrices(name, shape, is_complex):
    start = np.eye(*shape) * np.arange(1, shape[1] + 1) + 0.3 * draw(*shape, complex=is_complex)
    M = tensor(start, requires_grad=True)
    assert plugrad.autograd.gradcheck(SMOOTH[name], (M,), fast_mode=True)
    assert plugrad.autograd.gradgradcheck(SMOOTH[name], (M,), fast_mode=True)


def test_repeated_values_have_finite_slopes():
    """Only the vectors are undetermined where values are repeated."""
    M = tensor(np.eye(3), requires_grad=True)
    for values in (linalg.svdvals(M), linalg.eigvalsh(M)):
        (g,) = plugrad.autograd.grad(values.sum(), M)
        assert_values(host(g), np.eye(3), 1e-12, 1e-12)


def test_determinant_of_a_singular_matrix():
    """The gradient is the matrix of cofactors."""
    M = tensor(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]]), requires_grad=True)
    (g,) = plugrad.autograd.grad(linalg.det(M), M)
    assert_values(host(g), [[4.0, 4.0, -4.0], [-2.0, -2.0, 2.0], [0.0, 0.0, 0.0]], 1e-9, 1e-9)


def test_vmap_of_solvers():
    a, b = draw(4, 3, 3) + 3 * np.eye(3), draw(4, 3)
    found = plugrad.vmap(linalg.solve)(tensor(a), tensor(b))
    assert_values(host(found), np.linalg.solve(a, b[..., None])[..., 0], 1e-10)
    found = plugrad.vmap(linalg.svdvals)(tensor(a))
    assert_values(host(found), np.linalg.svd(a, compute_uv=False), 1e-10)
    hessians = plugrad.vmap(plugrad.func.hessian(linalg.det))(tensor(a))
    assert tuple(hessians.shape) == (4, 3, 3, 3, 3)


# --- refusals ---
@pytest.mark.parametrize(
    ("function", "matrix", "text"),
    [
        (
            linalg.inv,
            np.ones((2, 2)),
            "linalg.inv: The diagonal element 2 is zero, the inversion could not be completed",
        ),
        (
            linalg.cholesky,
            -np.eye(2),
            r"linalg.cholesky: The factorization could not .* \(the leading minor of order 1 is not",
        ),
        (
            lambda A: linalg.solve(A, A),
            np.zeros((2, 2)),
            "torch.linalg.solve: The solver failed because the input matrix is singular",
        ),
        (
            linalg.inv,
            np.stack([np.eye(2), np.ones((2, 2))]),
            r"linalg.inv: \(Batch element 1\): The diagonal element 2",
        ),
    ],
    ids=["inv", "cholesky", "solve", "batch"],
)
def test_singular_matrices(function, matrix, text):
    with pytest.raises(linalg.LinAlgError, match=text):
        function(tensor(matrix))


def test_the_error_is_a_runtime_error_by_torchs_name():
    assert issubclass(linalg.LinAlgError, RuntimeError)
    assert (linalg.LinAlgError.__module__, linalg.LinAlgError.__name__) == ("torch._C", "_LinAlgError")


@pytest.mark.parametrize(
    "function",
    [lambda A: linalg.eigh(gram(A))[1], lambda A: linalg.svd(A)[0], lambda A: linalg.eig(A)[1]],
    ids=["eigh", "svd", "eig"],
)
def test_a_loss_must_not_depend_on_the_phase(function):
    A = tensor(draw(3, 3, complex=True), requires_grad=True)
    with pytest.raises(RuntimeError, match="specified up to multiplication by e"):
        function(A).sum().real.backward()


def test_low_rank():
    plugrad.manual_seed(1)
    a = draw(8, 3) @ draw(3, 6)
    for matrix in (a, a.T):
        u, s, v = plugrad.svd_lowrank(tensor(matrix), q=4)
        assert_values(host((u * s) @ v.mT), matrix, 1e-9, 1e-10)
    u, s, v = plugrad.pca_lowrank(tensor(a), q=3)
    assert_values(host((u * s) @ v.mT), a - a.mean(0), 1e-9, 1e-10)


def test_results_are_written_where_out_says():
    A = tensor(draw(3, 3) + 3 * np.eye(3))
    empty = [plugrad.empty(0, dtype=plugrad.float64) for _ in range(2)]
    made = linalg.qr(A, out=tuple(empty))
    assert made.Q is empty[0]
    assert made.R is empty[1]
    assert_values(host(empty[0] @ empty[1]), host(A), 1e-10)
    out = plugrad.empty(3, 3, dtype=plugrad.float64)
    assert linalg.inv(A, out=out) is out
    assert_values(host(out @ A), np.eye(3), 1e-9, 1e-10)
