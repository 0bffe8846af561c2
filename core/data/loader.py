"""DataLoader: a data set, an order and a collate function make batches."""

import functools
import os
import warnings
from typing import Generic, TypeVar

from ..device import space
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .reading import parts_of, reader, rows_at
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed

__all__ = ["DataLoader"]

_T_co = TypeVar("_T_co", covariant=True)

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[_T_co]):
    """Iterates over a data set in batches; each pass is one epoch, in torch's order for the same seed.

    Args:
        dataset: anything with ``__getitem__`` and ``__len__``, or an :class:`IterableDataset`.
        batch_size: samples in a batch; None yields the samples one by one, without a new dimension.
        shuffle: a new random order in each pass.
        sampler: yields the indices in their order; not together with ``shuffle``.
        batch_sampler: yields lists of indices, a list a batch; instead of ``batch_size``, ``shuffle``, ``sampler`` and
            ``drop_last``.
        num_workers: processes that read batches in advance; 0: the iterating process reads.
        collate_fn: makes a batch of a list of samples; default :func:`default_collate`, or :func:`default_convert` with
            ``batch_size=None``.
        pin_memory: accepted; the array libraries copy from ordinary memory.
        drop_last: leave out a last batch that is smaller.
        generator: where ``shuffle`` gets its numbers; default: the default generator.
        timeout: seconds to wait for a batch of the workers; 0: for ever.
        worker_init_fn: called in each worker with its number, after its generators are seeded.
        multiprocessing_context: how processes are started, ``"fork"``, ``"spawn"``, ``"forkserver"`` or a context; default:
            Python's.
        prefetch_factor: batches that each worker reads in advance; default 2 with workers.
        persistent_workers: keep the workers between passes.
        pin_memory_device: deprecated, as in torch.
        in_order: yield the batches in the sampler's order; False: as the workers have them.

    A worker is a process of its own, with a copy of the data set and generators of its own, seeded by a number of the loader's generator plus
    the worker's. A worker that dies is told by an error at once, with its signal; a failure in it is raised with its traceback.

    Raises:
        ValueError: arguments that exclude each other, or a number out of its range.
        RuntimeError: while iterating: a worker died, or took longer than ``timeout``.

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
        prefetch_factor = _checked_workers(num_workers, timeout, prefetch_factor, persistent_workers)
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
        self._iterator = None
        self._initialized = True
        _warn_of_many(num_workers)

    def __setattr__(self, name, value):
        if self._initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after DataLoader is initialized")
        if name == "multiprocessing_context":
            value = _context(value, self.num_workers)
        super().__setattr__(name, value)

    @property
    def _index_sampler(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self):
        if self.pin_memory:
            _warn_of_pinning(self.pin_memory_device)
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        from .processes import _MultiProcessingDataLoaderIter

        if not self.persistent_workers:
            return _MultiProcessingDataLoaderIter(self)
        if self._iterator is None:
            self._iterator = _MultiProcessingDataLoaderIter(self)
        else:
            self._iterator._reset()
        return self._iterator

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        length = self._reported_length = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return len(BatchSampler(range(length), self.batch_size, self.drop_last))


def _checked_workers(num_workers, timeout, prefetch_factor, persistent_workers):
    """The prefetch factor, if the arguments about workers fit together."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    return 2 if num_workers and prefetch_factor is None else prefetch_factor


def _context(context, num_workers):
    """A multiprocessing context by its name, or as it was given."""
    if context is None:
        return None
    import multiprocessing  # takes as long to import as a tenth of plugrad

    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={num_workers}"
        )
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        if context not in known:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {known!r}, but got "
                f"multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, but got "
            f"multiprocessing_context={context}"
        )
    return context


def _warn_of_many(num_workers):
    has_affinity = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    if num_workers > cpus:
        unsure = "" if has_affinity else " (`cpuset` is not taken into account)"
        text = (
            f"This DataLoader will create {num_workers} worker processes in total. Our suggested max number of worker in current "
            f"system is {cpus}{unsure}, which is smaller than what this DataLoader is going to create. Please be aware that excessive "
            "worker creation might get DataLoader running slow or even freeze, lower the worker number to avoid potential "
            "slowness/freeze if necessary."
        )
        warnings.warn(text, stacklevel=3)


def _warn_of_pinning(device):
    if device:
        text = (
            "pin_memory_device is deprecated, the current accelerator will be used as the device,"
            f"ignore pin_memory_device='{device}'."
        )
        warnings.warn(text, stacklevel=3)
    if not _has_accelerator():
        text = (
            "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used."
        )
        warnings.warn(text, stacklevel=3)


def _has_accelerator():
    try:
        space("cuda")
    except RuntimeError:
        return False
    return True


class Count:
    """The batches of a pass; warns of more than an iterable data set had said it has before the pass began."""

    def __init__(self, loader):
        self.loader = loader
        self.expected = loader._reported_length if isinstance(loader.dataset, IterableDataset) else None
        self.found = 0

    def one_more(self):
        self.found += 1
        if self.expected is not None and self.found > self.expected:
            self.warn()

    def warn(self):
        text = (
            f"Length of IterableDataset {self.loader.dataset} was reported to be {self.expected}"
            f"(when accessing len(dataloader)), but {self.found} samples have been fetched. "
        )
        if self.loader.num_workers:
            text += (
                "For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica "
                "at each worker. Please see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for "
                "examples."
            )
        warnings.warn(text, stacklevel=4)


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
        if loader.timeout:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._loader = loader
        parts = parts_of(loader)
        self._indices = iter(loader._index_sampler) if parts is None else parts
        draw_seed(loader.generator)  # torch draws a seed for its workers, also where it has none
        if parts is not None:
            self._read = functools.partial(rows_at, loader.dataset)
        else:
            batched = loader.batch_sampler is not None
            self._read = reader(loader.dataset, loader.collate_fn, batched, loader.drop_last)
        self._count = Count(loader)

    def __iter__(self):
        return self

    def __next__(self):
        batch = self._read(next(self._indices))
        self._count.one_more()
        return batch

    def __len__(self):
        return len(self._loader._index_sampler)

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)
