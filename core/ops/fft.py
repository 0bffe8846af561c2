"""Discrete Fourier transforms: the rows, and the public functions with n, s, dim and norm."""

from .. import dtypes
from ..compile import linear
from ..errors import scalar_name
from ..modes import get_default_dtype
from ..shapes import dtype_of, one_axis, rank_of
from ..views import write_out
from . import elementwise as e
from . import reshaping
from . import shape as s

# The matrix of a transform is symmetric: it is its own transpose.
fft_c2c_ = linear(
    "fft_c2c_(x, *, axes, scaling, forward)",
    lambda xp, g, axes, scaling, forward: xp.fft_c2c(g, axes, scaling, forward),
    doc="Fourier transform of complex numbers",
    xp="fft_c2c",
    node="FftC2CBackward0",
)
fft_r2c_ = linear(
    "fft_r2c_(x, *, axes, scaling, forward, onesided)",
    lambda xp, g, x_shape, axes, scaling, forward: xp.fft_c2c(
        xp.pad(g, missing_frequencies(g.shape, x_shape, axes), 0), axes, scaling, forward
    ),
    jvp=lambda xp, t_x, axes, scaling, forward, onesided: xp.fft_r2c(t_x, axes, scaling, forward, onesided),
    doc="Fourier transform of real numbers",
    xp="fft_r2c",
    result="other",
    node="FftR2CBackward0",
)
fft_c2r_ = linear(
    "fft_c2r_(x, *, axes, scaling, forward, n)",
    lambda xp, g, axes, scaling, forward: xp.fft_c2r_grad(g, axes, scaling, forward),
    jvp=lambda xp, t_x, axes, scaling, forward, n: xp.fft_c2r(t_x, axes, scaling, forward, n),
    doc="Fourier transform whose result is known to be real",
    xp="fft_c2r",
    result="other",
    node="FftC2RBackward0",
)

#: What a transform forward, or back, is divided by, for each norm: nothing, √n, or n.
FORWARD = {None: "none", "backward": "none", "ortho": "root", "forward": "all"}
INVERSE = {None: "all", "backward": "all", "ortho": "root", "forward": "none"}


def missing_frequencies(have, whole, axes):
    """Widths that pad the kept frequencies of the last axis to all of them."""
    return tuple((0, whole[i] - have[i] if i == axes[-1] else 0) for i in range(len(whole)))


# --- arguments ---
def _scaling(norm, forward):
    table = FORWARD if forward else INVERSE
    if norm not in table:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return table[norm]


def _complex(input):
    if dtype_of(input).is_complex:
        return input
    return _real("fft", input).to(
        dtypes.complex64 if _real("fft", input).dtype is dtypes.float32 else dtypes.complex128
    )


def _real(name, input):
    """input in float32 or float64."""
    if dtype_of(input) in (dtypes.float32, dtypes.float64):
        return input
    if input.dtype.kind < dtypes.FLOAT:
        return input.to(get_default_dtype())
    if input.is_complex():
        kind = "real-valued" if name in ("rfftn", "rfft2") else "real"
        raise RuntimeError(f"{name} expects a {kind} input tensor, but got {scalar_name(input.dtype)}")
    raise RuntimeError(f"Unsupported dtype {scalar_name(input.dtype)}")


def _axis(dim, input):
    if not rank_of(input):
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return one_axis(dim, input.dim())


def _points(n):
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _resized(input, sizes):
    """input cut, or padded by zeros behind the end, to the size of each axis: a dict."""
    for axis, n in sizes.items():
        have = input._a.shape[axis]
        if n < have:
            input = reshaping.narrow(input, axis, 0, n)
        elif n > have:
            widths = tuple((0, n - have if i == axis else 0) for i in range(input.dim()))
            input = s.pad_(input, widths, 0)
    return input


