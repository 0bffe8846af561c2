"""Resampling along axes by tables of elements and weights, derived from the required functions.

A table says of one axis: size, count, taps, shift, unchanged, and ``on(xp, dtype)``, its flat index and its weights.
"""

from .half import in_float32

__all__ = ["Resampling"]


class Resampling:
    """Mixed into :class:`plugrad.backends.Backend`. x is (..., *S), with one table for each axis of S."""

    def resample(self, x, axes):
        """Each axis of S by its table: Σ over taps of weight times element."""
        return self._resampled_bytes(x, axes) if x.dtype == self.uint8 else self._resampled(x, axes)

    @in_float32(1)
    def _resampled(self, x, axes):
        for axis, table in self._changed(x, axes):
            x = self._resample_axis(x, axis, table)
        return x

    def _changed(self, x, axes):
        """The axes that change, the last one first; one that does not where all are such, so that a copy is made."""
        first = len(x.shape) - len(axes)
        found = [(first + i, table) for i, table in enumerate(axes) if not table.unchanged]
        return reversed(found) if found else [(first, axes[0])]

    def _resample_axis(self, x, axis, table):
        index, weights = table.on(self, x.dtype)
        picked = self.getitem(x, (slice(None),) * axis + (index,))
        if weights is None:
            return picked
        apart = self.reshape(picked, (*x.shape[:axis], table.count, table.taps, *x.shape[axis + 1 :]))
        return self.sum(apart * self._beside(weights, x, axis, table), (axis + 1,), False)

    def _beside(self, weights, x, axis, table):
        return self.reshape(weights, (table.count, table.taps, *(1 for _ in x.shape[axis + 1 :])))

    def _resampled_bytes(self, x, axes):
        """uint8 by integer weights, rounded after each axis."""
        for axis, table in self._changed(x, axes):
            if table.shift is None:
                x = self._resample_axis(x, axis, table)
                continue
            total = self._resample_axis(self.astype(x, self.int64), axis, table) + (1 << (table.shift - 1))
            x = self.astype(self.clip(self.bitwise_right_shift_by(total, table.shift), 0, 255), self.uint8)
        return x

    def bitwise_right_shift_by(self, x, count):
        """⌊x / 2^count⌋ of whole numbers."""
        return self.floor_divide(x, self.full((), 1 << count, x.dtype))

    @in_float32(1)
    def resample_input(self, g, axes):
        """The transpose of :meth:`resample`: each gradient, weighted, is added where its taps lie."""
        for axis, table in self._changed(g, axes):
            g = self._spread_axis(g, axis, table)
        return g

    def _spread_axis(self, g, axis, table):
        index, weights = table.on(self, g.dtype)
        shape = (*g.shape[:axis], table.size, *g.shape[axis + 1 :])
        if weights is not None:
            parts = self.expand_dims(g, axis + 1) * self._beside(weights, g, axis, table)
            g = self.reshape(parts, (*g.shape[:axis], table.count * table.taps, *g.shape[axis + 1 :]))
        return self.index_backward(g, (slice(None),) * axis + (index,), shape)
