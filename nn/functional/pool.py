"""Maxima and means of windows and of cells, over one to three axes.

torch pools one axis as two, the first of size 1; so do we, and the nodes are the same.
"""

from ...core.dtypes import int64
from ...core.ops import pool as rows
from ...core.ops import shape as s
from ...core.ops.reduce import mean_
from ...core.outputs import write_same
from ...core.tensor import Tensor
from .pool_errors import adaptive_error, avg_pool_error, max_pool_error, not_a_tensor, not_implemented

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]


def per_axis(value, dims):
    """One number per axis as a tuple; what is none stays as it is, for the error."""
    if value.__class__ is tuple and len(value) == dims:
        return value
    if isinstance(value, int):
        return (value,) * dims
    if isinstance(value, (tuple, list)):
        return tuple(value) * dims if len(value) == 1 else tuple(value)
    return value


def _as_rows(input):
    """(..., L) as (..., 1, L)."""
    return s.unsqueeze_(input, len(input._a.shape) - 1)


def _as_line(t):
    shape = t._a.shape
    return s.squeeze_dim_(t, (*shape[:-2], shape[-1]))


# --- maxima ---
MAX_POOL = {2: (rows.max_pool2d_, rows.max_pool2d_with_indices_), 3: (rows.max_pool3d_, rows.max_pool3d_with_indices_)}


