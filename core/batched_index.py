"""Indexing under vmap: the examples are one more axis in front, indexed by their own numbers where that must be."""

from .batching import in_place_on_unbatched, refusal

__all__ = ["BatchedIndexing"]


class Places:
    """Where an advanced key leads, on the data of all examples.

    Attributes:
        key: indexes the data; what it gives has the examples first, then the indexed axes, then the others.
        rank: how many axes the index arrays broadcast to.
        first: where those axes belong in the result of one example.
    """

    __slots__ = ("first", "key", "rank")

    def __init__(self, key, rank, first):
        self.key = key
        self.rank = rank
        self.first = first

    def order(self, rank):
        """The permutation from the data's result to one with the indexed axes where they belong."""
        indexed = range(1, 1 + self.rank)
        others = list(range(1 + self.rank, rank))
        return (0, *others[: self.first], *indexed, *others[self.first :])


class BatchedIndexing:
    """Mixed into :class:`plugrad.core.batched_space.BatchedSpace`."""

    def slice(self, a, key):
        return type(a)(self, self.base.slice(a.data, (slice(None), *as_tuple(key))))

    def getitem(self, a, key):
        a, key = self.own(a), as_tuple(key)
        if not any(self.is_array(part) for part in key):
            return self.made(self.base.getitem(a.data, (slice(None), *key)))
        places = self.places(a, key)
        found = self.base.wrap(self.base.getitem(a.data, places.key))
        return self.made(self.base.permute_dims(found, places.order(len(found.shape))))

    def setitem(self, a, key, value):
        self._write(self.base.setitem, a, key, value)

    def add_at(self, a, key, value):
        self._write(self.base.add_at, a, key, value)

    def _write(self, write, a, key, value):
        key = as_tuple(key)
        if not self.is_own(a):
            raise in_place_on_unbatched()
        if not any(self.is_array(part) for part in key):
            key = (slice(None), *key)
            rank = len(self.base.getitem(a.data, (*key, ...) if ... not in key else key).shape) - 1
            write(a.data, key, self._fitting(a, value, rank))
            return
        places = self.places(a, key)
        if a.data.shape[0] != self.batch.size and self.differs(key):
            raise in_place_on_unbatched()
        shape = self.base.getitem(a.data, places.key).shape
        rank = len(shape)
        value = self._fitting(a, value, rank - 1)
        back = [0] * rank
        for i, axis in enumerate(places.order(rank)):
            back[axis] = i
        value = self.base.permute_dims(value, tuple(back))
        write(a.data, places.key, self.base.broadcast_to(value, tuple(shape)))

    def differs(self, key):
        """Whether an index array is not the same for all examples."""
        return any(self.is_own(part) and self.same_for_all(part) is None for part in key)

    def _fitting(self, a, value, rank):
        """The data of what is to be written into ``a``, with ``rank`` axes beside the examples."""
        if not self.is_array(value):
            return self.base.full((1,) * (rank + 1), value, a.dtype)
        value = self.own(value)
        while len(value.shape) > rank and value.shape[0] == 1:
            value = self.reshape(value, value.shape[1:])
        data = self.ranked(value, rank)
        if data.shape[0] > a.data.shape[0]:
            raise in_place_on_unbatched()
        return data

    def places(self, a, key):
        """The :class:`Places` of a key with index arrays."""
        key = self._without_masks(self._spelled_out(a, key))
        at = [i for i, part in enumerate(key) if self.is_array(part)]
        rank = max(len(key[i].shape) for i in at)
        count = a.data.shape[0]
        indices = [self.ranked(part, rank) if self.is_array(part) else part for part in key]
        numbers = self.base.arange(0, self.batch.size, 1, self.int64)
        if count != self.batch.size:
            numbers = numbers * 0
            if all(indices[i].shape[0] == 1 for i in at):
                numbers = self.base.arange(0, count, 1, self.int64)
        numbers = self.base.reshape(numbers, (numbers.shape[0], *(1 for _ in range(rank))))
        together = at[-1] - at[0] + 1 == len(at)
        return Places((numbers, *indices), rank, at[0] if together else 0)

    def _spelled_out(self, a, key):
        """The key with an entry for every axis; it has no ints or None."""
        if not any(part is Ellipsis for part in key):
            key = (*key, Ellipsis)
        used = sum(self._width(part) for part in key if part is not Ellipsis)
        at = next(i for i, part in enumerate(key) if part is Ellipsis)
        return (*key[:at], *(slice(None) for _ in range(len(a.shape) - used)), *key[at + 1 :])

    def _width(self, part):
        return len(part.shape) if self.is_array(part) and part.dtype == self.bool else 1

    def _without_masks(self, key):
        """The key with masks as index arrays."""
        found = []
        for part in key:
            if not self.is_array(part) or part.dtype != self.bool:
                found.append(part)
                continue
            shared = self.same_for_all(part)
            if shared is None:
                raise refusal(
                    "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with "
                    "a boolean mask."
                )
            found += [self.base.astype(i, self.int64) for i in self.base.nonzero(shared)]
        return tuple(found)


def as_tuple(key):
    return key if isinstance(key, tuple) else (key,)
