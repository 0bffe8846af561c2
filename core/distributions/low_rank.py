"""Normal vectors whose covariance is a diagonal and a matrix of low rank."""

import math

from ..create import eye
from ..ops.decompositions import linalg_cholesky
from ..ops.reshaping import broadcast_tensors
from ..ops.solving import solve_triangular
from . import constraints
from .distribution import Distribution
from .multivariate_normal import expanded_matrix, log_diagonal, squared_length, times
from .parameters import lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


def with_unit_diagonal(matrix):
    """The matrix with 1 added on its diagonal."""
    return matrix + eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


class LowRankMultivariateNormal(Distribution):
    """Normal distribution of vectors with covariance W Wᵀ + D, computed in the size of W's columns.

    Args:
        loc: mean, (*, n).
        cov_factor: W, (*, n, m).
        cov_diag: the diagonal of D, positive, (*, n).

    Raises:
        ValueError: the shapes do not fit, or a parameter is outside its constraint.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import LowRankMultivariateNormal
        >>> m = LowRankMultivariateNormal(plugrad.zeros(2), plugrad.tensor([[1.0], [0.0]]), plugrad.ones(2))
        >>> m.variance
        tensor([2., 1.])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _parts = {"loc": 1, "cov_diag": 1, "cov_factor": 2}
    _kept = ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril")

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        _check_shapes(loc, cov_factor, cov_diag)
        try:
            columns = broadcast_tensors(loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1))
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_factor, self.cov_diag = columns[0][..., 0], columns[1], columns[2][..., 0]
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = linalg_cholesky(with_unit_diagonal(self._weighted() @ cov_factor))
        super().__init__(self.loc.shape[:-1], loc.shape[-1:], validate_args=validate_args)

    def _weighted(self):
        """Wᵀ D⁻¹."""
        return self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)

    def _log_det(self):
        """log |W Wᵀ + D|, by the matrix determinant lemma."""
        return 2 * log_diagonal(self._capacitance_tril) + self._unbroadcasted_cov_diag.log().sum(-1)

    def _squared_length(self, x):
        """xᵀ(W Wᵀ + D)⁻¹x, by the Woodbury identity."""
        whole = (x.pow(2) / self._unbroadcasted_cov_diag).sum(-1)
        return whole - squared_length(self._capacitance_tril, times(self._weighted(), x))

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        """The variances of the elements."""
        made = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return made.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        return expanded_matrix(root * linalg_cholesky(with_unit_diagonal(scaled @ scaled.mT)), self._batch_shape)

    @lazy_property
    def covariance_matrix(self):
        """The covariance, W Wᵀ + D."""
        w = self._unbroadcasted_cov_factor
        return expanded_matrix(w @ w.mT + self._unbroadcasted_cov_diag.diag_embed(), self._batch_shape)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        a = solve_triangular(self._capacitance_tril, self._weighted(), upper=False)
        made = self._unbroadcasted_cov_diag.reciprocal().diag_embed() - a.mT @ a
        return expanded_matrix(made, self._batch_shape)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        of_factor = standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        of_diagonal = standard_normal(shape, self.loc)
        moved = times(self._unbroadcasted_cov_factor, of_factor)
        return self.loc + moved + self._unbroadcasted_cov_diag.sqrt() * of_diagonal

    def log_prob(self, value):
        length = self._squared_length(self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + length)

    def entropy(self):
        made = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return made.expand(self._batch_shape)


def _check_shapes(loc, cov_factor, cov_diag):
    if loc.dim() < 1:
        raise ValueError("loc must be at least one-dimensional.")
    event_shape = loc.shape[-1:]
    if cov_factor.dim() < 2:
        raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
    if cov_factor.shape[-2:-1] != event_shape:
        raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
    if cov_diag.shape[-1:] != event_shape:
        raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
