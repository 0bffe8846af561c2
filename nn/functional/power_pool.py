"""Power-average pooling: the p-norm of each window."""

import math

from ...core.ops import elementwise as e
from .pool import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]

MEANS = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
MAXIMA = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ xᵖ)^(1/p) over each window; of ∞ the greatest |x|, of -∞ the least.

    Args:
        input: (N, C, L) or (C, L).
        norm_type: p.
        kernel_size: taps of a window.
        stride: positions between neighbouring windows; None: kernel_size.
        ceil_mode: a last window that sticks out counts too, if it starts inside; its sum is scaled up to a whole window.

    Shapes:
        (N, C, L) → (N, C, ⌊(L - kernel_size) / stride⌋ + 1)

    Raises:
        RuntimeError: sizes or numbers do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.lp_pool1d(plugrad.tensor([[3.0, 4.0, 0.0, 1.0]]), 2, 2)
        tensor([[5., 1.]])
    """
    return _pool(1, input, norm_type, kernel_size, stride, ceil_mode, kernel_size)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """As :func:`lp_pool1d`, of images (N, C, H, W) or (C, H, W).

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.lp_pool2d(plugrad.ones(1, 2, 2), 1, 2)
        tensor([[[4.]]])
    """
    rows, columns = _per_axis(kernel_size, 2)
    return _pool(2, input, norm_type, kernel_size, stride, ceil_mode, rows * columns)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """As :func:`lp_pool1d`, of volumes (N, C, D, H, W) or (C, D, H, W)."""
    depth, rows, columns = _per_axis(kernel_size, 3)
    return _pool(3, input, norm_type, kernel_size, stride, ceil_mode, depth * rows * columns)


def _per_axis(value, dims):
    return tuple(value) if hasattr(value, "__iter__") else (value,) * dims


def _pool(dims, input, p, kernel_size, stride, ceil_mode, taps):
    if isinstance(p, (int, float)) and math.isinf(p):
        if p > 0:
            return MAXIMA[dims](input.abs(), kernel_size, stride, 0, 1, ceil_mode)
        return -MAXIMA[dims](-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    mean = MEANS[dims](input.pow(p), kernel_size, stride, 0, ceil_mode)
    # |mean| by way of relu: where the sum is 0 the gradient is 0, not NaN.
    return (mean.sign() * e.relu(mean.abs())).mul(taps).pow(1.0 / p)
