"""Fourier transforms by cupy."""

from .fft import FORWARD, INVERSE

__all__ = ["CupyFourier"]


class CupyFourier:
    """Mixed into the cupy namespace, whose ``fft`` is cupy's."""

    def fft_c2c(self, x, axes, scaling, forward):
        if forward:
            return self.fft.fftn(x, None, axes, FORWARD[scaling])
        return self.fft.ifftn(x, None, axes, INVERSE[scaling])

    def fft_r2c(self, x, axes, scaling, forward, onesided):
        if not onesided:
            return self.fft_c2c(self.as_complex(x, None), axes, scaling, forward)
        made = self.fft.rfftn(x, None, axes, FORWARD[scaling])
        return made if forward else self.conj(made)

    def fft_c2r(self, x, axes, scaling, forward, n):
        sizes = (*(x.shape[i] for i in axes[:-1]), n)
        return self.fft.irfftn(self.conj(x) if forward else x, sizes, axes, INVERSE[scaling])