def _max_pool(dims, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    name = f"max_pool{dims}d"
    if not isinstance(input, Tensor):
        raise not_a_tensor(name + "_with_indices" if dims == 1 and return_indices else name, input)
    stride = kernel_size if stride is None or stride == [] else stride
    statics = tuple(per_axis(v, dims) for v in (kernel_size, stride, padding, dilation))
    shape = input._a.shape
    if (
        len(shape) - dims not in (1, 2)
        or 0 in shape[-dims - 1 :]
        or any(len(v) != dims for v in statics if v.__class__ is tuple)
    ):
        raise max_pool_error(dims, input, statics, ceil_mode, return_indices)
    if input.dtype.kind != 2 and (input.dtype.kind != 1 or (dims == 1 and not return_indices)):
        kernel = name if dims > 1 else "max_pool2d" if return_indices else "max_pool1d_impl"
        raise not_implemented(kernel, input)
    try:
        if dims > 1:
            return MAX_POOL[dims][return_indices](input, *statics, bool(ceil_mode))
        kernel, *others = statics
        lined = ((1, *kernel), *((n, *v) for n, v in zip((1, 0, 1), others, strict=True)))
        made = MAX_POOL[2][return_indices](_as_rows(input), *lined, bool(ceil_mode))
    except (RuntimeError, TypeError):
        error = max_pool_error(dims, input, statics, ceil_mode, return_indices)
        if error is None:
            raise
        raise error from None
    return tuple(map(_as_line, made)) if return_indices else _as_line(made)


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window.

    Args:
        input: (N, C, L) or (C, L).
        kernel_size: taps of a window.
        stride: positions between neighbouring windows; None: kernel_size.
        padding: -∞ on both sides, at most half of the kernel.
        dilation: positions between neighbouring taps.
        ceil_mode: a last window that sticks out counts too, if it starts inside.
        return_indices: return the places of the maxima as well.

    Shapes:
        (N, C, L) → (N, C, ⌊(L + 2 · padding - dilation · (kernel_size - 1) - 1) / stride⌋ + 1)

    Raises:
        RuntimeError: sizes or numbers do not fit.
        NotImplementedError: not a floating point dtype.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.max_pool1d(plugrad.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[3., 2.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of images (N, C, H, W) or (C, H, W); as :func:`max_pool1d`, over two axes.

    With ``return_indices`` also the places of the maxima, counted along the rows of an image; of several equal ones the
    first, which also gets the gradient.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.max_pool2d(plugrad.arange(4.0).reshape(1, 2, 2), 2)
        tensor([[[3.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of volumes (N, C, D, H, W) or (C, D, H, W); as :func:`max_pool1d`, over three axes."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """As :func:`max_pool1d` with ``return_indices=True``."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """As :func:`max_pool2d` with ``return_indices=True``."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """As :func:`max_pool3d` with ``return_indices=True``."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


# --- means ---
AVG_POOL = {2: rows.avg_pool2d_, 3: rows.avg_pool3d_}


def _avg_pool(dims, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    if not isinstance(input, Tensor):
        raise not_a_tensor(f"avg_pool{dims}d", input)
    stride = kernel_size if stride is None or stride == [] or stride == () else stride
    statics = tuple(per_axis(v, dims) for v in (kernel_size, stride, padding))
    shape = input._a.shape
    if (
        len(shape) - dims not in (1, 2)
        or 0 in shape[-dims - 1 :]
        or divisor_override == 0
        or any(len(v) != dims for v in statics if v.__class__ is tuple)
    ):
        raise avg_pool_error(dims, input, statics, ceil_mode, divisor_override)
    if input.dtype.kind != 2 and input.dtype is not int64:
        raise not_implemented("avg_pool3d_out_frame" if dims == 3 else "avg_pool2d", input)
    how = (bool(ceil_mode), bool(count_include_pad), divisor_override)
    try:
        if dims > 1:
            return AVG_POOL[dims](input, *statics, *how)
        kernel, stride, padding = statics
        return _as_line(AVG_POOL[2](_as_rows(input), (1, *kernel), (1, *stride), (0, *padding), *how))
    except (RuntimeError, TypeError):
        error = avg_pool_error(dims, input, statics, ceil_mode, divisor_override)
        if error is None:
            raise
        raise error from None


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window.

    Args:
        input: (N, C, L) or (C, L).
        kernel_size: taps of a window.
        stride: positions between neighbouring windows; None: kernel_size.
        padding: zeros on both sides, at most half of the kernel.
        ceil_mode: a last window that sticks out counts too, if it starts inside.
        count_include_pad: the padding counts as elements.

    Shapes:
        (N, C, L) → (N, C, ⌊(L + 2 · padding - kernel_size) / stride⌋ + 1)

    Raises:
        RuntimeError: sizes or numbers do not fit.
        NotImplementedError: neither a floating point dtype nor int64, whose means are cut towards 0.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.avg_pool1d(plugrad.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
    *,
    out=None,
):
    """The mean of each window of images (N, C, H, W) or (C, H, W); as :func:`avg_pool1d`, over two axes.

    Args:
        divisor_override: divide the sums by this instead of the number of elements.
    """
    made = _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return made if out is None else write_same(out, made, input, name="avg_pool2d")


def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
    *,
    out=None,
):
    """The mean of each window of volumes (N, C, D, H, W) or (C, D, H, W); as :func:`avg_pool2d`, over three axes."""
    made = _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return made if out is None else write_same(out, made, input, name="avg_pool3d")


# --- adaptive ---
ADAPTIVE = {
    ("avg", 2): rows.adaptive_avg_pool2d_,
    ("avg", 3): rows.adaptive_avg_pool3d_,
    ("max", 2): rows.adaptive_max_pool2d_,
    ("max", 3): rows.adaptive_max_pool3d_,
}


def _adaptive_size(what, dims, input, output_size):
    """The checked output size; None stands for the input's."""
    if not isinstance(input, Tensor):
        raise not_a_tensor(f"adaptive_{what}_pool{dims}d", input)
    error = adaptive_error(what, dims, input, output_size)
    if error is not None:
        raise error
    size = (output_size,) * dims if isinstance(output_size, int) else output_size
    shape = input._a.shape[len(input._a.shape) - len(size) :]
    return tuple(n if count is None else count for n, count in zip(shape, size, strict=True))


def _adaptive_avg_pool(dims, input, output_size):
    size = _adaptive_size("avg", dims, input, output_size)
    if dims == 1:
        return _as_line(_cell_means(2, _as_rows(input), (1, *size)))
    return _cell_means(dims, input, size)


def _cell_means(dims, input, size):
    if all(n == 1 for n in size) and input.numel():
        rank = len(input._a.shape)
        return mean_(input, tuple(range(rank - len(size), rank)), True)
    return ADAPTIVE["avg", dims](input, size)


def _adaptive_max_pool(dims, input, output_size, return_indices):
    size = _adaptive_size("max", dims, input, output_size)
    if dims == 1:
        made = tuple(map(_as_line, ADAPTIVE["max", 2](_as_rows(input), (1, *size))))
    else:
        made = ADAPTIVE["max", dims](input, size)
    return made if return_indices else made[0]


def adaptive_avg_pool1d(input, output_size):
    """The mean of each of ``output_size`` cells; cell i reaches from ⌊i · L / n⌋ to ⌈(i + 1) · L / n⌉.

    Shapes:
        (N, C, L) → (N, C, output_size); (C, L) likewise

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.adaptive_avg_pool1d(plugrad.tensor([[1.0, 3.0, 2.0]]), 2)
        tensor([[2.0000, 2.5000]])
    """
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input, output_size):
    """The mean of each cell of images (N, C, H, W) or (C, H, W); as :func:`adaptive_avg_pool1d`, over two axes.

    Args:
        output_size: one number or one per axis; None leaves an axis as it is.
    """
    return _adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input, output_size):
    """The mean of each cell of volumes (N, C, D, H, W) or (C, D, H, W); as :func:`adaptive_avg_pool2d`."""
    return _adaptive_avg_pool(3, input, output_size)


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """The maximum of each cell of (N, C, L) or (C, L); the cells are those of :func:`adaptive_avg_pool1d`.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.adaptive_max_pool1d(plugrad.tensor([[1.0, 3.0, 2.0]]), 2)
        tensor([[3., 3.]])
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """The maximum of each cell of images (N, C, H, W) or (C, H, W), with their places if ``return_indices``."""
    return _adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """The maximum of each cell of volumes (N, C, D, H, W) or (C, D, H, W), with their places if ``return_indices``."""
    return _adaptive_max_pool(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """As :func:`adaptive_max_pool1d` with ``return_indices=True``."""
    return _adaptive_max_pool(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """As :func:`adaptive_max_pool2d` with ``return_indices=True``."""
    return _adaptive_max_pool(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """As :func:`adaptive_max_pool3d` with ``return_indices=True``."""
    return _adaptive_max_pool(3, input, output_size, True)
