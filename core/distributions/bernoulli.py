"""One trial: success or not, how many until the first, and the continuous counterpart."""

import math

from ..modes import no_grad
from ..ops.arithmetic import where
from ..ops.sampling import bernoulli
from ..ops.special import logit
from ..queries import finfo
from ..sequences import arange
from . import constraints
from .distribution import Distribution, ExponentialFamily
from .parameters import (
    binary_cross_entropy,
    broadcast_all,
    clamp_probs,
    lazy_property,
    logits_to_probs,
    one_of,
    probs_to_logits,
)

__all__ = ["Bernoulli", "Binary", "ContinuousBernoulli", "Geometric", "enumerated"]


class Binary(Distribution):
    """A distribution given by probabilities or by their logits; the other is computed when it is asked for."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    _parts = {"probs": 0, "logits": 0}
    _kept: tuple[str, ...] = ("_given",)

    @lazy_property
    def logits(self):
        """log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    def _give(self, probs, logits):
        """Take over the parameter that is given."""
        self._given = one_of(probs, logits)
        (value,) = broadcast_all(logits if probs is None else probs)
        setattr(self, self._given, value)
        return value

    @property
    def _param(self):
        return vars(self)[self._given]

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()


def enumerated(values, batch_shape, expand):
    """Values along the first dimension, for every place of the batch."""
    values = values.view((-1,) + (1,) * len(batch_shape))
    return values.expand((-1, *batch_shape)) if expand else values


class Bernoulli(Binary, ExponentialFamily):
    """Bernoulli distribution: 1 with probability ``probs``, else 0.

    Args:
        probs: probabilities, or
        logits: their logarithmic odds, log(p / (1 - p)).

    Raises:
        ValueError: none or both are given, or a value is outside its constraint.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Bernoulli
        >>> Bernoulli(0.25).log_prob(plugrad.tensor([0.0, 1.0]))
        tensor([-0.2877, -1.3863])
    """

    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0
    _parts = Binary._parts

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(self._give(probs, logits).shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        likely = (self.probs >= 0.5).to(self.probs.dtype)
        return where(self.probs == 0.5, math.nan, likely)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        return -binary_cross_entropy(*broadcast_all(self.logits, self._checked(value)))

    def entropy(self):
        return binary_cross_entropy(self.logits, self.probs)

    def enumerate_support(self, expand=True):
        values = arange(2, dtype=self._param.dtype, device=self._param.device)
        return enumerated(values, self._batch_shape, expand)

    @property
    def _natural_params(self):
        return (logit(self.probs),)

    def _log_normalizer(self, x):
        return x.exp().log1p()


class Geometric(Binary):
    """Geometric distribution: the number of failures before the first success, p(k) = probs (1 - probs)ᵏ.

    Args:
        probs: probability of success, positive, or
        logits: its logarithmic odds.

    Example:
        >>> from plugrad.distributions import Geometric
        >>> Geometric(0.25).mean
        tensor(3.)
    """

    support = constraints.nonnegative_integer
    _parts = Binary._parts

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(self._give(probs, logits).shape, validate_args=validate_args)
        if self._validate_args and probs is not None:
            self._check_positive(self.probs)

    def _check_positive(self, value):
        valid = value > 0
        if not valid.all():
            raise ValueError(
                f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} "
                f"to be positive but found invalid values:\n{value.data[~valid]}"
            )

    @property
    def mean(self):
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        return self.probs.new_zeros(self.probs.shape)

    @property
    def variance(self):
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape=()):
        with no_grad():
            u = self.probs.new_empty(self._extended_shape(sample_shape))
            u.uniform_(finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        value, probs = broadcast_all(self._checked(value), self.probs)
        failing = where((probs == 1) & (value == 0), 0.0, probs)
        return value * (-failing).log1p() + self.probs.log()

    def entropy(self):
        return binary_cross_entropy(self.logits, self.probs) / self.probs


class ContinuousBernoulli(Binary, ExponentialFamily):
    """Continuous Bernoulli distribution of numbers between 0 and 1, p(x) ∝ probs^x (1 - probs)^(1 - x).

    Args:
        probs: between 0 and 1, or
        logits: their logarithmic odds.
        lims: between these probabilities series are used, since the formulas divide 0 by 0 at ½.

    Example:
        >>> from plugrad.distributions import ContinuousBernoulli
        >>> ContinuousBernoulli(0.5).mean
        tensor(0.5000)

    Source: G. Loaiza-Ganem and J. P. Cunningham, The continuous Bernoulli: fixing a pervasive error in variational
        autoencoders (2019).
    """

    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _parts = Binary._parts
    _kept = ("_given", "_lims")

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        value = self._give(probs, logits)
        if probs is not None:
            if validate_args is not None and not self.arg_constraints["probs"].check(value).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(value)
        self._lims = lims
        super().__init__(value.shape, validate_args=validate_args)

    @lazy_property
    def probs(self):
        """The probabilities, held within (0, 1)."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _regular(self):
        """Where the formulas hold, and probabilities at which they do."""
        low, high = self._lims
        regular = (self.probs <= low) | (self.probs > high)
        return regular, where(regular, self.probs, low)

    def _cont_bern_log_norm(self):
        regular, p = self._regular()
        odds = ((-p).log1p() - p.log()).abs().log()
        below, above = where(p <= 0.5, p, 0.0), where(p >= 0.5, p, 1.0)
        formula = odds - where(p <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        x = (self.probs - 0.5).pow(2)
        return where(regular, formula, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self):
        regular, p = self._regular()
        x = self.probs - 0.5
        formula = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        return where(regular, formula, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x)

    @property
    def stddev(self):
        return self.variance.sqrt()

    @property
    def variance(self):
        regular, p = self._regular()
        x = (self.probs - 0.5).pow(2)
        formula = p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / ((-p).log1p() - p.log()).pow(2)
        return where(regular, formula, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def rsample(self, sample_shape=()):
        return self.icdf(self.probs.new_empty(self._extended_shape(sample_shape)).uniform_())

    def log_prob(self, value):
        logits, value = broadcast_all(self.logits, self._checked(value))
        return -binary_cross_entropy(logits, value) + self._cont_bern_log_norm()

    def cdf(self, value):
        self._checked(value)
        regular, p = self._regular()
        formula = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = where(regular, formula, value)
        return where(value <= 0.0, 0.0, where(value >= 1.0, 1.0, inside))

    def icdf(self, value):
        regular, p = self._regular()
        rest = (-p).log1p()
        formula = ((-p + value * (2.0 * p - 1.0)).log1p() - rest) / (p.log() - rest)
        return where(regular, formula, value)

    def entropy(self):
        rest = (-self.probs).log1p()
        return self.mean * (rest - self.probs.log()) - self._cont_bern_log_norm() - rest

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        low, high = self._lims[0] - 0.5, self._lims[1] - 0.5
        regular = (x <= low) | (x > high)
        cut = where(regular, x, low)
        series = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return where(regular, cut.expm1().abs().log() - cut.abs().log(), series)
