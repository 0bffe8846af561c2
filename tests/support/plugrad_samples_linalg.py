"""Samples, numpy references and torch counterparts of the rows for matrices.

The Cholesky factor and the eigenvalues of Hermitian matrices read one triangle, and have a gradient for symmetric changes: a
change in any direction is one only for 1 × 1. Larger ones are compared in tests/core/test_decompositions.py, as functions of
what they are made from.
"""

import numpy as np


def square(rng, *shape):
    """Well-conditioned matrices."""
    return rng.uniform(-1, 1, shape) + 2.5 * np.eye(shape[-1])


def complex_square(rng, *shape):
    return square(rng, *shape) + 1j * rng.uniform(-1, 1, shape)


def uniform(rng, *shape):
    return rng.uniform(-1, 1, shape)


def complex_uniform(rng, *shape):
    return uniform(rng, *shape) + 1j * uniform(rng, *shape)


def positive(rng, *shape):
    return rng.uniform(0.5, 2.0, shape)


def of(draw, *shape, statics=()):
    """A sample of one matrix argument."""
    return lambda rng: ([draw(rng, *shape)], statics)


def reflected(draw, m, n, k, batch=(), statics=None):
    """Vectors of k reflections and their factors; with statics, (left, adjoint), also what they are applied to."""

    def sample(rng):
        inputs = [draw(rng, *batch, m, n), draw(rng, *batch, k)]
        if statics is None:
            return inputs, ()
        return [*inputs, draw(rng, *batch, *((m, 2) if statics[0] else (2, m)))], statics

    return sample


def product_of_reflections(x, tau):
    """The whole product, of each matrix of a batch."""
    m = x.shape[-2]
    q = np.broadcast_to(np.eye(m, dtype=x.dtype), (*x.shape[:-2], m, m))
    for i in range(tau.shape[-1]):
        v = np.where(np.arange(m) > i, x[..., i], np.arange(m) == i)[..., None]
        q = q @ (np.eye(m) - tau[..., i, None, None] * v @ v.swapaxes(-1, -2).conj())
    return q


def reflect(x, tau, c, left, adjoint):
    q = product_of_reflections(x, tau)
    q = q.swapaxes(-1, -2).conj() if adjoint else q
    return q @ c if left else c @ q


def of_two(first, second, statics=()):
    """A sample of two: pairs (draw, shape)."""
    return lambda rng: ([draw(rng, *shape) for draw, shape in (first, second)], statics)


SHAPES = ((3, 3), (2, 3, 3), (1, 1), (0, 2, 2))
SQUARE = [of(square, *shape) for shape in SHAPES] + [of(complex_square, 2, 2)]


def spread(rng, m, n):
    """Matrices with singular values far from each other."""
    k = min(m, n)
    left, _ = np.linalg.qr(rng.normal(size=(m, m)))
    right, _ = np.linalg.qr(rng.normal(size=(n, n)))
    return left[:, :k] @ np.diag(np.arange(k, 0, -1.0) + rng.uniform(-0.2, 0.2, k)) @ right[:k]


def spread_batch(rng, batch, m, n):
    return np.stack([spread(rng, m, n) for _ in range(batch)])


def ordered(rng, *shape):
    """Matrices of which LU exchanges the same rows whatever is drawn."""
    n = shape[-2]
    return np.flip(np.eye(n, shape[-1]), 0) * 3 + rng.uniform(-0.5, 0.5, shape)


TRIANGULAR = [
    of_two((square, (3, 3)), (uniform, (3, 2)), (upper, True, unit))
    for upper in (False, True)
    for unit in (False, True)
]
TRIANGULAR += [
    of_two((square, (3, 3)), (uniform, (2, 3)), (upper, False, unit))
    for upper in (False, True)
    for unit in (False, True)
]
TRIANGULAR += [
    of_two((square, (2, 1, 2, 2)), (uniform, (3, 2, 1)), (False, True, False)),
    of_two((complex_square, (2, 2)), (complex_uniform, (2, 2)), (True, True, False)),
    of_two((square, (0, 0)), (uniform, (0, 2)), (True, True, False)),
]

