"""What transforms make of a distribution's values."""

from ..modes import no_grad
from ..tensor import Size
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .parameters import sum_rightmost
from .transform import ComposeTransform, Transform

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """Distribution of t(x), x from another one: log p(y) = log p(x) - log |det dy/dx|.

    Args:
        base_distribution: the distribution of x.
        transforms: a transform, or a list of which the first is applied first.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import Normal, TanhTransform, TransformedDistribution
        >>> TransformedDistribution(Normal(0.0, 1.0), [TanhTransform()]).log_prob(plugrad.tensor(0.5))
        tensor(-0.7821)
    """

    arg_constraints = {}
    _parts = {}

    def __init__(self, base_distribution, transforms, validate_args=None):
        self.transforms = _listed(transforms)
        base_shape = Size((*base_distribution.batch_shape, *base_distribution.event_shape))
        base_dims = len(base_distribution.event_shape)
        whole = ComposeTransform(self.transforms)
        needed, made = whole.domain.event_dim, whole.codomain.event_dim
        if len(base_shape) < needed:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {needed}, but got {base_shape}."
            )
        shape = whole.forward_shape(base_shape)
        expanded = whole.inverse_shape(shape)
        if base_shape != expanded:  # the transforms' parameters have a larger batch
            base_distribution = base_distribution.expand(expanded[: len(expanded) - base_dims])
        if needed > base_dims:
            base_distribution = Independent(base_distribution, needed - base_dims)
        self.base_dist = base_distribution
        cut = len(shape) - max(made, base_dims + made - needed)
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def _expand_parts(self, new, batch_shape):
        super()._expand_parts(new, batch_shape)
        shape = ComposeTransform(self.transforms).inverse_shape(Size((*batch_shape, *self._event_shape)))
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new.transforms = self.transforms

    @constraints.dependent_property(is_discrete=False)
    def support(self):
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    @property
    def has_rsample(self):
        return self.base_dist.has_rsample

    def _transformed(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape=()):
        """Return transformed values of the base distribution, drawn without gradients."""
        with no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape=()):
        """Return transformed values of the base distribution, drawn with gradients."""
        return self._transformed(self.base_dist.rsample(sample_shape))

    def log_prob(self, value):
        y, dims, result = self._checked(value), len(self._event_shape), 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            result = result - sum_rightmost(transform.log_abs_det_jacobian(x, y), dims - transform.domain.event_dim)
            y = x
        return result + sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))

    def _directed(self, probability):
        """The probability of the other side, where the transforms turn larger values into smaller ones."""
        sign = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return probability if isinstance(sign, int) and sign == 1 else sign * (probability - 0.5) + 0.5

    def cdf(self, value):
        """Return the probability of a value at most as large; the transforms must be monotone."""
        for transform in self.transforms[::-1]:
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._directed(self.base_dist.cdf(value))

    def icdf(self, value):
        """Return the values up to which lie the given probabilities; the transforms must be monotone."""
        return self._transformed(self.base_dist.icdf(self._directed(value)))


def _listed(transforms):
    if isinstance(transforms, Transform):
        return [transforms]
    if not isinstance(transforms, list):
        raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
    if not all(isinstance(t, Transform) for t in transforms):
        raise ValueError("transforms must be a Transform or a list of Transforms")
    return transforms
