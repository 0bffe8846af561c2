"""Normalizations by numpy.

Everything comes down to two things. Sums over rows are dot products (0.1 ns an element here, numpy's own sum takes 0.25).
The results have the form x · a + b: where a and b are products of a value per row and a vector, both are made by matrix
products of rank 2, because an operation that broadcasts over rows takes twice the time of one on whole blocks.

mean(x²) - mean² and x · a - mean · a lose digits where the mean is large next to the deviation: there x is centred first.
"""

import math

import numpy as np

from .numpy_blocks import rows_of

__all__ = ["NumpyNorm"]

#: mean² may be this many times the variance before x is centred: 5 of the 24 bits are lost.
CANCELLED = 32.0
#: Elements per row from which a value per row is broadcast; below, values are repeated to whole arrays.
LONG = 64


def widened(a):
    return a if a is None or a.dtype.itemsize > 2 else a.astype(np.float32)


def as_rows(a, width):
    """A view or copy of shape (rows, width), row-major."""
    return np.ascontiguousarray(a).reshape(-1, width)


def cancelled(mean, var):
    return mean * mean > CANCELLED * var


def row_moments(x):
    """(mean, biased variance) of each row."""
    share = 1.0 / x.shape[1]
    mean = np.vecdot(x, np.ones(x.shape[1], x.dtype)) * share
    var = np.vecdot(x, x) * share - mean * mean
    lost = cancelled(mean, var)
    if lost.any():
        centred = x[lost] - mean[lost, None]
        var[lost] = np.vecdot(centred, centred) * share
    return mean, var


def centred_rows(x, mean, var):
    """(x, mean), or (x - mean, 0) where digits would be lost."""
    if cancelled(mean, var).any():
        return x - mean[:, None], np.zeros_like(mean)
    return x, mean


def outer(columns, rows):
    """Σ columns[i] ⊗ rows[i] for two of each, a product of rank 2."""
    return np.matmul(np.stack(columns, axis=1), np.stack(rows))


def inverse_root(var, eps):
    scale = var + eps
    np.sqrt(scale, scale)
    return np.reciprocal(scale, scale)


def vector(values, otherwise, width, dtype):
    """Affine parameters as one row."""
    if values is None:
        return np.full(width, otherwise, dtype)
    return widened(values).reshape(width).astype(dtype, copy=False)


def affine_rows(x, factor, shift):
    """x · factor + shift, a number of each for every row; a shift of None is 0."""
    width = x.shape[1]
    if width < LONG:
        out = x * np.repeat(factor, width).reshape(x.shape)
        if shift is not None:
            out += np.repeat(shift, width).reshape(x.shape)
        return out
    out = np.empty_like(x)
    for rows in rows_of(*x.shape):
        block = np.multiply(x[rows], factor[rows, None], out[rows])
        if shift is not None:
            np.add(block, shift[rows, None], block)
    return out


def add_scaled_rows(out, x, factor):
    """out += x · factor, a number for every row."""
    width = x.shape[1]
    for rows in rows_of(*x.shape):
        if width < LONG:
            part = x[rows] * np.repeat(factor[rows], width).reshape(-1, width)
        else:
            part = x[rows] * factor[rows, None]
        np.add(out[rows], part, out[rows])


