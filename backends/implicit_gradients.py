"""How a gamma or beta number moves with its parameters while its place in the distribution, P(x), stays.

With P the distribution function, dx/da = -(∂P/∂a) / p(x), and ∂P/∂a = ∫ p(t) ∂log p(t)/∂a dt over all t below x, or minus
the same over all above. In s = |log t - log x|, or the difference of the log-odds for a beta number, the integrand falls
from s = 0 on if the side is taken on which the mode (in that variable) is not: no term cancels another. The integral is a
sum over nodes that lie evenly in v, with s = c exp(v - exp(-v)): they reach from far below the scale c to far above it.
"""

import math

from .in_double import in_double

#: Nodes and their distance: good for 1e-8 of the gradient beside differences of quantiles, parameters of 1e-3 to 1e5.
FIRST, LAST, STEP = -4.0, 7.0, 0.0625


class ImplicitGradients:
    """Mixed into :class:`plugrad.backends.Backend`."""

    @in_double(2)
    def standard_gamma_grad(self, a, x):
        """dx/da of x drawn from the gamma distribution of concentration a and rate 1."""
        below = x <= a
        sign = self.where(below, -self.ones_like(x), self.ones_like(x))
        digamma, log, far = self.digamma(a), self.log(x), self.full_like(x, 700.0)  # expm1 of more is infinite

        def density(s):
            moved = self.expm1(self.minimum(sign * s, far))
            return sign * a * s - x * moved, log + sign * s - digamma

        scale = 1.0 / (self.minimum(a, self.sqrt(a)) + self.abs(a - x))
        return sign * x * self._integral(density, scale)

    @in_double(3)
    def dirichlet_grad(self, x, a, total):
        """dx/da / (1 - x) of x drawn from the beta distribution of concentrations a and total - a."""
        below = x * total <= a
        odds = self.where(below, x, 1.0 - x)
        weight = self.where(below, a, total - a)
        sign = self.where(below, -self.ones_like(x), self.ones_like(x))
        constant = self.log(x) - self.digamma(a) + self.digamma(total)
        moved = self.where(below, self.ones_like(x), self.zeros_like(x))

        def density(s):
            norm = self.log1p(odds * self.expm1(-s))
            return -weight * s - total * norm, constant - moved * s - norm

        scale = 1.0 / (self.minimum(weight, self.sqrt(weight)) + self.abs(weight - odds * total))
        return sign * x * self._integral(density, scale)

    def _integral(self, density, scale):
        """∫ exp(e) f ds over s > 0, where density(s) gives e and f."""
        total = self.zeros_like(scale)
        for k in range(round((LAST - FIRST) / STEP) + 1):
            v = FIRST + k * STEP
            relative = math.exp(v - math.exp(-v))
            s = scale * relative
            exponent, factor = density(s)
            total = total + self.exp(exponent) * factor * (scale * (relative * (1.0 + math.exp(-v)) * STEP))
        return total
