"""softmax and losses by numpy."""

import math

import numpy as np

from .half import in_float32
from .numpy_blocks import BLOCK, each_block, ones, rows_of

__all__ = ["NumpyLosses"]


def along(a, axis):
    """A view or copy with the axis second: rows (outer, n), or (outer, n, inner) where it is not the last."""
    if a.dtype.itemsize == 2:
        a = a.astype(np.float32)
    shape = a.shape
    inner = math.prod(shape[axis + 1 :])
    a = a if a.flags.c_contiguous else np.ascontiguousarray(a)
    return a.reshape(-1, shape[axis]) if inner == 1 else a.reshape(-1, shape[axis], inner)


def over_axis(arrays_in):
    """Make a backend's function of a kernel ``kernel(out, *arrays)`` on blocks (rows, n) or (outer, n, inner), axis 1."""

    def decorate(kernel):
        def function(*arguments):
            arrays, axis = arguments[:arrays_in], arguments[arrays_in]
            first = arrays[0]
            if not first.size:
                return first.copy()
            parts = [along(a, axis) for a in arrays]
            out = np.empty(first.shape, parts[0].dtype)
            flat = out.reshape(parts[0].shape)
            if first.size <= BLOCK:
                kernel(flat, *parts)
            else:
                each_block(lambda block: kernel(flat[block], *(p[block] for p in parts)), len(flat), flat[0].size)
            return out.astype(first.dtype, copy=False)

        function.__doc__ = kernel.__doc__
        return staticmethod(function)

    return decorate


def top(x):
    """The maximum over axis 1. Of rows argmax finds it several times as fast as the maximum itself."""
    if x.ndim == 3:
        return np.maximum.reduce(x, 1, keepdims=True)
    return x[np.arange(len(x)), x.argmax(1)][:, None]


def total(x):
    """The sum over axis 1; a dot product is faster than a sum."""
    if x.ndim == 3:
        return np.add.reduce(x, 1, keepdims=True)
    return np.vecdot(x, ones(x.shape[1], x.dtype))[:, None]


def total_product(x, y):
    if x.ndim == 3:
        return np.add.reduce(x * y, 1, keepdims=True)
    return np.vecdot(x, y)[:, None]


class NumpyLosses:
    """Mixed into the numpy namespace."""

    @over_axis(1)
    def softmax(out, x):
        np.subtract(x, top(x), out)
        np.exp(out, out)
        np.multiply(out, 1 / total(out), out)

    @over_axis(1)
    def log_softmax(out, x):
        np.subtract(x, top(x), out)
        np.subtract(out, np.log(total(np.exp(out))), out)

    @over_axis(2)
    def softmax_grad(out, g, y):
        """y · (g - Σ g·y)."""
        np.subtract(g, total_product(g, y), out)
        np.multiply(out, y, out)

    @over_axis(2)
    def log_softmax_grad(out, g, y):
        """g - exp(y) · Σ g."""
        np.exp(y, out)
        np.multiply(out, total(g), out)
        np.subtract(g, out, out)

    def mse_loss(self, x, y, reduction):
        if reduction == "none" or x.dtype.itemsize == 2 or not x.size:
            return super().mse_loss(x, y, reduction)
        x, y = x.reshape(-1), y.reshape(-1)
        squares = 0.0
        for block in rows_of(x.size, 1):
            difference = x[block] - y[block]
            squares += float(np.dot(difference, difference))
        return x.dtype.type(squares / x.size if reduction == "mean" else squares)

    @in_float32(1)
    def nll_loss(self, x, target, weight, reduction, ignore_index):
        if not counts_all(target, weight, ignore_index):
            return super().nll_loss(x, target, weight, reduction, ignore_index)
        picked = x[picks(x.shape, target)]
        if reduction == "none":
            return np.negative(picked)
        found = np.negative(np.add.reduce(picked, None))
        return found if reduction == "sum" else np.divide(found, x.dtype.type(target.size))

    @in_float32(1)
    def nll_loss_backward(self, g, target, weight, reduction, ignore_index, shape):
        if counts_all(target, weight, ignore_index):
            each = np.divide(g, -target.size if reduction == "mean" and target.size else -1)
            safe = target
        else:
            safe, w = self.class_weights(target, weight, ignore_index, g.dtype)
            if reduction == "mean":
                g = np.divide(g, np.add.reduce(w, None))
            each = np.where(target != ignore_index, w * -g, 0)
        out = np.zeros(shape, g.dtype)
        out[picks(shape, safe)] = each
        return out


def counts_all(target, weight, ignore_index):
    """Whether every target is a class of weight 1."""
    return weight is None and ignore_index < 0 and (not target.size or target.min() >= 0)


def picks(shape, target):
    """The key of one element per place: the target class along axis 1, or 0 of a vector."""
    if target.ndim < 2:
        return (np.arange(len(target)), target) if target.ndim else target
    places = np.ogrid[tuple(slice(n) for n in target.shape)]
    return places[0], target, *places[1:]
