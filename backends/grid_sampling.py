"""Images sampled at the places that a grid tells, derived from the required functions.

A place is met by taps along each axis: two for (bi)linear, one for the nearest, four for bicubic interpolation. What a
corner, one tap of each axis, brings is its weight times the element there. The numbers of modes and of paddings are torch's.

All of this is written in operators and namespace functions that tensors have too: the gradients are recorded as they are.
"""

import itertools
import math
from typing import Any, NamedTuple

from .half import in_float32

__all__ = ["GridSampling"]

LINEAR, NEAREST, CUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2
A = -0.75  # of the cubic kernel


class Tap(NamedTuple):
    """index: the element, 0 where it lies outside; inside: whether it does not; weight, and its slope along the grid; None: 1, 0."""

    index: Any
    inside: Any
    weight: Any = None
    slope: Any = None


class GridSampling:
    """Mixed into :class:`plugrad.backends.Backend`. x is (N, C, *S), grid (N, *P, D) with D axes in S, the last one first."""

    @in_float32(2)
    def grid_sample(self, x, grid, mode, padding, align):
        """(N, C, *P): x at each place of the grid."""
        size, rows = tuple(x.shape[2:]), self._channels_last(x)
        total = None
        for index, inside, weights in self._grid_corners(grid, size, mode, padding, align):
            part = self._rows_weighted(self._rows_at(rows, index, inside), weights)
            total = part if total is None else total + part
        return self._channels_second(total, (x.shape[0], *grid.shape[1:-1]))

    @in_float32(2)
    def grid_sample_input(self, g, grid, size, mode, padding, align):
        """The gradient of :meth:`grid_sample` for an x whose axes S have the sizes ``size``."""
        rows, total = self._channels_last(g), None
        shape = (g.shape[0] * math.prod(size), g.shape[1])
        for index, inside, weights in self._grid_corners(grid, size, mode, padding, align):
            spread = self._rows_spread(self._rows_weighted(rows, weights), index, inside, shape)
            total = spread if total is None else total + spread
        return self._channels_second(total, (g.shape[0], *size))

    @in_float32(3)
    def grid_sample_grid(self, g, x, grid, mode, padding, align):
        """The gradient of :meth:`grid_sample` for the grid."""
        if mode == NEAREST:
            return self.zeros_like(grid)
        size, rows, above = tuple(x.shape[2:]), self._channels_last(x), self._channels_last(g)
        axes = self._grid_taps(grid, size, mode, padding, align)
        totals = [None] * len(size)
        for taps in itertools.product(*axes):
            index, inside = self._corner(taps, size, grid.shape)
            met = self.sum(self._rows_at(rows, index, inside) * above, (1,), False)
            for i, total in enumerate(totals):
                part = met
                for j, tap in enumerate(taps):
                    part = part * (tap.slope if i == j else tap.weight)
                totals[i] = part if total is None else total + part
        return self.reshape(self.stack(totals[::-1], 1), tuple(grid.shape))

    # --- rows of channels ---
    def _channels_last(self, x):
        """(N, C, *S) as (N · |S|, C)."""
        rank = len(x.shape)
        moved = self.permute_dims(x, (0, *range(2, rank), 1))
        return self.reshape(moved, (math.prod(moved.shape[:-1]), x.shape[1]))

    def _channels_second(self, rows, places):
        """(N · |S|, C) as (N, C, *S); places: (N, *S)."""
        moved = self.reshape(rows, (*places, rows.shape[1]))
        rank = len(places) + 1
        return self.packed(self.permute_dims(moved, (0, rank - 1, *range(1, rank - 1))))

    def _rows_at(self, rows, index, inside):
        return self.select(self.expand_dims(inside, 1), self.getitem(rows, (index,)), 0.0)

    def _rows_spread(self, rows, index, inside, shape):
        """Zeros of a shape, with the rows that lie inside added at an index."""
        kept = self.select(self.expand_dims(inside, 1), rows, 0.0)
        return self.index_backward(kept, (getattr(index, "_a", index),), shape)

    def _rows_weighted(self, rows, weights):
        for weight in weights:
            rows = rows * self.expand_dims(weight, 1)
        return rows

    # --- where the corners lie ---
    def _grid_corners(self, grid, size, mode, padding, align):
        """For each corner: the row of every place, whether it lies inside, and the weights to be multiplied."""
        for taps in itertools.product(*self._grid_taps(grid, size, mode, padding, align)):
            weights = [tap.weight for tap in taps if tap.weight is not None]
            yield *self._corner(taps, size, grid.shape), [math.prod(weights)] if weights else []

    def _corner(self, taps, size, shape):
        """(the row that one tap of each axis meets, whether all of them lie inside), for every place."""
        images, places = shape[0], math.prod(shape[1:-1])
        image = self.reshape(self.arange(0, images, 1, self.int64), (images, 1))
        row = self.reshape(self.broadcast_to(image, (images, places)), (images * places,))
        inside = None
        for tap, n in zip(taps, size, strict=True):
            row = row * n + tap.index
            inside = tap.inside if inside is None else self.logical_and(inside, tap.inside)
        return row, inside

    def _grid_taps(self, grid, size, mode, padding, align):
        """The taps of each axis of S, for all places in a row."""
        flat = self.reshape(grid, (math.prod(grid.shape[:-1]), len(size)))
        last = len(size) - 1
        taps = (self._linear_taps, self._nearest_taps, self._cubic_taps)[mode]
        return [taps(self.slice(flat, (..., last - i)), n, padding, align) for i, n in enumerate(size)]

    def _linear_taps(self, u, n, padding, align):
        place, slope = self._grid_padded(*self._unnormalized(u, n, align), n, padding, align)
        low = self.floor(place)
        part = place - low
        return [
            Tap(*self._grid_element(low, n), 1.0 - part, -slope),
            Tap(*self._grid_element(low + 1.0, n), part, slope),
        ]

    def _nearest_taps(self, u, n, padding, align):
        place, _ = self._grid_padded(*self._unnormalized(u, n, align), n, padding, align)
        if padding != ZEROS:  # what is no number becomes the first element
            place = self.select(place == place, place, 0.0)
        return [Tap(*self._grid_element(self.round(place), n))]

    def _cubic_taps(self, u, n, padding, align):
        place, slope = self._unnormalized(u, n, align)
        low = self.floor(place)
        t = place - low
        found = []
        for k, (far, x, sign) in enumerate(
            ((True, t + 1.0, 1), (False, t, 1), (False, 1.0 - t, -1), (True, 2.0 - t, -1))
        ):
            met, _ = self._grid_padded(low + (k - 1.0), slope, n, padding, align)
            if far:
                weight, change = ((A * x - 5 * A) * x + 8 * A) * x - 4 * A, (3 * A * x - 10 * A) * x + 8 * A
            else:
                weight, change = ((A + 2) * x - (A + 3)) * x * x + 1.0, (3 * (A + 2) * x - 2 * (A + 3)) * x
            found.append(Tap(*self._grid_element(met, n), weight, change * (sign * slope)))
        return found

    def _grid_element(self, place, n):
        inside = self.logical_and(place >= 0, place <= n - 1)
        return self.astype(self.select(inside, place, 0.0), self.int64), inside

    def _unnormalized(self, u, n, align):
        """(the place that a number from -1 to 1 tells in an axis of n elements, its slope)."""
        if align:
            return (u + 1.0) * (0.5 * (n - 1)), 0.5 * (n - 1)
        return ((u + 1.0) * n - 1.0) * 0.5, 0.5 * n

    def _grid_padded(self, place, slope, n, padding, align):
        """(the place, moved inside by the padding; its slope, which then is an array)."""
        if padding == ZEROS:
            return place, slope
        if padding == REFLECTION:
            place, slope = self._reflected(place, slope, *((0.0, n - 1.0) if align else (-0.5, n - 0.5)))
        free = self.logical_and(place > 0, place < n - 1)
        return self.clip(place, 0, n - 1), self.astype(free, place.dtype) * slope

    def _reflected(self, place, slope, low, high):
        span = high - low
        if span == 0:
            return place * 0.0, 0.0
        away = place - low
        turned = away < 0
        away = self.abs(away)
        flips = self.floor(away / span)
        rest = away - flips * span
        odd = self.floor(flips * 0.5) * 2.0 != flips
        back = self.astype(self.logical_xor(odd, turned), place.dtype)
        return self.where(odd, high - rest, rest + low), (1.0 - 2.0 * back) * slope

    # --- grids of affine maps ---
    @in_float32(1)
    def affine_grid(self, theta, size, align):
        """(N, *S, D): the matrices (N, D, D + 1) times each place of a grid; size: (N, C, *S)."""
        base = self._affine_base(size, align, theta.dtype)
        out = self.matmul(base, self.swap_axes(theta, 1, 2))
        return self.reshape(out, (out.shape[0], *size[2:], len(size) - 2))

    @in_float32(1)
    def affine_grid_theta(self, g, size, align):
        """The transpose of :meth:`affine_grid`."""
        base = self._affine_base(size, align, g.dtype)
        rows = self.reshape(g, (g.shape[0], math.prod(size[2:]), len(size) - 2))
        return self.matmul(self.swap_axes(rows, 1, 2), base)

    def _affine_base(self, size, align, dtype):
        """(|S|, D + 1): the places from -1 to 1, the last axis first, and a one."""
        shape = tuple(size[2:])
        columns = []
        for i, n in enumerate(shape):
            steps = n - 1 if align else n
            place = self.astype(self.arange(0, n, 1, self.int64), dtype)
            line = (2.0 * place - (n - 1.0)) / steps if n > 1 else place
            line = self.reshape(line, (*(1 for _ in shape[:i]), n, *(1 for _ in shape[i + 1 :])))
            columns.append(self.reshape(self.broadcast_to(line, shape), (math.prod(shape),)))
        return self.stack([*columns[::-1], self.ones((math.prod(shape),), dtype)], 1)
