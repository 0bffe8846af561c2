"""Writes backends/special_tables.py: polynomials of the special functions, from values with 60 digits.

Each table is the Chebyshev interpolation of a smooth function on an interval, cut where its terms are below the rounding
of float64, and rewritten in powers of the variable t in [-1, 1], from the highest power down. Needs mpmath.
"""

from fractions import Fraction
from pathlib import Path

import mpmath as mp

TARGET = Path(__file__).parents[2] / "backends" / "special_tables.py"
POINTS = 96
mp.mp.dps = 60


# --- fitting ---
def chebyshev(function, low, high):
    """Coefficients of the interpolation in Chebyshev polynomials."""
    angles = [mp.pi * (mp.mpf(j) + mp.mpf(1) / 2) / POINTS for j in range(POINTS)]
    middle, half = (mp.mpf(low) + high) / 2, (mp.mpf(high) - low) / 2
    values = [function(middle + half * mp.cos(a)) for a in angles]
    parts = [
        2 * mp.fsum(v * mp.cos(k * a) for v, a in zip(values, angles, strict=True)) / POINTS for k in range(POINTS)
    ]
    return [parts[0] / 2, *parts[1:]]


def powers(parts):
    """Chebyshev coefficients as those of 1, t, t², ..."""
    before, now = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]
    total = [mp.mpf(0)] * len(parts)
    for k, c in enumerate(parts):
        term = before if k == 0 else now
        for i, a in enumerate(term):
            total[i] += c * a
        if k:
            doubled = [mp.mpf(0), *(2 * a for a in now)]
            before, now = now, [a - (before[i] if i < len(before) else 0) for i, a in enumerate(doubled)]
    return total


def fitted(function, low, high):
    parts = chebyshev(function, low, high)
    scale = max(abs(c) for c in parts)
    while abs(parts[-1]) < scale * mp.mpf(2) ** -57:
        parts.pop()
    if len(parts) > 60:
        raise ValueError(f"{len(parts)} terms: too wide an interval")
    return [float(c) for c in reversed(powers(parts))]


# --- the functions ---
def scaled_erfcx(u):
    """(1 + 2x) exp(x²) erfc(x) with u = (x - 3.75) / (x + 3.75)."""
    x = mp.mpf("3.75") * (1 + u) / (1 - u)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x) if x < 1e3 else (1 + 2 * x) * asymptotic_erfcx(x)


