"""How a batch is read from a data set, by whichever process reads it."""

from ..tensor import Tensor, wrap
from .collate import default_collate
from .dataset import IterableDataset, TensorDataset, are_plain, rows, samples
from .sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["parts_of", "reader", "rows_at"]


# --- rows of tensors ---
def parts_of(loader):
    """What to iterate over instead of a loader's lists of indices where rows_at() can read its batches, else None.

    Lists of numbers cost more than the rows: made, tested and turned into an array they take half the time of an epoch.
    """
    batches = loader.batch_sampler
    if type(batches) is not BatchSampler or loader.collate_fn is not default_collate:
        return None
    sampler, dataset = batches.sampler, loader.dataset
    if type(dataset) is not TensorDataset or not are_plain(dataset.tensors):
        return None
    if type(sampler) is RandomSampler:
        once = not sampler.replacement and sampler.num_samples == len(dataset)
    else:
        once = type(sampler) is SequentialSampler
    return batches._parts() if once and sampler.data_source is dataset else None


def rows_at(dataset, part):
    """The rows of a TensorDataset at a part of a range or of an array of row numbers, each tensor in memory of its own."""
    return [_rows(t._xp, t._a, part) for t in dataset.tensors]


def _rows(xp, a, part):
    if part.__class__ is range:
        found = xp.copy(xp.getitem(a, slice(part.start, part.stop)))
    else:
        found = xp.contiguous(xp.getitem(a, (xp.from_host(part),)))
    return wrap(Tensor, xp, found, None)


# --- any data ---


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
