"""Cauchy and half-Cauchy numbers."""

import math

from ..create import as_tensor
from . import constraints
from .distribution import Distribution
from .normal import Folded
from .parameters import broadcast_all
from .transforms import AbsTransform

__all__ = ["Cauchy", "HalfCauchy"]


class Cauchy(Distribution):
    """Cauchy (Lorentz) distribution, p(x) = 1 / (π scale (1 + ((x - loc) / scale)²)): the quotient of two normal numbers.

    Args:
        loc: median.
        scale: half the width at half the height.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Cauchy
        >>> Cauchy(0.0, 1.0).cdf(plugrad.tensor(1.0))
        tensor(0.7500)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _parts = {"loc": 0, "scale": 0}

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc.new_full(self._extended_shape(), math.nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return self.loc.new_full(self._extended_shape(), math.inf)

    def rsample(self, sample_shape=()):
        return self.loc + self.loc.new_empty(self._extended_shape(sample_shape)).cauchy_() * self.scale

    def log_prob(self, value):
        standard = (self._checked(value) - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (standard**2).log1p()

    def cdf(self, value):
        return ((self._checked(value) - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value):
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()


class HalfCauchy(Folded):
    """Distribution of |x|, x Cauchy with median 0.

    Args:
        scale: scale of x.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import HalfCauchy
        >>> HalfCauchy(1.0).icdf(plugrad.tensor(0.5))
        tensor(1.)
    """

    _parts = {}

    def __init__(self, scale, validate_args=None):
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self):
        return self.scale.new_full(self._extended_shape(), math.inf)

    @property
    def variance(self):
        return self.base_dist.variance

    def log_prob(self, value):
        self._checked(value)
        return super().log_prob(as_tensor(value, dtype=self.scale.dtype, device=self.scale.device))
