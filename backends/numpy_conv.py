"""numpy's convolutions: columns of a block of images in a reused buffer, then one matrix product.

A block of small images is laid out with the image number innermost, so that the copied runs are long and the product is
wide; a large image is a block of its own, cut by output rows where its columns would leave the cache.
"""

import threading

import numpy as np

from .windows import plan_of

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
        size = dtype.itemsize
        for n in shape:
            size *= n
        buffer = self.buffers.get(use)
        if buffer is None or buffer.nbytes < size:
            buffer = np.empty(size, np.uint8)
            if size <= _KEPT:
                self.buffers[use] = buffer
        return buffer[:size].view(dtype).reshape(shape)


_scratch = _Scratch()


class Blocks:
    """The work on one convolution: its plan, and how it is cut into blocks.

    Attributes:
        images: images in a block.
        rows: output rows (first spatial axis) in a block.
    """

    def __init__(self, plan, x_shape, kernel_size, dtype):
        self.plan = plan
        self.dtype = dtype
        self.n, self.channels = x_shape[:2]
        self.depth = self.channels * kernel_size  # rows of the columns, all groups
        self.images = 1
        if plan.positions < _WIDE:
            self.images = max(1, min(self.n, 4096 // plan.positions, _COLUMNS // (self.depth * plan.positions) or 1))
        self.rows = plan.out[0]
        if self.images == 1 and self.depth * plan.positions > _COLUMNS:
            per_row = self.depth * (plan.positions // plan.out[0])
            self.rows = max(1, _ROWS // per_row)

    def groups_of_images(self):
        for first in range(0, self.n, self.images):
            yield slice(first, min(first + self.images, self.n))

    def groups_of_rows(self):
        for first in range(0, self.plan.out[0], self.rows):
            yield slice(first, min(first + self.rows, self.plan.out[0]))

    def phases(self, x):
        """The padded images of a block, split by phase: (C, phases, *phase_size, images)."""
        plan, m = self.plan, len(x)
        split = _scratch("phases", (self.channels, len(plan.phases), *plan.phase_size, m), self.dtype)
        if plan.padded:
            split.fill(0)
        x = innermost(x)
        for i, (to, at) in enumerate(plan.phases):
            split[(slice(None), i, *to)] = x[(slice(None), *at)]
        return split

    def window(self, split, tap, rows):
        """The elements of a phase array that a tap meets in the output rows of a block."""
        phase, (first, *others) = self.plan.taps[tap]
        return split[(slice(None), phase, slice(first.start + rows.start, first.start + rows.stop), *others)]

    def columns(self, split, rows):
        """(C, taps, rows, *other output axes, images), in a reused buffer."""
        taps = len(self.plan.taps)
        shape = (self.channels, taps, rows.stop - rows.start, *self.plan.out[1:], split.shape[-1])
        columns = _scratch("columns", shape, self.dtype)
        for tap in range(taps):
            columns[:, tap] = self.window(split, tap, rows)
        return columns

    def positions(self, a, rows):
        """Images of a block (N, O, *out) as a matrix (O, positions), the image number innermost."""
        a = a[(slice(None), slice(None), rows)]
        if len(a) == 1:
            return a[0].reshape(a.shape[1], -1)
        flat = _scratch("positions", (a.shape[1], *a.shape[2:], len(a)), self.dtype)
        flat[...] = innermost(a)
        return flat.reshape(a.shape[1], -1)


def innermost(x):
    """(N, C, *S) as a view (C, *S, N)."""
    return x.transpose((*range(1, x.ndim), 0))


def forward(x, weight, plan, groups):
    n, o = len(x), len(weight)
    out = np.empty((n, o, *plan.out), x.dtype)
    blocks = Blocks(plan, x.shape, len(plan.taps), x.dtype)
    w = weight.reshape(groups, o // groups, -1)
    for images in blocks.groups_of_images():
        split = blocks.phases(x[images])
        for rows in blocks.groups_of_rows():
            columns = blocks.columns(split, rows)
            columns = columns.reshape(groups, w.shape[2], -1)
            part = out[images, :, rows]
            if len(part) == 1:
                np.matmul(w, columns, out=part[0].reshape(groups, o // groups, -1, copy=False))
            else:
                product = _scratch("product", (groups, o // groups, columns.shape[2]), x.dtype)
                np.matmul(w, columns, out=product)
                innermost(part)[...] = product.reshape(o, *part.shape[2:], len(part))
    return out


def input_gradient(g, weight, plan, groups, size):
    n, o = g.shape[:2]
    x_shape = (n, weight.shape[1] * groups, *size)
    out = np.empty(x_shape, g.dtype) if plan.covered else np.zeros(x_shape, g.dtype)
    blocks = Blocks(plan, x_shape, len(plan.taps), g.dtype)
    wt = weight.reshape(groups, o // groups, -1).transpose(0, 2, 1)
    for images in blocks.groups_of_images():
        m = images.stop - images.start
        split = _scratch("phases", (x_shape[1], len(plan.phases), *plan.phase_size, m), g.dtype)
        split.fill(0)
        for rows in blocks.groups_of_rows():
            flat = blocks.positions(g[images], rows).reshape(groups, o // groups, -1)
            shape = (x_shape[1], len(plan.taps), rows.stop - rows.start, *plan.out[1:], m)
            columns = _scratch("columns", shape, g.dtype)
            np.matmul(wt, flat, out=columns.reshape(groups, wt.shape[1], -1))
            for tap in range(len(plan.taps)):
                window = blocks.window(split, tap, rows)
                window += columns[:, tap]
        x = innermost(out[images])
        for i, (to, at) in enumerate(plan.phases):
            x[(slice(None), *at)] = split[(slice(None), i, *to)]
    return out


def weight_gradient(g, x, plan, groups, kernel):
    o = g.shape[1]
    blocks = Blocks(plan, x.shape, len(plan.taps), x.dtype)
    total = None
    for images in blocks.groups_of_images():
        split = blocks.phases(x[images])
        for rows in blocks.groups_of_rows():
            columns = blocks.columns(split, rows)
            flat = blocks.positions(g[images], rows).reshape(groups, o // groups, -1)
            columns = columns.reshape(groups, -1, flat.shape[2])
            if total is None:
                total = np.matmul(flat, columns.transpose(0, 2, 1))
            else:
                total += np.matmul(flat, columns.transpose(0, 2, 1))
    if total is None: total = np.zeros(())
    return total.reshape(o, x.shape[1] // groups, *kernel)
