"""numpy's resampling, as products with the matrices of its tables, and its sampling at places of a grid."""

import math
from functools import lru_cache

import numpy as np

from .grid_sampling import GridSampling
from .half import in_float32
from .resampling import Resampling

__all__ = ["NumpyResampling"]

NARROW = 64  # columns of a matrix that is multiplied as a whole
WIDTH = 32  # columns that a band of a wider one has, about


@lru_cache(maxsize=256)
def bands(table, transposed, dtype):
    """The matrix of a table, or its transpose, as bands of rows: (first row, last row, first column, last column, values)."""
    rows, columns = np.repeat(np.arange(table.count), table.taps), table.index.reshape(-1)
    values = np.ones(rows.size) if table.weights is None else table.weights.reshape(-1)
    count, width = table.count, table.size
    if transposed:
        order = np.argsort(columns, kind="stable")
        rows, columns, values = columns[order], rows[order], values[order]
        count, width = width, count
    step = count if width <= NARROW else max(8, WIDTH * count // width)
    found = []
    for start in range(0, count, step):
        stop = min(start + step, count)
        inside = slice(*np.searchsorted(rows, (start, stop)))
        met = columns[inside]
        low, high = (met.min(), met.max() + 1) if met.size else (0, 0)
        matrix = np.zeros((stop - start, high - low))
        np.add.at(matrix, (rows[inside] - start, met - low), values[inside])
        found.append((start, stop, low, high, matrix.astype(dtype)))
    return count, tuple(found)


def multiplied(x, axis, table, transposed=False):
    """x with one axis multiplied by the matrix of a table."""
    count, parts = bands(table, transposed, x.dtype)
    lead, n, trail = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if trail == 1:
        x, out = x.reshape(lead, n), np.empty((lead, count), x.dtype)
        for start, stop, low, high, matrix in parts:
            np.matmul(x[:, low:high], matrix.T, out=out[:, start:stop])
    else:
        x, out = x.reshape(lead, n, trail), np.empty((lead, count, trail), x.dtype)
        for start, stop, low, high, matrix in parts:
            np.matmul(matrix, x[:, low:high], out=out[:, start:stop])
    return out.reshape(shape)


class NumpyResampling(GridSampling, Resampling):
    """Mixed into the numpy backend."""

    @in_float32(1)
    def _resampled(self, x, axes):
        # The zeros of a matrix would spread what is not finite.
        if not np.isfinite(x.sum()):
            return super()._resampled(x, axes)
        for axis, table in self._changed(x, axes):
            x = self._resample_axis(x, axis, table) if table.weights is None else multiplied(x, axis, table)
        return x

    def _resample_axis(self, x, axis, table):
        if table.weights is None:
            return x.take(table.index.reshape(-1), axis)
        if table.shift is not None:  # sums of whole numbers are exact in float64
            return multiplied(x.astype(np.float64), axis, table).astype(np.int64)
        return super()._resample_axis(x, axis, table)

    @in_float32(1)
    def resample_input(self, g, axes):
        if not np.isfinite(g.sum()):
            return super().resample_input(g, axes)
        for axis, table in self._changed(g, axes):
            g = multiplied(g, axis, table, transposed=True)
        return g

    def _rows_at(self, rows, index, inside):
        found = rows.take(index, 0)
        if not inside.all():
            found[~inside] = 0
        return found

    def _rows_spread(self, rows, index, inside, shape):
        if not inside.all():
            rows, index = rows[inside], index[inside]
        # One by one: numpy adds single numbers 6 times faster than rows.
        total = np.zeros(math.prod(shape), rows.dtype)
        np.add.at(total, (index[:, None] * shape[1] + np.arange(shape[1])).reshape(-1), rows.reshape(-1))
        return total.reshape(shape)