def _sizes_and_axes(input, sizes, dim):
    """(the sizes asked for, None where none is, the axes)."""
    rank = input.dim()
    if dim is not None:
        if not rank and dim != ():
            raise IndexError(f"Dimension specified as {_first(dim)} but tensor has no dimensions")
        axes = tuple(one_axis(d, rank) for d in ((dim,) if isinstance(dim, int) else dim))
        if len(set(axes)) != len(axes):
            raise RuntimeError("FFT dims must be unique")
    sizes = None if sizes is None else (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if sizes is None:
        return (None,) * (rank if dim is None else len(axes)), tuple(range(rank)) if dim is None else axes
    if dim is None:
        if len(sizes) > rank:
            raise RuntimeError(f"Got shape with {len(sizes)} values but input tensor only has {rank} dimensions.")
        axes = tuple(range(rank - len(sizes), rank))
    elif len(axes) != len(sizes):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    return tuple(None if n == -1 else n for n in sizes), axes


def _first(dim):
    return dim if isinstance(dim, int) else dim[0]


def _wanted(input, sizes, axes):
    return {i: _points(input._a.shape[i] if n is None else n) for n, i in zip(sizes, axes, strict=True)}


def _given(name, out, made, input):
    if out is None:
        return made
    if made.is_complex() and not out.is_complex():
        name = TOLD.get(name, name)
        raise RuntimeError(f"{name} expects a complex output tensor, but got {scalar_name(out.dtype)}")
    return write_out(out, made, input)


#: By which names torch tells of some functions.
TOLD = {"fft2": "fftn", "ifft2": "fftn", "ifftn": "fftn", "rfft2": "rfftn", "ihfft2": "ihfftn"}


# --- one dimension ---
def _along_one(name, input, n, dim, norm, forward, out):
    axis, scaling = _axis(dim, input), _scaling(norm, forward)
    is_real = not input.is_complex()
    x = _real(name, input) if is_real else input
    x = _resized(x, {axis: _points(x._a.shape[axis] if n is None else n)})
    if not is_real:
        return _given(name, out, fft_c2c_(x, (axis,), scaling, forward), input)
    made = fft_r2c_(x, (axis,), scaling, True, False)
    return _given(name, out, made if forward else e.conj(made), input)


def fft(input, n=None, dim=-1, norm=None, *, out=None):
    """The Fourier transform along a dimension: y_j = Σ_k x_k exp(-2πi jk/n).

    Args:
        n: the length; the input is cut or padded by zeros.
        dim: the dimension.
        norm: "forward" divides by n, "ortho" by √n, "backward" (the default) does not.

    Shapes:
        x (*S, m, *T) → (*S, n, *T), complex

    Raises:
        RuntimeError: n is less than 1, another norm, or half precision.

    Example:
        >>> import plugrad
        >>> plugrad.fft.fft(plugrad.tensor([1.0, 0.0, 0.0]))
        tensor([1.+0.j, 1.+0.j, 1.+0.j])
    """
    return _along_one("fft", input, n, dim, norm, True, out)


def ifft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse transform along a dimension: x_k = 1/n Σ_j y_j exp(2πi jk/n).

    Args:
        n: the length; the input is cut or padded by zeros.
        dim: the dimension.
        norm: "backward" (the default) divides by n, "ortho" by √n, "forward" does not.

    Shapes:
        x (*S, m, *T) → (*S, n, *T), complex

    Raises:
        RuntimeError: n is less than 1, another norm, or half precision.

    Example:
        >>> import plugrad
        >>> plugrad.fft.ifft(plugrad.ones(2)).real
        tensor([1., 0.])
    """
    return _along_one("ifft", input, n, dim, norm, False, out)


def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The transform of real numbers along a dimension, frequencies 0 ... n/2 of it; the others are their conjugates.

    Args:
        n: the length; the input is cut or padded by zeros.
        dim: the dimension.
        norm: "forward" divides by n, "ortho" by √n, "backward" (the default) does not.

    Shapes:
        x (*S, m, *T) → (*S, n//2 + 1, *T), complex

    Raises:
        RuntimeError: the input is complex, or n is less than 1.

    Example:
        >>> import plugrad
        >>> plugrad.fft.rfft(plugrad.tensor([1.0, 0.0, 0.0]))
        tensor([1.+0.j, 1.+0.j])
    """
    return _given("rfft", out, _half(("rfft", input, n, dim, norm), True), input)


def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of :func:`hfft`: frequencies 0 ... n/2 of the inverse transform of real numbers.

    Args:
        n: the length; the input is cut or padded by zeros.
        dim: the dimension.
        norm: "backward" (the default) divides by n, "ortho" by √n, "forward" does not.

    Shapes:
        x (*S, m, *T) → (*S, n//2 + 1, *T), complex

    Raises:
        RuntimeError: the input is complex, or n is less than 1.

    Example:
        >>> import plugrad
        >>> plugrad.fft.ihfft(plugrad.ones(4)).real
        tensor([1., 0., 0.])
    """
    return _given("ihfft", out, e.conj(_half(("ihfft", input, n, dim, norm), False)), input)


def _half(arguments, forward):
    name, input, n, dim, norm = arguments
    x, axis = _real(name, input), _axis(dim, input)
    x = _resized(x, {axis: _points(x._a.shape[axis] if n is None else n)})
    return fft_r2c_(x, (axis,), _scaling(norm, forward), True, True)


def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of :func:`rfft`: n real numbers from frequencies 0 ... n/2.

    Args:
        n: the length of the result, 2 (m - 1) by default.
        dim: the dimension.
        norm: "backward" (the default) divides by n, "ortho" by √n, "forward" does not.

    Shapes:
        x (*S, m, *T) → (*S, n, *T), real

    Raises:
        RuntimeError: n is less than 1.

    Example:
        >>> import plugrad
        >>> plugrad.fft.irfft(plugrad.ones(2), n=3)
        tensor([1., 0., 0.])
    """
    return _given("irfft", out, _to_real(_complex(input), n, dim, norm, False), input)


def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The transform of numbers whose second half is the conjugate of the first: n real numbers from the first n/2 + 1.

    Args:
        n: the length of the result, 2 (m - 1) by default.
        dim: the dimension.
        norm: "forward" divides by n, "ortho" by √n, "backward" (the default) does not.

    Shapes:
        x (*S, m, *T) → (*S, n, *T), real

    Raises:
        RuntimeError: n is less than 1.

    Example:
        >>> import plugrad
        >>> plugrad.fft.hfft(plugrad.ones(2), n=3)
        tensor([3., 0., 0.])
    """
    return _given("hfft", out, _to_real(e.conj(_complex(input)), n, dim, norm, True), input)


def _to_real(x, n, dim, norm, forward):
    axis = _axis(dim, x)
    n = _points(2 * (x._a.shape[axis] - 1) if n is None else n)
    return fft_c2r_(_resized(x, {axis: n // 2 + 1}), (axis,), _scaling(norm, forward), False, n)
