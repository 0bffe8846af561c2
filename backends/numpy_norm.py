"""Normalizations by numpy.

Everything comes down to two things. Sums over rows are dot products (0.1 ns an element here, numpy's own sum takes 0.25).
The results are (x · scale + shift) · weight + bias with numbers per row and vectors per column, block by block. numpy 2.4
copies what it broadcasts over rows through a buffer of 8192 elements: long rows are done with a smaller buffer, and for
short rows the factors are made by matrix products of rank 2; both halve the time.

mean(x²) - mean² and x · a - mean · a lose digits where the mean is large next to the deviation: there x is centred first.
"""

import contextlib
import math

import numpy as np

from .numpy_blocks import BLOCK, ones, rows_of

__all__ = ["NumpyNorm"]

#: mean² may be this many times the variance before x is centred: 5 of the 24 bits are lost.
CANCELLED = 32.0
#: Elements of a row from which numbers per row are broadcast; below, they are repeated to whole arrays.
SHORT = 32
#: Elements of a row from which broadcasting with a small buffer is faster than a matrix product.
LONG = 512


def widened(a):
    return a if a is None or a.dtype.itemsize > 2 else a.astype(np.float32)


def as_rows(a, width):
    """A view or copy of shape (rows, width), row-major."""
    return (a if a.flags.c_contiguous else np.ascontiguousarray(a)).reshape(-1, width)


def shaped(a, shape):
    """``a`` in a shape; itself where it has it, since a gradient that is a view would be copied."""
    return a if a.shape == shape else a.reshape(shape)


# --- sums ---
def row_sums(x):
    return np.vecdot(x, ones(x.shape[1], x.dtype))


def row_moments(x):
    """(x, its mean, mean, biased variance), the latter per row; or x - mean and 0 in the first two places where digits
    would be lost."""
    share = 1.0 / x.shape[1]
    mean = row_sums(x) * share
    var = np.vecdot(x, x) * share
    square = mean * mean
    var -= square
    if not cancelled(square, var):
        return x, mean, mean, var
    x = x - mean[:, None]
    return x, np.zeros_like(mean), mean, np.vecdot(x, x) * share


def cancelled(square, var):
    """Whether a mean, given as its square, is so large next to its variance that digits are lost."""
    return np.count_nonzero(square > var * CANCELLED)


def centred_rows(x, mean, var):
    """(x, mean), or (x - mean, 0) where digits would be lost."""
    if cancelled(mean * mean, var):
        return x - mean[:, None], np.zeros_like(mean)
    return x, mean


def inverse_root(var, eps):
    scale = var + eps
    np.sqrt(scale, scale)
    return np.reciprocal(scale, scale)


def vector(values, width, dtype):
    """Affine parameters as one row; None stays None."""
    if values is None or (values.dtype is dtype and values.ndim == 1):
        return values
    return widened(values).reshape(width).astype(dtype, copy=False)


