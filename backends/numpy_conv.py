"""numpy's convolutions: columns of a block of images in a reused buffer, then one matrix product.

The columns are made axis by axis, the last one first, so that all copies but the first pass are long runs. A block of small
images is laid out with the image number innermost, which makes the runs longer and the product wider; a large image is a
block of its own, cut by output rows where its columns would leave the cache. One filter per channel makes no columns: its
taps are windows of the padded image, which is one long row.
"""

import math
import threading
from functools import lru_cache
from itertools import pairwise

import numpy as np

from .convolution import check_channels, check_size, output_size
from .numpy_threads import cores, in_parallel
from .windows import axis_taps

__all__ = ["NumpyConvolution"]

WIDE = 1024  # output positions from which an image is a block of its own
POSITIONS = 4096  # output positions in a block of smaller images
COLUMNS = 1 << 20  # elements of the columns of a block of several images
BAND = 1 << 19  # the same for a band of output rows of one image
FLAT = 1 << 16  # elements of a block of padded images
LONG = 256  # positions of an image that is no small one
SMALL = 1 << 18  # elements of a weight gradient that is made transposed
KEPT = 1 << 25  # bytes; larger buffers are not kept
SHARED = 1 << 23  # multiplications from which threads share the images, if
EACH = 1024  # output positions are left for each: a narrower product would be a slower one


class Scratch(threading.local):
    """Buffers that live on between calls: fresh memory costs a page fault per 4 KiB."""

    def __init__(self):
        self.buffers = {}

    def __call__(self, use, shape, dtype):
        size = math.prod(shape) * dtype.itemsize
        buffer = self.buffers.get(use)
        if buffer is None or buffer.nbytes < size:
            buffer = np.empty(size, np.uint8)
            if size <= KEPT:
                self.buffers[use] = buffer
        return buffer[:size].view(dtype).reshape(shape)


scratch = Scratch()


