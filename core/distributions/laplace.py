"""Laplace and Gumbel numbers."""

import math

from ..queries import finfo
from . import constraints
from .distribution import Distribution
from .parameters import EULER, broadcast_all, is_number
from .transformed import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform

__all__ = ["Gumbel", "Laplace"]


class Laplace(Distribution):
    """Laplace distribution, p(x) = exp(-|x - loc| / scale) / (2 scale).

    Args:
        loc: mean.
        scale: mean distance from loc.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Laplace
        >>> Laplace(0.0, 1.0).log_prob(plugrad.tensor([0.0, -2.0]))
        tensor([-0.6931, -2.6931])
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
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return 2 * self.scale.pow(2)

    @property
    def stddev(self):
        return 2**0.5 * self.scale

    def rsample(self, sample_shape=()):
        u = self.loc.new_empty(self._extended_shape(sample_shape))
        u.uniform_(finfo(self.loc.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value):
        return -(2 * self.scale).log() - (self._checked(value) - self.loc).abs() / self.scale

    def cdf(self, value):
        off = self._checked(value) - self.loc
        return 0.5 - 0.5 * off.sign() * (-off.abs() / self.scale).expm1()

    def icdf(self, value):
        off = value - 0.5
        return self.loc - self.scale * off.sign() * (-2 * off.abs()).log1p()

    def entropy(self):
        return 1 + (2 * self.scale).log()


class Gumbel(TransformedDistribution):
    """Gumbel distribution, p(x) = exp(y - eʸ) / scale with y = (loc - x) / scale: that of the largest of many numbers.

    Args:
        loc: mode.
        scale: positive.

    Example:
        >>> from plugrad.distributions import Gumbel
        >>> Gumbel(1.0, 2.0).mean
        tensor(2.1544)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _parts = {"loc": 0, "scale": 0}

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        low, high = finfo(self.loc.dtype).tiny, 1 - finfo(self.loc.dtype).eps
        if not (is_number(loc) and is_number(scale)):
            low, high = (self.loc.new_full(self.loc.shape, bound) for bound in (low, high))
        transforms = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-self.scale.new_ones(self.scale.shape)),
            ExpTransform().inv,
            AffineTransform(loc=loc, scale=-self.scale),
        ]
        super().__init__(Uniform(low, high, validate_args=validate_args), transforms, validate_args=validate_args)

    def log_prob(self, value):
        y = (self.loc - self._checked(value)) / self.scale
        return y - y.exp() - self.scale.log()

    @property
    def mean(self):
        return self.loc + self.scale * EULER

    @property
    def mode(self):
        return self.loc

    @property
    def stddev(self):
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self):
        return self.stddev.pow(2)

    def entropy(self):
        return self.scale.log() + (1 + EULER)
