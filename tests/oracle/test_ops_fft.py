"""Fourier transforms and windows against torch: values, dtypes, nodes, gradients of two orders, warnings, errors."""

import pytest

import plugrad
from plugrad_program_table import lines, same

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

ONE = "fft ifft rfft ihfft irfft hfft".split()
MANY = "fft2 ifft2 rfft2 ihfft2 irfft2 hfft2 fftn ifftn rfftn ihfftn irfftn hfftn".split()
NORMS = ("None", "'backward'", "'ortho'", "'forward'")
OF_REALS = ("rfft", "ihfft", "rfft2", "ihfft2", "rfftn", "ihfftn")
WINDOWS = "bartlett blackman cosine exponential gaussian hamming hann kaiser nuttall general_hamming".split()
OLD_WINDOWS = "hann_window hamming_window bartlett_window blackman_window kaiser_window".split()
PROGRAMS = lines("""
T.fft.fftn(M, s=(3,))
T.fft.fftn(M, s=(-1, 2))
T.fft.fftn(M, dim=())
T.fft.fftn(M, s=(2, 4), dim=(1, 0))
T.fft.fftn(Z)
T.fft.irfftn(C, s=(3, 5))
T.fft.irfftn(C, s=(2, 4))
T.fft.hfftn(C, s=(3, 5), dim=(1, 0))
T.fft.fft(x, norm="a")
T.fft.fft(z)
T.fft.fft(k)
T.fft.fft(b)
T.fft.fft(x.half())
T.fft.rfft(c)
T.fft.ihfft(c)
T.fft.rfftn(c)
T.fft.ihfftn(c)
T.fft.irfft(x, 0)
T.fft.hfft(x, -3)
T.fft.irfft(z)
T.fft.fft2(m, s=(2,))
T.fft.fft2(x)
T.fft.fft2(z)
T.fft.fftn(m, s=(2, 2, 2))
T.fft.fftn(m, dim=(0, 0))
T.fft.fftn(m, s=(0, 2))
T.fft.rfftn(m, dim=())
T.fft.irfftn(c, dim=())
T.fft.fftn(e)
T.fft.fft(x, 5, 7)
T.fft.fft(x, out=T.zeros(5))
T.fft.fft(x, out=T.zeros(5, dtype=T.complex64))
T.fft.rfftn(z)
T.fft.fftfreq(5)
T.fft.fftfreq(4, 0.5, dtype=T.float64)
T.fft.fftfreq(0)
T.fft.fftfreq(4, dtype=T.int64)
T.fft.fftfreq(-1)
T.fft.rfftfreq(5, 2.0)
T.fft.rfftfreq(4)
T.fft.fftshift(M)
T.fft.fftshift(X, 0)
T.fft.ifftshift(X)
T.fft.ifftshift(M, (1,))
T.fft.fftshift(m, 3)
T.stft(X, 4, 1, window=T.hann_window(4, dtype=T.float64), return_complex=True)
T.stft(X, 4, 2, 3, window=X[:3], normalized=True, pad_mode="constant", return_complex=True)
T.stft(X, 2, 1, center=False, onesided=False, window=X[:2], return_complex=True)
T.stft(M, 2, 1, window=X[:2], pad_mode="replicate", return_complex=True)
T.stft(X, 4, 1, 2, window=X[:2], center=False, align_to_window=True, return_complex=True)
T.stft(C, 2, 1, window=X[:2])
T.stft(x, 2, 1, window=x[:2])
T.stft(x, 9, 1, window=x[:2], center=False, return_complex=True)
T.stft(x, 14, window=T.ones(14), return_complex=True)
T.stft(x, 4, 0, window=T.ones(4), return_complex=True)
T.stft(x, 4, win_length=5, window=T.ones(5), return_complex=True)
T.stft(x, 4, window=T.ones(3), return_complex=True)
T.stft(x, 4, window=x, center=True, align_to_window=True, return_complex=True)
T.stft(x, 4, window=x, pad_mode="mirror", return_complex=True)
T.stft(k, 4, window=T.ones(4), return_complex=True)
T.stft(c, 2, 1, window=T.ones(2), onesided=True)
T.istft(C, 2, 1, window=X[:2])
T.istft(C, 2, 1, window=X[:2], length=2)
T.istft(C, 2, 1, window=X[:2], center=False, normalized=True)
T.istft(C, 2, 1, window=X[:2], return_complex=True, onesided=False)
T.istft(m, 2, window=x)
T.istft(C, 2, 0, window=X[:2])
T.istft(C, 6, 1, window=X)
T.istft(C[:, :0], 2, window=X)
T.istft(C, 2, 1, window=T.zeros(2, dtype=T.float64))
T.istft(C, 2, 1, window=T.ones(3))
T.istft(C, 2, 1, window=x[:2], return_complex=True)
T.hamming_window(5, True, 0.5, 0.4)
T.kaiser_window(5, True, 3.0)
T.signal.windows.exponential(5, tau=2.0, center=1.0, sym=False)
T.signal.windows.exponential(5, tau=0)
T.signal.windows.exponential(5, center=1.0)
T.signal.windows.gaussian(5, std=0)
T.signal.windows.gaussian(5, std=2.0)
T.signal.windows.kaiser(5, beta=-1)
T.signal.windows.kaiser(5, beta=2.0, sym=False)
T.signal.windows.general_cosine(5, a=[0.5, 0.3, 0.2])
T.signal.windows.general_cosine(5, a=[])
T.signal.windows.general_cosine(5, a=2)
T.signal.windows.general_hamming(5, alpha=0.4, requires_grad=True)
""")


@pytest.mark.parametrize("line", PROGRAMS)
def test_same(line):
    same(line, plugrad, torch)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_along_one(name, norm):
    inputs = ("M",) if name in OF_REALS else ("M", "C")
    for x in inputs:
        same(f"T.fft.{name}({x}, norm={norm})", plugrad, torch)
        same(f"T.fft.{name}({x}, 4, 0, norm={norm})", plugrad, torch)
        same(f"T.fft.{name}({x}, 5, 1, {norm})", plugrad, torch)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MANY)
def test_along_many(name, norm):
    inputs = ("M",) if name in OF_REALS else ("M", "C")
    for x in inputs:
        same(f"T.fft.{name}({x}, norm={norm})", plugrad, torch)
        same(f"T.fft.{name}({x}, (3, 4), (1, 0), {norm})", plugrad, torch)


@pytest.mark.parametrize("name", WINDOWS)
def test_window(name):
    for arguments in (
        "7",
        "6, sym=False",
        "0",
        "1",
        "5, dtype=T.float64",
        "-1",
        "3, dtype=T.int64",
        "3, dtype=T.float16",
    ):
        same(f"T.signal.windows.{name}({arguments})", plugrad, torch)


@pytest.mark.parametrize("name", OLD_WINDOWS)
def test_old_window(name):
    for arguments in (
        "7",
        "6, False",
        "0",
        "1",
        "5, dtype=T.float64",
        "-1",
        "3, dtype=T.int64",
        "2.5",
        "4, requires_grad=True",
    ):
        same(f"T.{name}({arguments})", plugrad, torch)