class Plan:
    """How a convolution is cut into blocks.

    Attributes:
        out: spatial sizes of the output, of which ``positions`` is the product.
        pointwise: one tap that meets every position: a matrix product without columns.
        flat: how the images are laid out if there is one filter per channel and the stride is 1, otherwise None.
        shares: the images of each thread.
        images: images in a block.
        bands: cuts by output rows: (the rows, their positions in one image, the AxisTaps of all spatial axes).
    """

    def __init__(self, threads, n, channels, size, weight_shape, stride, padding, dilation, groups):
        check_channels(channels, weight_shape, groups)
        kernel = weight_shape[2:]
        self.out = output_size(size, kernel, stride, padding, dilation)
        axes = list(zip(size, kernel, stride, padding, dilation, strict=True))
        rows, *others = (axis_taps(*axis, 0, count) for axis, count in zip(axes, self.out, strict=True))
        self.pointwise = all(axis.trivial for axis in (rows, *others))
        self.positions = math.prod(self.out)
        columns = channels * math.prod(kernel) * self.positions
        if n * columns * (weight_shape[0] // groups) < SHARED:
            threads = 1
        self.flat = None
        if groups == channels == weight_shape[0] and set(stride) == {1} and not self.pointwise:
            self.flat = Flat(size, kernel, padding, dilation, self.out)
        self.shares = even_cuts(n, max(1, min(threads, n, n * self.positions // EACH)))
        most = min(POSITIONS // self.positions, COLUMNS // max(1, columns), -(-n // len(self.shares)))
        self.images = 1 if self.positions >= WIDE else max(1, most)
        cuts = max(1, min(rows.count, -(-columns // BAND))) if self.images == 1 else 1
        self.bands = [
            (
                band,
                (band.stop - band.start) * (self.positions // rows.count),
                (axis_taps(*axes[0], band.start, band.stop), *others),
            )
            for band in even_cuts(rows.count, cuts)
        ]

    def blocks(self, share):
        """(images, output rows, positions, AxisTaps of these rows and of the other axes), one after the other."""
        for first in range(share.start, share.stop, self.images):
            images = slice(first, min(first + self.images, share.stop))
            for rows, positions, taps in self.bands:
                yield images, rows, positions * (images.stop - first), taps


class Flat:
    """Padded images as rows (B, C, room · n), of B large images or with the number of n small ones innermost: what a tap
    meets, of all outputs at once, is a window of ``length · n`` elements.

    The window counts some positions between the rows of an image, which are no outputs and are left out at the end.
    """

    def __init__(self, size, kernel, padding, dilation, out):
        self.kernel = kernel
        self.sizes = tuple(n + 2 * p for n, p in zip(size, padding, strict=True))
        self.inside = (..., *(slice(p, p + n) for n, p in zip(size, padding, strict=True)), slice(None))
        self.steps = tuple(d * math.prod(self.sizes[i + 1 :]) for i, d in enumerate(dilation))
        self.rows = (out[0], *self.sizes[1:])
        self.length = math.prod(self.rows)
        self.whole = math.prod(self.sizes)
        self.room = self.whole + sum((k - 1) * step for k, step in zip(kernel[1:], self.steps[1:], strict=True))
        self.outputs = (..., *(slice(n) for n in out), slice(None))

    def blocks(self, share, channels):
        """Slices of the images of a share."""
        images = max(1, FLAT // (channels * self.room))
        return [slice(first, min(first + images, share.stop)) for first in range(share.start, share.stop, images)]

    def arranged(self, x):
        """(N, C, *S) as a view (B, C, *S, n)."""
        return x[..., None] if self.length >= LONG else innermost(x)[None]

    def padded(self, x):
        x = self.arranged(x)
        blocks, channels, *_, n = x.shape
        flat = scratch("images", (blocks, channels, self.room * n), x.dtype)
        flat.fill(0)
        flat[..., : self.whole * n].reshape(blocks, channels, *self.sizes, n, copy=False)[self.inside] = x
        return flat

    def outputs_of(self, flat, n):
        """The outputs among the windows' positions, (B, C, *S, n)."""
        return flat.reshape(*flat.shape[:2], *self.rows, n, copy=False)[self.outputs]

    def spread(self, g):
        """A gradient of the outputs as (B, C, length · n), 0 where a window meets no output."""
        g = self.arranged(g)
        blocks, channels, *_, n = g.shape
        flat = scratch("product", (blocks, channels, self.length * n), g.dtype)
        flat.fill(0)
        self.outputs_of(flat, n)[...] = g
        return flat

    def windows(self, flat):
        """(B, C, length · n, *kernel): what each tap meets."""
        n = flat.shape[2] // self.room
        shape = (*flat.shape[:2], self.length * n, *self.kernel)
        strides = (*flat.strides, *(flat.itemsize * step * n for step in self.steps))
        return np.ndarray(shape, flat.dtype, flat, 0, strides)


def even_cuts(n, count):
    """``count`` slices that make up range(n), none longer than another by more than one."""
    return [slice(first, last) for first, last in pairwise(n * i // count for i in range(count + 1))]


@lru_cache(maxsize=1024)
def plan_for(*sizes):
    """The :class:`Plan` of these sizes; made once."""
    return Plan(*sizes)


def plan_of(*sizes):
    return plan_for(cores(), *sizes)


# --- layout ---
def innermost(x):
    """(N, C, *S) as a view (C, *S, N)."""
    return x[0][..., None] if len(x) == 1 else x.transpose((*range(1, x.ndim), 0))


def together(x, use):
    """(N, C, *S) as an array (C, *S, N): a view of one image, a copy of several."""
    moved = innermost(x)
    if len(x) == 1:
        return moved
    out = scratch(use, moved.shape, x.dtype)
    out[...] = moved
    return out


def unfold(x, taps):
    """(C, *S, N) → columns (C, *kernel, *windows, N); ``taps``: the AxisTaps of each spatial axis."""
    place = len(taps)  # of the axis whose turn it is: a done one puts its taps before the others
    before = (slice(None),) * (place - 1)
    x = x[:, taps[0].low : taps[0].high]
    for step, axis in enumerate(reversed(taps)):
        if len(axis.taps) == 1 and axis.whole:
            x = x[(slice(None), *before, axis.taps[0][1])][:, None]
            continue
        use = "columns" if step == len(taps) - 1 else f"unfold {step % 2}"
        shape = (x.shape[0], len(axis.taps), *x.shape[1:place], axis.count, *x.shape[place + 1 :])
        out = scratch(use, shape, x.dtype)
        for tap, (windows, positions) in enumerate(axis.taps):
            part = out[:, tap]
            if windows.stop - windows.start < axis.count:
                part[(slice(None), *before, slice(0, windows.start))] = 0
                part[(slice(None), *before, slice(windows.stop, None))] = 0
            part[(slice(None), *before, windows)] = x[(slice(None), *before, positions)]
        x = out
    return x


def fold(columns, taps, target):
    """The transpose of :func:`unfold`, added to ``target`` (C, *S, N)."""
    place = len(taps)
    before = (slice(None),) * (place - 1)
    for step, axis in enumerate(taps):
        out = target
        if step < len(taps) - 1:
            shape = (columns.shape[0], *columns.shape[2 : place + 1], axis.size, *columns.shape[place + 2 :])
            out = scratch(f"fold {step % 2}", shape, columns.dtype)
            out.fill(0)
        for tap, (windows, positions) in enumerate(axis.taps):
            part = out[(slice(None), *before, positions)]
            part += columns[(slice(None), tap, *before, windows)]
        columns = out


# --- the three products ---
def forward(x, weight, bias, stride, padding, dilation, groups):
    n, o = len(x), len(weight)
    plan = plan_of(n, x.shape[1], x.shape[2:], weight.shape, stride, padding, dilation, groups)
    w = weight.reshape(groups, o // groups, math.prod(weight.shape[1:]))
    column = None if bias is None else bias.reshape(groups, o // groups, 1)
    out = np.empty((n, o, *plan.out), x.dtype)
    if plan.flat is not None and x.dtype.kind == "f":
        work = depthwise_forward
    else:
        work = pointwise_forward if plan.pointwise else columns_forward
    in_parallel(lambda share: work(x, w, column, out, plan, share), plan.shares)
    return out


def pointwise_forward(x, w, column, out, plan, share):
    groups, o, depth = w.shape
    n = share.stop - share.start
    product = out[share].reshape(n, groups, o, plan.positions)
    np.matmul(w, x[share].reshape(n, groups, depth, plan.positions), out=product)
    if column is not None:
        product += column


def depthwise_forward(x, w, column, out, plan, share):
    """Σ w[c, tap] · window[c, tap], added up in place by einsum."""
    flat, channels = plan.flat, len(w)
    w = w.reshape(channels, *flat.kernel)
    for images in flat.blocks(share, channels):
        part = flat.arranged(out[images])
        windows = flat.windows(flat.padded(x[images]))
        total, term = (scratch(use, windows.shape[:3], x.dtype) for use in ("product", "term"))
        if windows.strides[2] < windows.strides[-1]:
            tap_products(windows, w, total)
        else:  # einsum would take neighbouring taps, not positions, for its inner loop
            tap_products(windows[..., 0], w[..., 0], total)
            for tap in range(1, w.shape[-1]):
                np.add(total, tap_products(windows[..., tap], w[..., tap], term), total)
        if column is not None:
            total += column.reshape(channels, 1)
        part[...] = flat.outputs_of(total, part.shape[-1])


def tap_products(windows, w, out):
    taps = [*range(3, windows.ndim)]
    return np.einsum(windows, [0, 1, 2, *taps], w, [1, *taps], [0, 1, 2], out=out)


def columns_forward(x, w, column, out, plan, share):
    groups, o, depth = w.shape
    for images, rows, positions, taps in plan.blocks(share):
        columns = unfold(together(x[images], "images"), taps).reshape(groups, depth, positions)
        part = out[images, :, rows]
        if len(part) == 1:
            product = part[0].reshape(groups, o, positions, copy=False)
        else:
            product = scratch("product", (groups, o, positions), x.dtype)
        np.matmul(w, columns, out=product)
        if column is not None:
            product += column
        if len(part) > 1:
            innermost(part)[...] = product.reshape(groups * o, *part.shape[2:], len(part))


def turned(weight, groups):
    """The weight whose convolution of g is the input gradient at stride 1: channels exchanged, taps in reverse order.

    That copies where columns_gradient adds: faster, unless the weight is large or g has many more channels.
    """
    o, c, *kernel = weight.shape
    apart = weight.reshape(groups, o // groups, c, *kernel).swapaxes(1, 2)
    backwards = np.flip(apart, tuple(range(3, apart.ndim)))
    return np.ascontiguousarray(backwards).reshape(groups * c, o // groups, *kernel)


def input_gradient(g, weight, size, stride, padding, dilation, groups):
    n, o = len(g), len(weight)
    channels = weight.shape[1] * groups
    plan = plan_of(n, channels, size, weight.shape, stride, padding, dilation, groups)
    check_size(g.shape[2:], plan.out)
    if not plan.pointwise and set(stride) == {1} and 4 * weight.size <= g.size and o <= 2 * channels:
        rest = tuple(d * (k - 1) - p for d, k, p in zip(dilation, weight.shape[2:], padding, strict=True))
        if min(rest) >= 0:
            return forward(g, turned(weight, groups), None, stride, rest, dilation, groups)
    w = weight.reshape(groups, o // groups, math.prod(weight.shape[1:])).transpose(0, 2, 1)
    out = (np.empty if plan.pointwise else np.zeros)((n, channels, *size), g.dtype)
    kernel = weight.shape[2:]

    def work(share):
        if plan.pointwise:
            pointwise_forward(g, w, None, out, plan, share)
        else:
            columns_gradient(g, w, out, plan, kernel, share)

    in_parallel(work, plan.shares)
    return out


def columns_gradient(g, w, out, plan, kernel, share):
    groups, depth, o = w.shape
    channels = out.shape[1]
    # With one output per group the product is an outer one, which matmul is slow at.
    product = np.multiply if o == 1 else np.matmul
    for images, rows, positions, taps in plan.blocks(share):
        flat = together(g[images, :, rows], "product").reshape(groups, o, positions)
        part = out[(images, slice(None), *(slice(axis.low, axis.high) for axis in taps))]
        columns = scratch("columns", (channels, *kernel, *(t.count for t in taps), len(part)), g.dtype)
        product(w, flat, out=columns.reshape(groups, depth, positions))
        if len(part) == 1:
            fold(columns, taps, innermost(part))
        else:
            sums = scratch("images", (*part.shape[1:], len(part)), g.dtype)
            sums.fill(0)
            fold(columns, taps, sums)
            innermost(part)[...] = sums


def weight_gradient(g, x, kernel, stride, padding, dilation, groups):
    n, o = g.shape[:2]
    shape = (o, x.shape[1] // groups, *kernel)
    plan = plan_of(n, x.shape[1], x.shape[2:], shape, stride, padding, dilation, groups)
    check_size(g.shape[2:], plan.out)
    out = np.empty(shape, g.dtype)
    matrix = out.reshape(groups, o // groups, math.prod(shape[1:]))

    def work(share):
        if plan.flat is not None and x.dtype.kind == "f":
            return depthwise_weight_gradient(g, x, plan.flat, matrix.shape, share)
        return share_of_weight_gradient(g, x, matrix if share == plan.shares[0] else None, plan, matrix.shape, share)

    first, *others = in_parallel(work, plan.shares)
    if first is not matrix:
        matrix[...] = first
    for part in others:
        matrix += part
    return out


def share_of_weight_gradient(g, x, out, plan, shape, share):
    """The part (groups, O / groups, C / groups · taps) that some images have in the weight gradient; in ``out`` if that is
    an array of this shape and it serves."""
    groups, o, depth = shape
    # OpenBLAS is a quarter faster at the transposed product, but a large result takes long to turn.
    turn = depth * o <= SMALL
    total = None
    for images, rows, positions, taps in plan.blocks(share):
        columns = unfold(together(x[images], "images"), taps).reshape(groups, depth, positions)
        flat = together(g[images, :, rows], "product").reshape(groups, o, positions)
        first, second = (columns, flat) if turn else (flat, columns)
        if total is None:
            total = np.matmul(first, second.transpose(0, 2, 1), out=None if turn else out)
        else:
            total += np.matmul(first, second.transpose(0, 2, 1))
    if total is None:
        return np.zeros(shape, g.dtype)
    return total.transpose(0, 2, 1) if turn else total


def depthwise_weight_gradient(g, x, flat, shape, share):
    """Σ g · window[c, tap] over the outputs and images."""
    total = np.zeros((shape[0], *flat.kernel), g.dtype)
    for images in flat.blocks(share, shape[0]):
        windows, spread = flat.windows(flat.padded(x[images])), flat.spread(g[images])
        for tap in np.ndindex(flat.kernel):
            total[:, *tap] += np.add.reduce(np.vecdot(windows[:, :, :, *tap], spread), 0)
    return total.reshape(shape)


def channel_sum(g):
    return g.sum((0, *range(2, g.ndim)))


def in_blas(product):
    """Run a product or sum on half precision arrays in float32: numpy has no fast matrix product for them, and sums
    bfloat16 in bfloat16."""

    def widened(self, *args):
        dtype = args[0].dtype
        if dtype.itemsize > 2 or dtype.kind in "iu":
            return product(*args)
        if dtype.kind == "b":
            raise TypeError("bools have no product")
        wide = (a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in args)
        return product(*wide).astype(dtype)

    return widened


class NumpyConvolution:
    """Mixed into the numpy backend: :class:`plugrad.backends.convolution.Convolution` by blocks."""

    _forward = in_blas(forward)
    convolution_input = in_blas(input_gradient)
    convolution_weight = in_blas(weight_gradient)
    channel_sum = in_blas(channel_sum)

    def convolution(self, x, weight, bias, stride, padding, dilation, groups):
        if bias is not None:
            check_size(bias.shape, (len(weight),))
        return self._forward(x, weight, bias, stride, padding, dilation, groups)
