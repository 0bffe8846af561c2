"""Reductions by numpy. Half precision is added up and multiplied up in float32, and rounded once: in bfloat16 a sum of ones
would stop at 256."""

import math

import numpy as np

__all__ = ["NumpySums"]

_add_reduce = np.add.reduce
_multiply_reduce = np.multiply.reduce


def is_half(a):
    return a.dtype.itemsize == 2 and a.dtype.kind not in "iu"


class NumpySums:
    """Mixed into the numpy namespace."""

    @staticmethod
    def widened(a):
        return a if a is None or a.itemsize != 2 or not is_half(a) else a.astype(np.float32)

    @staticmethod
    def sum(a, axis, keepdims):
        if a.itemsize == 2 and is_half(a):
            return _add_reduce(a, axis, np.float32, None, keepdims).astype(a.dtype)
        return _add_reduce(a, axis, None, None, keepdims)

    @staticmethod
    def sum_all(a):
        if a.itemsize == 2 and is_half(a):
            return _add_reduce(a, None, np.float32).astype(a.dtype)
        return _add_reduce(a, None)

    def mean(self, a, axis, keepdims):
        if a.itemsize == 2:
            return super().mean(a, axis, keepdims)
        return _add_reduce(a, axis, None, None, keepdims) / self.count(a.shape, axis)

    def mean_all(self, a):
        if a.itemsize == 2:
            return super().mean_all(a)
        return _add_reduce(a, None) / a.size if a.size else _add_reduce(a, None) * math.nan

    @staticmethod
    def prod(a, axis, keepdims):
        if a.itemsize == 2 and is_half(a):
            return _multiply_reduce(a, axis, np.float32, None, keepdims).astype(a.dtype)
        return _multiply_reduce(a, axis, None, None, keepdims)

    @staticmethod
    def cumulative_sum(a, axis):
        if is_half(a):
            return np.cumsum(a, axis, np.float32).astype(a.dtype)
        return np.cumsum(a, axis, a.dtype)

    @staticmethod
    def cumulative_prod(a, axis):
        if is_half(a):
            return np.cumprod(a, axis, np.float32).astype(a.dtype)
        return np.cumprod(a, axis, a.dtype)

    @staticmethod
    def divided(x, divisor):
        return x / divisor if x.itemsize != 2 else (x.astype(np.float32) / divisor).astype(x.dtype)
