"""Gamma numbers and what quotients and powers make of them: χ², inverse gamma, F and Student's t."""

import math

from ..create import as_tensor
from ..ops.arithmetic import where
from ..ops.rejection import _standard_gamma
from ..ops.special import igamma, xlogy
from ..queries import finfo
from . import constraints
from .distribution import Distribution, ExponentialFamily
from .parameters import broadcast_all, standard_normal
from .transformed import TransformedDistribution
from .transforms import PowerTransform

__all__ = ["Chi2", "FisherSnedecor", "Gamma", "InverseGamma", "StudentT"]


class Gamma(ExponentialFamily):
    """Gamma distribution, p(x) = rateᵃ xᵃ⁻¹ exp(-rate x) / Γ(a), a the concentration.

    Samples are torch's for the same seed; their gradients keep the place in the distribution.

    Args:
        concentration, rate: positive.

    Example:
        >>> from plugrad.distributions import Gamma
        >>> Gamma(3.0, 2.0).mean
        tensor(1.5000)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _parts = {"concentration": 0, "rate": 0}

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        value = _standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=finfo(value.dtype).tiny)  # zero has no logarithm; the gradient is that of the number
        return value

    def log_prob(self, value):
        a, rate = self.concentration, self.rate
        value = self._checked(as_tensor(value, dtype=rate.dtype, device=rate.device))
        return xlogy(a, rate) + xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value):
        return igamma(self.concentration, self.rate * self._checked(value))

    def entropy(self):
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()

    @property
    def _natural_params(self):
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x, y):
        return (x + 1).lgamma() + (x + 1) * (-y.reciprocal()).log()


class Chi2(Gamma):
    """χ² distribution: that of the sum of ``df`` squared standard normal numbers.

    Args:
        df: degrees of freedom, positive.

    Example:
        >>> from plugrad.distributions import Chi2
        >>> Chi2(4.0).variance
        tensor(8.)
    """

    arg_constraints = {"df": constraints.positive}
    _parts = Gamma._parts

    def __init__(self, df, validate_args=None):
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self):
        """The degrees of freedom."""
        return self.concentration * 2


class InverseGamma(TransformedDistribution):
    """Distribution of 1 / x, x from the gamma distribution.

    Args:
        concentration, rate: those of x.

    Example:
        >>> from plugrad.distributions import InverseGamma
        >>> InverseGamma(3.0, 2.0).mean
        tensor(1.)
    """

    arg_constraints = Gamma.arg_constraints
    support = constraints.positive
    has_rsample = True
    _parts = {}

    def __init__(self, concentration, rate, validate_args=None):
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args=validate_args)

    @property
    def concentration(self):
        """The gamma numbers' concentration."""
        return self.base_dist.concentration

    @property
    def rate(self):
        """The gamma numbers' rate."""
        return self.base_dist.rate

    @property
    def mean(self):
        return where(self.concentration > 1, self.rate / (self.concentration - 1), math.inf)

    @property
    def mode(self):
        return self.rate / (self.concentration + 1)

    @property
    def variance(self):
        a = self.concentration
        return where(a > 2, self.rate.square() / ((a - 1).square() * (a - 2)), math.inf)

    def entropy(self):
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class FisherSnedecor(Distribution):
    """Fisher and Snedecor's F distribution: that of (u / df1) / (v / df2), u and v from χ².

    Args:
        df1, df2: degrees of freedom, positive.

    Example:
        >>> from plugrad.distributions import FisherSnedecor
        >>> FisherSnedecor(1.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _parts = {"df1": 0, "df2": 0, "_gamma1": 0, "_gamma2": 0}

    def __init__(self, df1, df2, validate_args=None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self):
        df2 = where(self.df2 <= 2, math.nan, self.df2)
        return df2 / (df2 - 2)

    @property
    def mode(self):
        made = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return where(self.df1 <= 2, math.nan, made)

    @property
    def variance(self):
        df1, df2 = self.df1, where(self.df2 <= 4, math.nan, self.df2)
        return 2 * df2.pow(2) * (df1 + df2 - 2) / (df1 * (df2 - 2).pow(2) * (df2 - 4))

    def rsample(self, sample_shape=()):
        above, below = self._gamma1.rsample(sample_shape), self._gamma2.rsample(sample_shape)
        tiny = finfo(below.dtype).tiny
        return (above / below.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value):
        self._checked(value)
        a, b, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        norm = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return norm + (a * ratio.log() + (a - 1) * value.log()) - (a + b) * (ratio * value).log1p()


class StudentT(Distribution):
    """Student's t distribution: loc + scale · x / √(u / df), x normal and u from χ².

    Args:
        df: degrees of freedom, positive.
        loc, scale: as those of the normal distribution, to which it tends for large df.

    Example:
        >>> from plugrad.distributions import StudentT
        >>> StudentT(4.0).variance
        tensor(2.)
    """

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _parts = {"df": 0, "loc": 0, "scale": 0, "_chi2": 0}

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self):
        return where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        finite = self.df > 2
        made = self.scale.pow(2) * self.df / where(finite, self.df - 2, 1.0)
        return where(self.df <= 1, math.nan, where(finite, made, math.inf))

    def rsample(self, sample_shape=()):
        x = standard_normal(self._extended_shape(sample_shape), self.df)
        u = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (x * (u / self.df).rsqrt())

    def _log_norm(self):
        half = 0.5 * self.df
        return 0.5 * self.df.log() + 0.5 * math.log(math.pi) + half.lgamma() - (0.5 * (self.df + 1.0)).lgamma()

    def log_prob(self, value):
        y = (self._checked(value) - self.loc) / self.scale
        return -0.5 * (self.df + 1.0) * (y**2.0 / self.df).log1p() - (self.scale.log() + self._log_norm())

    def entropy(self):
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        return self.scale.log() + more * (more.digamma() - half.digamma()) + self._log_norm()
