"""numpy's own running extremes, searches, scatters and Fourier transforms."""

import numpy as np

from .fft import FORWARD, INVERSE, Fourier
from .half import HALF, in_float32
from .scans import Scans
from .scattering import Scattering

UFUNCS = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


class NumpyOrder(Fourier, Scans, Scattering):
    """Mixed into the numpy backend."""

    @staticmethod
    def running(function, x, axis):
        return function.accumulate(x, axis)

    @in_float32(1)
    def logcumsumexp(self, x, axis):
        if x.dtype.kind == "c" or not x.ndim:
            return Scans.logcumsumexp(self, x, axis)
        return np.logaddexp.accumulate(x, axis)

    def places_in(self, edges, values, right):
        if edges.ndim > 1 or edges.dtype.name in HALF or np.isnan(edges).any():
            return Scans.places_in(self, edges, values, right)
        return np.searchsorted(edges, values, "right" if right else "left").astype(np.int64)

    def scatter_reduce(self, x, y, index, axis, reduce, include_self):
        out = np.array(x, order="C")
        flat, places, y = out.reshape(-1), self.flat_places(x.shape, index, axis).reshape(-1), y.reshape(-1)
        if not include_self:
            flat[places] = y if reduce != "prod" else 1  # any of them: an extreme takes it again
        UFUNCS[reduce].at(
            flat, places, y
        )  # one vector into another is 8 times as fast as arrays into several dimensions
        return out

    @staticmethod
    def fft_c2c(x, axes, scaling, forward):
        if forward:
            return np.fft.fftn(x, axes=axes, norm=FORWARD[scaling])
        return np.fft.ifftn(x, axes=axes, norm=INVERSE[scaling])

    def fft_r2c(self, x, axes, scaling, forward, onesided):
        if not onesided:
            return self.fft_c2c(x, axes, scaling, forward)
        made = np.fft.rfftn(x, axes=axes, norm=FORWARD[scaling])
        return made if forward else np.conjugate(made)

    @staticmethod
    def fft_c2r(x, axes, scaling, forward, n):
        sizes = (*(x.shape[i] for i in axes[:-1]), n)
        x = np.conjugate(x) if forward else x
        return np.fft.irfftn(x, sizes, axes, norm=INVERSE[scaling])


__all__ = ["NumpyOrder"]
