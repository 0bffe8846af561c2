"""Normal vectors with any covariance."""

import math

from ..create import eye
from ..ops.decompositions import linalg_cholesky
from ..ops.solving import cholesky_inverse, solve_triangular
from ..shapes import broadcast_shapes
from ..tensor import Size
from . import constraints
from .distribution import Distribution
from .parameters import lazy_property, standard_normal

__all__ = [
    "MultivariateNormal",
    "expanded_matrix",
    "log_diagonal",
    "precision_to_scale_tril",
    "squared_length",
    "times",
]


def times(matrix, vector):
    """Products of matrices and vectors, batch by batch."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def squared_length(factor, x):
    """|L⁻¹x|², for each x of a batch that the batch of lower triangular matrices L broadcasts with."""
    solved = solve_triangular(factor, x.unsqueeze(-1), upper=False)
    return solved.squeeze(-1).pow(2).sum(-1)


def log_diagonal(factor):
    """The sum of the logarithms of the diagonal: half the log-determinant of L Lᵀ."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def precision_to_scale_tril(precision):
    """The Cholesky factor of the inverse of a matrix, from that of the matrix in reverse order."""
    inverse = linalg_cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    identity = eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return solve_triangular(inverse, identity, upper=False)


def expanded_matrix(matrix, batch_shape):
    return matrix.expand((*batch_shape, *matrix.shape[-2:]))


def one_matrix(error, text, **matrices):
    """The name and the matrix that is given of several."""
    given = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
    if len(given) != 1:
        raise error(text)
    return given[0]


ONE = "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."


class MultivariateNormal(Distribution):
    """Normal distribution of vectors, log p(x) = -(|L⁻¹(x - loc)|² + n log 2π) / 2 - Σ log Lᵢᵢ, the covariance L Lᵀ.

    Args:
        loc: mean, (*, n).
        covariance_matrix: (*, n, n), positive definite, or
        precision_matrix: its inverse, or
        scale_tril: its Cholesky factor, with which no decomposition is needed.

    Raises:
        ValueError: none or several matrices are given, or a parameter is outside its constraint.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import MultivariateNormal
        >>> MultivariateNormal(plugrad.zeros(2), plugrad.eye(2)).log_prob(plugrad.zeros(2))
        tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _parts = {"loc": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}
    _kept = ("_unbroadcasted_scale_tril",)

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = one_matrix(
            ValueError,
            ONE,
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = Size(broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]))
        setattr(self, name, expanded_matrix(matrix, batch_shape))
        self.loc = loc.expand((*batch_shape, loc.shape[-1]))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = FACTORS[name](matrix)

    def _matrix(self, matrix):
        return expanded_matrix(matrix, self._batch_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._matrix(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        return self._matrix(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        return self._matrix(cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape=()):
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + times(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value):
        factor = self._unbroadcasted_scale_tril
        length = squared_length(factor, self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + length) - log_diagonal(factor)

    def entropy(self):
        half = log_diagonal(self._unbroadcasted_scale_tril)
        return (0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half).expand(self._batch_shape)


#: From the matrix that is given to the Cholesky factor of the covariance.
FACTORS = {
    "scale_tril": lambda matrix: matrix,
    "covariance_matrix": linalg_cholesky,
    "precision_matrix": precision_to_scale_tril,
}
