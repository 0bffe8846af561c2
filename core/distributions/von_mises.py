"""Angles around a mean direction."""

import math

from ..dtypes import float64
from ..modes import no_grad
from ..ops.arithmetic import where
from ..ops.sampling import rand
from . import constraints
from .distribution import Distribution
from .parameters import broadcast_all, lazy_property

__all__ = ["VonMises"]

#: Coefficients of the modified Bessel functions of order 0 and 1 (Abramowitz and Stegun 9.8.1 to 9.8.4), up to 3.75 in
#: (x / 3.75)² and beyond in 3.75 / x: those that torch has, so that densities agree in every digit that it gives.
SMALL = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411),
)
LARGE = (
    (0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537, -0.01647633, 0.00392377),
    (0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312, 0.01787654, -0.00420059),
)


def _polynomial(x, coefficients):
    *rest, total = coefficients
    for c in reversed(rest):
        total = c + x * total
    return total


def log_bessel(x, order):
    """The logarithm of the modified Bessel function of the first kind of order 0 or 1, for x > 0."""
    small = _polynomial((x / 3.75) ** 2, SMALL[order])
    small = (x.abs() * small if order else small).log()
    large = x - 0.5 * x.log() + _polynomial(3.75 / x, LARGE[order]).log()
    return where(x < 3.75, small, large)


class VonMises(Distribution):
    """Von Mises distribution of angles, p(x) = exp(concentration cos(x - loc)) / (2π I₀(concentration)).

    Args:
        loc: mean direction, in radians.
        concentration: positive; 1 / variance where it is large.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import VonMises
        >>> VonMises(0.0, 1.0).log_prob(plugrad.tensor(0.0))
        tensor(-1.0738)

    Source: D. J. Best and N. I. Fisher, Efficient simulation of the von Mises distribution (1979).
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """Return the distribution with its batch expanded; its class is made anew."""
        return type(self)(self.loc.expand(batch_shape), self.concentration.expand(batch_shape), self._validate_args)

    def log_prob(self, value):
        cosine = (self._checked(value) - self.loc).cos()
        return self.concentration * cosine - math.log(2 * math.pi) - log_bessel(self.concentration, 0)

    @property
    def mean(self):
        """The mean direction."""
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        """The circular variance, 1 - I₁ / I₀."""
        return 1 - (log_bessel(self.concentration, 1) - log_bessel(self.concentration, 0)).exp()

    def _proposal(self, concentration):
        """The parameter of the wrapped Cauchy distribution that proposes angles."""
        tau = 1 + (1 + 4 * concentration**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * concentration)
        return where(concentration < 1e-5, 1 / concentration + concentration, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape=()):
        """Return angles in [-π, π), drawn in float64 by rejection; torch's for the same seed."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            loc, concentration = self.loc.to(float64), self.concentration.to(float64)
            off = _off(shape, concentration, self._proposal(concentration))
            return ((off + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)


def _off(shape, concentration, r):
    """Angles from the mean direction: proposals for all, again while one of them has not been accepted."""
    off = done = None
    while done is None or not done.all():
        u1, u2, u3 = rand((3, *shape), dtype=float64, device=concentration.device).unbind()
        z = (math.pi * u1).cos()
        f = (1 + r * z) / (r + z)
        c = concentration * (r - f)
        accepted = ((c * (2 - c) - u2) > 0) | (((c / u2).log() + 1 - c) >= 0)
        found = (u3 - 0.5).sign() * f.acos()
        off = found if off is None else where(accepted, found, off)
        done = accepted if done is None else done | accepted
    return off
