"""What floating point numbers are made of: sign, exponent, fraction, neighbours."""

import math

from .erf import polynomial
from .in_double import in_double

#: Bits of the significand and the least exponent of a dtype's denormal numbers.
DIGITS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}  # fmt: skip

#: sinc'(x) / x in powers of x², from the highest down: exact for |x| ≤ 1/2.
SINC_SLOPE = tuple((-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(12, 0, -1))


class FloatParts:
    """Mixed into :class:`plugrad.backends.Backend`."""

    # --- signs ---
    def signbit(self, x):
        """Whether the sign is negative, that of -0.0 too."""
        if not self.is_kind(x, "float"):
            return x < 0 if self.is_kind(x, "int") else self.zeros(x.shape, self.bool)
        return self.logical_or(x < 0, self.logical_and(x == 0, self.reciprocal(x) < 0))

    def copysign(self, x, y):
        """|x| with the sign of y."""
        self.floats_only(x, "copysign")
        y = self._like(y, x)
        size = self.abs(x)
        return self.where(self.signbit(y), -size, size)

    def copysign_slope(self, x, y):
        """±1 by whether x and y have the same sign, 0 where x is 0."""
        same = self.copysign(self.ones_like(x), y) * self.sign(x)
        return self.select(x == 0, 0.0, same)

    def sgn(self, x):
        """x / |x|, 0 at 0."""
        if self.is_kind(x, "complex"):
            return self.direction(x)
        return self.where(x == x, self.sign(x), self.zeros_like(x)) if self.is_kind(x, "float") else self.sign(x)

    def sgn_grad(self, g, x):
        """The gradient of sgn: the part of g across x, over |x|."""
        if not self.is_kind(x, "complex"):
            return self.zeros_like(g)
        size = self.abs(x)
        nothing = size == 0
        size = self.select(nothing, 1.0, size)
        s = x / size
        along = self.as_complex(self.real(self.conj(s) * g), None) * s
        return self.select(nothing, 0.0, (g - along) / size)

    def angle(self, x):
        """The angle in radians: of a real number 0 or π."""
        if self.is_kind(x, "complex"):
            return self.atan2(self.imag(x), self.real(x))
        value = self.where(x < 0, self.full_like(x, math.pi), self.zeros_like(x))
        return self.where(x == x, value, x)

    def angle_grad(self, g, x):
        """The gradient of angle: g · ix / |x|², 0 at 0 and for real x."""
        if not self.is_kind(x, "complex"):
            return self.zeros_like(x)
        square = self.square_abs(x)
        slope = self.select(square == 0, 0.0, g / self.select(square == 0, 1.0, square))
        return x * self.as_complex(None, slope)

    # --- kinds of values ---
    def isneginf(self, x):
        return x == -math.inf if self.is_kind(x, "float") else self.zeros(x.shape, self.bool)

    def isposinf(self, x):
        return x == math.inf if self.is_kind(x, "float") else self.zeros(x.shape, self.bool)

    def isreal(self, x):
        return self.imag(x) == 0 if self.is_kind(x, "complex") else self.ones(x.shape, self.bool)

    def nan_to_num(self, x, nan, posinf, neginf):
        """x with other numbers in place of NaN, ∞ and -∞."""
        if self.is_kind(x, "complex"):
            parts = (self.nan_to_num(part, nan, posinf, neginf) for part in (self.real(x), self.imag(x)))
            return self.join_complex(*parts)
        if not self.is_kind(x, "float"):
            return self.copy(x)
        x = self.select(x != x, nan, x)
        return self.select(x == math.inf, posinf, self.select(x == -math.inf, neginf, x))

    def conj_physical(self, x):
        return self.conj(x) if self.is_kind(x, "complex") else self.copy(x)

    def join_complex(self, x, y):
        """x + iy."""
        return self.as_complex(x, y)

    # --- fraction and exponent ---
    def frac(self, x):
        """x without its whole part."""
        self.floats_only(x, "frac")
        return x - self.trunc(x)

    def frexp(self, x):
        """(m, e) with x = m · 2ᵉ, ½ ≤ |m| < 1; e is int32, 0 for what is not finite."""
        self.floats_only(x, "frexp")
        dtype = x.dtype
        mantissa, exponent = self._split(self.astype(x, self.float64))
        return self.astype(self.wrap(mantissa), dtype), self.astype(self.wrap(exponent), self.int32)

    def _split(self, x):
        """frexp in float64; the exponent is a float."""
        plain = self.logical_and(self.isfinite(x), x != 0.0)
        some = self.where(plain, x, self.ones_like(x))
        tiny = self.abs(some) < 2.0**-1000
        some = self.where(tiny, some * 2.0**100, some)
        exponent = self.floor(self.log2(self.abs(some))) + 1.0
        mantissa = self._shifted(some, -exponent)
        for found, factor in ((self.abs(mantissa) >= 1.0, 0.5), (self.abs(mantissa) < 0.5, 2.0)):
            mantissa = self.where(found, mantissa * factor, mantissa)
            exponent = self.where(found, exponent - math.log2(factor), exponent)
        exponent = self.where(tiny, exponent - 100.0, exponent)
        return self.where(plain, mantissa, x), self.where(plain, exponent, self.zeros_like(x))

    def _shifted(self, x, exponent):
        """x · 2^exponent for whole exponents, in two steps, as the factor alone may be out of range."""
        two = self.full((), 2.0, x.dtype)
        half = self.floor(exponent * 0.5)
        return x * self.pow(two, half) * self.pow(two, exponent - half)

    def nextafter(self, x, y):
        """The neighbour of x on the side of y."""
        self.floats_only(x, "nextafter")
        dtype = x.dtype
        x, y = self.astype(x, self.float64), self.astype(self._like(y, x), self.float64)
        return self.astype(self.wrap(self._neighbour(x, y, self.dtype_names[dtype])), dtype)

    def _neighbour(self, x, y, name):
        digits, least = DIGITS[name]
        mantissa, exponent = self._split(x)
        upward = y > x
        # toward zero from a power of two the numbers lie twice as close
        inward = self.logical_and(upward != (x > 0.0), self.abs(mantissa) == 0.5)
        exponent = self.where(inward, exponent - 1.0, exponent)
        lowest = self.full_like(x, float(least))
        step = self._shifted(self.ones_like(x), self.maximum(exponent - float(digits), lowest))
        step = self.where(x == 0.0, self.full_like(x, 2.0**least), step)
        moved = self.where(upward, x + step, x - step)
        moved = self.where(moved == 0.0, self.copysign(moved, x), moved)
        moved = self.where(self.abs(moved) > LARGEST[name], self.copysign(self.full_like(x, math.inf), x), moved)
        moved = self.where(self.isinf(x), self.copysign(self.full_like(x, LARGEST[name]), x), moved)
        moved = self.where(x == y, y, moved)
        return self.where(self.logical_or(x != x, y != y), x + y, moved)

    # --- a few functions around pi and the logistic one ---
    def deg2rad(self, x):
        return x * (math.pi / 180.0)

    def rad2deg(self, x):
        return x * (180.0 / math.pi)

    def sinc(self, x):
        """sin(πx) / (πx), 1 at 0."""
        if self.is_kind(x, "complex"):
            turned = self.select(x == 0, 1.0, x) * math.pi
            return self.select(x == 0, 1.0, self.sin(turned) / turned)
        return self._real_sinc(x)

    @in_double(1)
    def _real_sinc(self, x):
        whole = self.round(x)
        some = self.where(x == 0.0, self.ones_like(x), x)
        odd = self.remainder(whole, self.full_like(x, 2.0))
        sine = self.sin((x - whole) * math.pi) * (1.0 - 2.0 * odd)
        return self.where(x == 0.0, self.ones_like(x), sine / (some * math.pi))

    def sinc_slope(self, x):
        """The derivative of sinc, (cos(πx) - sinc(x)) / x; by its series near 0, where that cancels."""
        close = self.abs(x) < 0.5
        few, some = self.select(close, x, 0.0), self.select(close, 1.0, x)
        far = (self.cos(some * math.pi) - self.sinc(some)) / some
        return self.select(close, few * polynomial(SINC_SLOPE, few * few), far)

    def logit(self, x, eps):
        """log(x / (1 - x)), x held within [eps, 1 - eps] where eps is not None."""
        self.floats_only(x, "logit")
        if eps is not None:
            # in this order, as the bounds may have changed places
            x = self.select(x < eps, float(eps), self.select(x > 1.0 - eps, 1.0 - eps, x))
        return self._logit(x)

    @in_double(1)
    def _logit(self, x):
        return self.log(x / (1.0 - x))

    def logit_slope(self, x, eps):
        """1 / (x (1 - x)) within the bounds, 0 beyond; without bounds undefined outside of [0, 1]."""
        low, high = (0.0, 1.0) if eps is None else (eps, 1.0 - eps)
        outside = self.logical_or(x < low, x > high)
        slope = 1.0 / (x * (1.0 - x))
        return self.select(outside, math.nan if eps is None else 0.0, slope)
