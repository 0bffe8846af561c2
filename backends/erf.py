"""The error function in array functions only: any backend can run it.

Source: W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969) 631-637, tables 1 and 2.
Cody's third interval, |x| > 4, is left out: there erfc is below 2e-8, and his second approximation gives enough of it.
"""

# erf(x) / x as P(x²) / Q(x²) for |x| <= 0.46875, good to BORDER; the coefficients from the highest power down.
SMALL_P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
SMALL_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)

# erfc(x) · exp(x²) as P(x) / Q(x) above.
LARGE_P = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
LARGE_Q = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip

#: Just above the x with erf(x) = 1/2, where 1 - erfc(x) has the same unit of the last place as erfc(x).
BORDER = 0.48
#: From here on erf is 1 in float64; beyond it exp(-x²) would be computed for nothing.
SATURATED = 6.0


def erf(xp, x):
    """erf(x) = 2/√π ∫₀ˣ exp(-t²) dt, with an error below 4 units of the last place in float64.

    Args:
        xp: a namespace with arithmetic operators on its arrays and exp, abs, sign, minimum, where, full.
        x: a real array.
    """
    size = xp.abs(x)
    small_size = xp.minimum(size, xp.full((), BORDER, x.dtype))
    square = small_size * small_size
    small = x * (polynomial(SMALL_P, square) / polynomial(SMALL_Q, square))
    large_x = xp.minimum(size, xp.full((), SATURATED, x.dtype))
    complement = polynomial(LARGE_P, large_x) / polynomial(LARGE_Q, large_x) * xp.exp(-large_x * large_x)
    return xp.where(size <= BORDER, small, xp.sign(x) * (1.0 - complement))


def polynomial(coefficients, x):
    """Horner's rule, from the highest power down."""
    value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value
