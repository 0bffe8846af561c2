"""Normalizations by numpy.

Everything comes down to two things. Sums over rows are dot products (0.1 ns an element here, numpy's own sum takes 0.25).
The results have the form x · a + b: where a and b are products of a value per row and a vector, both are made by matrix
products of rank 2, because an operation that broadcasts over rows takes twice the time of one on whole blocks.

Variances are computed as mean(x²) - mean², in one pass, and again from the centred values where the mean is so large that
digits were lost.
"""

import numpy as np

from .numpy_blocks import rows_of

__all__ = ["NumpyNorm"]

#: mean² may be this many times the variance before mean(x²) - mean² has lost too much: 5 of its 24 bits.
CANCELLED = 32.0
#: Elements per row from which a value per row is broadcast; below, values are repeated to whole arrays.
LONG = 64


def widened(a):
    return a if a is None or a.dtype.itemsize > 2 else a.astype(np.float32)


def as_rows(a, width):
    """A view or copy of shape (rows, width), row-major."""
    return np.ascontiguousarray(a).reshape(-1, width) if width else np.empty((0, 1), a.dtype)


def row_moments(x):
    """(mean, biased variance) of each row."""
    n = x.shape[1]
    ones = np.ones(n, x.dtype)
    mean = np.vecdot(x, ones)
    mean *= 1.0 / n
    var = np.vecdot(x, x)
    var *= 1.0 / n
    square = mean * mean
    var -= square
    lost = square > CANCELLED * var
    if lost.any():
        centred = x[lost] - mean[lost, None]
        var[lost] = np.vecdot(centred, centred) * (1.0 / n)
    return mean, var


def outer(columns, rows):
    """Σ columns[i] ⊗ rows[i] for two of each, a product of rank 2."""
    return np.matmul(np.stack(columns, axis=1), np.stack(rows))


def inverse_root(var, eps):
    scale = var + eps
    np.sqrt(scale, scale)
    return np.reciprocal(scale, scale)


def affine_rows(x, factor, shift):
    """x · factor + shift, a number of each for every row of x (rows, width)."""
    width = x.shape[1]
    if width < LONG:
        out = x * np.repeat(factor, width).reshape(x.shape)
        out += np.repeat(shift, width).reshape(x.shape)
        return out
    out = np.empty_like(x)
    for rows in rows_of(*x.shape):
        block = np.multiply(x[rows], factor[rows, None], out[rows])
        np.add(block, shift[rows, None], block)
    return out


def combined_rows(g, x, for_g, for_x, shift):
    """g · for_g + x · for_x + shift, numbers of each for every row."""
    out = affine_rows(g, for_g, shift)
    for rows in rows_of(*x.shape):
        np.add(out[rows], x[rows] * for_x[rows, None], out[rows])
    return out


