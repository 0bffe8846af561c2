"""Orthogonal polynomials of a degree that may differ from element to element."""

import math

from .in_double import in_double

#: From this degree on Chebyshev polynomials are taken from cosines, for |x| < 1.
BY_ANGLE = 7


class Orthogonal:
    """Mixed into :class:`plugrad.backends.Backend`. Degrees are cut to whole numbers; below 0 the polynomial is 0."""

    # --- Chebyshev's four kinds, and the same on [0, 1] ---
    @in_double(2)
    def chebyshev_polynomial_t(self, x, n):
        """cos nθ with x = cos θ."""
        return self._chebyshev(x, n, lambda x: x, lambda t, n: self.cos(n * t))

    @in_double(2)
    def chebyshev_polynomial_u(self, x, n):
        """sin (n + 1)θ / sin θ."""
        return self._chebyshev(x, n, lambda x: x + x, lambda t, n: self.sin((n + 1.0) * t) / self.sin(t))

    @in_double(2)
    def chebyshev_polynomial_v(self, x, n):
        """cos (n + ½)θ / cos ½θ."""
        return self._chebyshev(x, n, lambda x: x + x - 1.0, lambda t, n: self.cos((n + 0.5) * t) / self.cos(t * 0.5))

    @in_double(2)
    def chebyshev_polynomial_w(self, x, n):
        """sin (n + ½)θ / sin ½θ."""
        return self._chebyshev(x, n, lambda x: x + x + 1.0, lambda t, n: self.sin((n + 0.5) * t) / self.sin(t * 0.5))

    @in_double(2)
    def shifted_chebyshev_polynomial_t(self, x, n):
        return self.chebyshev_polynomial_t(x + x - 1.0, n)

    @in_double(2)
    def shifted_chebyshev_polynomial_u(self, x, n):
        return self.chebyshev_polynomial_u(x + x - 1.0, n)

    @in_double(2)
    def shifted_chebyshev_polynomial_v(self, x, n):
        return self.chebyshev_polynomial_v(x + x - 1.0, n)

    @in_double(2)
    def shifted_chebyshev_polynomial_w(self, x, n):
        return self.chebyshev_polynomial_w(x + x - 1.0, n)

    def _chebyshev(self, x, n, first, by_angle):
        x, n = self._degrees(x, n)
        by_cosine = self.logical_and(self.abs(x) < 1.0, n >= float(BY_ANGLE))
        angle = self.acos(self.where(by_cosine, x, self.zeros_like(x)))
        few = self.where(by_cosine, self.zeros_like(n), n)
        value = self._recurred(x, few, first(x), lambda k, q, p: x * 2.0 * q - p)
        return self.where(by_cosine, by_angle(angle, n), value)

    # --- the others ---
    @in_double(2)
    def hermite_polynomial_h(self, x, n):
        """(-1)ⁿ exp(x²) dⁿ/dxⁿ exp(-x²)."""
        x, n = self._degrees(x, n)
        return self._recurred(x, n, x + x, lambda k, q, p: (x * q - p * (k - 1.0)) * 2.0)

    @in_double(2)
    def hermite_polynomial_he(self, x, n):
        """(-1)ⁿ exp(x²/2) dⁿ/dxⁿ exp(-x²/2)."""
        x, n = self._degrees(x, n)
        return self._recurred(x, n, x, lambda k, q, p: x * q - p * (k - 1.0))

    @in_double(2)
    def laguerre_polynomial_l(self, x, n):
        """eˣ/n! dⁿ/dxⁿ (xⁿ e⁻ˣ)."""
        x, n = self._degrees(x, n)
        return self._recurred(x, n, 1.0 - x, lambda k, q, p: (q * (2.0 * k - 1.0 - x) - p * (k - 1.0)) / k)

    @in_double(2)
    def legendre_polynomial_p(self, x, n):
        """1/(2ⁿ n!) dⁿ/dxⁿ (x² - 1)ⁿ."""
        x, n = self._degrees(x, n)
        return self._recurred(x, n, x, lambda k, q, p: (x * q * (2.0 * k - 1.0) - p * (k - 1.0)) / k)

    # --- what these are made of ---
    def _degrees(self, x, n):
        """Both in one shape, the degrees whole; -1 for one that is no number."""
        n = self.trunc(self.where(self.isfinite(n), n, self.full_like(n, -1.0)))
        return self.where(n == n, x, x), self.where(x == x, n, n)

    def _recurred(self, x, n, first, step):
        """The polynomial of each element's degree, by the recurrence ``step(k, Q_(k-1), Q_(k-2))``."""
        before, now = self.ones_like(x), first
        value = self.where(n == 0.0, before, self.where(n == 1.0, now, self.zeros_like(x)))
        for k in range(2, self._highest(n) + 1):
            before, now = now, step(float(k), now, before)
            value = self.where(n == float(k), now, value)
        return value

    def _highest(self, n):
        """The highest degree: the host looks at the values."""
        if 0 in n.shape:
            return 0
        top = float(self.to_host(self.wrap(self.max(n, None, False))).item())
        return 0 if math.isnan(top) else int(top)
