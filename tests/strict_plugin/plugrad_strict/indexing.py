"""Indexing for a library that has no more than the standard: slices and integers, ``take``, ``searchsorted``.

An advanced index becomes the places it picks in the flattened array. Reading is ``take`` at the places. Writing turns
this round: the places are sorted, and each element of the array looks up which of the values are its own.
"""

import math


class Indexing:
    """getitem, setitem and add_at by the standard's functions; mixed into a backend that has ``take`` and the like."""

    def getitem(self, a, key):
        """``a[key]``: a view for a basic key."""
        key = self.whole_key(a.shape, key)
        if self.is_basic(key):
            return self.view_at(a, key)
        places = self.places(a.shape, key)
        picked = self.take(self.reshape(a, (-1,)), self.reshape(places, (-1,)), axis=0)
        return self.reshape(picked, places.shape)

    def setitem(self, a, key, value):
        """``a[key] = value``; of several values for one element the last in row-major order stays."""
        key = self.whole_key(a.shape, key)
        value = self.like(value, a)
        if self.is_basic(key):
            self.view_at(a, key)[...] = value
            return
        count, nth = self.incoming(a, self.places(a.shape, key), value)
        self.write_flat(a, lambda flat: self.where(count > 0, nth(count - 1), flat))

    def add_at(self, a, key, value):
        """``a[key] += value``; several values for one element are added in row-major order."""
        key = self.whole_key(a.shape, key)
        value = self.like(value, a)
        if self.is_basic(key):
            part = self.view_at(a, key)
            part[...] = part + value
            return
        count, nth = self.incoming(a, self.places(a.shape, key), value)

        def added(flat):
            most = int(self.max(count, None, False)) if 0 not in count.shape else 0
            for n in range(most):
                flat = self.where(count > n, flat + nth(self.full(count.shape, n, self.int64)), flat)
            return flat

        self.write_flat(a, added)

    def incoming(self, a, places, value):
        """(how many of the values each element of ``a`` gets, a function of n: the n-th of them)."""
        values = self.reshape(self.broadcast_to(value, places.shape), (-1,))
        places = self.reshape(places, (-1,))
        order = self.argsort(places, 0)  # stable: an element's values lie together and in their order
        places = self.take(places, order, axis=0)
        values = self.concat([self.take(values, order, axis=0), self.zeros((1,), a.dtype)], 0)
        elements = self.arange(0, math.prod(a.shape), 1, self.int64)
        first = self.searchsorted(places, elements, side="left")
        count = self.searchsorted(places, elements, side="right") - first
        nothing = self.full(count.shape, places.shape[0], self.int64)  # where the zero stands

        def nth(n):
            own = self.logical_and(n >= 0, n < count)
            return self.take(values, self.where(own, first + n, nothing), axis=0)

        return count, nth

    def write_flat(self, a, change):
        """Replace the elements of ``a``, in place, by ``change`` of them as one flat array."""
        a[...] = self.reshape(change(self.reshape(a, (-1,))), a.shape)

    def like(self, value, a):
        """A value as an array of the dtype of ``a``."""
        return self.astype(value, a.dtype) if isinstance(value, self.array_type) else self.full((), value, a.dtype)

    # --- keys ---
    def is_basic(self, key):
        return not any(isinstance(k, self.array_type) for k in key)

    def whole_key(self, shape, key):
        """The key as a list with an entry per axis: slices where an ellipsis stood, integer arrays in place of bool ones.

        The ellipsis stays behind them: even one that stands for no axis keeps the arrays beside it from being neighbours.
        """
        key = list(key) if isinstance(key, tuple) else [key]
        for i in reversed(range(len(key))):
            if isinstance(key[i], self.array_type) and key[i].dtype == self.bool:
                key[i : i + 1] = self.nonzero(key[i])
        named = sum(k is not None and k is not Ellipsis for k in key)
        at = next((i for i, k in enumerate(key) if k is Ellipsis), len(key))
        key[at:at] = [slice(None)] * (len(shape) - named)
        return key

    def view_at(self, a, key):
        """Basic indexing, always a view: an integer becomes a slice of one, since libraries copy single elements."""
        sizes = iter(a.shape)
        bounds, single = [], []
        for i, k in enumerate(k for k in key if k is not Ellipsis):
            if k is None:
                bounds.append(None)
                continue
            n = next(sizes)
            if not isinstance(k, slice):
                if not -n <= k < n:
                    raise IndexError(f"index {k} is out of bounds for an axis of size {n}")
                single.append(i)
                k = slice(k % n, k % n + 1)
            bounds.append(self.within(k, n))
        return self.squeeze(a[tuple(bounds) or ...], axis=tuple(single))

    @staticmethod
    def within(k, n):
        """A slice with the same elements whose bounds are in range, as the standard demands."""
        start, stop, step = k.indices(n)
        if not range(start, stop, step):
            return slice(0, 0)
        return slice(start, stop if stop >= 0 else None, step)

    def places(self, shape, key):
        """For each element an advanced key picks, its place in the flattened array."""
        arrays = [i for i, k in enumerate(key) if k is not None and k is not Ellipsis and not isinstance(k, slice)]
        others = [i for i, k in enumerate(key) if k is None or isinstance(k, slice)]
        depth = max(len(getattr(key[i], "shape", ())) for i in arrays)
        # numpy's rule: the picked axes stand where the arrays stood if these are neighbours, otherwise in front.
        neighbours = arrays[-1] - arrays[0] == len(arrays) - 1
        before = sum(i < arrays[0] for i in others) if neighbours else 0
        rank = len(others) + depth
        total, stride, sizes = self.zeros((1,) * rank, self.int64), math.prod(shape), iter(shape)
        for i, k in enumerate(key):
            if k is None or k is Ellipsis:
                continue
            n = next(sizes)
            stride = stride // n if n else 0
            if i in arrays:
                steps, after = self.counted_from_start(k, n), len(others) - before
            else:
                order = others.index(i)
                steps, after = self.arange(*k.indices(n), self.int64), len(others) - 1 - order
                after += depth if order < before else 0
            total = total + self.reshape(steps, (*steps.shape, *(1,) * after)) * stride
        return total

    def counted_from_start(self, index, n):
        """An integer index with the negative ones counted from the end, checked."""
        index = (
            self.astype(index, self.int64) if isinstance(index, self.array_type) else self.full((), index, self.int64)
        )
        if 0 not in index.shape and (int(self.min(index, None, False)) < -n or int(self.max(index, None, False)) >= n):
            raise IndexError(f"an index is out of bounds for an axis of size {n}")
        return self.where(index < 0, index + n, index)
