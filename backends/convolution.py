"""Convolutions over any number of spatial axes, derived from the required functions: columns, then one matrix product.

Shapes: x (N, C, *S), weight (O, C / groups, *K), columns (N, C, *K, *windows). Columns are made axis by axis, the last one
first, and their transpose, the sum over overlapping windows, axis by axis in the other order.
"""

import math

from .windows import axis_taps, window_count

__all__ = ["Convolution", "output_size"]

#: Elements of the columns that are made at once; more images than that go one after the other.
AT_ONCE = 1 << 26


def output_size(size, kernel, stride, padding, dilation):
    """The spatial sizes of a convolution's output.

    Raises:
        ValueError: there is none, or a number is out of its range.
    """
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ValueError("kernel, stride and dilation must be positive, padding not negative")
    found = tuple(window_count(*axis) for axis in zip(size, kernel, stride, padding, dilation, strict=True))
    if min(found) < 1 or 0 in size:
        raise ValueError(f"a kernel of size {kernel} and dilation {dilation} does not fit into {size}")
    return found


def check_channels(channels, weight_shape, groups):
    """Raise where an input with that many channels does not fit the weight: array libraries broadcast some misfits."""
    if groups < 1 or weight_shape[0] % groups or weight_shape[0] < groups or channels != weight_shape[1] * groups:
        raise ValueError(f"{channels} channels in {groups} groups do not fit a weight of shape {weight_shape}")


def check_size(found, wanted):
    if tuple(found) != tuple(wanted):
        raise ValueError(f"expected spatial sizes {wanted}, not {found}")


def taps_of(size, kernel, stride, padding, dilation):
    """The AxisTaps of each spatial axis."""
    count = output_size(size, kernel, stride, padding, dilation)
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    return [axis_taps(*axis, 0, n) for axis, n in zip(axes, count, strict=True)]


