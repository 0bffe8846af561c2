"""The incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x)."""

import math

from .erf import polynomial
from .gamma import LOG_REST, STIRLING
from .in_double import in_double

#: Terms of the power series and of the continued fraction: enough for float64 where they are used.
TERMS = 130


class IncompleteGamma:
    """Mixed into :class:`plugrad.backends.Backend`.

    Near x = a, a > 20, both come from Temme's expansion (DLMF 8.12), else P from its power series for x ≤ max(a, 1) and Q
    from its continued fraction beyond, the other one as 1 minus it.
    """

    @in_double(2)
    def igamma(self, a, x):
        """P(a, x) = 1/Γ(a) ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt."""
        return self._incomplete(a, x, True)

    @in_double(2)
    def igammac(self, a, x):
        """Q(a, x) = 1/Γ(a) ∫ₓ^∞ tᵃ⁻¹ e⁻ᵗ dt."""
        return self._incomplete(a, x, False)

    def _incomplete(self, a, x, lower):
        zero = self.zeros_like(a * x)
        a, x = a + zero, x + zero
        ends = ((a == 0.0) | (x == math.inf), 1.0), ((x == 0.0) | (a == math.inf), 0.0)
        plain = (a > 0.0) & (x > 0.0) & (a < math.inf) & (x < math.inf)
        one = self.ones_like(a)
        value = self._inside(self.where(plain, a, one), self.where(plain, x, one), lower)
        for place, of_lower in ends:
            value = self.where(place, self.full_like(value, of_lower if lower else 1.0 - of_lower), value)
        both = ((a == 0.0) & (x == 0.0)) | ((a == math.inf) & (x == math.inf))
        wrong = (a < 0.0) | (x < 0.0) | (a != a) | (x != x) | both
        return self.where(wrong, self.full_like(value, math.nan), value)

    def _inside(self, a, x, lower):
        mu = (x - a) / a
        rest = self._log_rest(mu)
        near = (a > 20.0) & (self.abs(mu) < 0.3)
        by_series = x <= self.maximum(a, self.ones_like(a))
        one, ten = self.ones_like(a), self.full_like(a, 10.0)
        density = self._density(a, x, rest)
        first = self.where(by_series & ~near, x, one * 0.5)
        p = density * self._series(self.where(near, one, a), first)
        second = self.where(by_series | near, ten, x)
        q = density * a / self._fraction(self.where(near, one, a), second)
        value = self.where(by_series, p if lower else 1.0 - p, 1.0 - q if lower else q)
        return self.where(near, self._temme(self.where(near, a, ten * 3.0), mu, rest, lower), value)

    def _log_rest(self, mu):
        """μ - log(1 + μ), by its series where that would cancel."""
        small = self.clip(mu, -0.3, 0.3)
        series = small * small * polynomial(LOG_REST, small)
        return self.where(self.abs(mu) < 0.3, series, mu - self.log1p(mu))

    def _density(self, a, x, rest):
        """xᵃ e⁻ˣ / Γ(a + 1)."""
        inverse = 1.0 / self.maximum(a, self.full_like(a, 10.0))
        correction = inverse * polynomial(STIRLING, inverse * inverse)
        large = self.exp(-a * rest - correction) / self.sqrt(a * (2.0 * math.pi))
        few = self.minimum(a, self.full_like(a, 10.0))
        small = self.exp(few * self.log(x) - x - self.lgamma(few + 1.0))
        return self.where(a < 10.0, small, large)

    def _series(self, a, x):
        """Σ xⁿ / ((a + 1) ... (a + n))."""
        total = self.ones_like(a)
        for n in range(TERMS, 0, -1):
            total = total * (x / (a + float(n))) + 1.0
        return total

    def _fraction(self, a, x):
        """x + 1 - a - 1(1 - a) / (x + 3 - a - 2(2 - a) / (x + 5 - a - ...))."""
        start = x - a
        value = start + (2.0 * TERMS + 1.0)
        for k in range(TERMS, 0, -1):
            value = start + (2.0 * k - 1.0) - ((float(k) - a) * float(k)) / value
        return value

    def _temme(self, a, mu, rest, lower):
        from .special_tables import TEMME

        rest = self.minimum(rest, self.full_like(rest, 0.06))
        eta = self.sign(mu) * self.sqrt(rest * 2.0)
        inverse = 1.0 / a
        total = polynomial(TEMME[-1], eta)
        for row in reversed(TEMME[:-1]):
            total = total * inverse + polynomial(row, eta)
        r = self.exp(-a * rest) / self.sqrt(a * (2.0 * math.pi)) * total
        side = eta * self.sqrt(a * 0.5)
        return self.erfc(-side) * 0.5 - r if lower else self.erfc(side) * 0.5 + r