class NumpyNorm:
    """Mixed into the numpy namespace."""

    # --- over the last axes ---
    @staticmethod
    def layer_norm(x, weight, bias, axes, eps):
        shape, dtype = x.shape, x.dtype
        width = int(np.prod(shape[axes[0] :]))
        rows = as_rows(widened(x), width)
        weight, bias = vector(weight, 1.0, width, rows.dtype), vector(bias, 0.0, width, rows.dtype)
        nothing = np.zeros(width, rows.dtype)
        mean, var = np.empty((2, len(rows)), rows.dtype)
        out = np.empty_like(rows)
        for part in rows_of(*rows.shape):
            block = rows[part]
            mean[part], var[part] = row_moments(block)
            scale = inverse_root(var[part], eps)
            shift = mean[part] * -scale
            made = np.multiply(block, outer((scale, shift), (weight, nothing)), out[part])
            np.add(made, outer((shift, np.ones_like(shift)), (weight, bias)), made)
        kept = shape[: axes[0]] + (1,) * len(axes)
        return out.reshape(shape).astype(dtype, copy=False), mean.reshape(kept), var.reshape(kept)

    @staticmethod
    def layer_norm_grad(g, x, weight, mean, var, axes, eps, needs):
        """dx = s · (g·w - mean(g·w) - x̂ · mean(g·w·x̂)) with s = 1/√(var + eps), as a combination of g·w, x and 1."""
        shape = x.shape
        width = int(np.prod(shape[axes[0] :]))
        g, x = as_rows(widened(g), width), as_rows(widened(x), width)
        w = vector(weight, 1.0, width, x.dtype)
        mean, scale = mean.reshape(-1), inverse_root(var.reshape(-1), eps)
        nothing = np.zeros(width, x.dtype)
        out = np.empty_like(x)
        totals = np.zeros((2, width), x.dtype)
        for part in rows_of(*x.shape):
            g_part, x_part, m, s = g[part], x[part], mean[part], scale[part]
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

    @staticmethod
    def rms_norm(x, weight, axes, eps):
        shape, dtype = x.shape, x.dtype
        width = int(np.prod(shape[axes[0] :]))
        rows = as_rows(widened(x), width)
        weight = vector(weight, 1.0, width, rows.dtype)
        nothing = np.zeros(width, rows.dtype)
        square = np.empty(len(rows), rows.dtype)
        out = np.empty_like(rows)
        for part in rows_of(*rows.shape):
            block = rows[part]
            square[part] = np.vecdot(block, block) * (1.0 / width)
            scale = inverse_root(square[part], eps)
            np.multiply(block, outer((scale, scale), (weight, nothing)), out[part])
        kept = shape[: axes[0]] + (1,) * len(axes)
        return out.reshape(shape).astype(dtype, copy=False), square.reshape(kept)

    @staticmethod
    def rms_norm_grad(g, x, weight, square, axes, eps, needs):
        """dx = s · (g·w - x̂ · mean(g·w·x̂)) with s = 1/√(mean x² + eps)."""
        shape = x.shape
        width = int(np.prod(shape[axes[0] :]))
        g, x = as_rows(widened(g), width), as_rows(widened(x), width)
        w = vector(weight, 1.0, width, x.dtype)
        scale = inverse_root(square.reshape(-1), eps)
        nothing = np.zeros(width, x.dtype)
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
    @staticmethod
    def batch_norm(x, weight, bias, running_mean, running_var, training, eps):
        dtype, x = x.dtype, widened(x)
        layout = Channels(x)
        if training:
            mean, var = layout.moments()
        else:
            mean, var = (np.array(a, x.dtype) for a in (running_mean, running_var))
        factor = inverse_root(var, eps)
        if weight is not None:
            factor = factor * widened(weight)
        shift = -mean * factor
        if bias is not None:
            shift += bias
        return layout.affine(factor, shift).astype(dtype, copy=False), mean, var

    @staticmethod
    def batch_norm_grad(g, x, weight, mean, var, training, eps, needs):
        """dx = s·w · (g - mean(g) - x̂ · mean(g·x̂)), or s·w·g with given statistics."""
        g, x = widened(g), widened(x)
        layout = Channels(x)
        scale = inverse_root(var, eps)
        factor = scale if weight is None else scale * widened(weight)
        if not training and not needs[1]:
            total = layout.sums(g) if needs[2] else None
            return layout.affine(factor, None, g), None, total
        total, total_product = layout.sums(g), layout.product_sums(g)
        for_weight = (total_product - mean * total) * scale
        if not needs[0]:
            return None, for_weight if needs[1] else None, total if needs[2] else None
        if training:
            share = 1.0 / max(layout.count, 1)
            for_x = -factor * for_weight * scale * share
            made = layout.combined(g, factor, for_x, -factor * total * share - for_x * mean)
        else:
            made = layout.affine(factor, None, g)
        return made, for_weight if needs[1] else None, total if needs[2] else None

    @staticmethod
    def group_norm(x, weight, bias, groups, eps):
        shape, dtype, x = x.shape, x.dtype, widened(x)
        n, c, inner = group_sizes(shape)
        if not x.size:
            return x.astype(dtype), np.zeros((n, groups), x.dtype), np.zeros((n, groups), x.dtype)
        mean, var = (m.reshape(n, groups) for m in row_moments(as_rows(x, c // groups * inner)))
        factor, shift = per_channel(mean, inverse_root(var, eps), widened(weight), widened(bias), c // groups)
        out = affine_rows(as_rows(x, inner), factor, shift)
        return out.reshape(shape).astype(dtype, copy=False), mean, var

    @staticmethod
    def group_norm_grad(g, x, weight, mean, var, groups, eps, needs):
        shape = x.shape
        n, c, inner = group_sizes(shape)
        if not x.size:
            return np.zeros(shape, x.dtype), *(np.zeros(c, x.dtype) if need else None for need in needs[1:])
        g, x = as_rows(widened(g), inner), as_rows(widened(x), inner)
        size = c // groups
        scale = inverse_root(var, eps)
        sums = np.vecdot(g, np.ones(inner, g.dtype)).reshape(n, groups, size)
        products = np.vecdot(g, x).reshape(n, groups, size)
        m, s = mean[:, :, None], scale[:, :, None]
        for_weight = ((products - m * sums) * s).sum(0).reshape(c) if needs[1] else None
        for_bias = sums.sum(0).reshape(c) if needs[2] else None
        if not needs[0]:
            return None, for_weight, for_bias
        w = np.ones((1, groups, size), x.dtype) if weight is None else widened(weight).reshape(1, groups, size)
        share = 1.0 / (size * inner)
        total = (sums * w).sum(2) * share
        for_x = ((products * w).sum(2) * share - mean * total) * scale * scale * -scale
        shift = -for_x * mean - scale * total
        spread = [np.repeat(a.reshape(-1), size) for a in (for_x, shift)]
        return combined_rows(g, x, (s * w).reshape(-1), *spread).reshape(shape), for_weight, for_bias


def vector(values, otherwise, width, dtype):
    """Affine parameters as one row."""
    if values is None:
        return np.full(width, otherwise, dtype)
    return widened(values).reshape(width).astype(dtype, copy=False)


def group_sizes(shape):
    return shape[0], shape[1], int(np.prod(shape[2:]))


def per_channel(mean, scale, weight, bias, size):
    """(factor, shift) per sample and channel, flat: factor = scale · weight, shift = bias - mean · factor."""
    n = len(mean)
    factor, mean = np.repeat(scale, size, axis=1), np.repeat(mean, size, axis=1)
    if weight is not None:
        factor *= weight
    shift = -mean * factor
    if bias is not None:
        shift += bias
    return factor.reshape(n * factor.shape[1]), shift.reshape(-1)


class Channels:
    """An array (N, C, *S) as rows, in the one of two ways that makes long rows.

    With many elements per channel a row is one channel of one sample, and values per channel are numbers per row. With
    few a row is a whole sample, and values per channel become a vector.
    """

    def __init__(self, x):
        self.shape = x.shape
        self.n, self.c, self.inner = group_sizes(x.shape)
        self.count = self.n * self.inner
        self.by_channel = self.inner >= LONG
        self.width = self.inner if self.by_channel else self.c * self.inner
        self.x = as_rows(x, self.width)

    def moments(self):
        """(mean, biased variance) per channel."""
        share = 1.0 / max(self.count, 1)
        mean = self.sums(self.x) * share
        square = mean * mean
        var = self.product_sums(self.x) * share - square
        if (square > CANCELLED * var).any():
            centred = Channels(self.affine(np.ones_like(mean), -mean).reshape(self.shape))
            var = centred.product_sums(centred.x) * share
        return mean, var

    def sums(self, a):
        """Σ a per channel."""
        a = as_rows(a, self.width)
        if self.by_channel:
            return np.vecdot(a, np.ones(self.width, a.dtype)).reshape(self.n, self.c).sum(0)
        return self.folded(np.add.reduce(a, 0))

    def product_sums(self, a):
        """Σ a · x per channel."""
        a = as_rows(a, self.width)
        if self.by_channel:
            return np.vecdot(a, self.x).reshape(self.n, self.c).sum(0)
        total = np.zeros(self.width, a.dtype)
        for rows in rows_of(*a.shape):
            total += np.add.reduce(a[rows] * self.x[rows], 0)
        return self.folded(total)

    def folded(self, sums):
        return sums if self.inner == 1 else sums.reshape(self.c, self.inner).sum(1)

    def spread(self, values):
        """Values per channel as numbers per row, or as a vector."""
        return np.tile(values, self.n) if self.by_channel else np.repeat(values, self.inner)

    def affine(self, factor, shift, a=None):
        """a · factor + shift; a is the array itself unless given."""
        a = self.x if a is None else as_rows(a, self.width)
        factor = self.spread(factor)
        shift = None if shift is None else self.spread(shift)
        if self.by_channel:
            factor, shift = factor[:, None], None if shift is None else shift[:, None]
        out = np.empty_like(a)
        for rows in rows_of(*a.shape):
            block = np.multiply(a[rows], factor[rows] if self.by_channel else factor, out[rows])
            if shift is not None:
                np.add(block, shift[rows] if self.by_channel else shift, block)
        return out.reshape(self.shape)

    def combined(self, g, for_g, for_x, shift):
        """g · for_g + x · for_x + shift."""
        out = as_rows(self.affine(for_g, shift, g), self.width)
        for_x = self.spread(for_x)
        for rows in rows_of(*out.shape):
            part = self.x[rows] * (for_x[rows, None] if self.by_channel else for_x)
            np.add(out[rows], part, out[rows])
        return out.reshape(self.shape)
