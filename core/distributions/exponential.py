"""Exponential numbers and what powers and exponentials make of them: Weibull, Pareto; and the generalized Pareto numbers."""

import math

from ..ops.arithmetic import isclose, where
from . import constraints
from .distribution import Distribution, ExponentialFamily
from .parameters import EULER, broadcast_all
from .transformed import TransformedDistribution
from .transforms import AffineTransform, ExpTransform, PowerTransform

__all__ = ["Exponential", "GeneralizedPareto", "Pareto", "Weibull"]


class Exponential(ExponentialFamily):
    """Exponential distribution, p(x) = rate exp(-rate x).

    Args:
        rate: 1 / mean.

    Example:
        >>> from plugrad.distributions import Exponential
        >>> Exponential(2.0).mean
        tensor(0.5000)
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _parts = {"rate": 0}

    def __init__(self, rate, validate_args=None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.rate.reciprocal()

    @property
    def mode(self):
        return self.rate.new_zeros(self.rate.shape)

    @property
    def stddev(self):
        return self.rate.reciprocal()

    @property
    def variance(self):
        return self.rate.pow(-2)

    def rsample(self, sample_shape=()):
        return self.rate.new_empty(self._extended_shape(sample_shape)).exponential_() / self.rate

    def log_prob(self, value):
        return self.rate.log() - self.rate * self._checked(value)

    def cdf(self, value):
        return 1 - (-self.rate * self._checked(value)).exp()

    def icdf(self, value):
        return -(-value).log1p() / self.rate

    def entropy(self):
        return 1.0 - self.rate.log()

    @property
    def _natural_params(self):
        return (-self.rate,)

    def _log_normalizer(self, x):
        return -(-x).log()


class Weibull(TransformedDistribution):
    """Weibull distribution: scale · e^(1 / concentration), e exponential.

    Args:
        scale, concentration: positive.

    Example:
        >>> from plugrad.distributions import Weibull
        >>> Weibull(1.0, 2.0).mean
        tensor(0.8862)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    _parts = {"scale": 0, "concentration": 0, "concentration_reciprocal": 0}

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(self.scale.new_ones(self.scale.shape), validate_args=validate_args)
        transforms = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    @property
    def mean(self):
        return self.scale * (1 + self.concentration_reciprocal).lgamma().exp()

    @property
    def mode(self):
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration.reciprocal()

    @property
    def variance(self):
        inverse = self.concentration_reciprocal
        return self.scale.pow(2) * ((1 + 2 * inverse).lgamma().exp() - (2 * (1 + inverse).lgamma()).exp())

    def entropy(self):
        inverse = self.concentration_reciprocal
        return EULER * (1 - inverse) + (self.scale * inverse).log() + 1


class Pareto(TransformedDistribution):
    """Pareto distribution, p(x) = alpha scale^alpha / x^(alpha + 1) from scale on.

    Args:
        scale: the smallest value.
        alpha: the exponent.

    Example:
        >>> from plugrad.distributions import Pareto
        >>> Pareto(1.0, 3.0).mean
        tensor(1.5000)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    _parts = {"scale": 0, "alpha": 0}

    def __init__(self, scale, alpha, validate_args=None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        transforms = [ExpTransform(), AffineTransform(0, self.scale)]
        super().__init__(Exponential(self.alpha, validate_args=validate_args), transforms, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self):
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self):
        return self.scale

    @property
    def variance(self):
        a = self.alpha.clamp(min=2)
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def entropy(self):
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class GeneralizedPareto(Distribution):
    """Generalized Pareto distribution: P(X > x) = (1 + c z)^(-1/c) with z = (x - loc) / scale, exp(-z) for c = 0.

    Args:
        loc: the smallest value.
        scale: positive.
        concentration: c, any number.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import GeneralizedPareto
        >>> GeneralizedPareto(0.0, 1.0, 1.0).cdf(plugrad.tensor(3.0))
        tensor(0.7500)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _parts = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        upper = where(self.concentration < 0, self.loc - self.scale / self.concentration, math.inf)
        return constraints.interval(self.loc, upper)

    def _cases(self):
        """Where the concentration counts as 0, and a concentration that is not."""
        zero = isclose(self.concentration, self.concentration.new_zeros(()))
        return zero, where(zero, 1.0, self.concentration)

    def _standard(self, value):
        return (value - self.loc) / self.scale

    def rsample(self, sample_shape=()):
        return self.icdf(self.loc.new_empty(self._extended_shape(sample_shape)).uniform_())

    def log_prob(self, value):
        z = self._standard(self._checked(value))
        zero, c = self._cases()
        y = 1 / c + z.new_ones(z.shape)
        general = where(y == 0, y, y * (c * z).log1p())
        return -self.scale.log() - where(zero, z, general)

    def log_survival_function(self, value):
        """Return the logarithm of the probability of a larger value."""
        z = self._standard(self._checked(value))
        zero, c = self._cases()
        return where(zero, -z, -(c * z).log1p() / c)

    def log_cdf(self, value):
        """Return log cdf(value)."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value):
        return self.log_cdf(value).exp()

    def icdf(self, value):
        log = (-value).log1p()
        zero, c = self._cases()
        return where(zero, self.loc - self.scale * log, self.loc + self.scale / c * (-c * log).expm1())

    def _where_less(self, bound, safe, moment):
        valid = self.concentration < bound
        return where(valid, moment(where(valid, self.concentration, safe)), math.nan)

    @property
    def mean(self):
        return self._where_less(1, 0.5, lambda c: self.loc + self.scale / (1 - c))

    @property
    def variance(self):
        return self._where_less(0.5, 0.25, lambda c: self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)))

    @property
    def mode(self):
        return self.loc

    def entropy(self):
        return (self.scale.log() + self.concentration + 1).expand(self._batch_shape)