SAMPLES = {
    "cholesky_ex_": [of(positive, 1, 1, statics=(False,)), of(positive, 3, 1, 1, statics=(True,))],
    "lu_factor_ex_": [of(ordered, *shape) for shape in ((3, 3), (2, 3, 3), (4, 2), (2, 4), (0, 3))],
    "householder_product_": [
        *(reflected(uniform, *shape) for shape in ((4, 3, 3), (3, 3, 2), (2, 1, 1), (3, 2, 0), (2, 0, 0))),
        reflected(uniform, 4, 2, 2, batch=(2,)),
        reflected(complex_uniform, 3, 2, 2),
    ],
    "reflect_": [
        *(reflected(uniform, 4, 3, 3, statics=s) for s in ((True, False), (True, True), (False, False), (False, True))),
        *(reflected(complex_uniform, 3, 2, 2, statics=s) for s in ((True, True), (False, False), (True, False))),
        reflected(uniform, 3, 2, 2, batch=(2,), statics=(True, False)),
        reflected(uniform, 2, 2, 0, statics=(True, False)),
    ],
    "qr_": [
        of(square, 3, 3, statics=("reduced",)),
        of(uniform, 2, 4, 2, statics=("reduced",)),
        of(uniform, 2, 3, statics=("reduced",)),
        of(uniform, 2, 3, statics=("complete",)),
        of(complex_uniform, 3, 2, statics=("reduced",)),
        of(uniform, 0, 2, statics=("reduced",)),
    ],
    "eigh_": [of(positive, 1, 1, statics=(True,)), of(positive, 3, 1, 1, statics=(False,))],
    "eig_": [of(complex_uniform, 3, 1, 1, statics=(False,)), of(positive, 1, 1, statics=(False,))],
    "svd_": [
        of(spread, 3, 3, statics=(False,)),
        of(spread_batch, 2, 3, 2, statics=(False,)),
        of(spread, 2, 3, statics=(False,)),
    ],
    "solve_ex_": [
        of_two((square, (3, 3)), (uniform, (3, 2))),
        of_two((square, (2, 3, 3)), (uniform, (3, 1))),
        of_two((square, (3, 3)), (uniform, (2, 3, 1))),
        of_two((complex_square, (2, 2)), (complex_uniform, (2, 2))),
        of_two((square, (0, 0)), (uniform, (0, 2))),
    ],
    "inv_ex_": SQUARE,
    "solve_triangular_": TRIANGULAR,
    "cholesky_solve_": [
        of_two((uniform, (1, 2)), (positive, (1, 1)), (False,)),
        of_two((uniform, (3, 1, 2)), (positive, (1, 1)), (True,)),
    ],
    "cholesky_inverse_": [of(positive, 1, 1, statics=(False,)), of(positive, 3, 1, 1, statics=(True,))],
    "det_": SQUARE,
    "slogdet_": SQUARE,
    "matrix_exp_": [*SQUARE, of(lambda rng, *s: 8 * uniform(rng, *s), 2, 2, 2)],
    "pinv_": [
        of(spread, 3, 3, statics=(0.0, 1e-12, False)),
        of(spread, 4, 2, statics=(0.0, 1e-12, False)),
        of(spread_batch, 2, 2, 3, statics=(0.1, 0.0, False)),
        of(complex_square, 2, 2, statics=(0.0, 1e-12, False)),
        of(uniform, 0, 2, statics=(0.0, 1e-12, False)),
    ],
    "cross_": [
        of_two((uniform, (3,)), (uniform, (3,)), (0,)),
        of_two((uniform, (2, 3)), (uniform, (1, 3)), (1,)),
        of_two((uniform, (3, 2)), (uniform, (3, 2)), (0,)),
        of_two((complex_uniform, (2, 3)), (complex_uniform, (2, 3)), (1,)),
    ],
}


def no_info(a):
    return np.zeros(a.shape[:-2], np.int32)


def lu_factor(torch, a):
    both, pivots, info = torch.linalg.lu_factor_ex(a)
    if not a.numel():
        return both, pivots, info, torch.arange(a.shape[-2])
    p, _, _ = torch.lu_unpack(both, pivots)
    return both, pivots, info, p.argmax(-1)


REFERENCES = {
    "cholesky_ex_": lambda a, upper: (np.sqrt(a), no_info(a)),
    "householder_product_": lambda x, tau: product_of_reflections(x, tau)[..., : x.shape[-1]],
    "reflect_": reflect,
    "qr_": lambda a, mode: tuple(np.linalg.qr(a, mode)),
    "eigh_": lambda a, lower: (a[..., 0], np.ones_like(a)),
    "svd_": lambda a, full: tuple(np.linalg.svd(a, full)),
    "solve_ex_": lambda a, b: (np.linalg.solve(a, b), no_info(a)),
    "inv_ex_": lambda a: (np.linalg.inv(a), no_info(a)),
    "cholesky_inverse_": lambda f, upper: 1 / f**2,
    "det_": np.linalg.det,
    "slogdet_": lambda a: tuple(np.linalg.slogdet(a)),
    "cross_": lambda x, y, axis: np.cross(x, y, axis=axis),
    "pinv_": lambda a, atol, rtol, hermitian: np.linalg.pinv(a),
}
TORCH = {
    "cholesky_ex_": lambda torch, a, upper: tuple(torch.linalg.cholesky_ex(a, upper=upper)),
    "lu_factor_ex_": lu_factor,
    "householder_product_": lambda torch, x, tau: torch.linalg.householder_product(x, tau),
    "qr_": lambda torch, a, mode: tuple(torch.linalg.qr(a, mode)),
    "solve_ex_": lambda torch, a, b: tuple(torch.linalg.solve_ex(a, b)),
    "inv_ex_": lambda torch, a: tuple(torch.linalg.inv_ex(a)),
    "solve_triangular_": lambda torch, a, b, upper, left, unit: torch.linalg.solve_triangular(
        a, b, upper=upper, left=left, unitriangular=unit
    ),
    "cholesky_solve_": lambda torch, b, f, upper: torch.cholesky_solve(b, f, upper),
    "cholesky_inverse_": lambda torch, f, upper: torch.cholesky_inverse(f, upper),
    "det_": lambda torch, a: torch.linalg.det(a),
    "slogdet_": lambda torch, a: tuple(torch.linalg.slogdet(a)),
    "matrix_exp_": lambda torch, a: torch.linalg.matrix_exp(a),
    "pinv_": lambda torch, a, atol, rtol, hermitian: torch.linalg.pinv(a, atol=atol, rtol=rtol),
    "cross_": lambda torch, x, y, axis: torch.linalg.cross(x, y, dim=axis),
}