def asymptotic_erfcx(x):
    terms = [(-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(12)]
    return mp.fsum(terms) / (x * mp.sqrt(mp.pi))


def inverse_erf(w):
    """y / erf(y) where erfc(y) (2 - erfc(y)) = exp(-w)."""
    guess = mp.sqrt(w) * mp.sqrt(mp.pi) / 2 if w < 1 else mp.sqrt(max(w - mp.log(w + 1), mp.mpf("0.4")))
    y = mp.findroot(lambda y: mp.log(mp.erfc(y) * (2 - mp.erfc(y))) + w, guess)
    return y / mp.sqrt(-mp.expm1(-w))


DIGAMMA_ZERO = mp.findroot(mp.digamma, mp.mpf("1.46163"))


def phase(x, quarter):
    return x - quarter * mp.pi / 4


def even_part(order, x):
    """P of J = √(2/πx) (P cos χ - Q sin χ), Y = √(2/πx) (P sin χ + Q cos χ)."""
    chi = phase(x, 2 * order + 1)
    return mp.sqrt(mp.pi * x / 2) * (mp.besselj(order, x) * mp.cos(chi) + mp.bessely(order, x) * mp.sin(chi))


def odd_part(order, x):
    """x · Q of the same."""
    chi = phase(x, 2 * order + 1)
    return x * mp.sqrt(mp.pi * x / 2) * (mp.bessely(order, x) * mp.cos(chi) - mp.besselj(order, x) * mp.sin(chi))


def of_square(function):
    """A function of x > 5 as one of v = (5/x)²."""
    return lambda v: function(5 / mp.sqrt(v))


def y0_rest(z):
    x = mp.sqrt(z)
    return mp.bessely(0, x) - 2 / mp.pi * mp.log(x) * mp.besselj(0, x)


def y1_rest(z):
    x = mp.sqrt(z)
    return (mp.bessely(1, x) - 2 / mp.pi * (mp.log(x) * mp.besselj(1, x) - 1 / x)) / x


def airy_decay(v):
    """2 √π x^¼ exp(ζ) Ai(x) with ζ = ⅔ x^1.5 = 2/v."""
    zeta = 2 / v
    x = (zeta * 3 / 2) ** (mp.mpf(2) / 3)
    # by Ai(x) = √(x/3) K_{1/3}(ζ) / π
    return (
        2
        * mp.sqrt(mp.pi)
        * x ** mp.mpf("0.25")
        * mp.exp(zeta)
        * mp.sqrt(x / 3)
        / mp.pi
        * mp.besselk(mp.mpf(1) / 3, zeta)
    )


def airy_wave(sine):
    """P or ζ·Q of Ai(-x) = (P sin(ζ + π/4) - Q cos(ζ + π/4)) / (√π x^¼), of v = (2/ζ)²."""

    def part(v):
        zeta = 2 / mp.sqrt(v)
        x = (zeta * 3 / 2) ** (mp.mpf(2) / 3)
        size, angle = mp.sqrt(mp.pi) * x ** mp.mpf("0.25"), zeta + mp.pi / 4
        ai, bi = mp.airyai(-x) * size, mp.airybi(-x) * size
        if sine:
            return ai * mp.sin(angle) + bi * mp.cos(angle)
        return zeta * (bi * mp.sin(angle) - ai * mp.cos(angle))

    return part


FITS = {
    "ERFCX": (scaled_erfcx, -1, 1),
    "INVERSE_SMALL": (inverse_erf, 0, mp.mpf("6.25")),
    "INVERSE_MIDDLE": (lambda s: inverse_erf(s * s), mp.mpf("2.5"), 4),
    "INVERSE_LARGE": (lambda s: inverse_erf(s * s), 4, 8),
    "INVERSE_TAIL": (lambda s: inverse_erf(s * s), 8, 28),
    "LGAMMA_ONE": (lambda t: mp.loggamma(1 + t) / t, mp.mpf("-0.5"), mp.mpf("0.5")),
    "LGAMMA_TWO": (lambda t: mp.loggamma(2 + t) / t, mp.mpf("-0.5"), 1),
    "DIGAMMA": (lambda x: mp.digamma(x) / (x - DIGAMMA_ZERO), 1, 2),
    "I0": (lambda u: mp.sqrt(8 / u) * mp.exp(-8 / u) * mp.besseli(0, 8 / u), 0, 1),
    "I1": (lambda u: mp.sqrt(8 / u) * mp.exp(-8 / u) * mp.besseli(1, 8 / u), 0, 1),
    "K0": (lambda u: mp.sqrt(2 / u) * mp.exp(2 / u) * mp.besselk(0, 2 / u), 0, 1),
    "K1": (lambda u: mp.sqrt(2 / u) * mp.exp(2 / u) * mp.besselk(1, 2 / u), 0, 1),
    "J0": (lambda z: mp.besselj(0, mp.sqrt(z)), 0, 25),
    "J1": (lambda z: mp.besselj(1, mp.sqrt(z)) / mp.sqrt(z), 0, 25),
    "Y0": (y0_rest, 0, 25),
    "Y1": (y1_rest, 0, 25),
    "P0": (of_square(lambda x: even_part(0, x)), 0, 1),
    "Q0": (of_square(lambda x: odd_part(0, x)), 0, 1),
    "P1": (of_square(lambda x: even_part(1, x)), 0, 1),
    "Q1": (of_square(lambda x: odd_part(1, x)), 0, 1),
    "AIRY": (mp.airyai, mp.mpf("-2.25"), mp.mpf("2.25")),
    "AIRY_DECAY": (airy_decay, 0, 1),
    "AIRY_SINE": (airy_wave(True), 0, 1),
    "AIRY_COSINE": (airy_wave(False), 0, 1),
}


# --- the incomplete gamma function near x = a ---
def temme(orders, count):
    """Taylor coefficients in η of the functions c_k of DLMF 8.12.8, by the recurrence 8.12.12.

    With x = a λ and η²/2 = λ - 1 - log λ: c_0 = 1/(λ - 1) - 1/η, and c_k = (dc_{k-1}/dη)/η + (-1)^k g_k / (λ - 1).
    """
    terms = count + 2 * orders + 3
    # λ - 1 = η + a_2 η² + ...: from (λ - 1) dλ/dη = η λ.
    mu = [Fraction(0), Fraction(1)]
    for n in range(2, terms + 2):
        inner = sum(((n + 1 - i) * mu[i] * mu[n + 1 - i] for i in range(2, n)), Fraction(0))
        mu.append((mu[n - 1] - inner) / (n + 1))
    inverse = [Fraction(1)]  # of (λ - 1) / η
    for n in range(1, terms):
        inverse.append(-sum((mu[i + 1] * inverse[n - i] for i in range(1, n + 1)), Fraction(0)))
    stirling = gamma_star(orders)
    rows, c = [], inverse[1:]
    for k in range(orders):
        if k:
            # the terms 1/η cancel
            slope = [(n + 1) * c[n + 1] for n in range(len(c) - 1)]
            c = [slope[n + 1] + (-1) ** k * stirling[k] * inverse[n + 1] for n in range(len(slope) - 1)]
        rows.append([float(v) for v in reversed(c[:count])])
    return rows


def gamma_star(orders):
    """g_k of Γ(a) = √(2π/a) (a/e)^a Σ g_k a^-k."""
    bernoulli = [Fraction(*mp.bernfrac(2 * m)) / (2 * m * (2 * m - 1)) for m in range(1, orders + 1)]
    log = [Fraction(0)] * (orders + 1)
    for m, b in enumerate(bernoulli, 1):
        if 2 * m - 1 <= orders:
            log[2 * m - 1] = b
    g = [Fraction(1)]
    for k in range(1, orders + 1):
        g.append(sum((j * log[j] * g[k - j] for j in range(1, k + 1)), Fraction(0)) / k)
    return g


# --- writing ---
def lines(numbers, indent):
    """Five numbers a line."""
    groups = [numbers[i : i + 5] for i in range(0, len(numbers), 5)]
    return "".join(f"{indent}{', '.join(map(repr, group))},\n" for group in groups)


def main():
    low = float(DIGAMMA_ZERO - mp.mpf(float(DIGAMMA_ZERO)))
    parts = [
        '"""Polynomials of the special functions, written by tests/support/make_special_tables.py."""\n\n# fmt: off\n',
        f"DIGAMMA_ZERO = ({float(DIGAMMA_ZERO)!r}, {low!r})\n",
    ]
    for name, fit in FITS.items():
        parts.append(f"{name} = (\n{lines(fitted(*fit), '    ')})\n")
    rows = "".join(f"    (\n{lines(row, '        ')}    ),\n" for row in temme(14, 22))
    parts.append(f"TEMME = (\n{rows})\n")
    TARGET.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
