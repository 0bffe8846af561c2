"""Functions of two arguments: sums of exponentials, larger and smaller, divisors."""

import math


class Pairs:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def hypot(self, x, y):
        """√(x² + y²), without overflow on the way."""
        self.floats_only(x, "hypot")
        x, y = self.abs(x), self.abs(self._like(y, x))
        large, small = self.maximum(x, y), self.minimum(x, y)
        plain = self.logical_and(large > 0, self.isfinite(large))
        ratio = self.select(plain, small / self.select(plain, large, 1.0), 0.0)
        value = self.select(plain, large * self.sqrt(ratio * ratio + 1.0), large)
        return self.select(self.logical_or(self.isinf(x), self.isinf(y)), math.inf, value)

    def logaddexp(self, x, y):
        """log(eˣ + eʸ)."""
        y = self._like(y, x)
        if self.is_kind(x, "complex"):
            ahead = self.real(x) >= self.real(y)
            top, low = self.where(ahead, x, y), self.where(ahead, y, x)
            return top + self.log(self.exp(low - top) + 1.0)
        self.floats_only(x, "logaddexp")
        return self._log_of_sum(x, y, 1.0)

    def logaddexp2(self, x, y):
        """log₂(2ˣ + 2ʸ)."""
        self.floats_only(x, "logaddexp2")
        return self._log_of_sum(x, self._like(y, x), math.log(2.0))

    def _log_of_sum(self, x, y, scale):
        """log_b(bˣ + bʸ), scale = log b."""
        top = self.maximum(x, y)
        gap = self.select(self.isinf(top), 0.0, -self.abs(x - y))
        value = top + self.log1p(self.exp(gap * scale)) * (1.0 / scale)
        return self.select(self.isinf(top), top, value)

    def fmax(self, x, y):
        """The larger one; a NaN gives way to the other."""
        y = self._like(y, x)
        return self.where(self.fmax_takes(x, y), x, y)

    def fmin(self, x, y):
        """The smaller one; a NaN gives way to the other."""
        y = self._like(y, x)
        return self.where(self.fmin_takes(x, y), x, y)

    def fmax_takes(self, x, y):
        """Where the larger one is x."""
        return self.logical_or(x >= y, y != y)

    def fmin_takes(self, x, y):
        """Where the smaller one is x."""
        return self.logical_or(x <= y, y != y)

    def heaviside(self, x, y):
        """0 below 0, 1 above, y at 0."""
        if self.is_kind(x, "bool"):
            return self.logical_or(x, y)
        return self.where(x == 0, self._like(y, x), self.astype(x > 0, x.dtype))

    def ldexp(self, x, y):
        """x · 2ʸ."""
        if not self.is_kind(x, "float", "complex"):
            raise TypeError(f"ldexp of {self.dtype_names[x.dtype]}")
        return x * self.pow(self.full((), 2, y.dtype), y)

    def polar(self, x, y):
        """x · exp(iy)."""
        return self.join_complex(x * self.cos(y), x * self.sin(y))

    # --- whole numbers ---
    def gcd(self, x, y):
        """The greatest common divisor, by Euclid."""
        x, y = self.abs(self.whole(x)), self.abs(self.whole(self._like(y, x)))
        x = x + self.zeros_like(y)
        for _ in range(94):  # more steps than any two numbers of 64 bits take
            going = y != 0
            if self.values_at_hand and not self.truth(self.any(going, None, False)):
                break
            rest = self.remainder(x, self.where(going, y, self.ones_like(y)))
            x, y = self.where(going, y, x), self.where(going, rest, self.zeros_like(rest))
        return x

    def lcm(self, x, y):
        """The least common multiple, 0 where an argument is 0."""
        y = self._like(y, x)
        divisor = self.gcd(x, y)
        quotient = self.floor_divide(x, self.where(divisor == 0, self.ones_like(divisor), divisor))
        return self.abs(quotient * y)

    def isin(self, x, y):
        """Whether each x equals an element of y, a vector: by halving the sorted vector."""
        (n,) = y.shape
        if not n:
            return self.zeros(x.shape, self.bool)
        y = self.sort(y, 0)
        low, high = self.zeros(x.shape, self.int64), self.full(x.shape, n, self.int64)
        for _ in range(n.bit_length()):
            middle = self.bitwise_right_shift(low + high, self.full((), 1, self.int64))
            above = self.getitem(y, (self.minimum(middle, self.full((), n - 1, self.int64)),)) < x
            going = low < high
            low = self.where(self.logical_and(going, above), middle + 1, low)
            high = self.where(self.logical_and(going, self.logical_not(above)), middle, high)
        return self.getitem(y, (self.minimum(low, self.full((), n - 1, self.int64)),)) == x
