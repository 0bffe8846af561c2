"""Fourier transforms over several dimensions."""

from ..naming import named
from ..shapes import dtype_of
from . import elementwise as e
from .fft import (
    _complex,
    _given,
    _points,
    _real,
    _resized,
    _scaling,
    _sizes_and_axes,
    _wanted,
    fft_c2c_,
    fft_c2r_,
    fft_r2c_,
)


def _whole(name, input, sizes, dim, norm, forward, out):
    x = _complex(input)
    sizes, axes = _sizes_and_axes(x, sizes, dim)
    x = _resized(x, _wanted(x, sizes, axes))
    scaling = _scaling(norm, forward)
    return _given(name, out, _transformed(x, axes, scaling, forward), input)


def _transformed(x, axes, scaling, forward):
    return fft_c2c_(x, axes, scaling, forward) if axes else named(x.clone(), "FftC2CBackward0")


def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """The Fourier transform along several dimensions.

    Args:
        s: the size of each; the input is cut or padded by zeros; -1 leaves a size as it is.
        dim: the dimensions; default: all, or the last ones where s is given.
        norm: "forward" divides by the number of points, "ortho" by its root, "backward" (the default) does not.

    Raises:
        RuntimeError: sizes and dimensions that do not fit, or another norm.

    Example:
        >>> import plugrad
        >>> plugrad.fft.fftn(plugrad.ones(2, 2)).real
        tensor([[4., 0.],
                [0., 0.]])
    """
    return _whole("fftn", input, s, dim, norm, True, out)


def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of :func:`fftn`.

    Args:
        s: the size of each; the input is cut or padded by zeros; -1 leaves a size as it is.
        dim: the dimensions; default: all, or the last ones where s is given.
        norm: "backward" (the default) divides by the number of points, "ortho" by its root, "forward" does not.

    Raises:
        RuntimeError: sizes and dimensions that do not fit, or another norm.

    Example:
        >>> import plugrad
        >>> plugrad.fft.ifftn(plugrad.ones(2, 2)).real
        tensor([[1., 0.],
                [0., 0.]])
    """
    return _whole("ifftn", input, s, dim, norm, False, out)


def fft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """:func:`fftn` over two dimensions, the last ones by default.

    Example:
        >>> import plugrad
        >>> plugrad.fft.fft2(plugrad.ones(1, 2)).real
        tensor([[2., 0.]])
    """
    return _whole("fft2", input, s, dim, norm, True, out)


def ifft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """:func:`ifftn` over two dimensions, the last ones by default.

    Example:
        >>> import plugrad
        >>> plugrad.fft.ifft2(plugrad.ones(1, 2)).real
        tensor([[1., 0.]])
    """
    return _whole("ifft2", input, s, dim, norm, False, out)


def _some_axis(name, axes):
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")


def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform of real numbers along several dimensions; along the last one only frequencies 0 ... n/2.

    Args:
        s: the size of each; the input is cut or padded by zeros; -1 leaves a size as it is.
        dim: the dimensions; default: all, or the last ones where s is given.
        norm: "forward" divides by the number of points, "ortho" by its root, "backward" (the default) does not.

    Raises:
        RuntimeError: the input is complex, or sizes and dimensions do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.fft.rfftn(plugrad.ones(2, 2)).shape
        torch.Size([2, 2])
    """
    return _given("rfftn", out, _real_to_half("rfftn", input, s, dim, norm), input)


def rfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """:func:`rfftn` over two dimensions, the last ones by default.

    Example:
        >>> import plugrad
        >>> plugrad.fft.rfft2(plugrad.ones(1, 2)).real
        tensor([[2., 0.]])
    """
    return _given("rfft2", out, _real_to_half("rfftn", input, s, dim, norm), input)


def _real_to_half(name, input, sizes, dim, norm):
    x = _real(name, input)
    sizes, axes = _sizes_and_axes(x, sizes, dim)
    _some_axis(name, axes)
    x = _resized(x, _wanted(x, sizes, axes))
    return fft_r2c_(x, axes, _scaling(norm, True), True, True)


