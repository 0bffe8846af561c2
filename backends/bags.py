"""Sums, means and maxima over bags of rows of a table, derived from the required functions.

The places of all bags stand one after the other: ``index`` (n) tells the row at each place, ``bag`` (n) the bag it is in.
"""

from .half import in_float32

__all__ = ["Bags"]


class Bags:
    """Mixed into :class:`plugrad.backends.Backend`."""

    # --- which place is in which bag ---
    def bag_of_places(self, offsets, count):
        """The bag of each of ``count`` places: how many bags begin there or before, minus one."""
        begun = self.zeros((count + 1,), self.int64)
        self.add_at(begun, (offsets,), self.ones(offsets.shape, self.int64))
        return self.part(self.cumulative_sum(begun, 0), 0, 0, count) - 1

    def bag_sizes(self, bag, kept, bags):
        """How many places each bag has, of those that are kept (None: all)."""
        sizes = self.zeros((bags,), self.int64)
        counted = self.ones(bag.shape, self.int64) if kept is None else self.astype(kept, self.int64)
        self.add_at(sizes, (bag,), counted)
        return sizes

    def bag_share(self, kept, dtype):
        """By what the row at each place is multiplied, (n, 1): 0 where it is left out; None: nothing is."""
        return None if kept is None else self.expand_dims(self.astype(kept, dtype), 1)

    def share_by_count(self, share, index, rows, dtype):
        """The share of each place, divided by how often its row is met, as torch's cpu kernel counts.

        That one looks the i-th of the rows that are met, in ascending order, up at place i of the sorted row numbers, and
        takes the count of the row it finds there.
        """
        counts = self.zeros((rows,), self.int64)
        self.add_at(counts, (index,), self.ones(index.shape, self.int64))
        rank = self.cumulative_sum(self.astype(counts > 0, self.int64), 0) - 1
        looked_up = self.getitem(self.sort(index, 0), (self.getitem(rank, (index,)),))
        part = self.expand_dims(self.reciprocal(self.astype(self.getitem(counts, (looked_up,)), dtype)), 1)
        return part if share is None else share * part

    def bag_divisor(self, sizes, dtype):
        """By what the sum of each bag is divided in a mean, (bags, 1)."""
        return self.expand_dims(self.astype(self.maximum(sizes, self.ones_like(sizes)), dtype), 1)

    # --- sums ---
    def embedding_bag(self, x, weights, index, bag, share, scaled, divisor, bags):
        """Σ share · weights · x[index] / divisor over each bag.

        Args:
            x: (rows, D).
            weights: (n) or None.
            index: (n) row numbers.
            share: (n, 1) or None.
            scaled: what the gradient for x takes in place of ``share``.
            divisor: (bags, 1) or None.
        """
        return self.bag_sum(self.weighted_rows(self.getitem(x, (index,)), weights), bag, share, divisor, bags)

    def weighted_rows(self, y, weights):
        return y if weights is None else y * self.expand_dims(weights, 1)

    @in_float32(1)
    def bag_sum(self, y, bag, share, divisor, bags):
        """The sums of share · y over bags, divided: y (n, D) → (bags, D)."""
        sums = self.add_rows(y if share is None else y * self.narrowed(share, y.dtype), bag, bags)
        return sums if divisor is None else sums / self.narrowed(divisor, y.dtype)

    def bag_spread(self, x, bag, share, divisor):
        """The transpose of :meth:`bag_sum`: (bags, D) → (n, D)."""
        picked = self.getitem(x if divisor is None else x / divisor, (bag,))
        return picked if share is None else picked * share

    # --- maxima ---
    def embedding_bag_max(self, x, index, bag, bags):
        """The largest of x[index] in each bag, elementwise; of equal ones the first. A place in bag number ``bags`` is in none.

        Returns:
            The maxima (bags, D), the row that each is from (bags, D), and 1 for bags that are not empty, (bags, 1). An empty
            bag gives zeros.
        """
        shape = (bags, x.shape[1])
        if 0 in shape or not index.shape[0]:
            return self.zeros(shape, x.dtype), self.zeros(shape, index.dtype), self.zeros((bags, 1), x.dtype)
        first, sizes = self._first_of_bags(self.getitem(x, (index,)), bag, bags)
        filled = self.expand_dims(sizes > 0, 1)
        places = self.getitem(index, (first,))
        places = self.where(self.broadcast_to(filled, shape), places, self.zeros_like(places))
        out = self.take_along_axis(x, places, 0)
        return self.where(filled, out, self.zeros_like(out)), places, self.astype(filled, x.dtype)

    def _first_of_bags(self, values, bag, bags):
        """(the place of the largest value of each bag and column, the sizes): sorted by bag, then from the largest down."""
        order = self.argsort_order(values, 0, True)
        order = self.take_along_axis(order, self.argsort(self.getitem(bag, (order,)), 0), 0)
        sizes = self.part(self.bag_sizes(bag, None, bags + 1), 0, 0, bags)
        starts = self.cumulative_sum(sizes, 0) - sizes
        last = self.full((), values.shape[0] - 1, starts.dtype)
        return self.getitem(order, (self.minimum(starts, last),)), sizes
