"""Pooling over the last axes, derived from the required functions: axis by axis, tap by tap.

Maxima over the last axis first, then over the one before it, and so on, find of several equal elements the first in memory
order, as torch does.
"""

import math
from functools import lru_cache

from .half import in_float32
from .windows import axis_taps, pooled_count

__all__ = ["Pooling", "cells", "pooled_sizes", "taps_of_pool"]


def pooled_sizes(size, kernel, stride, padding, dilation, ceil_mode):
    """The sizes of the pooled axes.

    Raises:
        ValueError: there are none, or a number is out of its range.
    """
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ValueError("kernel, stride and dilation must be positive, padding not negative")
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError("the padding is more than half of the kernel")
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    found = tuple(pooled_count(*axis, ceil_mode) for axis in axes)
    if min(found) < 1:
        raise ValueError(f"a kernel of size {kernel} does not fit into {size}")
    return found


@lru_cache(maxsize=1024)
def taps_of_pool(shape, kernel, stride, padding, dilation, ceil_mode):
    """Pairs (axis, its AxisTaps) for the last axes of a shape."""
    size = tuple(shape[len(shape) - len(kernel) :])
    counts = pooled_sizes(size, kernel, stride, padding, dilation, ceil_mode)
    axes = zip(size, kernel, stride, padding, dilation, counts, strict=True)
    first = len(shape) - len(kernel)
    return tuple((first + i, axis_taps(*axis[:5], 0, axis[5])) for i, axis in enumerate(axes))


