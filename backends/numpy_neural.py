"""numpy's linear layers and embeddings: one matrix product over all leading axes, sums of rows."""

import math

import numpy as np

from .half import in_float32
from .numpy_conv import in_blas
from .numpy_scatter import add_rows_to

__all__ = ["NumpyNeural"]


def rows_of(x):
    """All leading axes as one."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def linear(x, weight, bias):
    out = np.matmul(rows_of(x), weight.T)
    if bias is not None:
        np.add(out, bias, out=out)
    return out if x.ndim == 2 else out.reshape(*x.shape[:-1], len(weight))


def linear_input(y, weight):
    out = np.matmul(rows_of(y), weight)
    return out if y.ndim == 2 else out.reshape(*y.shape[:-1], weight.shape[1])


def linear_weight(y, x):
    return np.matmul(rows_of(y).T, rows_of(x))


class NumpyNeural:
    """Mixed into the numpy backend."""

    linear = in_blas(linear)
    linear_input = in_blas(linear_input)
    linear_weight = in_blas(linear_weight)

    def embedding(self, weight, index, padding_idx, by_count):
        if index.size and index.min() < 0:
            raise IndexError("a negative row number")  # numpy would count from the end
        return self.getitem(weight, (index,))

    @in_float32(1)
    def add_rows(self, y, index, rows):
        y, index = y.reshape(-1, y.shape[-1]), index.reshape(-1)
        out = np.zeros((rows, y.shape[1]), y.dtype)
        add_rows_to(out, index, y)
        return out
