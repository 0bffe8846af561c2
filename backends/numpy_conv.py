"""numpy's convolutions: columns of a block of images in a reused buffer, then one matrix product.

The columns are made axis by axis, the last one first, so that all copies but the first pass are long runs. A block of small
images is laid out with the image number innermost, which makes the runs longer and the product wider; a large image is a
block of its own, cut by output rows where its columns would leave the cache.
"""

import math
import threading
from functools import lru_cache

import numpy as np

from .windows import axis_taps, window_count

__all__ = ["NumpyConvolution"]

_WIDE = 1024  # output positions from which an image is a block of its own
_COLUMNS = 1 << 22  # elements of the columns of a block, at most
_ROWS = 1 << 20  # the same where one image is cut by rows
_KEPT = 1 << 25  # bytes; larger buffers are not kept


class _Scratch(threading.local):
    """Buffers that live on between calls: fresh memory costs a page fault per 4 KiB."""

    def __init__(self):
        self.buffers = {}

    def __call__(self, use, shape, dtype):
        size = math.prod(shape) * dtype.itemsize
        buffer = self.buffers.get(use)
        if buffer is None or buffer.nbytes < size:
            buffer = np.empty(size, np.uint8)
            if size <= _KEPT:
                self.buffers[use] = buffer
        return buffer[:size].view(dtype).reshape(shape)


_scratch = _Scratch()


