"""Products and extremes of what is scattered to the same place."""


class Scattering:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def scatter_reduce(self, x, y, index, axis, reduce, include_self):
        """x with the product, maximum or minimum of what y brings to each place: prod, amax or amin.

        What goes to one place is brought together by a sort and reduced by a running product or extreme; the last of each
        group is written. All others are written to one more element behind the end.
        """
        if 0 in y.shape or 0 in x.shape:
            return self.copy(x)
        function = {"prod": self.multiply, "amax": self.maximum, "amin": self.minimum}[reduce]
        total, count = self.count(x.shape, None), self.count(y.shape, None)
        places = self.reshape(self.flat_places(x.shape, index, axis), (count,))
        order = self.argsort(places, 0)
        places = self.getitem(places, (order,))
        values = self._by_group(function, self.getitem(self.reshape(y, (count,)), (order,)), places)
        ends = self.part(places, 0, 1, count) != self.part(places, 0, 0, count - 1)
        last = self.concat([ends, self.full((1,), True, self.bool)], 0)
        target = self.where(last, places, self.full((count,), total, self.int64))
        flat = self.copy(self.concat([self.reshape(x, (total,)), self.zeros((1,), x.dtype)], 0))
        if include_self:
            values = function(self.getitem(flat, (target,)), values)
        self.setitem(flat, (target,), values)
        return self.reshape(self.part(flat, 0, 0, total), tuple(x.shape))

    def _by_group(self, function, values, places):
        """The running product or extreme within each run of equal places."""
        n, step = values.shape[0], 1
        while step < n:
            here, before = self.part(values, 0, step, n), self.part(values, 0, 0, n - step)
            same = self.part(places, 0, step, n) == self.part(places, 0, 0, n - step)
            values = self.concat([self.part(values, 0, 0, step), self.where(same, function(here, before), here)], 0)
            step *= 2
        return values

    def flat_places(self, shape, index, axis):
        """Where ``index`` along an axis leads, in the flattened array of that shape."""
        total, stride = self.zeros((), self.int64), self.count(shape, None)
        for n, places in zip(shape, self.along(shape, index, axis), strict=True):
            stride = stride // n
            total = total + self.astype(places, self.int64) * stride
        return self.broadcast_to(total, tuple(index.shape))

    def scatter_reduce_grad(self, g, x, y, out, index, axis, reduce, include_self):
        """The gradients of x and y; the places of one extreme share its gradient evenly."""
        if reduce == "prod":
            mine, its = self._scatter_prod_grad(g, x, y, out, index, axis, include_self)
        else:
            brought = self.take_along_axis(out, index, axis)
            mine, its = self.astype(x == out, g.dtype), self.astype(y == brought, g.dtype)
            share = g / (mine + self.gather_backward(its, index, axis, tuple(x.shape)))
            mine, its = mine * share, its * self.take_along_axis(share, index, axis)
        if include_self:
            return mine, its
        touched = self.gather_backward(self.ones(tuple(y.shape), g.dtype), index, axis, tuple(x.shape))
        return mine * self.astype(touched == 0, g.dtype), its

    def _scatter_prod_grad(self, g, x, y, out, index, axis, include_self):
        """Exact where one factor is zero; of two zeros at one place none gets a gradient."""
        nonzero = self.select(x == 0, 1.0, x)
        mine = g * self.scatter_reduce(nonzero, y, index, axis, "prod", include_self) / nonzero
        zero = y == 0
        zeros = self.gather_backward(self.astype(zero, g.dtype), index, axis, tuple(x.shape))
        lone = self.logical_and(zero, self.take_along_axis(zeros, index, axis) == 1)
        others = self.scatter_reduce(x, self.select(lone, 1.0, y), index, axis, "prod", include_self)
        quotient = self.take_along_axis(g * out, index, axis) / self.select(zero, 1.0, y)
        return mine, self.select(lone, self.take_along_axis(g * others, index, axis), quotient)
