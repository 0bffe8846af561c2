"""Numbers of successes in many trials, of failures before some, and of events at a rate."""

from ..modes import no_grad
from ..ops.elementwise import log_sigmoid
from ..ops.rejection import binomial, poisson
from ..ops.special import xlogy
from ..sequences import arange
from . import constraints
from .bernoulli import Binary, enumerated
from .distribution import ExponentialFamily
from .gamma import Gamma
from .parameters import broadcast_all, lazy_property, one_of

__all__ = ["Binomial", "NegativeBinomial", "Poisson"]


class Trials(Binary):
    """A number of trials beside their probability."""

    _parts = {"total_count": 0, "probs": 0, "logits": 0}

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        self._given = one_of(probs, logits)
        count, value = broadcast_all(total_count, logits if probs is None else probs)
        self.total_count = count.type_as(value)
        setattr(self, self._given, value)
        super().__init__(value.shape, validate_args=validate_args)


def at_least_zero(x):
    """max(x, 0) with derivative ½ at 0."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(Trials):
    """Binomial distribution: the number of successes in ``total_count`` trials.

    Samples are torch's for the same seed.

    Args:
        total_count: number of trials.
        probs: probability of success, or
        logits: its logarithmic odds.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Binomial
        >>> Binomial(3, plugrad.tensor([0.0, 0.5])).mean
        tensor([0.0000, 1.5000])
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _parts = Trials._parts

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        self._checked(value)
        n, logits = self.total_count, self.logits
        norm = n * at_least_zero(logits) + n * (-logits.abs()).exp().log1p() - (n + 1).lgamma()
        return value * logits - (value + 1).lgamma() - (n - value + 1).lgamma() - norm

    def _one_count(self, asked):
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{asked}`.")
        return count

    def entropy(self):
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand=True):
        count = self._one_count("enumerate_support")
        values = arange(1 + count, dtype=self._param.dtype, device=self._param.device)
        return enumerated(values, self._batch_shape, expand)


class NegativeBinomial(Trials):
    """Negative binomial distribution: the number of successes before ``total_count`` failures.

    Samples, Poisson numbers of a gamma rate, are torch's for the same seed.

    Args:
        total_count: number of failures, any number from 0 on.
        probs: probability of success, below 1, or
        logits: its logarithmic odds.

    Example:
        >>> from plugrad.distributions import NegativeBinomial
        >>> NegativeBinomial(3.0, 0.5).mean
        tensor(3.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _parts = Trials._parts

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        super().__init__(total_count, probs, logits, validate_args)

    @property
    def mean(self):
        return self.total_count * self.logits.exp()

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self):
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape=()):
        with no_grad():
            return poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value):
        self._checked(value)
        n = self.total_count
        powers = n * log_sigmoid(-self.logits) + value * log_sigmoid(self.logits)
        norm = -(n + value).lgamma() + (1.0 + value).lgamma() + n.lgamma()
        return powers - norm.masked_fill(n + value == 0.0, 0.0)


class Poisson(ExponentialFamily):
    """Poisson distribution, p(k) = rateᵏ exp(-rate) / k!.

    Samples are torch's for the same seed.

    Args:
        rate: mean, from 0 on.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Poisson
        >>> Poisson(2.0).log_prob(plugrad.tensor(1.0))
        tensor(-1.3069)
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _parts = {"rate": 0}

    def __init__(self, rate, validate_args=None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.rate

    @property
    def mode(self):
        return self.rate.floor()

    @property
    def variance(self):
        return self.rate

    def sample(self, sample_shape=()):
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        rate, value = broadcast_all(self.rate, self._checked(value))
        return xlogy(value, rate) - rate - (value + 1).lgamma()

    @property
    def _natural_params(self):
        return (self.rate.log(),)

    def _log_normalizer(self, x):
        return x.exp()
