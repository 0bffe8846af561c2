"""How a batch is read from a data set, by whichever process reads it."""

from .collate import default_collate
from .dataset import IterableDataset, rows, samples

__all__ = ["reader"]


def reader(dataset, collate_fn, batched, drop_last):
    """A function from what a sampler gives, an index or a list of them, to a batch; raises StopIteration at the end."""
    if isinstance(dataset, IterableDataset):
        return _Stream(dataset, collate_fn, batched, drop_last).read
    return (_Batches if batched else _Samples)(dataset, collate_fn).read


class _Samples:
    def __init__(self, dataset, collate_fn):
        self.dataset = dataset
        self.collate_fn = collate_fn

    def read(self, index):
        return self.collate_fn(self.dataset[index])


class _Batches(_Samples):
    def read(self, indices):
        if self.collate_fn is default_collate and indices.__class__ is list:
            batch = rows(self.dataset, indices)
            if batch is not None:
                return batch
        return self.collate_fn(samples(self.dataset, indices))


class _Stream:
    """Of an iterable data set the sampler's indices are all None: they count."""

    def __init__(self, dataset, collate_fn, batched, drop_last):
        self.samples = iter(dataset)
        self.collate_fn = collate_fn
        self.batched = batched
        self.drop_last = drop_last
        self.ended = False

    def read(self, indices):
        if not self.batched:
            return self.collate_fn(next(self.samples))
        if self.ended:
            raise StopIteration
        batch = [sample for _, sample in zip(indices, self.samples, strict=False)]
        self.ended = len(batch) < len(indices)
        if not batch or (self.ended and self.drop_last):
            raise StopIteration
        return self.collate_fn(batch)
