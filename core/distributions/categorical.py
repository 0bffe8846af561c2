"""One of several categories: its index, its unit vector, and how often each comes in many draws."""

import math

from ..create import eye, tensor
from ..modes import no_grad
from ..ops.arithmetic import where
from ..ops.reshaping import broadcast_tensors
from ..ops.sampling import multinomial
from ..queries import finfo
from ..sequences import arange
from ..tensor import Size
from . import constraints
from .bernoulli import enumerated
from .counts import Binomial
from .dirichlet import one_hot_like
from .distribution import Distribution
from .parameters import broadcast_all, lazy_property, logits_to_probs, one_of, probs_to_logits

__all__ = ["Categorical", "Categories", "Multinomial", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


class Categorical(Distribution):
    """Categorical distribution of the indices 0 … n - 1.

    Args:
        probs: (*, n), not negative; divided by their sum, or
        logits: (*, n), unnormalized log-probabilities.

    Raises:
        ValueError: none or both are given, or a value is outside its constraint.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Categorical
        >>> Categorical(plugrad.tensor([1.0, 3.0])).log_prob(plugrad.tensor([0, 1]))
        tensor([-1.3863, -0.2877])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _parts = {"probs": 1, "logits": 1}
    _kept = ("_given", "_num_events")

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._given = one_of(probs, logits)
        value = logits if probs is None else probs
        if value.dim() < 1:
            raise ValueError(f"`{self._given}` parameter must be at least one-dimensional.")
        if probs is None:
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        else:
            self.probs = probs / probs.sum(-1, keepdim=True)
        self._num_events = self._param.size(-1)
        super().__init__(self._param.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self):
        """The log-probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self):
        """The probabilities."""
        return logits_to_probs(self.logits)

    @property
    def _param(self):
        return vars(self)[self._given]

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    @property
    def mean(self):
        return self.probs.new_full(self._extended_shape(), math.nan)

    @property
    def mode(self):
        return self.probs.argmax(dim=-1)

    @property
    def variance(self):
        return self.probs.new_full(self._extended_shape(), math.nan)

    def sample(self, sample_shape=()):
        sample_shape = Size(sample_shape)
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            drawn = multinomial(rows, sample_shape.numel(), True).T
        return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        index, logits = broadcast_tensors(self._checked(value).long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self):
        held = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(held * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        return enumerated(arange(self._num_events, device=self._param.device), self._batch_shape, expand)


class Categories(Distribution):
    """A distribution of vectors with one element for each category."""

    arg_constraints = Categorical.arg_constraints
    _parts = {"_categorical": 0}

    @property
    def _param(self):
        return self._categorical._param

    @property
    def probs(self):
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """The log-probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._categorical.param_shape


class OneHotCategorical(Categories):
    """Categorical distribution of unit vectors.

    Args:
        probs, logits: as those of :class:`Categorical`.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import OneHotCategorical
        >>> OneHotCategorical(plugrad.tensor([0.0, 1.0])).sample()
        tensor([0., 1.])
    """

    support = constraints.one_hot
    has_enumerate_support = True
    _parts = Categories._parts

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        shapes = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        super().__init__(*shapes, validate_args=validate_args)

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return one_hot_like(self.probs, self.probs.argmax(-1))

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        index = self._categorical.sample(sample_shape)
        with no_grad():
            return one_hot_like(self.probs.expand(self._extended_shape(sample_shape)), index)

    def log_prob(self, value):
        return self._categorical.log_prob(self._checked(value).max(-1)[1])

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n, batch = self._event_shape[0], self._batch_shape
        values = eye(n, dtype=self._param.dtype, device=self._param.device).view((n,) + (1,) * len(batch) + (n,))
        return values.expand((n, *batch, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """As :class:`OneHotCategorical`; samples pass gradients on as if they were the probabilities.

    Source: Y. Bengio, N. Léonard and A. Courville, Estimating or propagating gradients through stochastic neurons for
        conditional computation (2013).
    """

    has_rsample = True

    def rsample(self, sample_shape=()):
        """Return unit vectors whose gradient is that of the probabilities."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(Categories):
    """Multinomial distribution: how often each category comes in ``total_count`` draws.

    Args:
        total_count: number of draws, one for the whole batch.
        probs, logits: as those of :class:`Categorical`.

    Raises:
        NotImplementedError: total_count is no int.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Multinomial
        >>> Multinomial(2, plugrad.tensor([0.5, 0.5])).log_prob(plugrad.tensor([1.0, 1.0]))
        tensor(-0.6931)
    """

    _parts = {"_categorical": 0}
    _kept = ("total_count", "_binomial")

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        shapes = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        super().__init__(*shapes, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        drawn = drawn.permute(*range(1, drawn.dim()), 0)
        counts = self.probs.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add(-1, drawn, counts.new_ones(drawn.shape))

    def entropy(self):
        n = tensor(self.total_count)
        support = self._binomial.enumerate_support(expand=False)[1:]
        rest = (self._binomial.log_prob(support).exp() * (support + 1).lgamma()).sum([0, -1])
        return n * self._categorical.entropy() - (n + 1).lgamma() + rest

    def log_prob(self, value):
        logits, value = broadcast_all(self.logits, self._checked(value))
        logits = where((value == 0) & (logits == -math.inf), 0.0, logits)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + (logits * value).sum(-1)