class Convolution:
    """Mixed into :class:`plugrad.backends.Backend`."""

    # --- columns ---
    def im2col(self, x, kernel, stride, padding, dilation):
        """The windows of x: (N, C, *S) → (N, C, *kernel, *windows)."""
        taps = taps_of(x.shape[2:], kernel, stride, padding, dilation)
        place = len(taps) + 1
        for axis in reversed(taps):
            x = self._unfold_axis(x, axis, place)
        return x

    def _unfold_axis(self, x, axis, place):
        """Replace the axis at ``place`` by its windows, and put the taps in front, at axis 2."""
        if axis.trivial:
            return self.expand_dims(x, 2)
        shape = tuple(x.shape)
        out = self.zeros((*shape[:2], len(axis.taps), *shape[2:place], axis.count, *shape[place + 1 :]), x.dtype)
        before = (slice(None),) * (place - 2)
        for tap, (windows, positions) in enumerate(axis.taps):
            part = self.getitem(x, (slice(None), slice(None), *before, positions, ...))
            self.setitem(out, (slice(None), slice(None), tap, *before, windows, ...), part)
        return out

    def col2im(self, columns, size, stride, padding, dilation):
        """The transpose of :meth:`im2col`: each column added where it came from."""
        dims = len(size)
        taps = taps_of(size, tuple(columns.shape[2 : 2 + dims]), stride, padding, dilation)
        for axis, n in zip(taps, size, strict=True):
            columns = self._fold_axis(columns, axis, n, dims + 1)
        return columns

    def _fold_axis(self, columns, axis, size, place):
        """Add the windows at ``place`` over the taps at axis 2 into an axis of that size."""
        shape = tuple(columns.shape)
        out = self.zeros((*shape[:2], *shape[3 : place + 1], size, *shape[place + 2 :]), columns.dtype)
        before = (slice(None),) * (place - 2)
        for tap, (windows, positions) in enumerate(axis.taps):
            key = (slice(None), slice(None), *before, positions, ...)
            part = self.getitem(columns, (slice(None), slice(None), tap, *before, windows, ...))
            self.setitem(out, key, self.getitem(out, key) + part)
        return out

    def unfold_windows(self, x, kernel, stride, padding, dilation):
        """The windows of x as columns: (N, C, *S) → (N, C · taps, windows)."""
        columns = self.im2col(x, kernel, stride, padding, dilation)
        windows = columns.shape[2 + len(kernel) :]
        return self.reshape(columns, (x.shape[0], x.shape[1] * math.prod(kernel), math.prod(windows)))

    def fold_windows(self, x, size, kernel, stride, padding, dilation):
        """The transpose of :meth:`unfold_windows`: columns added into spatial sizes ``size``."""
        windows = output_size(size, kernel, stride, padding, dilation)
        columns = self.reshape(x, (x.shape[0], x.shape[1] // math.prod(kernel), *kernel, *windows))
        return self.col2im(columns, size, stride, padding, dilation)

    # --- products ---
    def convolution(self, x, weight, bias, stride, padding, dilation, groups):
        """out[n, o, p] = bias[o] + Σ_{c, k} weight[o, c, k] · x[n, c, p · stride - padding + k · dilation]."""
        kernel = tuple(weight.shape[2:])
        size = output_size(x.shape[2:], kernel, stride, padding, dilation)
        check_channels(x.shape[1], weight.shape, groups)
        self.refuse_bools(x)
        o, depth, positions = weight.shape[0], math.prod(weight.shape[1:]), math.prod(size)
        w = self.reshape(weight, (1, groups, o // groups, depth))
        parts = []
        for images in image_blocks(x.shape[0], groups * depth * positions):
            columns = self.im2col(self.getitem(x, (images, ...)), kernel, stride, padding, dilation)
            columns = self.reshape(columns, (columns.shape[0], groups, depth, positions))
            parts.append(self.reshape(self.matmul(w, columns), (columns.shape[0], o, *size)))
        return self._with_bias(self._joined(parts), bias)

    def convolution_input(self, g, weight, size, stride, padding, dilation, groups):
        """The gradient of :meth:`convolution` for its input, of spatial sizes ``size``: the transposed convolution of g."""
        kernel, windows = tuple(weight.shape[2:]), tuple(g.shape[2:])
        check_channels(weight.shape[1] * groups, weight.shape, groups)
        check_size(windows, output_size(size, kernel, stride, padding, dilation))
        o, depth, positions = weight.shape[0], math.prod(weight.shape[1:]), math.prod(windows)
        w = self.permute_dims(self.reshape(weight, (1, groups, o // groups, depth)), (0, 1, 3, 2))
        parts = []
        for images in image_blocks(g.shape[0], groups * depth * positions):
            part = self.getitem(g, (images, ...))
            columns = self.matmul(w, self.reshape(part, (part.shape[0], groups, o // groups, positions)))
            columns = self.reshape(columns, (part.shape[0], weight.shape[1] * groups, *kernel, *windows))
            parts.append(self.col2im(columns, size, stride, padding, dilation))
        return self._joined(parts)

    def convolution_weight(self, g, x, kernel, stride, padding, dilation, groups):
        """The gradient of :meth:`convolution` for its weight, of spatial sizes ``kernel``."""
        o, channels = g.shape[1], x.shape[1] // groups
        depth, positions = channels * math.prod(kernel), math.prod(g.shape[2:])
        total = None
        for images in image_blocks(x.shape[0], groups * depth * positions):
            columns = self.im2col(self.getitem(x, (images, ...)), kernel, stride, padding, dilation)
            columns = self.reshape(columns, (columns.shape[0], groups, depth, positions))
            part = self.reshape(self.getitem(g, (images, ...)), (columns.shape[0], groups, o // groups, positions))
            part = self.sum(self.matmul(part, self.permute_dims(columns, (0, 1, 3, 2))), (0,), False)
            total = part if total is None else total + part
        return self.reshape(total, (o, channels, *kernel))

    def convolution_transposed(self, x, weight, bias, size, stride, padding, dilation, groups):
        """The transposed convolution: :meth:`convolution_input` and a bias."""
        return self._with_bias(self.convolution_input(x, weight, size, stride, padding, dilation, groups), bias)

    def convolution_extended(self, x, weight, bias, met, widths, stride, dilation, groups):
        """The transposed convolution into the spatial sizes ``met`` by all windows, filled up with 0 or cut by ``widths``."""
        out = self.convolution_transposed(x, weight, None, met, stride, (0,) * len(stride), dilation, groups)
        return self._with_bias(self.pad(out, widths, 0), bias)

    def channel_sum(self, g):
        """g (N, O, *S) summed over all but the channels: the gradient of a bias."""
        return self.sum(g, (0, *range(2, len(g.shape))), False)

    def _joined(self, parts):
        return parts[0] if len(parts) == 1 else self.concat(parts, 0)

    def _with_bias(self, out, bias):
        if bias is None:
            return out
        check_size(bias.shape, (out.shape[1],))
        return out + self.reshape(bias, (1, out.shape[1], *(1 for _ in out.shape[2:])))


def image_blocks(n, per_image):
    """Slices of the images whose columns are made at once; ``per_image``: the elements of one image's columns."""
    step = max(1, AT_ONCE // max(1, per_image))
    return [slice(first, min(first + step, n)) for first in range(0, n, step)] or [slice(0, 0)]