# --- results ---
@contextlib.contextmanager
def small_buffer(width):
    """Let numpy's iterator buffer at most a row of this width."""
    before = np.setbufsize(max(16, min(width, 8192) // 16 * 16))
    try:
        yield
    finally:
        np.setbufsize(before)


def affine_rows(x, shape, scale, shift=None, weight=None, bias=None, add_to=None):
    """(x · scale + shift) · weight + bias: numbers per row and vectors per column, None for those that are not there.

    Args:
        x: (rows, width).
        shape: of the result.
        add_to: an array of that shape, to which the result is added.
    """
    width = x.shape[1]
    out = np.empty(shape, x.dtype) if add_to is None else add_to
    flat = out.reshape(-1, width)
    if x.size <= BLOCK // 2:
        made = flat if add_to is None else np.empty_like(x)
        fill_long(made, x, scale, shift, weight, bias)
        if add_to is not None:
            np.add(flat, made, flat)
        return out
    fill = fill_long if width >= LONG else fill_short if width >= SHORT else fill_shortest
    with small_buffer(width) if width >= LONG else contextlib.nullcontext():
        for rows in rows_of(*x.shape):
            made = flat[rows] if add_to is None else np.empty_like(flat[rows])
            fill(made, x[rows], scale[rows], None if shift is None else shift[rows], weight, bias)
            if add_to is not None:
                np.add(flat[rows], made, flat[rows])
    return out


def fill_long(out, x, scale, shift, weight, bias):
    np.multiply(x, scale[:, None], out)
    if shift is not None:
        np.add(out, shift[:, None], out)
    if weight is not None:
        np.multiply(out, weight, out)
    if bias is not None:
        np.add(out, bias, out)


def fill_short(out, x, scale, shift, weight, bias):
    """x · (scale ⊗ weight) + (shift ⊗ weight + 1 ⊗ bias)."""
    left, right = np.empty((len(x), 2), x.dtype), np.zeros((2, x.shape[1]), x.dtype)
    right[0] = 1 if weight is None else weight
    left[:, 0], left[:, 1] = scale, 1
    np.multiply(x, np.matmul(left, right), out)
    if shift is not None or bias is not None:
        left[:, 0] = 0 if shift is None else shift
        right[1] = 0 if bias is None else bias
        np.add(out, np.matmul(left, right), out)


def fill_shortest(out, x, scale, shift, weight, bias):
    width = x.shape[1]
    np.multiply(x, np.repeat(scale, width).reshape(x.shape), out)
    if shift is not None:
        np.add(out, np.repeat(shift, width).reshape(x.shape), out)
    if weight is not None:
        np.multiply(out, weight, out)
    if bias is not None:
        np.add(out, bias, out)


class NumpyNorm:
    """Mixed into the numpy namespace."""

    # --- over the last axes ---
    def layer_norm(self, x, weight, bias, axes, eps):
        if not x.size:
            return super().layer_norm(x, weight, bias, axes, eps)
        shape, width = x.shape, math.prod(x.shape[axes[0] :])
        rows, centre, mean, var = row_moments(as_rows(widened(x), width))
        scale = inverse_root(var, eps)
        weight, bias = vector(weight, width, rows.dtype), vector(bias, width, rows.dtype)
        out = affine_rows(rows, shape, scale, centre * -scale, weight, bias)
        kept = shape[: axes[0]] + (1,) * len(axes)
        return out.astype(x.dtype, copy=False), mean.reshape(kept), var.reshape(kept)

    def layer_norm_grad(self, g, x, weight, mean, var, axes, eps, needs):
        """dx = s · (g·w - mean(g·w) - x̂ · mean(g·w·x̂)) with s = 1/√(var + eps), as a combination of g·w, x and 1."""
        if not x.size:
            return super().layer_norm_grad(g, x, weight, mean, var, axes, eps, needs)
        shape, width = x.shape, math.prod(x.shape[axes[0] :])
        g = as_rows(widened(g), width)
        x, m = centred_rows(as_rows(widened(x), width), mean.reshape(-1), var.reshape(-1))
        w = vector(weight, width, x.dtype)
        s = inverse_root(var.reshape(-1), eps)
        sum_g = row_sums(g) if w is None else np.vecdot(g, w)
        sum_product, for_weight = self.product_sums(g, x, w, s)
        for_x = (sum_product - m * sum_g) * s * s * (s * (-1.0 / width))
        out = affine_rows(g, shape, s, None, w)
        affine_rows(x, shape, for_x, -m * for_x - s * sum_g * (1.0 / width), add_to=out)
        if needs[1]:
            for_weight = shaped(for_weight - np.matmul(m * s, g), shape[axes[0] :])
        for_bias = shaped(np.matmul(ones(len(g), g.dtype), g), shape[axes[0] :]) if needs[2] else None
        return out, for_weight if needs[1] else None, for_bias

    @staticmethod
    def product_sums(g, x, w, s):
        """(Σ g·w·x per row, Σ g·x·s per column)."""
        per_row, per_column = np.empty(len(x), x.dtype), np.zeros(x.shape[1], x.dtype)
        w = ones(x.shape[1], x.dtype) if w is None else w
        for part in rows_of(*x.shape):
            product = g[part] * x[part]
            per_row[part] = np.vecdot(product, w)
            per_column += np.matmul(s[part], product)
        return per_row, per_column

    def rms_norm(self, x, weight, axes, eps):
        if not x.size:
            return super().rms_norm(x, weight, axes, eps)
        shape, width = x.shape, math.prod(x.shape[axes[0] :])
        rows = as_rows(widened(x), width)
        square = np.vecdot(rows, rows) * (1.0 / width)
        out = affine_rows(rows, shape, inverse_root(square, eps), None, vector(weight, width, rows.dtype))
        kept = shape[: axes[0]] + (1,) * len(axes)
        return out.astype(x.dtype, copy=False), square.reshape(kept)

    def rms_norm_grad(self, g, x, weight, square, axes, eps, needs):
        """dx = s · (g·w - x̂ · mean(g·w·x̂)) with s = 1/√(mean x² + eps)."""
        if not x.size:
            return super().rms_norm_grad(g, x, weight, square, axes, eps, needs)
        shape, width = x.shape, math.prod(x.shape[axes[0] :])
        g, x = as_rows(widened(g), width), as_rows(widened(x), width)
        w = vector(weight, width, x.dtype)
        s = inverse_root(square.reshape(-1), eps)
        sum_product, for_weight = self.product_sums(g, x, w, s)
        out = affine_rows(g, shape, s, None, w)
        affine_rows(x, shape, sum_product * s * s * (s * (-1.0 / width)), add_to=out)
        return out, shaped(for_weight, shape[axes[0] :]) if needs[1] else None

    # --- over channels ---
    def batch_norm(self, x, weight, bias, running_mean, running_var, training, eps):
        if not x.size:
            return super().batch_norm(x, weight, bias, running_mean, running_var, training, eps)
        dtype, x = x.dtype, widened(x)
        layout = Channels(x)
        if training:
            mean, var = layout.moments()
        else:
            mean, var = (np.array(a, x.dtype) for a in (running_mean, running_var))
        layout, centre = layout.centred(mean, var)
        factor = inverse_root(var, eps)
        if weight is not None:
            factor = factor * widened(weight)
        shift = -centre * factor
        if bias is not None:
            shift += bias
        return layout.affine(layout.x, factor, shift).astype(dtype, copy=False), mean, var

    def batch_norm_grad(self, g, x, weight, mean, var, training, eps, needs):
        """dx = s·w · (g - mean(g) - x̂ · mean(g·x̂)), or s·w·g with given statistics."""
        if not x.size:
            return super().batch_norm_grad(g, x, weight, mean, var, training, eps, needs)
        layout, centre = Channels(widened(x)).centred(mean, var)
        g = layout.rows(widened(g))
        scale = inverse_root(var, eps)
        factor = scale if weight is None else scale * widened(weight)
        total = layout.sums(g) if training or needs[1] or needs[2] else None
        for_weight = (layout.product_sums(g) - centre * total) * scale if training or needs[1] else None
        made = None
        if needs[0] and not training:
            made = layout.affine(g, factor)
        elif needs[0]:
            share = 1.0 / layout.count
            for_x = -factor * for_weight * scale * share
            made = layout.affine(g, factor)
            layout.affine(layout.x, for_x, -factor * total * share - for_x * centre, add_to=made)
        return made, for_weight if needs[1] else None, total if needs[2] else None

    def group_norm(self, x, weight, bias, groups, eps):
        if not x.size:
            return super().group_norm(x, weight, bias, groups, eps)
        shape, dtype, x = x.shape, x.dtype, widened(x)
        n, c, inner = sizes(shape)
        size = c // groups
        rows, centre, mean, var = row_moments(as_rows(x, size * inner))
        factor = np.repeat(inverse_root(var, eps), size).reshape(n, c)
        if weight is not None:
            factor *= widened(weight)
        shift = -np.repeat(centre, size).reshape(n, c) * factor
        if bias is not None:
            shift += bias
        out = affine_rows(rows.reshape(-1, inner), shape, factor.reshape(-1), shift.reshape(-1))
        return out.astype(dtype, copy=False), mean.reshape(n, groups), var.reshape(n, groups)

    def group_norm_grad(self, g, x, weight, mean, var, groups, eps, needs):
        """As layer_norm's, with the weight constant over rows of ``inner`` elements."""
        if not x.size:
            return super().group_norm_grad(g, x, weight, mean, var, groups, eps, needs)
        shape = x.shape
        n, c, inner = sizes(shape)
        size = c // groups
        rows, centre = centred_rows(as_rows(widened(x), size * inner), mean.reshape(-1), var.reshape(-1))
        g, x = as_rows(widened(g), inner), rows.reshape(-1, inner)
        m, s = centre.reshape(n, groups, 1), inverse_root(var, eps).reshape(n, groups, 1)
        sums = row_sums(g).reshape(n, groups, size)
        products = np.vecdot(g, x).reshape(n, groups, size)
        for_weight = ((products - m * sums) * s).sum(0).reshape(c) if needs[1] else None
        for_bias = sums.sum(0).reshape(c) if needs[2] else None
        if not needs[0]:
            return None, for_weight, for_bias
        w = ones(c, x.dtype) if weight is None else vector(weight, c, x.dtype)
        w = w.reshape(1, groups, size)
        share = 1.0 / (size * inner)
        total = (sums * w).sum(2, keepdims=True) * share
        for_x = ((products * w).sum(2, keepdims=True) * share - m * total) * s * s * -s
        shift = -for_x * m - s * total
        made = affine_rows(g, shape, (s * w).reshape(-1))
        affine_rows(x, shape, *(np.repeat(a.reshape(-1), size) for a in (for_x, shift)), add_to=made)
        return made, for_weight, for_bias


def sizes(shape):
    """(samples, channels, elements per sample and channel)."""
    return shape[0], shape[1], math.prod(shape[2:])


class Channels:
    """An array (N, C, *S) as rows, in the one of two ways that makes long rows.

    With many elements per channel a row is one channel of one sample, and values per channel are numbers per row. With
    few a row is a whole sample, and values per channel become a vector.
    """

    def __init__(self, x):
        self.shape = x.shape
        self.n, self.c, self.inner = sizes(x.shape)
        self.count = self.n * self.inner
        self.by_channel = self.inner >= SHORT
        self.width = self.inner if self.by_channel else self.c * self.inner
        self.x = self.rows(x)

    def rows(self, a):
        return as_rows(a, self.width)

    def moments(self):
        """(mean, biased variance) per channel."""
        share = 1.0 / self.count
        mean = self.sums(self.x) * share
        square = mean * mean
        var = self.product_sums(self.x) * share - square
        if cancelled(square, var):
            centred = self.less(mean)
            var = centred.product_sums(centred.x) * share
        return mean, var

    def less(self, mean):
        return Channels(self.affine(self.x, np.ones_like(mean), -mean))

    def centred(self, mean, var):
        """(self, mean), or (the array less its mean, 0) where digits would be lost."""
        if cancelled(mean * mean, var):
            return self.less(mean), np.zeros_like(mean)
        return self, mean

    def sums(self, a):
        """Σ a per channel."""
        if self.by_channel:
            return row_sums(a).reshape(self.n, self.c).sum(0)
        return self.folded(np.add.reduce(a, 0))

    def product_sums(self, a):
        """Σ a · x per channel."""
        if self.by_channel:
            return np.vecdot(a, self.x).reshape(self.n, self.c).sum(0)
        total = np.zeros(self.width, a.dtype)
        for rows in rows_of(*a.shape):
            total += np.add.reduce(a[rows] * self.x[rows], 0)
        return self.folded(total)

    def folded(self, sums):
        return sums if self.inner == 1 else sums.reshape(self.c, self.inner).sum(1)

    def affine(self, a, factor, shift=None, add_to=None):
        """a · factor + shift with values per channel, in the array's own shape; added to ``add_to`` if given."""
        if self.by_channel:
            shift = None if shift is None else np.tile(shift, self.n)
            return affine_rows(a, self.shape, np.tile(factor, self.n), shift, add_to=add_to)
        factor = np.repeat(factor, self.inner)
        shift = None if shift is None else np.repeat(shift, self.inner)
        out = np.empty(self.shape, a.dtype) if add_to is None else add_to
        flat = out.reshape(-1, self.width)
        for rows in rows_of(*a.shape):
            made = np.multiply(a[rows], factor, flat[rows] if add_to is None else None)
            if shift is not None:
                np.add(made, shift, made)
            if add_to is not None:
                np.add(flat[rows], made, flat[rows])
        return out
