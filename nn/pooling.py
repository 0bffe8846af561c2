"""Pooling layers."""

from . import functional as F
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


# --- maxima ---
class _MaxPool(Module):
    __constants__ = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of each window of signals; see :func:`plugrad.nn.functional.max_pool1d`.

    Args:
        kernel_size: taps of a window.
        stride: positions between neighbouring windows; None: kernel_size.
        padding: -∞ on both sides, at most half of the kernel.
        dilation: positions between neighbouring taps.
        return_indices: return the places of the maxima as well.
        ceil_mode: a last window that sticks out counts too, if it starts inside.

    Example:
        >>> import plugrad
        >>> plugrad.nn.MaxPool1d(2)(plugrad.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[3., 2.]])
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of each window of images; as :class:`MaxPool1d`, over two axes.

    Example:
        >>> import plugrad
        >>> plugrad.nn.MaxPool2d(2)
        MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The maximum of each window of volumes; as :class:`MaxPool1d`, over three axes."""

    _function = staticmethod(F.max_pool3d)


# --- means ---
class _AvgPool(Module):
    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of signals; see :func:`plugrad.nn.functional.avg_pool1d`.

    Args:
        kernel_size: taps of a window.
        stride: positions between neighbouring windows; None: kernel_size.
        padding: zeros on both sides, at most half of the kernel.
        ceil_mode: a last window that sticks out counts too, if it starts inside.
        count_include_pad: the padding counts as elements.

    Example:
        >>> import plugrad
        >>> plugrad.nn.AvgPool1d(2)(plugrad.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[2., 1.]])
    """

    __constants__ = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        stride = kernel_size if stride is None else stride
        self.kernel_size, self.stride, self.padding = (_single(n) for n in (kernel_size, stride, padding))
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


def _single(value):
    return tuple(value) if hasattr(value, "__iter__") else (value,)


class _AvgPoolOfMore(_AvgPool):
    __constants__ = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_AvgPoolOfMore):
    """The mean of each window of images; as :class:`AvgPool1d`, over two axes.

    Args:
        divisor_override: divide the sums by this instead of the number of elements.
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolOfMore):
    """The mean of each window of volumes; as :class:`AvgPool2d`, over three axes."""

    _function = staticmethod(F.avg_pool3d)


# --- cells ---
class _AdaptiveAvgPool(Module):
    __constants__: tuple[str, ...] = ("output_size",)

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return self._function(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of each of ``output_size`` cells of signals; see :func:`plugrad.nn.functional.adaptive_avg_pool1d`."""

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of each cell of images; ``output_size`` is one number or one per axis, None leaves an axis as it is.

    Example:
        >>> import plugrad
        >>> plugrad.nn.AdaptiveAvgPool2d(1)(plugrad.ones(2, 3, 7, 7)).shape
        torch.Size([2, 3, 1, 1])
    """

    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of each cell of volumes; as :class:`AdaptiveAvgPool2d`."""

    _function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_AdaptiveAvgPool):
    __constants__ = ("output_size", "return_indices")

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input):
        return self._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maximum of each of ``output_size`` cells of signals, with their places if ``return_indices``."""

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maximum of each cell of images; as :class:`AdaptiveMaxPool1d`, over two axes."""

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maximum of each cell of volumes; as :class:`AdaptiveMaxPool1d`, over three axes."""

    _function = staticmethod(F.adaptive_max_pool3d)


# --- powers ---
class _LPPool(Module):
    __constants__ = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPool):
    """The p-norm of each window of signals; see :func:`plugrad.nn.functional.lp_pool1d`.

    Args:
        norm_type: p.
        kernel_size: taps of a window.
        stride: positions between neighbouring windows; None: kernel_size.
        ceil_mode: a last window that sticks out counts too, if it starts inside.

    Example:
        >>> import plugrad
        >>> plugrad.nn.LPPool1d(2, 2)(plugrad.tensor([[3.0, 4.0, 0.0, 1.0]]))
        tensor([[5., 1.]])
    """

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of each window of images; as :class:`LPPool1d`, over two axes."""

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """The p-norm of each window of volumes; as :class:`LPPool1d`, over three axes."""

    _function = staticmethod(F.lp_pool3d)
