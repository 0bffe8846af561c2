"""Continuous relaxations of Bernoulli and categorical numbers, whose samples have gradients."""

from . import constraints
from .bernoulli import Binary
from .categorical import Categorical, Categories
from .parameters import broadcast_all, clamp_probs
from .transformed import TransformedDistribution
from .transforms import ExpTransform, SigmoidTransform

__all__ = ["ExpRelaxedCategorical", "LogitRelaxedBernoulli", "RelaxedBernoulli", "RelaxedOneHotCategorical"]


class LogitRelaxedBernoulli(Binary):
    """Distribution of the logits of :class:`RelaxedBernoulli`: (logits + logistic noise) / temperature.

    Args:
        temperature: tensor, positive.
        probs: probabilities, or
        logits: their logarithmic odds.
    """

    support = constraints.real
    _parts = Binary._parts
    _kept = ("_given", "temperature")

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        super().__init__(self._give(probs, logits).shape, validate_args=validate_args)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(probs.new_empty(shape).uniform_())
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        logits, value = broadcast_all(self.logits, self._checked(value))
        off = logits - value * self.temperature
        return self.temperature.log() + off - 2 * off.exp().log1p()


class Relaxed(TransformedDistribution):
    """The relaxation of a distribution, in the original space."""

    has_rsample = True
    _parts = {}

    @property
    def temperature(self):
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self):
        """The logits of the base distribution."""
        return self.base_dist.logits

    @property
    def probs(self):
        """The probabilities of the base distribution."""
        return self.base_dist.probs


class RelaxedBernoulli(Relaxed):
    """Numbers between 0 and 1 that tend to Bernoulli ones for a temperature that tends to 0.

    Args:
        temperature: tensor, positive.
        probs: probabilities, or
        logits: their logarithmic odds.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import RelaxedBernoulli
        >>> RelaxedBernoulli(plugrad.tensor(2.0), 0.5).log_prob(plugrad.tensor(0.5))
        tensor(0.6931)

    Source: C. J. Maddison, A. Mnih and Y. W. Teh, The concrete distribution (2017).
    """

    arg_constraints = Binary.arg_constraints
    support = constraints.unit_interval
    _parts = {}

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(Categories):
    """Distribution of the logarithm of :class:`RelaxedOneHotCategorical`: log-softmax((logits + Gumbel noise) / temperature).

    Args:
        temperature: tensor, positive.
        probs, logits: as those of :class:`Categorical`.
    """

    support = constraints.real_vector
    has_rsample = True
    _parts = Categories._parts
    _kept = ("temperature",)

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        shapes = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        super().__init__(*shapes, validate_args=validate_args)

    def rsample(self, sample_shape=()):
        u = clamp_probs(self.logits.new_empty(self._extended_shape(sample_shape)).uniform_())
        scores = (self.logits + -(-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def log_prob(self, value):
        n = self._categorical._num_events
        logits, value = broadcast_all(self.logits, self._checked(value))
        t = self.temperature
        scale = t.new_full(t.shape, float(n)).lgamma() - t.log() * -(n - 1)
        score = logits - value * t
        return (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1) + scale


class RelaxedOneHotCategorical(Relaxed):
    """Points of the simplex that tend to unit vectors for a temperature that tends to 0.

    Args:
        temperature: tensor, positive.
        probs, logits: as those of :class:`Categorical`.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import RelaxedOneHotCategorical
        >>> RelaxedOneHotCategorical(plugrad.tensor(1.0), plugrad.ones(2)).event_shape
        torch.Size([2])

    Source: C. J. Maddison, A. Mnih and Y. W. Teh, The concrete distribution (2017).
    """

    arg_constraints = Categorical.arg_constraints
    support = constraints.simplex
    _parts = {}

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
