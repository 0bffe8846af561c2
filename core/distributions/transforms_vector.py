"""Transforms to the simplex, to triangular and to positive definite matrices."""

import math

from ..create import eye
from ..ops.decompositions import linalg_cholesky
from ..ops.elementwise import log_sigmoid
from ..ops.join import cat
from ..queries import finfo
from ..tensor import Size
from . import constraints
from .parameters import softplus, tril_matrix_to_vec, vec_to_tril_matrix
from .transform import Transform
from .transforms import Plain, inner_sigmoid

__all__ = [
    "CorrCholeskyTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "SoftmaxTransform",
    "StickBreakingTransform",
]


def _check_rank(shape, least):
    if len(shape) < least:
        raise ValueError("Too few dimensions on input")


def _one_before(x):
    """x with a 1 in front of its last dimension's elements."""
    return cat([x.new_ones((*x.shape[:-1], 1)), x], -1)


# --- the simplex ---
class SoftmaxTransform(Plain):
    """y = exp(x) / Σ exp(x) along the last dimension; its inverse, log(y), is one of many.

    Shapes:
        x (*, n) → y (*, n)
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x):
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y):
        return y.log()

    def forward_shape(self, shape):
        _check_rank(shape, 1)
        return shape

    inverse_shape = forward_shape


def _counts_down(like, n, start):
    """The logarithms of start, start - 1, …: n numbers."""
    return (start - like.new_ones(n).cumsum(-1)).log()


class StickBreakingTransform(Plain):
    """y from breaking a stick of length 1: each number, through a sigmoid, says what part of the rest is broken off.

    Zeros break it into equal pieces. Bijective, unlike :class:`SoftmaxTransform`.

    Shapes:
        x (*, n) → y (*, n + 1)

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import StickBreakingTransform
        >>> StickBreakingTransform()(plugrad.zeros(3))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _call(self, x):
        z = inner_sigmoid(x - _counts_down(x, x.shape[-1], x.shape[-1] + 1))
        rest = (1 - z).cumprod(-1)
        return cat([z, z.new_ones((*z.shape[:-1], 1))], -1) * _one_before(rest)

    def _inverse(self, y):
        broken = y[..., :-1]
        rest = (1 - broken.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return broken.log() - rest.log() + _counts_down(y, broken.shape[-1], y.shape[-1])

    def log_abs_det_jacobian(self, x, y):
        x = x - _counts_down(x, x.shape[-1], x.shape[-1] + 1)
        return (-x + log_sigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape):
        _check_rank(shape, 1)
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape):
        _check_rank(shape, 1)
        return Size((*shape[:-1], shape[-1] - 1))


# --- matrices ---
def _with_diagonal(x, function):
    return x.tril(-1) + function(x.diagonal(dim1=-2, dim2=-1)).diag_embed()


class LowerCholeskyTransform(Plain):
    """The lower triangle of any matrices, with the exponential of the diagonal: Cholesky factors."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x):
        return _with_diagonal(x, lambda d: d.exp())

    def _inverse(self, y):
        return _with_diagonal(y, lambda d: d.log())


class PositiveDefiniteTransform(Plain):
    """L Lᵀ, L from :class:`LowerCholeskyTransform`: positive definite matrices."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x):
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(linalg_cholesky(y))


class CorrCholeskyTransform(Transform):
    """Cholesky factors of correlation matrices from vectors: tanh(x) are the partial correlations.

    Shapes:
        x (*, n (n - 1) / 2) → y (*, n, n)

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import CorrCholeskyTransform
        >>> CorrCholeskyTransform()(plugrad.zeros(1))
        tensor([[1., 0.],
                [0., 1.]])

    Source: D. Lewandowski, D. Kurowicka and H. Joe, Generating random correlation matrices (2009).
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x):
        eps = finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        rest = (1 - r**2).sqrt().cumprod(-1)
        r = r + eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return r * _one_before(rest[..., :-1])

    def _inverse(self, y):
        rest = _one_before((1 - (y * y).cumsum(-1))[..., :-1])
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(rest, diag=-1).sqrt()
        return (t.log1p() - (-t).log1p()) / 2

    def log_abs_det_jacobian(self, x, y):
        rest = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        of_tanh = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return 0.5 * rest.log().sum(-1) + of_tanh

    def forward_shape(self, shape):
        _check_rank(shape, 1)
        n = shape[-1]
        side = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if side * (side - 1) // 2 != n:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], side, side))

    def inverse_shape(self, shape):
        _check_rank(shape, 2)
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))
