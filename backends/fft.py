"""Discrete Fourier transforms, made of matrix products where a library brings none of its own.

A transform of length n = p·m takes p transforms of length m (Cooley and Tukey, Math. Comp. 19, 1965).

Scaling: "none"; "root", divided by √n; "all", divided by n; n counts the elements of all transformed axes.
"""

import math

#: Up to this length one product with the whole matrix is quicker than several small ones.
WHOLE = 64
#: The array libraries' word for each scaling, of a forward and of an inverse transform.
FORWARD = {"none": "backward", "root": "ortho", "all": "forward"}
INVERSE = {"none": "forward", "root": "ortho", "all": "backward"}


class Fourier:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def fft_c2c(self, x, axes, scaling, forward):
        """Σ_k x_k exp(∓2πi jk/n) along axes, minus for ``forward``."""
        for axis in axes:
            last = len(x.shape) - 1
            x = self.swap_axes(self._transformed(self.swap_axes(x, axis, last), forward), axis, last)
        return self._rescaled(x, self.count(x.shape, axes), scaling)

    def fft_r2c(self, x, axes, scaling, forward, onesided):
        """The same of a real array; ``onesided``: of the last of the axes only frequencies 0 ... n//2."""
        made = self.fft_c2c(self.as_complex(x, None), axes, scaling, forward)
        return self.part(made, axes[-1], 0, x.shape[axes[-1]] // 2 + 1) if onesided else made

    def fft_c2r(self, x, axes, scaling, forward, n):
        """The real array of length n along the last of the axes, from frequencies 0 ... n//2 of it."""
        if len(axes) > 1:
            x = self.fft_c2c(x, axes[:-1], "none", forward)
        axis, half = axes[-1], n // 2 + 1
        # Frequency -k is the conjugate of k; the imaginary parts at 0 and n/2 do not count.
        mirrored = self.conj(self.flip(self.part(x, axis, 1, (n + 1) // 2), (axis,)))
        whole = self.concat([self._real_ends(self.part(x, axis, 0, half), axis, n), mirrored], axis)
        made = self.real(self.fft_c2c(whole, (axis,), "none", forward))
        return self._rescaled(made, self.count(made.shape, axes), scaling)

    def _real_ends(self, x, axis, n):
        ends = [self.as_complex(self.real(self.part(x, axis, 0, 1)), None)]
        if n > 1:
            ends.append(self.part(x, axis, 1, (n + 1) // 2))
        if n % 2 == 0:
            ends.append(self.as_complex(self.real(self.part(x, axis, n // 2, n // 2 + 1)), None))
        return self.concat(ends, axis)

    def _transformed(self, x, forward):
        """The transform along the last axis."""
        n = x.shape[-1]
        p = smallest_factor(n)
        if n <= WHOLE or p == n:
            return self.matmul(x, self.fourier_matrix(n, n, n, forward, x.dtype))
        m, lead = n // p, tuple(x.shape[:-1])
        columns = self.swap_axes(self.reshape(x, (*lead, m, p)), len(lead), len(lead) + 1)
        turned = self._transformed(columns, forward) * self.fourier_matrix(p, m, n, forward, x.dtype)
        mixed = self.matmul(self.fourier_matrix(p, p, p, forward, x.dtype), turned)
        return self.reshape(mixed, (*lead, n))

    def fourier_matrix(self, rows, columns, n, forward, dtype):
        """exp(∓2πi jk/n) for j < rows, k < columns; jk is reduced before it becomes an angle."""
        j = self.reshape(self.arange(0, rows, 1, self.int64), (rows, 1))
        k = self.reshape(self.arange(0, columns, 1, self.int64), (1, columns))
        angle = self.astype((j * k) % n, self.float64) * ((-2.0 if forward else 2.0) * math.pi / n)
        return self.astype(self.as_complex(self.cos(angle), self.sin(angle)), dtype)

    def _rescaled(self, x, n, scaling):
        if scaling == "none":
            return x
        return x / (math.sqrt(n) if scaling == "root" else n)

    def fft_c2r_grad(self, g, axes, scaling, forward):
        """The gradient of fft_c2r: frequencies that also stand for their conjugates count twice."""
        n, axis = g.shape[axes[-1]], axes[-1]
        made = self.fft_r2c(g, axes, scaling, not forward, True)
        paired = self.part(made, axis, 1, (n + 1) // 2) * 2.0
        parts = [self.part(made, axis, 0, 1), paired]
        if n % 2 == 0:
            parts.append(self.part(made, axis, n // 2, n // 2 + 1))
        return self.concat(parts, axis)


def smallest_factor(n):
    """The least prime factor of n; n itself where it is prime or less than 2."""
    for p in range(2, math.isqrt(n) + 1):
        if n % p == 0:
            return p
    return n
