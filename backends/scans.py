"""Running extremes and sums along an axis, order statistics, and places in sorted sequences."""

import math

from .half import in_float32


class Scans:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def running(self, function, x, axis):
        """What an associative function of two arrays gives for each element and all those before it.

        Each pass joins pieces twice as long as the last one: log₂ n passes over the array.
        """
        n, step = x.shape[axis], 1
        while step < n:
            joined = function(self.part(x, axis, 0, n - step), self.part(x, axis, step, n))
            x = self.concat([self.part(x, axis, 0, step), joined], axis)
            step *= 2
        return x

    def places_along(self, shape, axis):
        """For each element its index along an axis."""
        ruler = self.arange(0, shape[axis], 1, self.int64)
        lone = tuple(n if i == axis else 1 for i, n in enumerate(shape))
        return self.broadcast_to(self.reshape(ruler, lone), tuple(shape))

    def cummax(self, x, axis):
        return self._records(self.maximum, x, axis)

    def cummin(self, x, axis):
        return self._records(self.minimum, x, axis)

    def _records(self, extreme, x, axis):
        """(the extreme so far, where it was met last); a NaN stays."""
        if not x.shape:
            return self.copy(x), self.zeros((), self.int64)
        best = self.running(extreme, x, axis)
        met = self.logical_or(x == best, x != x)
        at = self.where(met, self.places_along(x.shape, axis), self.zeros(x.shape, self.int64))
        return best, self.running(self.maximum, at, axis)

    @in_float32(1)
    def logcumsumexp(self, x, axis):
        if not x.shape or 0 in x.shape:
            return self.copy(x)
        if not self.dtype_names[x.dtype].startswith("complex"):
            return self.running(self.log_of_sum, x, axis)
        parts = [self.part(x, axis, 0, 1)]
        for i in range(1, x.shape[axis]):
            parts.append(self._complex_log_of_sum(parts[-1], self.part(x, axis, i, i + 1)))
        return self.concat(parts, axis)

    def log_of_sum(self, x, y):
        """log(eˣ + eʸ)"""
        high, low = self.maximum(x, y), self.minimum(x, y)
        return high + self.log1p(self.exp(self.select(low == high, 0.0, low - high)))

    def _complex_log_of_sum(self, x, y):
        first = self.real(x) >= self.real(y)
        high, low = self.where(first, x, y), self.where(first, y, x)
        return high + self.log1p(self.exp(low - high))

    @in_float32(3)
    def logcumsumexp_grad(self, g, x, out, axis):
        """Σ_{i≥k} g_i exp(x_k - out_i): the sum from the end, t_k = g_k + exp(out_k - out_{k+1}) t_{k+1}, whose factors are at
        most 1, in passes of twice the reach.
        """
        if not x.shape or 0 in x.shape:
            return g
        x, out = self._finite_below(x), self._finite_below(out)
        n, step, total = x.shape[axis], 1, g
        while step < n:
            gap = self.part(out, axis, 0, n - step) - self.part(out, axis, step, n)
            nearer = self.part(total, axis, 0, n - step) + self.exp(gap) * self.part(total, axis, step, n)
            total = self.concat([nearer, self.part(total, axis, n - step, n)], axis)
            step *= 2
        return self.exp(x - out) * total

    def _finite_below(self, x):
        """-∞ as a number far below all others, so that differences of two are 0."""
        if self.dtype_names[x.dtype].startswith("complex"):
            return x
        return self.select(x == -math.inf, -1e30, x)

    # --- moments ---
    def std(self, x, axes, correction, keepdims):
        return self.sqrt(self.var(x, axes, correction, keepdims))

    def over_root(self, g, out):
        """g / out, 0 where out is 0."""
        zero = out == 0
        return self.select(zero, 0.0, g / self.select(zero, 1.0, out))

    # --- order statistics ---
    def nansum(self, x, axes, keepdims):
        return self.sum(self.select(self.isnan(x), 0.0, x), axes, keepdims)

    def middle(self, x, axis, keepdims, skips_nan):
        """(the lower median along an axis, its index); of NaNs the first, or those are left out."""
        if not x.shape:
            return self.copy(x), self.zeros((), self.int64)
        at = self.argsort_order(x, axis, False)
        n = x.shape[axis]
        known = self.sum(self.astype(x == x, self.int64), axis, True)
        if skips_nan:
            k = self.maximum((known - 1) // 2, self.zeros_like(known))
        else:
            k = self.where(known < n, known, self.full(known.shape, (n - 1) // 2, self.int64))
        return self._picked(x, self.take_along_axis(at, k, axis), axis, keepdims)

    def middle_all(self, x, skips_nan):
        count = self.count(x.shape, None)
        if not count:
            return self.full((), math.nan, x.dtype)
        return self.middle(self.reshape(x, (count,)), 0, False, skips_nan)[0]

    def same_share(self, x, out):
        """1/n at each of the n elements equal to ``out``; NaN equals NaN here."""
        both = self.logical_and(x != x, out != out)
        return self.evenly(self.logical_or(x == out, both), None, x.dtype)

    def mode(self, x, axis, keepdims):
        """(the most frequent value along an axis, the least of several, the index of its last occurrence)."""
        if not x.shape:
            return self.copy(x), self.zeros((), self.int64)
        values, order = self.sort_with_index(x, axis, False)
        n = x.shape[axis]
        places = self.places_along(x.shape, axis)
        changes = self.part(values, axis, 1, n) != self.part(values, axis, 0, n - 1)
        first = self.full(self.part(values, axis, 0, 1).shape, True, self.bool)
        starts = self.where(self.concat([first, changes], axis), places, self.zeros(x.shape, self.int64))
        longest = self.wrap(self.argmax(places - self.running(self.maximum, starts, axis), axis, True))
        return self._picked(x, self.take_along_axis(order, longest, axis), axis, keepdims)

    # --- places in sorted sequences ---
    def places_in(self, edges, values, right):
        """For each value how many edges are less (``right``: not greater): both (..., n) and sorted along the last axis.

        A binary search of all values at once, so that nothing waits for the host.
        """
        n = edges.shape[-1]
        low = self.zeros(values.shape, self.int64)
        high = self.full(values.shape, n, self.int64)
        for _ in range(n.bit_length()):
            middle = (low + high) // 2
            inside = self.minimum(middle, self.full(values.shape, max(n - 1, 0), self.int64))
            found = self.take_along_axis(edges, inside, len(edges.shape) - 1)
            # Written so that a NaN among the values goes to the end.
            before = self.logical_not(found > values) if right else self.logical_not(found >= values)
            before = self.logical_and(before, low < high)
            low = self.where(before, middle + 1, low)
            high = self.where(before, high, middle)
        return low
