"""Window functions: torch's older ones, whose windows are periodic by default."""

import math

from .. import dtypes
from ..create import check_options, empty, ones
from ..errors import c_name, scalar_name
from ..modes import get_default_dtype
from ..sequences import arange


def hann_window(window_length, periodic=True, *, dtype=None, **options):
    """w_k = sin²(πk/(n-1)), the Hann window.

    Args:
        window_length: the number of elements.
        periodic: give the first elements of a window with one element more.

    Raises:
        RuntimeError: a negative length, or an integer dtype.

    Example:
        >>> import plugrad
        >>> plugrad.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", window_length, periodic, dtype, options, _hamming, 0.5, 0.5)


def hamming_window(window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, **options):
    """w_k = alpha - beta cos(2πk/(n-1)), the Hamming window.

    Args:
        window_length: the number of elements.
        periodic: give the first elements of a window with one element more.
        alpha, beta: its coefficients.

    Raises:
        RuntimeError: a negative length, or an integer dtype.

    Example:
        >>> import plugrad
        >>> plugrad.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window("hamming_window", window_length, periodic, dtype, options, _hamming, alpha, beta)


def bartlett_window(window_length, periodic=True, *, dtype=None, **options):
    """w_k = 1 - |2k/(n-1) - 1|, the triangular window.

    Args:
        window_length: the number of elements.
        periodic: give the first elements of a window with one element more.

    Raises:
        RuntimeError: a negative length, or an integer dtype.

    Example:
        >>> import plugrad
        >>> plugrad.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett_window", window_length, periodic, dtype, options, _bartlett)


def blackman_window(window_length, periodic=True, *, dtype=None, **options):
    """w_k = 0.42 - 0.5 cos(2πk/(n-1)) + 0.08 cos(4πk/(n-1)), the Blackman window.

    Args:
        window_length: the number of elements.
        periodic: give the first elements of a window with one element more.

    Raises:
        RuntimeError: a negative length, or an integer dtype.

    Example:
        >>> import plugrad
        >>> plugrad.blackman_window(4, dtype=plugrad.float64)[1:]
        tensor([0.3400, 1.0000, 0.3400], dtype=torch.float64)
    """
    return _window("blackman_window", window_length, periodic, dtype, options, _blackman)


def kaiser_window(window_length, periodic=True, beta=12.0, *, dtype=None, **options):
    """w_k = I₀(beta √(1 - (2k/(n-1) - 1)²)) / I₀(beta), the Kaiser window.

    Args:
        window_length: the number of elements.
        periodic: give the first elements of a window with one element more.
        beta: its shape; 0 gives ones.

    Raises:
        RuntimeError: a negative length, or an integer dtype.

    Example:
        >>> import plugrad
        >>> plugrad.kaiser_window(4)[1:]
        tensor([0.2157, 1.0000, 0.2157])
    """
    return _window("kaiser_window", window_length, periodic, dtype, options, _kaiser, beta)


def _window(name, length, periodic, dtype, options, formula, *parameters):
    device, requires_grad = options.pop("device", None), options.pop("requires_grad", False)
    if options.pop("pin_memory", False):
        raise NotImplementedError(f"{name}: pin_memory=True is not supported")
    check_options(name, **options)
    dtype = _checked(name, length, dtype or get_default_dtype())
    if length == 0:
        made = empty(0, dtype=dtype, device=device)
    elif length == 1:
        made = ones(1, dtype=dtype, device=device)
    else:
        n = length + 1 if periodic else length
        made = formula(arange(n, dtype=dtype, device=device), n, *parameters)[:length].clone()
    return made.requires_grad_() if requires_grad else made


def _checked(name, length, dtype):
    if not isinstance(length, int):
        kind = type(length).__name__
        raise TypeError(f"{name}(): argument 'window_length' (position 1) must be int, not {kind}")
    if dtype.kind < dtypes.FLOAT:
        raise RuntimeError(
            f"{name} expects floating point dtypes, got: TensorOptions(dtype={c_name(dtype)}, device=cpu, layout=Strided (default), "
            "requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))"
        )
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    if dtype.is_complex:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{scalar_name(dtype)}'")
    return dtype


def _hamming(k, n, alpha, beta):
    return (k * (2 * math.pi / (n - 1))).cos() * -beta + alpha


def _bartlett(k, n):
    return 1 - (k * (2 / (n - 1)) - 1).abs()


def _blackman(k, n):
    angle = k * (math.pi / (n - 1))
    return (angle * 4).cos() * 0.08 - (angle * 2).cos() * 0.5 + 0.42


def _kaiser(k, n, beta):
    from .special import i0

    place = k * (2 / (n - 1)) - 1
    inside = (1 - place * place).clamp(min=0).sqrt() * beta
    return i0(inside) / i0(ones((), dtype=k.dtype, device=k.device) * beta)
