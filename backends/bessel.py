"""Bessel functions, modified and not, and Airy's function Ai: polynomials on a few intervals each.

The modified ones are exact to a few units of the last place, the oscillating ones to a few units of the last place of
their amplitude.
"""

import functools
import math

from .erf import polynomial
from .in_double import in_double

ROOT_TWO_OVER_PI = math.sqrt(2.0 / math.pi)


@functools.cache
def series(order, terms):
    """1 / (k! (k + order)!), from the highest power down."""
    return tuple(1.0 / (math.factorial(k) * math.factorial(k + order)) for k in range(terms - 1, -1, -1))


def psi(n):
    """The derivative of log Γ at a whole number n ≥ 1."""
    return sum(1.0 / k for k in range(1, n)) - 0.57721566490153286061


@functools.cache
def series_beside_log(order, terms):
    """The same terms times ψ(k + 1) for order 0, (ψ(k + 1) + ψ(k + 2)) / 2 for order 1."""
    weights = [psi(k + 1) if order == 0 else (psi(k + 1) + psi(k + 2)) * 0.5 for k in range(terms)]
    return tuple(w * c for w, c in zip(reversed(weights), series(order, terms), strict=True))


class Bessel:
    """Mixed into :class:`plugrad.backends.Backend`."""

    # --- modified, of the first kind ---
    @in_double(1)
    def i0(self, x):
        """I₀(x)."""
        return self._grown(self.abs(x), 0)

    @in_double(1)
    def i1(self, x):
        """I₁(x)."""
        return self.sign(x) * self._grown(self.abs(x), 1)

    @in_double(1)
    def i0e(self, x):
        """exp(-|x|) · I₀(x)."""
        return self._scaled(self.abs(x), 0)

    @in_double(1)
    def i1e(self, x):
        """exp(-|x|) · I₁(x)."""
        return self.sign(x) * self._scaled(self.abs(x), 1)

    def modified_bessel_i0(self, x):
        return self.i0(x)

    def modified_bessel_i1(self, x):
        return self.i1(x)

    def _grown(self, size, order):
        half = self.exp(size * 0.5)  # exp(x) is infinite before I₀(x) is
        far = self._root_scaled(size, order) * half / self.sqrt(size) * half
        return self.where(size < 8.0, self._power_series(size, order), far)

    def _scaled(self, size, order):
        near = self._power_series(size, order) * self.exp(-self.minimum(size, self.full_like(size, 8.0)))
        return self.where(size < 8.0, near, self._root_scaled(size, order) / self.sqrt(size))

    def _power_series(self, size, order):
        """Σ (x/2)^(2k + order) / (k! (k + order)!) for x ≤ 8: all terms are positive."""
        half = self.minimum(size, self.full_like(size, 8.0)) * 0.5
        value = polynomial(series(order, 30), half * half)
        return value * half if order else value

    def _root_scaled(self, size, order):
        """√x exp(-x) I(x) for x ≥ 8."""
        from .special_tables import I0, I1

        return self.fitted((I0, I1)[order], 8.0 / self.maximum(size, self.full_like(size, 8.0)), 0.0, 1.0)

    # --- modified, of the second kind ---
    @in_double(1)
    def modified_bessel_k0(self, x):
        """K₀(x)."""
        return self._decaying(x, 0, False)

    @in_double(1)
    def modified_bessel_k1(self, x):
        """K₁(x)."""
        return self._decaying(x, 1, False)

    @in_double(1)
    def scaled_modified_bessel_k0(self, x):
        """exp(x) · K₀(x)."""
        return self._decaying(x, 0, True)

    @in_double(1)
    def scaled_modified_bessel_k1(self, x):
        """exp(x) · K₁(x)."""
        return self._decaying(x, 1, True)

    def _decaying(self, x, order, scaled):
        from .special_tables import K0, K1

        small = self.minimum(x, self.full_like(x, 2.0))
        square = small * small * 0.25
        beside = polynomial(series_beside_log(order, 18), square)
        logarithm = self.log(small * 0.5)
        if order == 0:
            near = beside - logarithm * polynomial(series(0, 18), square)
        else:
            near = 1.0 / small + small * 0.5 * (logarithm * polynomial(series(1, 18), square) - beside)
        large = self.maximum(x, self.full_like(x, 2.0))
        far = self.fitted((K0, K1)[order], 2.0 / large, 0.0, 1.0) / self.sqrt(large)
        near, far = (near * self.exp(small), far) if scaled else (near, far * self.exp(-large))
        value = self.where(x <= 2.0, near, far)
        return self.where(x == 0.0, self.full_like(x, math.inf), value)

    # --- oscillating ---
    @in_double(1)
    def bessel_j0(self, x):
        """J₀(x)."""
        from .special_tables import J0

        size = self.abs(x)
        near = self.fitted(J0, self._small_square(size), 0.0, 25.0)
        return self.where(size < 5.0, near, self._wave(size, 0, False))

    @in_double(1)
    def bessel_j1(self, x):
        """J₁(x)."""
        from .special_tables import J1

        size = self.abs(x)
        near = self.fitted(J1, self._small_square(size), 0.0, 25.0) * x
        return self.where(size < 5.0, near, self.sign(x) * self._wave(size, 1, False))

    @in_double(1)
    def bessel_y0(self, x):
        """Y₀(x)."""
        from .special_tables import J0, Y0

        square = self._small_square(x)
        logarithm = self.log(x) * (2.0 / math.pi)
        near = self.fitted(Y0, square, 0.0, 25.0) + logarithm * self.fitted(J0, square, 0.0, 25.0)
        return self.where(x < 5.0, near, self._wave(x, 0, True))

    @in_double(1)
    def bessel_y1(self, x):
        """Y₁(x)."""
        from .special_tables import J1, Y1

        square = self._small_square(x)
        near = x * self.fitted(Y1, square, 0.0, 25.0) - (2.0 / math.pi) / x
        near = near + self.log(x) * (2.0 / math.pi) * x * self.fitted(J1, square, 0.0, 25.0)
        near = self.where(x == 0.0, self.full_like(x, -math.inf), near)
        return self.where(x < 5.0, near, self._wave(x, 1, True))

    def _small_square(self, x):
        few = self.clip(x, 0.0, 5.0)
        return few * few

    def _wave(self, x, order, second):
        """√(2/πx) (P cos χ - Q sin χ), or (P sin χ + Q cos χ), with χ = x - (2 order + 1) π/4, for x ≥ 5."""
        from .special_tables import P0, P1, Q0, Q1

        x = self.maximum(x, self.full_like(x, 5.0))
        ratio = 5.0 / x
        p = self.fitted((P0, P1)[order], ratio * ratio, 0.0, 1.0)
        q = self.fitted((Q0, Q1)[order], ratio * ratio, 0.0, 1.0) / x
        # cos and sin of x - π/4 from those of x, which the libraries reduce exactly
        cosine, sine = self.cos(x), self.sin(x)
        even, odd = (cosine + sine) * math.sqrt(0.5), (sine - cosine) * math.sqrt(0.5)
        if order:
            even, odd = odd, -even
        value = p * odd + q * even if second else p * even - q * odd
        return value * ROOT_TWO_OVER_PI / self.sqrt(x)

    @in_double(1)
    def spherical_bessel_j0(self, x):
        """sin(x) / x, 1 at 0."""
        size = self.abs(x)
        few = self.where(size < 1e-8, self.ones_like(x), x)
        value = self.where(size == math.inf, self.zeros_like(x), self.sin(few) / few)
        return self.where(size < 1e-8, self.ones_like(x), value)

    @in_double(1)
    def airy_ai(self, x):
        """Ai(x); undefined at ±∞, as in torch."""
        from .special_tables import AIRY, AIRY_COSINE, AIRY_DECAY, AIRY_SINE

        size = self.maximum(self.abs(x), self.full_like(x, 2.1))
        root = self.sqrt(size)
        zeta = size * root * (2.0 / 3.0)
        ratio = 2.0 / zeta
        quarter = self.sqrt(root) * math.sqrt(math.pi)
        decay = self.fitted(AIRY_DECAY, ratio, 0.0, 1.0) * self.exp(-zeta) / quarter * 0.5
        p = self.fitted(AIRY_SINE, ratio * ratio, 0.0, 1.0)
        q = self.fitted(AIRY_COSINE, ratio * ratio, 0.0, 1.0) / zeta
        cosine, sine = self.cos(zeta), self.sin(zeta)
        even, odd = (cosine + sine) * math.sqrt(0.5), (sine - cosine) * math.sqrt(0.5)
        wave = (p * even + q * odd) / quarter
        value = self.where(x > 0.0, decay, wave)
        value = self.where(self.abs(x) < 2.1, self.fitted(AIRY, x, -2.25, 2.25), value)
        return self.where(self.abs(x) == math.inf, self.full_like(x, math.nan), value)
