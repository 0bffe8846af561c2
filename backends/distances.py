"""Distances between all pairs of rows, and their slopes; written so that they run on arrays and on recorded tensors."""

import math

from .half import in_float32


class Distances:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def differences(self, x, y):
        """x[..., i, :] - y[..., j, :] for all i and j."""
        rank = len(x.shape)
        return self.expand_dims(x, rank - 1) - self.expand_dims(y, rank - 2)

    def cdist(self, x, y, p):
        if not x.shape[-1]:
            return self.zeros((*x.shape[:-1], y.shape[-2]), x.dtype)
        return self.lengths(self.abs(self.differences(x, y)), p)

    def lengths(self, size, p):
        """The p-norms along the last axis of what is not negative."""
        last = len(size.shape) - 1
        if p == 0:
            return self.sum(self.astype(size != 0, size.dtype), (last,), False)
        if p == 1:
            return self.sum(size, (last,), False)
        if p == 2:
            return self.sqrt(self.sum(size * size, (last,), False))
        if p == math.inf:
            return self.max(size, (last,), False)
        return self.pow_scalar(self.sum(self.pow_scalar(size, p), (last,), False), 1 / p)

    def cdist_slope(self, x, y, out, p):
        """d out[..., i, j] / d x[..., i, k], with a last axis of k; 0 where a distance is 0, as in torch."""
        diff = self.differences(x, y)
        if p == 0:
            return self.zeros_like(diff)
        sign, far = self.sign(diff), self.expand_dims(out, len(out.shape))
        if p == 1:
            return sign
        if p == math.inf:
            return sign * self.astype(self.abs(diff) == far, sign.dtype)
        at_zero = far == 0
        safe = self.select(at_zero, self.ones_like(far), far)
        if p == 2:
            slope = diff / safe
        else:
            size = self.abs(diff)
            raised = self.pow_scalar(self.select(size == 0, self.ones_like(size), size), p - 1)
            slope = sign * raised / self.pow_scalar(safe, p - 1)
        return self.select(at_zero, self.zeros_like(slope), slope)

    def cdist_grad(self, g, x, y, out, p, of_x):
        weighted = self.expand_dims(g, len(g.shape)) * self.cdist_slope(x, y, out, p)
        rank = len(g.shape)
        return self.sum(weighted, (rank - 1,), False) if of_x else -self.sum(weighted, (rank - 2,), False)

    def cdist_tangent(self, t_x, t_y, x, y, out, p):
        t_x, t_y = self.tangents_of_pair(t_x, t_y, x, y)
        return self.sum(self.differences(t_x, t_y) * self.cdist_slope(x, y, out, p), (len(x.shape),), False)

    def tangents_of_pair(self, t_x, t_y, x, y):
        """Zeros for an argument that does not move."""
        return self.zeros_like(x) if t_x is None else t_x, self.zeros_like(y) if t_y is None else t_y

    # --- within one set of rows ---
    def pair_starts(self, row, n):
        """How many pairs i < j of n begin with an i below ``row``."""
        return row * (2 * n - 1 - row) // 2

    def row_pairs(self, n):
        """The index arrays (i, j) of all pairs i < j of n, row after row."""
        k = self.arange(0, n * (n - 1) // 2, 1, self.int64)
        # Solved for i in floating point, which can be one off where k is the first or last pair of a row.
        root = self.sqrt(self.full((), (2 * n - 1) ** 2, self.float64) - 8.0 * self.astype(k, self.float64))
        i = self.astype(self.floor(((2 * n - 1) - root) * 0.5), self.int64)
        i = self.where(self.pair_starts(i, n) > k, i - 1, i)
        i = self.where(self.pair_starts(i + 1, n) <= k, i + 1, i)
        return i, k - self.pair_starts(i, n) + i + 1

    def pdist(self, x, p):
        n = x.shape[0]
        if not n or not x.shape[1]:
            return self.zeros((n * (n - 1) // 2,), x.dtype)
        i, j = self.row_pairs(n)
        return self.lengths(self.abs(self.getitem(x, (i,)) - self.getitem(x, (j,))), p)

    def square_of_pairs(self, values, n):
        """(n, n) with the value of each pair at both its places, 0 on the diagonal."""
        ruler = self.arange(0, n, 1, self.int64)
        i, j = self.reshape(ruler, (n, 1)), self.reshape(ruler, (1, n))
        low, high = self.minimum(i, j), self.maximum(i, j)
        at = self.select(i == j, 0, self.pair_starts(low, n) + high - low - 1)
        return self.select(i == j, 0.0, self.getitem(values, (at,)))

    @in_float32(3)
    def pdist_grad(self, g, x, out, p):
        n = x.shape[0]
        if n < 2 or not x.shape[1]:
            return self.zeros_like(x)
        g, out = self.square_of_pairs(g, n), self.square_of_pairs(out, n)
        return self.cdist_grad(g, x, x, out, p, True)

    # --- by a matrix product ---
    def matrix_transpose(self, a):
        return self.swap_axes(a, len(a.shape) - 2, len(a.shape) - 1)

    def euclidean_dist(self, x, y):
        """√(|x|² + |y|² - 2 x·y)."""
        last = (len(x.shape) - 1,)
        squares = self.sum(x * x, last, True) + self.matrix_transpose(self.sum(y * y, last, True))
        found = squares - self.matmul(x, self.matrix_transpose(y)) * 2.0
        return self.sqrt(self.maximum(found, self.zeros_like(found)))

    def euclidean_ratio(self, g, out):
        at_zero = out == 0
        return self.select(at_zero, self.zeros_like(g), g / self.select(at_zero, self.ones_like(out), out))

    def euclidean_grad(self, g, x, y, out):
        ratio = self.euclidean_ratio(g, out)
        return x * self.sum(ratio, (len(ratio.shape) - 1,), True) - self.matmul(ratio, y)

    def euclidean_tangent(self, t_x, t_y, x, y, out):
        t_x, t_y = self.tangents_of_pair(t_x, t_y, x, y)
        last = (len(x.shape) - 1,)
        own = self.sum(x * t_x, last, True) + self.matrix_transpose(self.sum(y * t_y, last, True))
        mixed = self.matmul(t_x, self.matrix_transpose(y)) + self.matmul(x, self.matrix_transpose(t_y))
        return self.euclidean_ratio(own - mixed, out)
