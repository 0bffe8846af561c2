"""DataLoader: a data set, an order and a collate function make batches."""

import warnings
from typing import Generic, TypeVar

from .collate import default_collate, default_convert
from .dataset import IterableDataset, rows, samples
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed

__all__ = ["DataLoader", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)

#: Arguments about worker processes and pinned memory, which plugrad has not: only these values are accepted.
_ONLY = {
    "num_workers": 0,
    "pin_memory": False,
    "timeout": 0,
    "worker_init_fn": None,
    "multiprocessing_context": None,
    "prefetch_factor": None,
    "persistent_workers": False,
    "pin_memory_device": "",
}
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def get_worker_info():
    """Return None: data are always loaded by the process that iterates, never by a worker.

    Example:
        >>> from plugrad.utils.data import get_worker_info
        >>> get_worker_info() is None
        True
    """
    return None


class DataLoader(Generic[_T_co]):
    """Iterates over a data set in batches; each pass is one epoch, in torch's order for the same seed.

    Args:
        dataset: anything with ``__getitem__`` and ``__len__``, or an :class:`IterableDataset`.
        batch_size: samples in a batch; None yields the samples one by one, without a new dimension.
        shuffle: a new random order in each pass.
        sampler: yields the indices in their order; not together with ``shuffle``.
        batch_sampler: yields lists of indices, a list a batch; instead of ``batch_size``, ``shuffle``, ``sampler`` and
            ``drop_last``.
        num_workers: 0, the only value there is: the samples are read by the iterating process.
        collate_fn: makes a batch of a list of samples; default :func:`default_collate`, or :func:`default_convert` with
            ``batch_size=None``.
        pin_memory: False, the only value there is; likewise the defaults of ``timeout``, ``worker_init_fn``,
            ``multiprocessing_context``, ``prefetch_factor``, ``persistent_workers`` and ``pin_memory_device``.
        drop_last: leave out a last batch that is smaller.
        generator: where ``shuffle`` gets its numbers; default: the default generator.
        in_order: makes no difference without workers.

    Raises:
        ValueError: arguments that exclude each other, or a batch size that is no positive integer.
        NotImplementedError: an argument about workers or pinned memory has another value than its default.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.data import DataLoader, TensorDataset
        >>> _ = plugrad.manual_seed(0)
        >>> data = TensorDataset(plugrad.arange(5), plugrad.arange(5) * 10)
        >>> for x, y in DataLoader(data, batch_size=2, shuffle=True):
        ...     print(x, y)
        tensor([1, 4]) tensor([10, 40])
        tensor([2, 3]) tensor([20, 30])
        tensor([0]) tensor([0])
    """

    _initialized = False

    def __init__(
        self,
        dataset,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler=None,
        batch_sampler=None,
        num_workers: int = 0,
        collate_fn=None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.generator = generator
        if isinstance(dataset, IterableDataset):
            _check_iterable(shuffle, sampler, batch_sampler)
            sampler = _InfiniteConstantSampler()
        elif sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self._reported_length: int | None = None
        self._initialized = True

    def __setattr__(self, name, value):
        if self._initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after DataLoader is initialized")
        if name in _ONLY and value != _ONLY[name]:
            raise _unsupported(name, value)
        super().__setattr__(name, value)

    @property
    def _index_sampler(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self):
        return _SingleProcessDataLoaderIter(self)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        length = self._reported_length = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return len(BatchSampler(range(length), self.batch_size, self.drop_last))


def _unsupported(name, value):
    if name == "num_workers" and value < 0:
        return ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if name == "timeout" and value < 0:
        return ValueError("timeout option should be non-negative")
    return NotImplementedError(
        f"DataLoader: {name}={value!r} is not supported; plugrad loads data in the process that iterates and pins no "
        f"memory, so leave {name} at {_ONLY[name]!r}"
    )


def _check_iterable(shuffle, sampler, batch_sampler):
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


class _InfiniteConstantSampler(Sampler):
    """Yields None for ever: the indices of a data set that has none."""

    def __iter__(self):
        while True:
            yield None


class _SingleProcessDataLoaderIter:
    """One pass over a loader's batches."""

    def __init__(self, loader):
        self._loader = loader
        self._indices = iter(loader._index_sampler)
        draw_seed(loader.generator)  # torch draws a seed for its workers, also where it has none
        if isinstance(loader.dataset, IterableDataset):
            self._reported_length = loader._reported_length
            self._yielded = 0
            self._read = _read_iterable
            self._samples = iter(loader.dataset)
            if loader.batch_sampler is not None:
                self._samples = iter(BatchSampler(self._samples, loader.batch_size, loader.drop_last))
        elif loader.batch_sampler is None:
            self._read = _read_sample
        else:
            self._read = _read_batch

    def __iter__(self):
        return self

    def __next__(self):
        return self._read(self)

    def __len__(self):
        return len(self._loader._index_sampler)

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


# What a pass does for the next batch. Functions, not methods: an iterator that held its own method would be a cycle.


def _read_sample(it):
    return it._loader.collate_fn(it._loader.dataset[next(it._indices)])


def _read_batch(it):
    loader, indices = it._loader, next(it._indices)
    if loader.collate_fn is default_collate and indices.__class__ is list:
        batch = rows(loader.dataset, indices)
        if batch is not None:
            return batch
    return loader.collate_fn(samples(loader.dataset, indices))


def _read_iterable(it):
    batch = it._loader.collate_fn(next(it._samples))
    it._yielded += 1
    if it._reported_length is not None and it._yielded > it._reported_length:
        text = (
            f"Length of IterableDataset {it._loader.dataset} was reported to be {it._reported_length}"
            f"(when accessing len(dataloader)), but {it._yielded} samples have been fetched. "
        )
        warnings.warn(text, stacklevel=3)
    return batch
