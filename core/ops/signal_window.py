"""Window functions of torch.signal.windows, symmetric by default."""

import math

from .. import dtypes
from ..create import empty, ones, tensor
from ..modes import get_default_dtype
from ..sequences import arange, linspace


class _Frame:
    """What every window function is given, checked."""

    def __init__(self, name, M, sym, dtype, layout, device, requires_grad):
        self.dtype = get_default_dtype() if dtype is None else dtype
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if layout is not None and str(layout) != "torch.strided":
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        if self.dtype not in (dtypes.float32, dtypes.float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {self.dtype}")
        self.count = M
        self.steps = M if not sym and M > 1 else M - 1  # from the first element to where the window ends
        self.options = {"dtype": self.dtype, "device": device, "requires_grad": requires_grad}

    def short(self):
        """The window of no or one element, None for others."""
        if self.count == 0:
            return empty((0,), **self.options)
        return ones((1,), **self.options) if self.count == 1 else None

    def line(self, start, step):
        """start, start + step, ..."""
        return linspace(start, start + (self.count - 1) * step, self.count, **self.options)


def exponential(
    M,
    *,
    center=None,
    tau=1.0,
    sym=True,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
):
    """w_k = exp(-|k - center| / tau).

    Args:
        M: the number of elements.
        center: where it is largest, the middle by default; only where ``sym`` is False.
        tau: its decay, positive.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, tau not positive, a center of a symmetric window, another dtype.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.exponential(3)
        tensor([0.3679, 1.0000, 0.3679])
    """
    frame = _Frame("exponential", M, sym, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return frame.short()
    center = frame.steps / 2.0 if center is None else center
    return (-frame.line(-center / tau, 1 / tau).abs()).exp()


def cosine(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = sin(π (k + 1/2) / M).

    Args:
        M: the number of elements.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.cosine(3)
        tensor([0.5000, 1.0000, 0.5000])
    """
    frame = _Frame("cosine", M, sym, dtype, layout, device, requires_grad)
    if M == 0:
        return frame.short()
    step = math.pi / (frame.steps + 1)
    return frame.line(0.5 * step, step).sin()


def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = exp(-(k - center)² / 2 std²).

    Args:
        M: the number of elements.
        std: its width, positive.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, std not positive, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.gaussian(3)
        tensor([0.6065, 1.0000, 0.6065])
    """
    frame = _Frame("gaussian", M, sym, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return frame.short()
    step = 1 / (std * math.sqrt(2))
    return (-(frame.line(-frame.steps / 2.0 * step, step) ** 2)).exp()


def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = I₀(√(beta² - x_k²)) / I₀(beta) with x from -beta to beta.

    Args:
        M: the number of elements.
        beta: its shape, not negative.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M or beta, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.kaiser(3, beta=1.0)
        tensor([0.7898, 1.0000, 0.7898])
    """
    from .special import i0

    frame = _Frame("kaiser", M, sym, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if frame.short() is not None:
        return frame.short()
    # A torch.float32 beta: the root of a difference must not be that of a negative number.
    top = tensor(float(beta), dtype=frame.dtype, device=device)
    end = min(beta, -beta + (M - 1) * 2.0 * beta / frame.steps)
    x = linspace(-beta, end, M, **frame.options)
    return i0((top * top - x * x).clamp(min=0).sqrt()) / i0(top)


def hamming(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = 0.54 - 0.46 cos(2πk/(M-1)).

    Args:
        M: the number of elements.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.hamming(3)
        tensor([0.0800, 1.0000, 0.0800])
    """
    return _sum_of_cosines((0.54, 1 - 0.54), M, sym, dtype, layout, device, requires_grad)


def hann(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = sin²(πk/(M-1)).

    Args:
        M: the number of elements.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.hann(3)
        tensor([0., 1., 0.])
    """
    return _sum_of_cosines((0.5, 0.5), M, sym, dtype, layout, device, requires_grad)


def blackman(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = 0.42 - 0.5 cos(2πk/(M-1)) + 0.08 cos(4πk/(M-1)).

    Args:
        M: the number of elements.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.blackman(5)[1:4]
        tensor([0.3400, 1.0000, 0.3400])
    """
    return _sum_of_cosines((0.42, 0.5, 0.08), M, sym, dtype, layout, device, requires_grad, "blackman")


def bartlett(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = 1 - |2k/(M-1) - 1|.

    Args:
        M: the number of elements.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.bartlett(3)
        tensor([0., 1., 0.])
    """
    frame = _Frame("bartlett", M, sym, dtype, layout, device, requires_grad)
    if frame.short() is not None:
        return frame.short()
    return 1 - frame.line(-1.0, 2 / frame.steps).abs()


def general_cosine(M, *, a, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = Σ_i (-1)^i a_i cos(2πik/(M-1)).

    Args:
        M: the number of elements.
        a: the coefficients.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, no coefficients, or another dtype than float32 and float64.
        TypeError: a is no sequence.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.general_cosine(3, a=[0.5, 0.5])
        tensor([0., 1., 0.])
    """
    return _sum_of_cosines(a, M, sym, dtype, layout, device, requires_grad)


def general_hamming(
    M,
    *,
    alpha=0.54,
    sym=True,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
):
    """w_k = alpha - (1 - alpha) cos(2πk/(M-1)).

    Args:
        M: the number of elements.
        alpha: its coefficient.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.general_hamming(3, alpha=0.5)
        tensor([0., 1., 0.])
    """
    return _sum_of_cosines((alpha, 1.0 - alpha), M, sym, dtype, layout, device, requires_grad)


def nuttall(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """w_k = 0.3635819 - 0.4891775 cos z + 0.1365995 cos 2z - 0.0106411 cos 3z with z = 2πk/(M-1).

    Args:
        M: the number of elements.
        sym: symmetric; otherwise the first M elements of one with M + 1.

    Raises:
        ValueError: a negative M, or another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.signal.windows.nuttall(3).shape
        torch.Size([3])
    """
    return _sum_of_cosines((0.3635819, 0.4891775, 0.1365995, 0.0106411), M, sym, dtype, layout, device, requires_grad)


def _sum_of_cosines(a, M, sym, dtype, layout, device, requires_grad, name="general_cosine"):
    frame = _Frame(name, M, sym, dtype, layout, device, requires_grad)
    if frame.short() is not None:
        return frame.short()
    if not isinstance(a, (list, tuple)) and not hasattr(a, "__iter__"):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    angle = frame.line(0, 2 * math.pi / frame.steps)
    signs = tensor([(-1) ** i * w for i, w in enumerate(a)], dtype=frame.dtype, device=device)
    order = arange(len(a), dtype=frame.dtype, device=device)
    return (signs.unsqueeze(-1) * (order.unsqueeze(-1) * angle).cos()).sum(0)
