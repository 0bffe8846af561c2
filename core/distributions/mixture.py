"""Mixtures of distributions of one family."""

from ..modes import no_grad
from ..ops.reduction import log_softmax
from ..tensor import Size
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """Mixture p(x) = Σ wₖ pₖ(x), the components along the last dimension of a distribution's batch.

    Args:
        mixture_distribution: :class:`Categorical` of the components.
        component_distribution: the components.

    Raises:
        ValueError: one of them is of another class, or the batches do not fit.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Categorical, MixtureSameFamily, Normal
        >>> weights = Categorical(plugrad.ones(2))
        >>> MixtureSameFamily(weights, Normal(plugrad.tensor([-1.0, 1.0]), 1.0)).variance
        tensor(2.)
    """

    arg_constraints = {}
    has_rsample = False
    _parts = {"_mixture_distribution": 0, "_component_distribution": 1}
    _kept = ("_num_component", "_event_ndims")

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
        self._num_component = _check_batches(mixture_distribution, component_distribution)
        event_shape = component_distribution.event_shape
        self._event_ndims = len(event_shape)
        batch_shape = component_distribution.batch_shape[:-1]
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @constraints.dependent_property
    def support(self):
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self):
        """The distribution of the components."""
        return self._mixture_distribution

    @property
    def component_distribution(self):
        """The components."""
        return self._component_distribution

    def _weights(self):
        """The components' weights, with the batch and event dimensions that the components have."""
        probs = self._mixture_distribution.probs
        dims = len(self._mixture_distribution.batch_shape)
        more = 0 if dims == 1 else len(self._batch_shape) - dims
        return probs.reshape((*probs.shape[:-1], *(1,) * more, probs.shape[-1], *(1,) * self._event_ndims))

    def _average(self, values):
        return (self._weights() * values).sum(-1 - self._event_ndims)

    @property
    def mean(self):
        return self._average(self._component_distribution.mean)

    @property
    def variance(self):
        components = self._component_distribution
        return self._average(components.variance) + self._average((components.mean - self._pad(self.mean)).pow(2.0))

    def _pad(self, x):
        return x.unsqueeze(-1 - self._event_ndims)

    def cdf(self, x):
        return (self._component_distribution.cdf(self._pad(x)) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, x):
        found = self._component_distribution.log_prob(self._pad(self._checked(x)))
        return (found + log_softmax(self._mixture_distribution.logits, dim=-1)).logsumexp(dim=-1)

    def sample(self, sample_shape=()):
        """Return values of components drawn by their weights; all components draw."""
        dim = len(sample_shape) + len(self._batch_shape)
        with no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            values = self._component_distribution.sample(sample_shape)
            index = chosen.reshape((*chosen.shape, *(1,) * (self._event_ndims + 1)))
            index = index.repeat(Size((*(1,) * chosen.dim(), 1, *self._event_shape)))
            return values.gather(dim, index).squeeze(dim)

    def __repr__(self):
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"


def _check_batches(mixture, components):
    """The number of components."""
    batch, rest = mixture.batch_shape, components.batch_shape[:-1]
    for size, other in zip(reversed(batch), reversed(rest), strict=False):
        if size != 1 and other != 1 and size != other:
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({batch}) is not compatible with "
                f"`component_distribution.batch_shape`({rest})"
            )
    count, wanted = mixture.logits.shape[-1], components.batch_shape[-1]
    if count != wanted:
        raise ValueError(
            f"`mixture_distribution component` ({count}) does not equal `component_distribution.batch_shape[-1]` ({wanted})"
        )
    return count
