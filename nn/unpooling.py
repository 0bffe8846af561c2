"""Layers that undo max pooling, and max pooling over windows whose places are drawn."""

from . import functional as F
from .module import Module

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]


def per_axis(value, dims):
    return tuple(value) if hasattr(value, "__iter__") else (value,) * dims


# --- the partial inverse ---
class _MaxUnpool(Module):
    _dims: int

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = per_axis(kernel_size, self._dims)
        self.stride = per_axis(kernel_size if stride is None else stride, self._dims)
        self.padding = per_axis(padding, self._dims)

    def forward(self, input, indices, output_size=None):
        return self._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Zeros, a signal's maxima written where they were; see :func:`plugrad.nn.functional.max_unpool1d`.

    It is called with the maxima and their places, and with an ``output_size`` where several sizes pool to the same.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Example:
        >>> import plugrad
        >>> y, places = plugrad.nn.MaxPool1d(2, return_indices=True)(plugrad.tensor([[1.0, 3.0, 2.0, 0.0]]))
        >>> plugrad.nn.MaxUnpool1d(2)(y, places)
        tensor([[0., 3., 2., 0.]])
    """

    _dims = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Zeros, the maxima of images written where they were; as :class:`MaxUnpool1d`, over two axes."""

    _dims = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Zeros, the maxima of volumes written where they were; as :class:`MaxUnpool1d`, over three axes."""

    _dims = 3
    _function = staticmethod(F.max_unpool3d)


# --- drawn windows ---
class _FractionalMaxPool(Module):
    __constants__ = ("kernel_size", "return_indices", "output_size", "output_ratio")
    _dims: int

    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        super().__init__()
        self._check_kernel(kernel_size)
        self.kernel_size = per_axis(kernel_size, self._dims)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else per_axis(output_size, self._dims)
        self.output_ratio = None if output_ratio is None else per_axis(output_ratio, self._dims)
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"FractionalMaxPool{self._dims}d requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if output_ratio is not None and not all(0 < share < 1 for share in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def _check_kernel(self, kernel_size):
        """Raise where torch's constructor does."""

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The maxima of windows of images that are drawn; see :func:`plugrad.nn.functional.fractional_max_pool2d`.

    Args:
        kernel_size: the size of a window, one number or one per axis.
        output_size: how many windows, one number or one per axis.
        output_ratio: instead of it the share of the input's sizes, between 0 and 1.
        return_indices: return the places of the maxima as well.

    Raises:
        ValueError: neither or both of output_size and output_ratio, or a ratio out of its range.

    Example:
        >>> import plugrad
        >>> plugrad.nn.FractionalMaxPool2d(2, output_size=(3, 2))(plugrad.ones(1, 5, 5)).shape
        torch.Size([1, 3, 2])
    """

    _dims = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """The maxima of windows of volumes that are drawn; as :class:`FractionalMaxPool2d`, over three axes."""

    _dims = 3
    _function = staticmethod(F.fractional_max_pool3d)

    def _check_kernel(self, kernel_size):
        if any(n <= 0 for n in per_axis(kernel_size, 1)):
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
