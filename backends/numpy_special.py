"""The rarer elementwise functions that numpy has itself."""

import numpy as np

from .special_library import offering

__all__ = ["FROM_SCIPY", "NumpySpecial"]

#: Our name → ``scipy.special``'s. The others are as quick composed; scipy's erfc, gammaln, ndtr and log_ndtr are quicker, but off
#: by more than four roundings where the compositions are not (tests/core/test_special.json).
FROM_SCIPY = {
    "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "erfcx": "erfcx", "erfinv": "erfinv",
    "igamma": "gammainc", "igammac": "gammaincc", "modified_bessel_k0": "k0", "modified_bessel_k1": "k1",
    "ndtri": "ndtri", "scaled_modified_bessel_k0": "k0e", "scaled_modified_bessel_k1": "k1e", "zeta": "zeta",
}  # fmt: skip


@offering("scipy.special", FROM_SCIPY)
class NumpySpecial:
    """Mixed into the numpy namespace."""

    copysign = np.copysign
    deg2rad = np.deg2rad
    rad2deg = np.rad2deg
    fmax = np.fmax
    fmin = np.fmin
    nextafter = np.nextafter
    signbit = np.signbit

    @staticmethod
    def gcd(x, y):
        return np.gcd(x, y)

    @staticmethod
    def lcm(x, y):
        return np.lcm(x, y)

    @staticmethod
    def hypot(x, y):
        if x.dtype.itemsize > 2:
            return np.hypot(x, y)
        if x.dtype.kind in "biu":
            raise TypeError(f"hypot of {x.dtype}")
        return np.hypot(x.astype(np.float32), y).astype(x.dtype)

    @staticmethod
    def frexp(x):
        mantissa, exponent = np.frexp(x)
        mantissa, exponent = np.asarray(mantissa), np.asarray(exponent, np.int32)
        return mantissa, np.where(np.isfinite(x), exponent, np.int32(0))

    @staticmethod
    def isin(x, y):
        return np.isin(x, y) & (x == x)

    @staticmethod
    def join_complex(x, y):
        out = np.empty(np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, np.complex64))
        out.real, out.imag = x, y
        return out
