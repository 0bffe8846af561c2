"""Data sets: samples by index, or one after the other."""

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Generic, TypeVar

from ..create import empty
from ..dtypes import int64
from ..generator import default_generator
from ..tensor import Tensor
from .sampler import permutation

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

_T_co = TypeVar("_T_co", covariant=True)


class Dataset(Generic[_T_co]):
    """Base of data sets whose samples have an index: a subclass has ``__getitem__``, and usually ``__len__``.

    A subclass may have ``__getitems__(indices)`` too, which returns the list of a batch's samples at once. The sum of two
    data sets is a :class:`ConcatDataset`.

    Example:
        >>> from plugrad.utils.data import Dataset
        >>> class Squares(Dataset):
        ...     def __getitem__(self, index):
        ...         return index**2
        ...     def __len__(self):
        ...         return 10
        >>> (Squares() + Squares())[13]
        9
    """

    def __getitem__(self, index) -> _T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other):
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_T_co], Iterable[_T_co]):
    """Base of data sets that can only be read in their own order: a subclass has ``__iter__``.

    The sum of two of them is a :class:`ChainDataset`.

    Example:
        >>> from plugrad.utils.data import DataLoader, IterableDataset
        >>> class Countdown(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(DataLoader(Countdown(), batch_size=2))
        [tensor([3, 2]), tensor([1])]
    """

    def __add__(self, other):
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors with the same first dimension: sample i is the tuple of their i-th rows.

    Args:
        *tensors: one or more tensors.

    Raises:
        AssertionError: their first dimensions differ.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.data import TensorDataset
        >>> TensorDataset(plugrad.eye(2), plugrad.tensor([7, 8]))[1]
        (tensor([0., 1.]), tensor(8))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset):
    """Data sets of the same length side by side: sample i is the tuple, or the dict, of their samples i.

    Args:
        *args: data sets, for tuples.
        **kwargs: data sets by name, for dicts.

    Raises:
        ValueError: none was given, both kinds were, or their lengths differ.

    Example:
        >>> from plugrad.utils.data import StackDataset
        >>> StackDataset(letter="abc", number=[1, 2, 3])[2]
        {'letter': 'c', 'number': 3}
    """

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both "
                "types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        parts = self._parts()
        self._length = len(parts[0])
        if any(len(part) != self._length for part in parts):
            raise ValueError("Size mismatch between datasets")

    def _parts(self):
        return [*self.datasets.values()] if isinstance(self.datasets, dict) else self.datasets

    def _sample(self, values):
        return dict(zip(self.datasets, values, strict=True)) if isinstance(self.datasets, dict) else tuple(values)

    def __getitem__(self, index):
        return self._sample([part[index] for part in self._parts()])

    def __getitems__(self, indices: list):
        columns = [_nested_samples(part, indices) for part in self._parts()]
        return [self._sample(values) for values in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


def _nested_samples(dataset, indices):
    found = samples(dataset, indices)
    if len(found) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}")
    return found


class ConcatDataset(Dataset[_T_co]):
    """Data sets one after the other.

    Args:
        datasets: data sets whose samples have an index.

    Raises:
        AssertionError: there is none, or one is an :class:`IterableDataset`.

    Example:
        >>> from plugrad.utils.data import ConcatDataset
        >>> joined = ConcatDataset(["abc", "de"])
        >>> joined[3], joined[-1], len(joined)
        ('d', 'e', 5)
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence):
        """The summed lengths up to each element of ``sequence``."""
        return [*itertools.accumulate(map(len, sequence))]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx):
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        part = bisect.bisect_right(self.cumulative_sizes, idx)
        before = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][idx - before]

    @property
    def cummulative_sizes(self):
        """The old name of ``cumulative_sizes``."""
        warnings.warn(
            "`cummulative_sizes` attribute is renamed to `cumulative_sizes`", category=FutureWarning, stacklevel=2
        )
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Data sets of the kind :class:`IterableDataset` one after the other.

    Args:
        datasets: the data sets.

    Raises:
        AssertionError: while reading: one is no :class:`IterableDataset`.

    Example:
        >>> from plugrad.utils.data import ChainDataset, IterableDataset
        >>> class Countdown(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(ChainDataset([Countdown(), Countdown()]))
        [3, 2, 1, 3, 2, 1]
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = datasets

    def _checked(self):
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self):
        return itertools.chain.from_iterable(self._checked())

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[_T_co]):
    """The samples of a data set that have the given indices.

    Args:
        dataset: the whole data set.
        indices: a sequence; sample i of the subset is sample ``indices[i]`` of the whole.

    Raises:
        NotImplementedError: a subclass has its own ``__getitem__`` but not its own ``__getitems__``, by which a batch is
            read.

    Example:
        >>> from plugrad.utils.data import Subset
        >>> list(Subset("abcdef", [0, 2, 4]))
        ['a', 'c', 'e']
    """

    def __init__(self, dataset: Dataset[_T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__. When subclassing Subset and overriding "
                "__getitem__, you must also override __getitems__ to ensure DataLoader works correctly with your custom "
                "logic. A simple implementation:\n\n"
                "def __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, idx):
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[_T_co]:
        return samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset, lengths, generator=default_generator):
    """Split a data set at random into subsets that do not overlap.

    Args:
        dataset: what to split.
        lengths: the number of samples of each subset; or fractions that sum up to 1, rounded down, what is left over
            going to the first subsets, one sample each.
        generator: where the order comes from.

    Raises:
        ValueError: the lengths do not sum up to that of the data set, or a fraction is not between 0 and 1.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.data import random_split
        >>> train, test = random_split(range(10), [0.8, 0.2], plugrad.Generator().manual_seed(42))
        >>> list(test)
        [3, 7]
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_of_fractions(lengths, len(dataset))
        for i, length in enumerate(lengths):
            if length == 0:
                text = f"Length of split at index {i} is 0. This might result in an empty dataset."
                warnings.warn(text, stacklevel=2)
    total = sum(lengths)
    if total != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = permutation(total, generator)
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def _lengths_of_fractions(fractions, total):
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(lengths)):
        lengths[i % len(lengths)] += 1
    return lengths


# --- reading a batch ---


def samples(dataset, indices):
    """The list of the samples with these indices."""
    at_once = getattr(dataset, "__getitems__", None)
    return at_once(indices) if at_once else [dataset[i] for i in indices]


def rows(dataset, indices):
    """What collating the samples of a TensorDataset (or a Subset of one) gives, by indexing each tensor once.

    Item by item a batch takes a view per sample and tensor, and one join per tensor: measured at ten times as long.

    Returns:
        list of tensors, or None where the result might not be the same.
    """
    while type(dataset) is Subset:
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or not _are_row_numbers(indices, len(dataset)):
        return None
    if not are_plain(dataset.tensors):
        return None
    numbers = empty(len(indices), dtype=int64, device="cpu")
    numbers._host()[:] = indices
    return [tensor[numbers.to(tensor.device)].contiguous() for tensor in dataset.tensors]


def are_plain(tensors):
    """Whether all are of the class Tensor itself and none requires grad."""
    return all(type(tensor) is Tensor and not tensor.requires_grad for tensor in tensors)


def _are_row_numbers(indices, length):
    if not indices or any(kind is bool or not issubclass(kind, Integral) for kind in {*map(type, indices)}):
        return False
    return -length <= min(indices) and max(indices) < length