class Plan:
    """How a convolution is cut into blocks.

    Attributes:
        out: spatial sizes of the output.
        images: images in a block.
        bands: per cut by output rows: (the rows, the :class:`AxisTaps` of all spatial axes).
    """

    def __init__(self, n, channels, size, kernel, stride, padding, dilation):
        axes = list(zip(size, kernel, stride, padding, dilation, strict=True))
        self.kernel = kernel
        self.out = tuple(window_count(*axis) for axis in axes)
        if min(self.out) < 1:
            raise ValueError(f"a kernel of size {kernel} and dilation {dilation} does not fit into {size}")
        positions = math.prod(self.out)
        depth = channels * math.prod(kernel)
        self.images = 1
        if positions < _WIDE:
            self.images = max(1, min(n, 4096 // positions, _COLUMNS // max(1, depth * positions)))
        rows = self.out[0]
        if depth * positions > _COLUMNS:
            rows = max(1, _ROWS * rows // (depth * positions))
        others = [axis_taps(*axis, 0, count) for axis, count in zip(axes[1:], self.out[1:], strict=True)]
        self.bands = [
            (slice(first, last), (axis_taps(*axes[0], first, last), *others))
            for first in range(0, self.out[0], rows)
            for last in [min(first + rows, self.out[0])]
        ]

    def blocks(self, n):
        for first in range(0, n, self.images):
            images = slice(first, min(first + self.images, n))
            for rows, taps in self.bands:
                yield images, rows, taps


@lru_cache(maxsize=1024)
def _plan(n, channels, size, kernel, stride, padding, dilation):
    return Plan(n, channels, size, kernel, stride, padding, dilation)


def innermost(x):
    """(N, C, *S) as a view (C, *S, N)."""
    return x[0][..., None] if len(x) == 1 else x.transpose((*range(1, x.ndim), 0))


def together(x, use):
    """(N, C, *S) as an array (C, *S, N): a view of one image, a copy of several."""
    if len(x) == 1:
        return x[0][..., None]
    x = innermost(x)
    out = _scratch(use, x.shape, x.dtype)
    out[...] = x
    return out


def unfold(x, taps):
    """(C, *S, N) → columns (C, *kernel, *windows, N); ``taps``: the AxisTaps of each spatial axis."""
    x = x[(slice(None), slice(taps[0].low, taps[0].high))]
    for done, axis in enumerate(reversed(taps)):
        if axis.trivial:
            x = x[:, None]
            continue
        # x: (C, *kernel of the axes done, *S of those to do, ...); this axis is the last one to do.
        place = len(taps)
        shape = (x.shape[0], len(axis.taps), *x.shape[1:place], axis.count, *x.shape[place + 1 :])
        last = done == len(taps) - 1
        out = _scratch("columns" if last else f"unfold{done % 2}", shape, x.dtype)
        before = (slice(None),) * (place - 1)
        for tap, (windows, positions) in enumerate(axis.taps):
            part = out[:, tap]
            if windows.stop - windows.start < axis.count:
                part[(slice(None), *before, slice(0, windows.start))] = 0
                part[(slice(None), *before, slice(windows.stop, None))] = 0
            part[(slice(None), *before, windows)] = x[(slice(None), *before, positions)]
        x = out
    return x


def fold(columns, taps, target):
    """The transpose of :func:`unfold`: add columns to (C, *S, N), whose first spatial axis may hold other bands' sums."""
    x = columns
    dims = len(taps)
    for step, axis in enumerate(taps):
        # x: (C, *kernel of this and later axes, *S of the axes done, windows of this axis, ...)
        place = dims  # of the axis' windows, once its kernel axis is taken away
        last = step == dims - 1
        before = (slice(None),) * (place - 1)
        shape = (x.shape[0], *x.shape[2 : place + 1], axis.size, *x.shape[place + 2 :])
        if last:
            out = target
        else:
            out = _scratch(f"fold{step % 2}", shape, x.dtype)
            out.fill(0)
        for tap, (windows, positions) in enumerate(axis.taps):
            part = out[(slice(None), *before, positions)]
            part += x[(slice(None), tap, *before, windows)]
        x = out


def forward(x, weight, stride, padding, dilation, groups):
    n, o, kernel = len(x), len(weight), weight.shape[2:]
    plan = _plan(n, x.shape[1], x.shape[2:], kernel, stride, padding, dilation)
    out = np.empty((n, o, *plan.out), x.dtype)
    w = weight.reshape(groups, o // groups, -1)
    for images, rows, taps in plan.blocks(n):
        columns = unfold(together(x[images], "images"), taps).reshape(groups, w.shape[2], -1)
        part = out[images, :, rows]
        if len(part) == 1:
            np.matmul(w, columns, out=part[0].reshape(groups, o // groups, -1, copy=False))
        else:
            product = _scratch("product", (groups, o // groups, columns.shape[2]), x.dtype)
            np.matmul(w, columns, out=product)
            innermost(part)[...] = product.reshape(o, *part.shape[2:], len(part))
    return out


def input_gradient(g, weight, size, stride, padding, dilation, groups):
    n, o, kernel = len(g), len(weight), weight.shape[2:]
    channels = weight.shape[1] * groups
    plan = _plan(n, channels, size, kernel, stride, padding, dilation)
    out = np.zeros((n, channels, *size), g.dtype)
    wt = weight.reshape(groups, o // groups, -1).transpose(0, 2, 1)
    for images, rows, taps in plan.blocks(n):
        flat = together(g[images, :, rows], "product").reshape(groups, o // groups, -1)
        part = out[(images, slice(None), *(slice(axis.low, axis.high) for axis in taps))]
        columns = _scratch("columns", (channels, *kernel, *(t.count for t in taps), len(part)), g.dtype)
        np.matmul(wt, flat, out=columns.reshape(groups, wt.shape[1], -1))
        if len(part) == 1:
            fold(columns, taps, innermost(part))
        else:
            sums = _scratch("images", (channels, *part.shape[2:], len(part)), g.dtype)
            sums.fill(0)
            fold(columns, taps, sums)
            part += sums.transpose(-1, *range(sums.ndim - 1))
    return out


def weight_gradient(g, x, kernel, stride, padding, dilation, groups):
    n, o = g.shape[:2]
    plan = _plan(n, x.shape[1], x.shape[2:], kernel, stride, padding, dilation)
    total = None
    for images, rows, taps in plan.blocks(n):
        columns = unfold(together(x[images], "images"), taps)
        flat = together(g[images, :, rows], "product").reshape(groups, o // groups, -1)
        columns = columns.reshape(groups, -1, flat.shape[2]).transpose(0, 2, 1)
        if total is None:
            total = np.matmul(flat, columns)
        else:
            total += np.matmul(flat, columns)
    return total.reshape(o, x.shape[1] // groups, *kernel)