class NumpyNorm:
    """Mixed into the numpy namespace."""

    # --- over the last axes ---
    def layer_norm(self, x, weight, bias, axes, eps):
        if not x.size:
            return super().layer_norm(x, weight, bias, axes, eps)
        shape, dtype, width = x.shape, x.dtype, math.prod(x.shape[axes[0] :])
        rows = as_rows(widened(x), width)
        weight, bias = vector(weight, 1.0, width, rows.dtype), vector(bias, 0.0, width, rows.dtype)
        nothing = np.zeros(width, rows.dtype)
        mean, var = np.empty((2, len(rows)), rows.dtype)
        out = np.empty_like(rows)
        for part in rows_of(*rows.shape):
            mean[part], var[part] = row_moments(rows[part])
            block, centre = centred_rows(rows[part], mean[part], var[part])
            scale = inverse_root(var[part], eps)
            shift = centre * -scale
            made = np.multiply(block, outer((scale, shift), (weight, nothing)), out[part])
            np.add(made, outer((shift, np.ones_like(shift)), (weight, bias)), made)
        kept = shape[: axes[0]] + (1,) * len(axes)
        return out.reshape(shape).astype(dtype, copy=False), mean.reshape(kept), var.reshape(kept)

    def layer_norm_grad(self, g, x, weight, mean, var, axes, eps, needs):
        """dx = s · (g·w - mean(g·w) - x̂ · mean(g·w·x̂)) with s = 1/√(var + eps), as a combination of g·w, x and 1."""
        if not x.size:
            return super().layer_norm_grad(g, x, weight, mean, var, axes, eps, needs)
        shape, width = x.shape, math.prod(x.shape[axes[0] :])
        g, x = as_rows(widened(g), width), as_rows(widened(x), width)
        w, nothing = vector(weight, 1.0, width, x.dtype), np.zeros(width, x.dtype)
        mean, var = mean.reshape(-1), var.reshape(-1)
        scale = inverse_root(var, eps)
        out = np.empty_like(x)
        totals = np.zeros((2, width), x.dtype)
        for part in rows_of(*x.shape):
            g_part, s = g[part], scale[part]
            x_part, m = centred_rows(x[part], mean[part], var[part])
            product = g_part * x_part
            totals += np.matmul(np.stack((m * -s, np.ones_like(s))), g_part)
            totals[0] += np.matmul(s, product)
            sum_g = np.vecdot(g_part, w)
            for_x = (np.vecdot(product, w) - m * sum_g) * s * s * (s * (-1.0 / width))
            shift = -m * for_x - s * sum_g * (1.0 / width)
            made = np.multiply(g_part, outer((s, m), (w, nothing)), out[part])
            np.multiply(x_part, for_x[:, None], product)
            np.add(made, product, made)
            np.add(made, shift[:, None], made)
        for_weight, for_bias = (t.reshape(shape[axes[0] :]) for t in totals)
        return out.reshape(shape), for_weight if needs[1] else None, for_bias if needs[2] else None

    def rms_norm(self, x, weight, axes, eps):
        if not x.size:
            return super().rms_norm(x, weight, axes, eps)
        shape, dtype, width = x.shape, x.dtype, math.prod(x.shape[axes[0] :])
        rows = as_rows(widened(x), width)
        weight, nothing = vector(weight, 1.0, width, rows.dtype), np.zeros(width, rows.dtype)
        square = np.empty(len(rows), rows.dtype)
        out = np.empty_like(rows)
        for part in rows_of(*rows.shape):
            block = rows[part]
            square[part] = np.vecdot(block, block) * (1.0 / width)
            scale = inverse_root(square[part], eps)
            np.multiply(block, outer((scale, scale), (weight, nothing)), out[part])
        kept = shape[: axes[0]] + (1,) * len(axes)
        return out.reshape(shape).astype(dtype, copy=False), square.reshape(kept)

    def rms_norm_grad(self, g, x, weight, square, axes, eps, needs):
        """dx = s · (g·w - x̂ · mean(g·w·x̂)) with s = 1/√(mean x² + eps)."""
        if not x.size:
            return super().rms_norm_grad(g, x, weight, square, axes, eps, needs)
        shape, width = x.shape, math.prod(x.shape[axes[0] :])
        g, x = as_rows(widened(g), width), as_rows(widened(x), width)
        w, nothing = vector(weight, 1.0, width, x.dtype), np.zeros(width, x.dtype)
        scale = inverse_root(square.reshape(-1), eps)
        out = np.empty_like(x)
        total = np.zeros(width, x.dtype)
        for part in rows_of(*x.shape):
            g_part, x_part, s = g[part], x[part], scale[part]
            product = g_part * x_part
            total += np.matmul(s, product)
            for_x = np.vecdot(product, w) * s * s * (s * (-1.0 / width))
            made = np.multiply(g_part, outer((s, s), (w, nothing)), out[part])
            np.multiply(x_part, for_x[:, None], product)
            np.add(made, product, made)
        return out.reshape(shape), total.reshape(shape[axes[0] :]) if needs[1] else None

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
            made = layout.affine(g, factor, None)
        elif needs[0]:
            share = 1.0 / layout.count
            for_x = -factor * for_weight * scale * share
            made = layout.affine(g, factor, -factor * total * share - for_x * centre)
            layout.add_scaled(made, for_x)
        return made, for_weight if needs[1] else None, total if needs[2] else None

    def group_norm(self, x, weight, bias, groups, eps):
        if not x.size:
            return super().group_norm(x, weight, bias, groups, eps)
        shape, dtype, x = x.shape, x.dtype, widened(x)
        n, c, inner = sizes(shape)
        size = c // groups
        rows = as_rows(x, size * inner)
        mean, var = row_moments(rows)
        rows, centre = centred_rows(rows, mean, var)
        factor = np.repeat(inverse_root(var, eps), size).reshape(n, c)
        if weight is not None:
            factor *= widened(weight)
        shift = -np.repeat(centre, size).reshape(n, c) * factor
        if bias is not None:
            shift += bias
        out = affine_rows(rows.reshape(-1, inner), factor.reshape(-1), shift.reshape(-1))
        return out.reshape(shape).astype(dtype, copy=False), mean.reshape(n, groups), var.reshape(n, groups)

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
        sums = np.vecdot(g, np.ones(inner, g.dtype)).reshape(n, groups, size)
        products = np.vecdot(g, x).reshape(n, groups, size)
        for_weight = ((products - m * sums) * s).sum(0).reshape(c) if needs[1] else None
        for_bias = sums.sum(0).reshape(c) if needs[2] else None
        if not needs[0]:
            return None, for_weight, for_bias
        w = vector(weight, 1.0, c, x.dtype).reshape(1, groups, size)
        share = 1.0 / (size * inner)
        total = (sums * w).sum(2, keepdims=True) * share
        for_x = ((products * w).sum(2, keepdims=True) * share - m * total) * s * s * -s
        shift = -for_x * m - s * total
        made = affine_rows(g, (s * w).reshape(-1), np.repeat(shift.reshape(-1), size))
        add_scaled_rows(made, x, np.repeat(for_x.reshape(-1), size))
        return made.reshape(shape), for_weight, for_bias


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
        self.by_channel = self.inner >= LONG
        self.width = self.inner if self.by_channel else self.c * self.inner
        self.x = self.rows(x)

    def rows(self, a):
        return as_rows(a, self.width)

    def moments(self):
        """(mean, biased variance) per channel."""
        share = 1.0 / self.count
        mean = self.sums(self.x) * share
        var = self.product_sums(self.x) * share - mean * mean
        if cancelled(mean, var).any():
            centred = self.less(mean)
            var = centred.product_sums(centred.x) * share
        return mean, var

    def less(self, mean):
        return Channels(self.affine(self.x, np.ones_like(mean), -mean))

    def centred(self, mean, var):
        """(self, mean), or (the array less its mean, 0) where digits would be lost."""
        if cancelled(mean, var).any():
            return self.less(mean), np.zeros_like(mean)
        return self, mean

    def sums(self, a):
        """Σ a per channel."""
        if self.by_channel:
            return np.vecdot(a, np.ones(self.width, a.dtype)).reshape(self.n, self.c).sum(0)
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

    def affine(self, a, factor, shift):
        """a · factor + shift in the array's own shape; a shift of None is 0."""
        if self.by_channel:
            shift = None if shift is None else np.tile(shift, self.n)
            return affine_rows(a, np.tile(factor, self.n), shift).reshape(self.shape)
        factor = np.repeat(factor, self.inner)
        shift = None if shift is None else np.repeat(shift, self.inner)
        out = np.empty_like(a)
        for rows in rows_of(*a.shape):
            block = np.multiply(a[rows], factor, out[rows])
            if shift is not None:
                np.add(block, shift, block)
        return out.reshape(self.shape)

    def add_scaled(self, out, factor):
        """out += x · factor."""
        out = self.rows(out)
        if self.by_channel:
            add_scaled_rows(out, self.x, np.tile(factor, self.n))
            return
        factor = np.repeat(factor, self.inner)
        for rows in rows_of(*out.shape):
            np.add(out[rows], self.x[rows] * factor, out[rows])