def cells(size, count):
    """Where the cells of adaptive pooling lie: ``count`` pairs (start, end); neighbours may overlap."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


class Pooling:
    """Mixed into :class:`plugrad.backends.Backend`. x is (..., *S) with as many pooled axes as the kernel has numbers."""

    def _met(self, x, axis, taps, fill):
        """Per tap the elements it meets in each window, ``fill`` where it lies outside."""
        for windows, positions in taps.taps:
            part = self.getitem(x, ((slice(None),) * axis + (positions, ...)))
            if part.shape[axis] < taps.count:
                missing = (windows.start, taps.count - windows.start - part.shape[axis])
                part = self.pad(part, [missing if i == axis else (0, 0) for i in range(len(x.shape))], fill)
            yield part

    def _lowest(self, dtype):
        name = self.dtype_names[dtype]
        if not name.startswith(("int", "uint")):
            return -math.inf
        return 0 if name == "uint8" else -(2 ** (int(name[3:]) - 1))

    # --- maxima ---
    def max_pool(self, x, kernel, stride, padding, dilation, ceil_mode):
        """The maximum of each window."""
        for axis, taps in taps_of_pool(x.shape, kernel, stride, padding, dilation, ceil_mode):
            x = self._window_max(x, axis, taps)
        return x

    def _window_max(self, x, axis, taps):
        top = None
        for part in self._met(x, axis, taps, self._lowest(x.dtype)):
            top = part if top is None else self.maximum(top, part)
        return self.copy(top) if len(taps.taps) == 1 else top

    def max_pool_with_indices(self, x, kernel, stride, padding, dilation, ceil_mode):
        """(the maximum of each window, where it lies in the flattened pooled axes); a NaN counts as the maximum."""
        at = self._places(x.shape, len(kernel))
        for axis, taps in reversed(taps_of_pool(x.shape, kernel, stride, padding, dilation, ceil_mode)):
            at = self.broadcast_to(at, tuple(x.shape))
            parts = zip(self._met(x, axis, taps, self._lowest(x.dtype)), self._met(at, axis, taps, -1), strict=True)
            x, at = next(parts)
            for value, place in parts:
                x, at = self._larger(x, at, value, place, taps.whole)
        return self.copy(x), self.copy(at)

    def _larger(self, x, at, value, place, whole):
        better = self.logical_or(value > x, value != value)
        if not whole:
            better = self.logical_or(better, self.logical_and(at < 0, place >= 0))
        return self.where(better, value, x), self.where(better, place, at)

    def _places(self, shape, dims):
        """The number of each element in the flattened last axes, to be broadcast to the shape."""
        size = tuple(shape[len(shape) - dims :])
        numbers = self.arange(0, math.prod(size), 1, self.int64)
        return self.reshape(numbers, (*(1 for _ in range(len(shape) - dims)), *size))

    def max_pool_indices(self, x, kernel, stride, padding, dilation, ceil_mode):
        return self.max_pool_with_indices(x, kernel, stride, padding, dilation, ceil_mode)[1]

    def max_pool_grad(self, g, x, out, kernel, stride, padding, dilation, ceil_mode):
        """The gradient of :meth:`max_pool`: g at the place of each maximum ``out``."""
        indices = self.max_pool_indices(x, kernel, stride, padding, dilation, ceil_mode)
        return self.max_unpool_sum(g, indices, tuple(x.shape), len(kernel))

    def max_unpool_sum(self, g, indices, shape, dims):
        """Zeros of a shape, g added at indices of the flattened last ``dims`` axes."""
        first = len(shape) - dims
        flat = (*shape[:first], math.prod(g.shape[first:]))
        at = self.reshape(indices, flat)
        at = getattr(at, "_a", at)  # an index is a constant: on tensors too its array is meant
        spread = self.gather_backward(self.reshape(g, flat), at, first, (*shape[:first], math.prod(shape[first:])))
        return self.reshape(spread, shape)

    def max_unpool(self, x, index, size):
        """Zeros of spatial sizes ``size``, x (*lead, *S) written at an index (*lead, ∏ S) into them, flattened.

        Of several elements for one place the last stays.
        """
        first = len(x.shape) - len(size)
        total = (*x.shape[:first], math.prod(size))
        key = self.along(total, index, first)
        spread = self.index_put(self.zeros(total, x.dtype), self.reshape(x, tuple(index.shape)), key)
        return self.reshape(spread, (*x.shape[:first], *size))

    def max_unpool_pick(self, g, index, shape):
        """The elements of g at an index into its flattened last axes, in a shape."""
        first = len(index.shape) - 1
        flat = self.reshape(g, (*g.shape[:first], math.prod(g.shape[first:])))
        return self.reshape(self.take_along_axis(flat, index, first), shape)

    # --- means ---
    @in_float32(1)
    def avg_pool(self, x, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
        """The mean of each window, or its sum divided by ``divisor``; of integers cut towards 0."""
        taps = taps_of_pool(x.shape, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
        shape = x.shape
        for axis, axis_taps_ in taps:
            x = self._window_sum(x, axis, axis_taps_)
        if x.dtype == self.int64:
            return self._cut_quotient(
                x, divisor or self._window_sizes(shape, kernel, stride, padding, taps, count_include_pad)
            )
        return x * self._share(shape, kernel, stride, padding, taps, count_include_pad, divisor, x.dtype)

    def _cut_quotient(self, x, y):
        y = self.full((), y, self.int64) if isinstance(y, int) else y
        size = self.abs(x) // self.abs(y)
        return self.where((x < 0) == (y < 0), size, -size)

    def _window_sizes(self, shape, kernel, stride, padding, taps, count_include_pad):
        """How many elements a window has: a number, or an array where windows differ."""
        count = 1
        for (axis, axis_taps_), k, s, p in zip(taps, kernel, stride, padding, strict=True):
            n = k if axis_taps_.whole else self._counted(shape, axis, axis_taps_, k, s, p, count_include_pad)
            count = n * count
        return count

    def _counted(self, shape, axis, taps, k, s, p, count_include_pad):
        """The elements of an axis that each of its windows counts, to be broadcast along the other axes."""
        low, high = (-p, shape[axis] + p) if count_include_pad else (0, shape[axis])
        start = self.arange(0, taps.count, 1, self.int64) * s - p
        inside = self.clip(start + k, low, high) - self.clip(start, low, high)
        return self.reshape(inside, (taps.count, *(1 for _ in shape[axis + 1 :])))

    @in_float32(1)
    def avg_pool_input(self, g, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
        """The transpose of :meth:`avg_pool`, for an input whose pooled axes have the sizes ``size``."""
        shape = (*g.shape[: len(g.shape) - len(kernel)], *size)
        taps = taps_of_pool(shape, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
        g = g * self._share(shape, kernel, stride, padding, taps, count_include_pad, divisor, g.dtype)
        for (axis, axis_taps_), n in zip(taps, size, strict=True):
            g = self._window_spread(g, axis, axis_taps_, n)
        return g

    def _window_sum(self, x, axis, taps):
        total = None
        for part in self._met(x, axis, taps, 0):
            total = part if total is None else total + part
        return total

    def _window_spread(self, g, axis, taps, size):
        out = self.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
        before = (slice(None),) * axis
        for windows, positions in taps.taps:
            key = (*before, positions, ...)
            self.setitem(out, key, self.getitem(out, key) + self.getitem(g, (*before, windows, ...)))
        return out

    def _share(self, shape, kernel, stride, padding, taps, count_include_pad, divisor, dtype):
        """What a window's sum is multiplied by: a number, or an array where windows differ."""
        if divisor is not None:
            return 1.0 / divisor
        if all(axis_taps_.whole for _, axis_taps_ in taps):
            return 1.0 / math.prod(kernel)
        share = None
        for (axis, axis_taps_), k, s, p in zip(taps, kernel, stride, padding, strict=True):
            inside = self._counted(shape, axis, axis_taps_, k, s, p, count_include_pad)
            inside = self.astype(inside, dtype)
            share = 1.0 / inside if share is None else share / inside
        return share

    # --- adaptive ---
    def adaptive_max_pool_with_indices(self, x, size):
        """(the maximum of each cell, its place in the flattened pooled axes)."""
        if 0 in size:
            shape = (*x.shape[: len(x.shape) - len(size)], *size)
            return self.zeros(shape, x.dtype), self.zeros(shape, self.int64)
        at = self.broadcast_to(self._places(x.shape, len(size)), tuple(x.shape))
        for axis in range(len(x.shape) - 1, len(x.shape) - len(size) - 1, -1):
            before = (slice(None),) * axis
            tops, places = [], []
            for start, end in cells(x.shape[axis], size[axis - len(x.shape)]):
                key = (*before, slice(start, end), ...)
                part = self.getitem(x, key)
                where = self.wrap(self.argmax(part, axis, True))
                tops.append(self.take_along_axis(part, where, axis))
                places.append(self.take_along_axis(self.getitem(at, key), where, axis))
            x, at = self.concat(tops, axis), self.concat(places, axis)
        return x, at

    @in_float32(1)
    def adaptive_avg_pool(self, x, size):
        """The mean of each cell of a division of the last axes into ``size`` cells."""
        first = len(x.shape) - len(size)
        if 0 in size:
            return self.zeros((*x.shape[:first], *size), x.dtype)
        if all(n % count == 0 for n, count in zip(x.shape[first:], size, strict=True)):
            split = [part for n, count in zip(x.shape[first:], size, strict=True) for part in (count, n // count)]
            inner = tuple(range(first + 1, first + len(split), 2))
            return self.mean(self.reshape(x, (*x.shape[:first], *split)), inner, False)
        for axis, count in enumerate(size, first):
            x = self._along(x, axis, self._cell_means(x.shape[axis], count, x.dtype))
        return x

    @in_float32(1)
    def adaptive_avg_pool_input(self, g, size):
        """The transpose of :meth:`adaptive_avg_pool`, for an input whose pooled axes have the sizes ``size``."""
        first = len(g.shape) - len(size)
        if 0 in g.shape[first:]:
            return self.zeros((*g.shape[:first], *size), g.dtype)
        if all(n % count == 0 for n, count in zip(size, g.shape[first:], strict=True)):
            counts = tuple(g.shape[first:])
            g = g * (math.prod(counts) / math.prod(size))
            apart = self.reshape(g, (*g.shape[:first], *(n for count in counts for n in (count, 1))))
            split = [part for n, count in zip(size, counts, strict=True) for part in (count, n // count)]
            return self.reshape(self.broadcast_to(apart, (*g.shape[:first], *split)), (*g.shape[:first], *size))
        for axis, n in enumerate(size, first):
            g = self._along(g, axis, self.permute_dims(self._cell_means(n, g.shape[axis], g.dtype), (1, 0)))
        return g

    def _cell_means(self, size, count, dtype):
        """The matrix (size, count) whose columns average one cell each."""
        cell = self.arange(0, count, 1, self.int64)
        start, end = cell * size // count, ((cell + 1) * size + count - 1) // count
        place = self.reshape(self.arange(0, size, 1, self.int64), (size, 1))
        inside = self.logical_and(place >= start, place < end)
        return self.astype(inside, dtype) / self.astype(end - start, dtype)

    def _along(self, x, axis, matrix):
        """x with one axis multiplied by a matrix."""
        last = len(x.shape) - 1
        return self.swap_axes(self.matmul(self.swap_axes(x, axis, last), matrix), axis, last)
