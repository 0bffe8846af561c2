"""Transforms of numbers, one by one."""

import math

from ..ops.arithmetic import clamp
from ..queries import finfo
from ..shapes import broadcast_shapes
from ..tensor import Size
from . import constraints
from .parameters import broadcast_all, is_number, lazy_property, softplus
from .transform import Transform

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "PowerTransform",
    "SigmoidTransform",
    "SoftplusTransform",
    "TanhTransform",
]


class Plain(Transform):
    """A transform without parameters: equal to each other one of its class."""

    def __eq__(self, other):
        return isinstance(other, type(self))


class Increasing(Plain):
    """One that is monotone and invertible."""

    domain = constraints.real
    bijective = True
    sign = +1


class ExpTransform(Increasing):
    """y = exp(x).

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import ExpTransform
        >>> ExpTransform().inv(plugrad.ones(2))
        tensor([0., 0.])
    """

    codomain = constraints.positive

    def _call(self, x):
        return x.exp()

    def _inverse(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        return x


def _shape_with(shape, *parameters):
    return Size(broadcast_shapes(shape, *(getattr(p, "shape", ()) for p in parameters)))


class PowerTransform(Transform):
    """y = x^exponent, for x > 0.

    Args:
        exponent: number or tensor.
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent, cache_size=0):
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def _arguments(self):
        return (self.exponent,)

    @lazy_property
    def sign(self):
        """The sign of the exponent."""
        return self.exponent.sign()

    def __eq__(self, other):
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverse(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape):
        return _shape_with(shape, self.exponent)

    inverse_shape = forward_shape


def inner_sigmoid(x):
    """sigmoid(x), held within the numbers above 0 and below 1 that the dtype has."""
    return clamp(x.sigmoid(), min=finfo(x.dtype).tiny, max=1.0 - finfo(x.dtype).eps)


class SigmoidTransform(Increasing):
    """y = 1 / (1 + exp(-x)), its inverse the logit."""

    codomain = constraints.unit_interval

    def _call(self, x):
        return inner_sigmoid(x)

    def _inverse(self, y):
        y = clamp(y, min=finfo(y.dtype).tiny, max=1.0 - finfo(y.dtype).eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x, y):
        return -softplus(-x) - softplus(x)


class SoftplusTransform(Increasing):
    """y = log(1 + exp(x)); x itself where it is above 20."""

    codomain = constraints.positive

    def _call(self, x):
        return softplus(x)

    def _inverse(self, y):
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x, y):
        return -softplus(-x)


class TanhTransform(Increasing):
    """y = tanh(x). With a cache its inverse is exact near ±1 too.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import TanhTransform
        >>> t = TanhTransform(cache_size=1)
        >>> t.inv(t(plugrad.tensor(20.0)))
        tensor(20.)
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x):
        return x.tanh()

    def _inverse(self, y):
        return y.atanh()

    def log_abs_det_jacobian(self, x, y):
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Plain):
    """y = |x|; its inverse gives y."""

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x):
        return x.abs()

    def _inverse(self, y):
        return y


def _same(a, b):
    return a == b if is_number(a) and is_number(b) else bool((a == b).all())


class AffineTransform(Transform):
    """y = loc + scale · x.

    Args:
        loc, scale: numbers or tensors.
        event_dim: how many dimensions together are one value: over these the log-determinant is summed.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import AffineTransform
        >>> AffineTransform(1.0, 2.0).inv(plugrad.tensor([3.0]))
        tensor([1.])
    """

    bijective = True

    def __init__(self, loc, scale, event_dim=0, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.loc = loc
        self.scale = scale
        self._event_dim = event_dim

    def _arguments(self):
        return self.loc, self.scale, self._event_dim

    @property
    def event_dim(self):
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return self.domain

    def __eq__(self, other):
        if not isinstance(other, AffineTransform):
            return False
        return _same(self.loc, other.loc) and _same(self.scale, other.scale)

    @property
    def sign(self):
        if is_number(self.scale):
            return (self.scale > 0) - (self.scale < 0)
        return self.scale.sign()

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverse(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        shape, dims = x.shape, self._event_dim
        if is_number(self.scale):
            result = x.new_full(shape, math.log(abs(self.scale)))
        else:
            result = self.scale.abs().log()
        if dims:
            result = result.reshape((*result.shape[:-dims], -1)).sum(-1)
            shape = shape[:-dims]
        return result.expand(shape)

    def forward_shape(self, shape):
        return _shape_with(shape, self.loc, self.scale)

    inverse_shape = forward_shape


class CumulativeDistributionTransform(Transform):
    """y = P(x), the distribution function of a distribution of numbers: what it draws becomes uniform.

    Args:
        distribution: one that has ``cdf`` and ``icdf``.
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = +1

    def __init__(self, distribution, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    def _arguments(self):
        return (self.distribution,)

    @property
    def domain(self):
        """The distribution's support."""
        return self.distribution.support

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)
