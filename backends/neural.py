"""What linear and embedding layers compute, derived from the required functions."""

import math

from .half import in_float32

__all__ = ["Neural"]


class Neural:
    """Mixed into :class:`plugrad.backends.Backend`."""

    # --- linear: x (..., k), weight (m, k), y (..., m) ---
    def linear(self, x, weight, bias):
        """x @ weightᵀ + bias."""
        self.refuse_bools(x)
        out = self._by_rows(x, self.permute_dims(weight, (1, 0)))
        return out if bias is None else out + bias

    def refuse_bools(self, x):
        """Raise for bools, which have no sum of products here, though some libraries have one."""
        if x.dtype == self.bool:
            raise TypeError("bools have no product")

    def linear_input(self, y, weight):
        """y @ weight: the gradient of :meth:`linear` for x."""
        return self._by_rows(y, weight)

    def linear_weight(self, y, x):
        """yᵀ @ x over all leading axes: the gradient of :meth:`linear` for the weight."""
        return self.matmul(self.permute_dims(self._rows(y), (1, 0)), self._rows(x))

    def _rows(self, x):
        """All leading axes as one."""
        if len(x.shape) == 2:
            return x
        return self.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))

    def _by_rows(self, x, matrix):
        out = self.matmul(self._rows(x), matrix)
        return out if len(x.shape) == 2 else self.reshape(out, (*x.shape[:-1], matrix.shape[1]))

    # --- embedding: weight (rows, D), index (*) of whole numbers, y (*, D) ---
    def embedding(self, weight, index, padding_idx, by_count):
        """The rows of the weight at an index. ``padding_idx`` and ``by_count`` concern the gradient."""
        if self.outside(index, weight.shape[0]):
            raise IndexError("no such row")
        return self.getitem(weight, (index,))

    def embedding_backward(self, y, index, rows, padding_idx, by_count):
        """The gradient of :meth:`embedding`: each row is the sum of the y that stand at its number.

        Args:
            rows: how many rows the weight has.
            padding_idx: a row that gets no gradient, or None.
            by_count: divide each row by how often its number occurs.
        """
        share = self._share_of_rows(index, rows, padding_idx, by_count, y.dtype)
        return self.add_rows(y if share is None else y * share, index, rows)

    def embedding_pick(self, x, index, padding_idx, by_count):
        """The transpose of :meth:`embedding_backward`."""
        share = self._share_of_rows(index, x.shape[0], padding_idx, by_count, x.dtype)
        picked = self.getitem(x, (index,))
        return picked if share is None else picked * share

    @in_float32(1)
    def add_rows(self, y, index, rows):
        """Zeros (rows, D) with y (*, D) added at the rows that index (*) tells."""
        out = self.zeros((rows, y.shape[-1]), y.dtype)
        self.add_at(out, (index,), y)
        return out

    def _share_of_rows(self, index, rows, padding_idx, by_count, dtype):
        """What the gradient at each place is multiplied by, (*, 1); None: nothing."""
        share = None
        if padding_idx is not None:
            share = self.astype(index != padding_idx, dtype)
        if by_count:
            counts = self.zeros((rows,), dtype)
            self.add_at(counts, (index,), self.ones(index.shape, dtype))
            per_row = 1.0 / self.getitem(counts, (index,))
            share = per_row if share is None else share * per_row
        return None if share is None else self.expand_dims(share, len(index.shape))
