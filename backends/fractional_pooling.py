"""Pooling over windows whose places are drawn, derived from the required functions: axis by axis, tap by tap."""

__all__ = ["FractionalPooling"]


class FractionalPooling:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def window_starts(self, sample, size, count, kernel):
        """Where ``count`` windows of ``kernel`` taps start on an axis of ``size``: sample (*) → (*, count).

        The i-th is ⌊(i + u) · a⌋ - ⌊u · a⌋ with a = (size - kernel) / (count - 1), the last always size - kernel. Each step
        is rounded to the dtype of the sample, as torch does it.
        """
        last = self.full((*sample.shape, 1), size - kernel, self.int64)
        if count == 1:
            return last
        step = self.full((), size - kernel, sample.dtype) / self.full((), count - 1, sample.dtype)
        u = self.reshape(sample, (*sample.shape, 1))
        number = self.astype(self.arange(0, count - 1, 1, self.int64), sample.dtype)
        # Both are at least 0: the cast, which cuts towards 0, is the floor.
        starts = self.astype((number + u) * step, self.int64) - self.astype(u * step, self.int64)
        return self.concat([starts, last], len(sample.shape))

    def fractional_max_pool(self, x, samples, kernel, size):
        """(the maximum of each window, its place in the flattened pooled axes): x (*lead, *S) → (*lead, *size).

        samples (*lead, axes) holds one number from 0 to 1 per axis, of two axes the last one first.
        """
        dims = len(size)
        lead = len(x.shape) - dims
        if 0 in size:
            shape = (*x.shape[:lead], *size)
            return self.zeros(shape, x.dtype), self.zeros(shape, self.int64)
        at = self.broadcast_to(self._places(x.shape, dims), tuple(x.shape))
        for axis in reversed(range(dims)):
            sample = self.getitem(samples, (..., 1 - axis if dims == 2 else axis))
            starts = self.window_starts(sample, x.shape[lead + axis], size[axis], kernel[axis])
            x, at = self._drawn_max(x, at, lead + axis, starts, kernel[axis])
        return x, at

    def _drawn_max(self, x, at, axis, starts, kernel):
        """Values and places of the maxima of windows along one axis that start where ``starts`` (*lead, windows) tells."""
        lead = len(starts.shape) - 1
        shape = (*x.shape[:axis], starts.shape[lead], *x.shape[axis + 1 :])
        starts = self.reshape(starts, tuple(n if i < lead or i == axis else 1 for i, n in enumerate(shape)))
        top = place = None
        for tap in range(kernel):
            index = self.broadcast_to(starts + tap, shape)
            value, found = self.take_along_axis(x, index, axis), self.take_along_axis(at, index, axis)
            if top is None:
                top, place = value, found
            else:
                top, place = self._larger(top, place, value, found, True)
        return top, place
