"""The gamma function's logarithm, its derivatives, the zeta function of Hurwitz, the incomplete gamma functions."""

import math

from .erf import polynomial
from .in_double import in_double

#: B(2k), k = 1, 2, ...: the numbers of Bernoulli.
BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330, 854513 / 138,
    -236364091 / 2730,
)  # fmt: skip

#: Terms of Stirling's series for log Γ and its derivative beyond x = 10, in powers of 1/x², from the highest down.
STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in reversed(list(enumerate(BERNOULLI[:8], 1))))
STIRLING_SLOPE = tuple(b / (2 * k) for k, b in reversed(list(enumerate(BERNOULLI[:8], 1))))
FAR = 10.0

#: (μ - log(1 + μ)) / μ² in powers of μ, from the highest down: 1e-17 for |μ| ≤ 0.3.
LOG_REST = tuple((-1) ** k / (k + 2) for k in range(31, -1, -1))


class Gamma:
    """Mixed into :class:`plugrad.backends.Backend`."""

    @in_double(1)
    def lgamma(self, x):
        """log |Γ(x)|; near its zeros left of -2 exact to the rounding of 1, not to that of the result."""
        size = self.abs(x)
        mirrored = x < -0.5
        value = self._log_gamma(self.where(mirrored, size, x))
        off = size - self.round(size)
        sine = self.abs(self.sin(off * math.pi))
        reflected = math.log(math.pi) - self.log(sine) - self.log(size) - value
        reflected = self.where(self.logical_or(off == 0.0, size == math.inf), self.full_like(x, math.inf), reflected)
        return self.where(mirrored, reflected, value)

    def _log_gamma(self, x):
        """log |Γ(x)| for x ≥ -0.5: a polynomial around 1 and one around 2, Stirling's series beyond 10."""
        from .special_tables import LGAMMA_ONE, LGAMMA_TWO

        small = x <= 0.5
        one = self.clip(self.where(small, x, x - 1.0), -0.5, 0.5)
        near_one = one * polynomial(LGAMMA_ONE, one * 2.0)
        near_one = self.where(small, near_one - self.log(self.abs(x)), near_one + 0.0)
        moved, product = self.clip(x, 1.5, FAR), self.ones_like(x)
        for _ in range(8):
            beyond = moved >= 3.0
            moved = self.where(beyond, moved - 1.0, moved)
            product = self.where(beyond, product * moved, product)
        two = moved - 2.0
        near_two = two * self.fitted(LGAMMA_TWO, two, -0.5, 1.0) + self.log(product)
        inverse = 1.0 / self.maximum(x, self.full_like(x, FAR))
        far = (x - 0.5) * (self.log(self.abs(x)) - 1.0) + (0.5 * math.log(2.0 * math.pi) - 0.5)
        far = far + inverse * polynomial(STIRLING, inverse * inverse)
        middle = self.where(x < FAR, near_two, far)
        return self.where(x <= 1.5, near_one, self.where(x == math.inf, x, middle))

    @in_double(1)
    def digamma(self, x):
        """The derivative of log Γ(x)."""
        mirrored = x < 0.0
        value = self._digamma(self.where(mirrored, 1.0 - x, x))
        off = x - self.round(x)
        value = self.where(mirrored, value - math.pi / self.tan(off * math.pi), value)
        value = self.where(x == 0.0, -1.0 / x, value)
        return self.where(self.logical_and(mirrored, off == 0.0), self.full_like(x, math.nan), value)

    def _digamma(self, x):
        from .special_tables import DIGAMMA, DIGAMMA_ZERO

        first = x < 1.0
        moved = self.clip(self.where(first, x + 1.0, x), 1.0, FAR)
        total = self.where(first, -1.0 / x, self.zeros_like(x))
        for _ in range(9):
            beyond = moved >= 2.0
            moved = self.where(beyond, moved - 1.0, moved)
            total = self.where(beyond, total + 1.0 / moved, total)
        near = (moved - DIGAMMA_ZERO[0] - DIGAMMA_ZERO[1]) * self.fitted(DIGAMMA, moved, 1.0, 2.0) + total
        inverse = 1.0 / self.maximum(x, self.full_like(x, FAR))
        square = inverse * inverse
        far = self.log(self.abs(x)) - inverse * 0.5 - square * polynomial(STIRLING_SLOPE, square)
        return self.where(x < FAR, near, far)

    def polygamma(self, x, n):
        """The n-th derivative of digamma."""
        return self.digamma(x) if n == 0 else self._polygamma(x, n)

    @in_double(1)
    def _polygamma(self, x, n):
        sign, factor = (-1.0) ** (n + 1), math.exp(math.lgamma(n + 1)) if n > 20 else float(math.factorial(n))
        mirrored = x < 0.0
        place = self.where(mirrored, 1.0 - x, x)
        value = self._hurwitz(self.full((), n + 1.0, x.dtype), place) * (sign * factor)
        cotangent = 1.0 / self.tan((x - self.round(x)) * math.pi)
        slope = polynomial(cotangent_derivative(n), cotangent) * math.pi ** (n + 1)
        value = self.where(mirrored, (-1.0) ** n * value - slope, value)
        pole = self.logical_and(x <= 0.0, x == self.floor(x))
        return self.where(pole, self.full_like(x, sign * math.inf), value)

    @in_double(1)
    def mvlgamma(self, x, p):
        """log Γ_p(x) = p (p - 1) / 4 · log π + Σ log Γ(x - i/2), i < p."""
        total = self.lgamma(x)
        for i in range(1, p):
            total = total + self.lgamma(x - i * 0.5)
        return total + p * (p - 1) * 0.25 * math.log(math.pi)

    @in_double(2)
    def zeta(self, x, q):
        """Σ (q + k)^-x, k = 0, 1, ...; infinite where a term is, undefined for x < 1 and for q < 0 with x no whole number."""
        total, place = self.zeros_like(x * q), q + self.zeros_like(x)
        for _ in range(self._steps_to_zero(q)):
            below = place < 0.0
            term = self.pow(self.where(below, place, self.ones_like(place)), -x)
            total = self.where(below, total + term, total)
            place = self.where(below, place + 1.0, place)
        value = total + self._hurwitz(x, place)
        undefined = self.logical_or(x < 1.0, self.logical_and(q < 0.0, x != self.floor(x)))
        value = self.where(self.logical_or(undefined, place < 0.0), self.full_like(value, math.nan), value)
        pole = self.logical_and(q <= 0.0, q == self.floor(q))
        pole = self.logical_or(x == 1.0, self.logical_and(pole, x > 1.0))
        return self.where(pole, self.full_like(value, math.inf), value)

    def _steps_to_zero(self, q):
        """How many terms have a negative base; the host looks at the values. Beyond the limit the result is undefined."""
        if 0 in q.shape:
            return 0
        lowest = float(self.to_host(self.wrap(self.min(q, None, False))).item())
        return min(math.ceil(-lowest), 10_000) if lowest < 0.0 else 0

    def _hurwitz(self, x, q):
        """The zeta function for q ≥ 0, x > 1: ten terms, the rest by Euler's and Maclaurin's formula."""
        total = self.pow(q, -x)
        for k in range(1, 10):
            total = total + self.pow(q + float(k), -x)
        end = q + FAR
        power = self.pow(end, -x)
        total = total + power * end / (x - 1.0) + power * 0.5
        factor, square = power * x / end, end * end
        for k, b in enumerate(BERNOULLI, 1):
            total = total + factor * (b / math.factorial(2 * k))
            factor = factor * ((x + (2.0 * k - 1.0)) / end) * ((x + 2.0 * k) / end)
        return self.where(square == math.inf, self.pow(q, 1.0 - x) / (x - 1.0), total)


def cotangent_derivative(n):
    """The n-th derivative of cot as a polynomial of cot, from the highest power down."""
    terms = [0.0, 1.0]
    for _ in range(n):
        slope = [i * c for i, c in enumerate(terms)][1:]
        terms = [-(a + b) for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)]
    return tuple(reversed(terms))
