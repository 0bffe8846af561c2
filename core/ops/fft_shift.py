"""Frequencies of Fourier transforms, and the order in which they stand."""

from .. import dtypes
from ..create import check_options, full
from ..modes import get_default_dtype
from ..sequences import arange
from ..shapes import one_axis, rank_of
from ..views import write_out
from .join import cat
from .reshaping import roll


def _frequencies(name, numbers, n, d, out, dtype, options):
    device, requires_grad = options.pop("device", None), options.pop("requires_grad", False)
    check_options(name, **options)
    dtype = dtype or get_default_dtype()
    if dtype.kind < dtypes.FLOAT:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    step = 1.0 / (n * d) if n * d else float("inf")
    made = cat([arange(a, b, dtype=dtype, device=device) for a, b in numbers]) * full(
        (), step, dtype=dtype, device=device
    )
    made = made if out is None else write_out(out, made)
    return made.requires_grad_() if requires_grad else made


def fftfreq(n, d=1.0, *, out=None, dtype=None, **options):
    """The frequencies of a transform of length n: 0, 1, ..., (n-1)//2, -(n//2), ..., -1, divided by n d.

    Args:
        n: the length.
        d: the distance of two samples.

    Example:
        >>> import plugrad
        >>> plugrad.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies("fftfreq", ((0, (n + 1) // 2), (-(n // 2), 0)), n, d, out, dtype, options)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, **options):
    """The frequencies of a transform of n real numbers: 0, 1, ..., n//2, divided by n d.

    Args:
        n: the length.
        d: the distance of two samples.

    Example:
        >>> import plugrad
        >>> plugrad.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies("rfftfreq", ((0, n // 2 + 1),), n, d, out, dtype, options)


def _axes(input, dim):
    if dim is None:
        return tuple(range(rank_of(input)))
    return tuple(one_axis(d, rank_of(input)) for d in ((dim,) if isinstance(dim, int) else dim))


def fftshift(input, dim=None):
    """Frequency 0 brought to the middle of each dimension.

    Args:
        dim: a dimension or several; default all.

    Example:
        >>> import plugrad
        >>> plugrad.fft.fftshift(plugrad.tensor([0, 1, 2, -2, -1]))
        tensor([-2, -1,  0,  1,  2])
    """
    axes = _axes(input, dim)
    return roll(input, [input._a.shape[i] // 2 for i in axes], axes)


def ifftshift(input, dim=None):
    """The inverse of :func:`fftshift`.

    Args:
        dim: a dimension or several; default all.

    Example:
        >>> import plugrad
        >>> plugrad.fft.ifftshift(plugrad.tensor([-2, -1, 0, 1, 2]))
        tensor([ 0,  1,  2, -2, -1])
    """
    axes = _axes(input, dim)
    return roll(input, [(input._a.shape[i] + 1) // 2 for i in axes], axes)
