"""Random positive definite matrices."""

import math
import warnings

from ..create import eye, tensor
from ..ops.arithmetic import where
from ..ops.determinants import linalg_slogdet
from ..ops.solving import cholesky_solve
from ..ops.special import mvlgamma
from ..queries import finfo
from ..sequences import arange
from ..shapes import broadcast_shapes
from ..tensor import Size
from . import constraints
from .distribution import ExponentialFamily
from .gamma import Chi2
from .multivariate_normal import FACTORS, ONE, expanded_matrix, log_diagonal, one_matrix
from .parameters import is_number, lazy_property, standard_normal, vec_to_tril_matrix

__all__ = ["Wishart"]

LOG_2 = math.log(2)


def _counts(n, like):
    return arange(n, dtype=like.dtype, device=like.device)


def mvdigamma(x, p):
    """The derivative of log Γ_p, Σ ψ(x - i/2), i < p."""
    if not (x > (p - 1) / 2).all():
        raise AssertionError("Wrong domain for multivariate digamma function.")
    return (x.unsqueeze(-1) - _counts(p, x) / 2).digamma().sum(-1)


class Wishart(ExponentialFamily):
    """Wishart distribution of matrices: that of Σ zᵢ zᵢᵀ, ``df`` normal vectors zᵢ of mean 0 (df need not be whole).

    Samples are drawn by Bartlett's decomposition; torch's for the same seed.

    Args:
        df: degrees of freedom, above n - 1.
        covariance_matrix: that of the vectors, (*, n, n), or
        precision_matrix: its inverse, or
        scale_tril: its Cholesky factor.

    Raises:
        AssertionError: none or several matrices are given.
        ValueError: df is too small, or a parameter is outside its constraint.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Wishart
        >>> Wishart(3.0, plugrad.eye(2)).mean
        tensor([[3., 0.],
                [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _parts = {"df": 0, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2, "_dist_chi2": 1}
    _kept = ("_unbroadcasted_scale_tril",)

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        name, matrix = one_matrix(
            AssertionError,
            ONE,
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        if is_number(df):
            batch_shape = Size(matrix.shape[:-2])
            self.df = tensor(df, dtype=matrix.dtype, device=matrix.device)
        else:
            batch_shape = Size(broadcast_shapes(matrix.shape[:-2], df.shape))
            self.df = df.expand(batch_shape)
        self._check_df(df, matrix.shape[-1])
        setattr(self, name, expanded_matrix(matrix, batch_shape))
        super().__init__(batch_shape, matrix.shape[-2:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = FACTORS[name](matrix)
        freedom = self.df.unsqueeze(-1) - _counts(matrix.shape[-1], matrix)
        self._dist_chi2 = Chi2(freedom.expand((*batch_shape, matrix.shape[-1])))

    def _check_df(self, df, n):
        if (self.df <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        if (self.df < n).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=3,
            )

    @property
    def arg_constraints(self):
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def _matrix(self, matrix):
        return expanded_matrix(matrix, self._batch_shape)

    def _numbers(self, numbers):
        """Numbers of the batch as factors of its matrices."""
        return numbers.view((*self._batch_shape, 1, 1))

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._matrix(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """The covariance of the vectors."""
        return self._matrix(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        factor = self._unbroadcasted_scale_tril
        identity = eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
        return self._matrix(cholesky_solve(identity, factor))

    @property
    def mean(self):
        return self._numbers(self.df) * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return self._numbers(where(factor <= 0, math.nan, factor)) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._numbers(self.df) * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett(self, sample_shape):
        """L A Aᵀ Lᵀ, A lower triangular with χ numbers on the diagonal and normal ones below."""
        n = self._event_shape[-1]
        chi = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = chi.clamp(min=finfo(chi.dtype).eps).diag_embed()
        below = standard_normal((*sample_shape, *self._batch_shape, n * (n - 1) // 2), noise)
        if n > 1:
            noise = noise + vec_to_tril_matrix(below, diag=-1)
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Return matrices drawn with gradients; those that are to be drawn again are, as torch does it.

        Args:
            max_try_correction: how often, 10 where it is None.
        """
        sample = self._bartlett(Size(sample_shape))
        # torch looks for the valid ones here: it warns of each valid draw and takes the next, and so same seed same numbers.
        again = self._any_of_batch(self.support.check(sample))
        if not again.any():
            return sample
        warnings.warn("Singular sample detected.", stacklevel=2)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            fresh = self._bartlett(Size((int(again.sum()),)))
            mask = again.reshape((*again.shape, *(1,) * (sample.dim() - again.dim()))).expand(sample.shape)
            sample = sample.masked_scatter(mask, fresh)
            again = again & self._any_of_batch(~self.support.check(sample))
            if not again.any():
                break
        return sample

    def _any_of_batch(self, flags):
        dims = tuple(range(flags.dim() - len(self._batch_shape), flags.dim()))
        return flags.any(dims) if dims else flags

    def log_prob(self, value):
        nu, p, factor = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        self._checked(value)
        trace = cholesky_solve(value, factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        norm = nu * (p * LOG_2 / 2 + log_diagonal(factor)) + mvlgamma(nu / 2, p)
        return -norm + (nu - p - 1) / 2 * linalg_slogdet(value).logabsdet - trace / 2

    def entropy(self):
        nu, p = self.df, self._event_shape[-1]
        scale = (p + 1) * (p * LOG_2 / 2 + log_diagonal(self._unbroadcasted_scale_tril))
        return scale + mvlgamma(nu / 2, p) - (nu - p - 1) / 2 * mvdigamma(nu / 2, p) + nu * p / 2

    @property
    def _natural_params(self):
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x, y):
        p = self._event_shape[-1]
        half = y + (p + 1) / 2
        return half * (-linalg_slogdet(-2 * x).logabsdet + LOG_2 * p) + mvlgamma(half, p)