def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of :func:`hfftn`: the inverse transform of real numbers, half of the last dimension.

    Args:
        s: the size of each; the input is cut or padded by zeros; -1 leaves a size as it is.
        dim: the dimensions; default: all, or the last ones where s is given.
        norm: "backward" (the default) divides by the number of points, "ortho" by its root, "forward" does not.

    Raises:
        RuntimeError: the input is complex, or sizes and dimensions do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.fft.ihfftn(plugrad.ones(2, 2)).real
        tensor([[1., 0.],
                [0., 0.]])
    """
    return _given("ihfftn", out, _real_to_inverse_half(input, s, dim, norm), input)


def ihfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """:func:`ihfftn` over two dimensions, the last ones by default.

    Example:
        >>> import plugrad
        >>> plugrad.fft.ihfft2(plugrad.ones(1, 2)).real
        tensor([[1., 0.]])
    """
    return _given("ihfft2", out, _real_to_inverse_half(input, s, dim, norm), input)


def _real_to_inverse_half(input, sizes, dim, norm):
    if dtype_of(input).is_complex:
        from ..errors import scalar_name

        raise RuntimeError(f"Only supports floating-point dtypes, but found: {scalar_name(input.dtype)}")
    x = _real("ihfftn", input)
    sizes, axes = _sizes_and_axes(x, sizes, dim)
    _some_axis("ihfftn", axes)
    x, scaling = _resized(x, _wanted(x, sizes, axes)), _scaling(norm, False)
    half = e.conj(fft_r2c_(x, axes[-1:], scaling, True, True))
    return fft_c2c_(half, axes[:-1], scaling, False) if len(axes) > 1 else half


def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of :func:`rfftn`: real numbers from half of the frequencies of the last dimension.

    Args:
        s: the size of each in the result; of the last one 2 (m - 1) by default.
        dim: the dimensions; default: all, or the last ones where s is given.
        norm: "backward" (the default) divides by the number of points, "ortho" by its root, "forward" does not.

    Raises:
        RuntimeError: sizes and dimensions that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.fft.irfftn(plugrad.ones(2, 2))
        tensor([[1., 0.],
                [0., 0.]])
    """
    return _given("irfftn", out, _half_to_real("irfftn", _complex(input), s, dim, norm, False), input)


def irfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """:func:`irfftn` over two dimensions, the last ones by default.

    Example:
        >>> import plugrad
        >>> plugrad.fft.irfft2(plugrad.ones(1, 2))
        tensor([[1., 0.]])
    """
    return _given("irfft2", out, _half_to_real("irfftn", _complex(input), s, dim, norm, False), input)


def _half_to_real(name, x, sizes, dim, norm, forward):
    sizes, axes = _sizes_and_axes(x, sizes, dim)
    _some_axis(name, axes)
    last = axes[-1]
    n = _points(2 * (x._a.shape[last] - 1) if sizes[-1] is None else sizes[-1])
    wanted = _wanted(x, (*sizes[:-1], n // 2 + 1), axes)
    return fft_c2r_(_resized(x, wanted), axes, _scaling(norm, forward), False, n)


def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform, along several dimensions, of numbers whose other half is conjugate: real numbers.

    Args:
        s: the size of each in the result; of the last one 2 (m - 1) by default.
        dim: the dimensions; default: all, or the last ones where s is given.
        norm: "forward" divides by the number of points, "ortho" by its root, "backward" (the default) does not.

    Raises:
        RuntimeError: sizes and dimensions that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.fft.hfftn(plugrad.ones(2, 2))
        tensor([[4., 0.],
                [0., 0.]])
    """
    return _given("hfftn", out, _conjugate_half_to_real(input, s, dim, norm), input)


def hfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """:func:`hfftn` over two dimensions, the last ones by default.

    Example:
        >>> import plugrad
        >>> plugrad.fft.hfft2(plugrad.ones(1, 2))
        tensor([[2., 0.]])
    """
    return _given("hfft2", out, _conjugate_half_to_real(input, s, dim, norm), input)


def _conjugate_half_to_real(input, sizes, dim, norm):
    return _half_to_real("hfftn", e.conj(_complex(input)), sizes, dim, norm, True)
