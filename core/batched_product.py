"""Products under vmap: matrices, linear layers, convolutions."""

import math

__all__ = ["BatchedProducts"]


class BatchedProducts:
    """Mixed into :class:`plugrad.core.batched_space.BatchedSpace`."""

    # --- matrices ---
    def matmul(self, x, y):
        x, y = self.own(x), self.own(y)
        row, column = len(x.shape) == 1, len(y.shape) == 1
        x = self.expand_dims(x, 0) if row else x
        y = self.expand_dims(y, 1) if column else y
        out = self._product(x, y)
        *lead, n, m = out.shape
        return self.reshape(out, (*lead, *(() if row else (n,)), *(() if column else (m,))))

    def _product(self, x, y):
        shared = self.same_for_all(y)
        if shared is not None and len(shared.shape) == 2:
            return self._by_shared_matrix(x, shared)
        rank = max(len(x.shape), len(y.shape))
        return self.made(self.base.matmul(self.ranked(x, rank), self.ranked(y, rank)))

    def _by_shared_matrix(self, x, matrix):
        """x @ matrix for one matrix: all rows of all examples at once."""
        lead = x.data.shape[:-1]
        rows = self.base.reshape(x.data, (math.prod(lead), x.shape[-1]))
        return self.made(self.base.reshape(self.base.matmul(rows, matrix), (*lead, matrix.shape[1])))

    def linear(self, x, weight, bias):
        matrix = self.same_for_all(weight)
        if matrix is None:
            return super().linear(self.own(x), self.own(weight), bias)
        shared = None if bias is None else self.same_for_all(bias)
        out = self.made(self.base.linear(self.own(x).data, matrix, shared))
        return out if bias is None or shared is not None else out + bias

    # --- convolutions ---
    def convolution(self, x, weight, bias, stride, padding, dilation, groups):
        x, shared = self.own(x), self.same_for_all(weight)
        if shared is not None:
            count, images = x.data.shape[:2]
            folded = self.base.reshape(x.data, (count * images, *x.shape[1:]))
            out = self.base.convolution(folded, shared, None, stride, padding, dilation, groups)
            return self._with_bias(self._unfolded(out, count, images), bias)
        kernels = self._joined_kernels(weight)
        out = self.base.convolution(
            self._as_channels(x), kernels, None, stride, padding, dilation, groups * self.batch.size
        )
        return self._with_bias(self._from_channels(out), bias)

    def convolution_input(self, g, weight, size, stride, padding, dilation, groups):
        g, shared = self.own(g), self.same_for_all(weight)
        if shared is not None:
            count, images = g.data.shape[:2]
            folded = self.base.reshape(g.data, (count * images, *g.shape[1:]))
            out = self.base.convolution_input(folded, shared, size, stride, padding, dilation, groups)
            return self._unfolded(out, count, images)
        kernels = self._joined_kernels(weight)
        out = self.base.convolution_input(
            self._as_channels(g), kernels, size, stride, padding, dilation, groups * self.batch.size
        )
        return self._from_channels(out)

    def convolution_weight(self, g, x, kernel, stride, padding, dilation, groups):
        out = self.base.convolution_weight(
            self._as_channels(g), self._as_channels(x), kernel, stride, padding, dilation, groups * self.batch.size
        )
        return self.made(self.base.reshape(out, (self.batch.size, out.shape[0] // self.batch.size, *out.shape[1:])))

    def _joined_kernels(self, weight):
        """Weights (O, C, *K) of all examples as one of B · O outputs: each example is a group of channels."""
        data = self.every(weight)
        return self.base.reshape(data, (data.shape[0] * data.shape[1], *data.shape[2:]))

    def _as_channels(self, x):
        """Images (N, C, *S) of all examples as (N, B · C, *S)."""
        data = self.base.swap_axes(self.every(x), 0, 1)
        return self.base.reshape(data, (data.shape[0], data.shape[1] * data.shape[2], *data.shape[3:]))

    def _from_channels(self, out):
        shape = (out.shape[0], self.batch.size, out.shape[1] // self.batch.size, *out.shape[2:])
        return self.made(self.base.swap_axes(self.base.reshape(out, shape), 0, 1))
