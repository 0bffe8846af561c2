"""Batches of distributions as one distribution of a larger value."""

from ..tensor import Size
from . import constraints
from .distribution import Distribution
from .parameters import sum_rightmost

__all__ = ["Independent"]


class Independent(Distribution):
    """A distribution of whose batch dimensions the last ones count as dimensions of the value.

    Args:
        base_distribution: the distribution.
        reinterpreted_batch_ndims: how many dimensions.

    Raises:
        ValueError: its batch has not so many.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Independent, Normal
        >>> Independent(Normal(plugrad.zeros(3), 1.0), 1).log_prob(plugrad.zeros(3))
        tensor(-2.7568)
    """

    arg_constraints = {}
    _parts = {}

    def __init__(self, base_distribution, reinterpreted_batch_ndims, validate_args=None):
        available, wanted = len(base_distribution.batch_shape), reinterpreted_batch_ndims
        if wanted > available:
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{wanted} vs {available}"
            )
        shape = Size((*base_distribution.batch_shape, *base_distribution.event_shape))
        cut = available - wanted
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = wanted
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def _expand_parts(self, new, batch_shape):
        more = self._event_shape[: self.reinterpreted_batch_ndims]
        new.base_dist = self.base_dist.expand(Size((*batch_shape, *more)))
        new.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims

    @property
    def has_rsample(self):
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self):
        return self.reinterpreted_batch_ndims <= 0 and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self):
        result, dims = self.base_dist.support, self.reinterpreted_batch_ndims
        return constraints.independent(result, dims) if dims else result

    @property
    def mean(self):
        return self.base_dist.mean

    @property
    def mode(self):
        return self.base_dist.mode

    @property
    def variance(self):
        return self.base_dist.variance

    def sample(self, sample_shape=()):
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape=()):
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value):
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self):
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand=True):
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
