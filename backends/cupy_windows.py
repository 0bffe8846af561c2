"""The cupy backend's own kernels over sliding windows, in one launch each: columns of convolutions, and maxima.

They cover one and two spatial axes; more are composed.
"""

import math

from .convolution import output_size
from .pooling import pooled_sizes

__all__ = ["CupyWindows"]


class CupyWindows:
    """Mixed into :class:`CupyKernels`."""

    def _windows_fit(self, dims, *arrays):
        return dims in (1, 2) and self._fits(*arrays)

    def _over_windows(self, name, arrays, n, *sizes):
        """Launch a kernel for n elements; sizes: size, kernel, stride, padding, dilation and number of windows."""
        axes = [s if len(s) == 2 else (fill, *s) for s, fill in zip(sizes, (1, 1, 1, 0, 1, 1), strict=True)]
        numbers = [int(number) for axis in axes for number in axis]
        kernel = self.kernel("windows", name, self.dtype_names[arrays[0].dtype])
        self._each(kernel, n, (*arrays, n, *numbers))

    # --- columns ---
    def im2col(self, x, kernel, stride, padding, dilation):
        """As :meth:`Convolution.im2col`, in one launch."""
        if not self._windows_fit(len(kernel), x):
            return super().im2col(x, kernel, stride, padding, dilation)
        size = tuple(x.shape[2:])
        windows = output_size(size, kernel, stride, padding, dilation)
        out = self.empty((*x.shape[:2], *kernel, *windows), x.dtype)
        arrays = (self.contiguous(x), out)
        self._over_windows("im2col", arrays, out.size, size, kernel, stride, padding, dilation, windows)
        return out

    def col2im(self, columns, size, stride, padding, dilation):
        """As :meth:`Convolution.col2im`, in one launch."""
        dims = len(size)
        if not self._windows_fit(dims, columns):
            return super().col2im(columns, size, stride, padding, dilation)
        kernel = tuple(columns.shape[2 : 2 + dims])
        windows = output_size(size, kernel, stride, padding, dilation)
        out = self.empty((*columns.shape[:2], *size), columns.dtype)
        arrays = (self.contiguous(columns), out)
        self._over_windows("col2im", arrays, out.size, size, kernel, stride, padding, dilation, windows)
        return out

    # --- maxima ---
    def _max_pool(self, x, kernel, stride, padding, dilation, ceil_mode, wanted):
        """(maxima, places), None where not wanted."""
        first = len(x.shape) - len(kernel)
        size = tuple(x.shape[first:])
        windows = pooled_sizes(size, kernel, stride, padding, dilation, ceil_mode)
        shape = (*x.shape[:first], *windows)
        dtypes = (x.dtype, self.int64)
        made = [self.empty(shape, d) if w else None for d, w in zip(dtypes, wanted, strict=True)]
        arrays = (self.contiguous(x), *made)
        self._over_windows("max_pool", arrays, math.prod(shape), size, kernel, stride, padding, dilation, windows)
        return tuple(made)

    def max_pool(self, x, kernel, stride, padding, dilation, ceil_mode):
        """As :meth:`Pooling.max_pool`, in one launch."""
        if not self._windows_fit(len(kernel), x):
            return super().max_pool(x, kernel, stride, padding, dilation, ceil_mode)
        return self._max_pool(x, kernel, stride, padding, dilation, ceil_mode, (True, False))[0]

    def max_pool_with_indices(self, x, kernel, stride, padding, dilation, ceil_mode):
        """As :meth:`Pooling.max_pool_with_indices`, in one launch."""
        if not self._windows_fit(len(kernel), x):
            return super().max_pool_with_indices(x, kernel, stride, padding, dilation, ceil_mode)
        return self._max_pool(x, kernel, stride, padding, dilation, ceil_mode, (True, True))

    def max_pool_grad(self, g, x, out, kernel, stride, padding, dilation, ceil_mode):
        """As :meth:`Pooling.max_pool_grad`, in two launches: the places, then the sums at them."""
        if not self._windows_fit(len(kernel), x) or g.dtype != x.dtype:
            return super().max_pool_grad(g, x, out, kernel, stride, padding, dilation, ceil_mode)
        _, places = self._max_pool(x, kernel, stride, padding, dilation, ceil_mode, (False, True))
        dims = len(kernel)
        size, windows = tuple(x.shape[len(x.shape) - dims :]), tuple(g.shape[len(g.shape) - dims :])
        grad = self.empty(x.shape, x.dtype)
        arrays = (self.contiguous(g), places, grad)
        self._over_windows("max_pool_grad", arrays, grad.size, size, kernel, stride, padding, dilation, windows)
        return grad
