"""Distances between all pairs of rows, and their slopes; written so that they run on arrays and on recorded tensors."""

import math


class Distances:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def differences(self, x, y):
        """x[..., i, :] - y[..., j, :] for all i and j."""
        rank = len(x.shape)
        return self.expand_dims(x, rank - 1) - self.expand_dims(y, rank - 2)

    def cdist(self, x, y, p):
        if not x.shape[-1]:
            return self.zeros((*x.shape[:-1], y.shape[-2]), x.dtype)
        size = self.abs(self.differences(x, y))
        last = len(size.shape) - 1
        if p == 0:
            return self.sum(self.astype(size != 0, x.dtype), (last,), False)
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
