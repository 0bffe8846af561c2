"""erfc and its relatives: the error function's complement, its inverse, the normal distribution.

All are computed in float64 and rounded once. Exponentials of squares are taken in two factors, of which the first has an
exact square: otherwise the rounding of x² alone would cost 700 units of the last place of erfc(26).
"""

import math

from .erf import polynomial
from .in_double import in_double

#: Where erfcx is expanded around, see tests/support/make_special_tables.py.
CENTRE = 3.75
HALF_ROOT = math.sqrt(0.5)


class ErrorFunctions:
    """Mixed into :class:`plugrad.backends.Backend`."""

    @in_double(1)
    def erfc(self, x):
        """1 - erf(x), without cancellation."""
        size = self.clip(self.abs(x), 0.0, 40.0)
        tail = self._scaled_tail(size) * self._exp_of_square(size, -1.0)
        away = self.where(x < 0, 2.0 - tail, tail)
        return self.where(size < 0.48, 1.0 - self.erf(x), away)

    @in_double(1)
    def erfcx(self, x):
        """exp(x²) · erfc(x)."""
        size = self.abs(x)
        tail = self._scaled_tail(size)
        near = self.exp(x * x) * (1.0 - self.erf(x))
        grown = self._exp_of_square(self.clip(x, -1e3, 0.0), 1.0) * 2.0
        return self.where(size < 0.25, near, self.where(x < 0, grown - tail, tail))

    @in_double(1)
    def ndtr(self, x):
        """Φ(x), the distribution function of the normal distribution."""
        tail = self._normal_tail(x)
        return self.where(x < 0, tail, 1.0 - tail)

    @in_double(1)
    def log_ndtr(self, x):
        """log Φ(x)."""
        below = self.log(self._scaled_tail(self.abs(x) * HALF_ROOT) * 0.5) - x * x * 0.5
        return self.where(x < 0, below, self.log1p(-self._normal_tail(x)))

    @in_double(1)
    def erfinv(self, x):
        """The y with erf(y) = x."""
        y = x * self._inverse_factor(-self.log((1.0 - x) * (1.0 + x)))
        return self.where(self.abs(x) == 1.0, x * math.inf, y)

    @in_double(1)
    def ndtri(self, p):
        """The x with Φ(x) = p."""
        q = self.minimum(p, 1.0 - p)
        x = (1.0 - 2.0 * q) * self._inverse_factor(-self.log(4.0 * q * (1.0 - q))) * math.sqrt(2.0)
        x = self.where(q == 0.0, self.full_like(x, math.inf), x)
        return self.where(p < 0.5, -x, x)

    @in_double(1)
    def entr(self, x):
        """-x · log x, 0 at 0, -∞ below."""
        positive = x > 0
        value = -x * self.log(self.where(positive, x, self.ones_like(x)))
        below = self.where(x < 0, self.full_like(x, -math.inf), value)
        return self.where(positive, value, below)

    # --- what these are made of ---
    def _scaled_tail(self, size):
        """exp(x²) · erfc(x) for x ≥ 0, as that over 1 + 2x by (x - 3.75) / (x + 3.75), as Shepherd and Laframboise do.

        Source: Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞, Math. Comp. 36 (1981) 249-253.
        """
        from .special_tables import ERFCX

        near = self.clip(size, 0.0, 1e12)
        return polynomial(ERFCX, (near - CENTRE) / (near + CENTRE)) / (size * 2.0 + 1.0)

    def _exp_of_square(self, x, factor):
        """exp(factor · x²) to the last digits."""
        coarse = self.floor(x * 16.0) * 0.0625
        return self.exp(coarse * coarse * factor) * self.exp((x - coarse) * (x + coarse) * factor)

    def _normal_tail(self, x):
        """Φ(-|x|)."""
        size = self.clip(self.abs(x), 0.0, 60.0)
        return self._scaled_tail(size * HALF_ROOT) * self._exp_of_square(size, -0.5) * 0.5

    def _inverse_factor(self, w):
        """y / erf(y) for the y ≥ 0 with (1 - erf(y)) · (1 + erf(y)) = exp(-w)."""
        from .special_tables import INVERSE_LARGE, INVERSE_MIDDLE, INVERSE_SMALL, INVERSE_TAIL

        root = self.sqrt(w)
        far = self.where(
            root < 8.0, self.fitted(INVERSE_LARGE, root, 4.0, 8.0), self.fitted(INVERSE_TAIL, root, 8.0, 28.0)
        )
        far = self.where(root < 4.0, self.fitted(INVERSE_MIDDLE, root, 2.5, 4.0), far)
        return self.where(w < 6.25, self.fitted(INVERSE_SMALL, w, 0.0, 6.25), far)
