"""The order in which samples are visited, with torch's random numbers."""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Generic, TypeVar

from .. import random
from ..create import as_tensor
from ..dtypes import float64, int64
from ..errors import invalid_combination
from ..generator import Generator

__all__ = [
    "BatchSampler",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_T_co = TypeVar("_T_co", covariant=True)
_CHUNK = 32  # with replacement, torch draws so many indices at a time: it shows in the generator when an epoch is left


def draw_seed(generator=None):
    """A seed for another generator: a number from 0 to 2⁶³ - 1, two words of the stream."""
    _check_generator(generator, "random_")
    return int(random.random((), int64, None, generator))


def permutation(n, generator):
    """The numbers 0 … n-1 in a random order, as a list."""
    _check_generator(generator, "randperm", n)
    if not isinstance(n, int):
        raise invalid_combination("randperm", (n,), {"generator": generator})
    return random.randperm(n, int64, generator).tolist()


def _check_generator(generator, function, *arguments):
    if generator is not None and not isinstance(generator, Generator):
        raise invalid_combination(function, arguments, {"generator": generator})


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _not_a_count(name, value):
    return ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _not_a_bool(kind, name, value):
    return kind(f"{name} should be a boolean value, but got {name}={value}")


class Sampler(Generic[_T_co]):
    """Base of all samplers: a subclass has ``__iter__``, which yields indices (or lists of them), and perhaps ``__len__``.

    Example:
        >>> from plugrad.utils.data import DataLoader, Sampler
        >>> class Backwards(Sampler):
        ...     def __init__(self, data):
        ...         self.data = data
        ...     def __iter__(self):
        ...         return iter(range(len(self.data) - 1, -1, -1))
        >>> list(DataLoader("abc", sampler=Backwards("abc")))
        [['c'], ['b'], ['a']]
    """

    def __iter__(self) -> Iterator[_T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """Yields 0, 1, 2, … up to the length of the data.

    Args:
        data_source: anything with a length.

    Example:
        >>> from plugrad.utils.data import SequentialSampler
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def _order(self):
        """(all indices, what is drawn once they are used up)."""
        return range(len(self.data_source)), lambda: None

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Yields indices in a random order: the one that torch yields for the same seed.

    Args:
        data_source: anything with a length.
        replacement: draw each index from all of them, instead of one permutation after the other.
        num_samples: how many to draw; default: the length of the data.
        generator: where the numbers come from; default: for each pass a new one, with a seed that the default generator
            draws.

    Raises:
        TypeError: ``replacement`` is no bool.
        ValueError: ``num_samples`` is no positive integer, or the data are empty.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.data import RandomSampler
        >>> list(RandomSampler(range(5), generator=plugrad.Generator().manual_seed(0)))
        [4, 0, 1, 3, 2]
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator=None
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise _not_a_bool(TypeError, "replacement", replacement)
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise _not_a_count("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices a pass yields; without a number given, the length that the data have now."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _order(self):
        """(all indices as a host array, what is drawn once they are used up), where each is drawn once."""
        n = len(self.data_source)
        generator = self._own_generator()
        _check_generator(generator, "randperm", n)
        order = random.randperm(n, int64, generator)
        if generator is not self.generator:
            return order, lambda: None
        return order, lambda: random.skip_permutation(n, generator)

    def _own_generator(self):
        return Generator().manual_seed(draw_seed()) if self.generator is None else self.generator

    def __iter__(self) -> Iterator[int]:
        generator = self._own_generator()
        draw = self._with_replacement if self.replacement else self._permutations
        yield from draw(len(self.data_source), generator)

    def _with_replacement(self, n, generator):
        _check_generator(generator, "randint", n)
        for start in range(0, self.num_samples, _CHUNK):
            count = min(_CHUNK, self.num_samples - start)
            yield from random.randint(0, n, (count,), int64, generator).tolist()

    def _permutations(self, n, generator):
        whole, rest = divmod(self.num_samples, n)
        for _ in range(whole):
            yield from permutation(n, generator)
        # torch draws this one even where nothing of it is needed
        yield from permutation(n, generator)[:rest]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Yields the given indices in a random order.

    Args:
        indices: a sequence.
        generator: where the numbers come from; default: the default generator.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.data import SubsetRandomSampler
        >>> list(SubsetRandomSampler([10, 20, 30], plugrad.Generator().manual_seed(0)))
        [30, 10, 20]
    """

    def __init__(self, indices: Sequence[int], generator=None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in permutation(len(self.indices), self.generator):
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Yields the indices of the weights, each with a probability in proportion to its weight.

    Args:
        weights: not negative; they need not sum up to 1.
        num_samples: how many indices a pass yields.
        replacement: whether an index may be drawn again.
        generator: where the numbers come from; default: the default generator.

    Raises:
        ValueError: ``num_samples``, ``replacement`` or the shape of the weights is wrong.
        RuntimeError: while drawing: a weight is negative or not finite, or there are too few of them.

    Example:
        >>> from plugrad.utils.data import WeightedRandomSampler
        >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 4))
        [1, 1, 1, 1]
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator=None) -> None:
        if not _is_count(num_samples):
            raise _not_a_count("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise _not_a_bool(ValueError, "replacement", replacement)
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            shape = tuple(self.weights.shape)
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        if self.generator is not None and not isinstance(self.generator, Generator):
            kind = type(self.generator).__name__
            raise TypeError(f"multinomial(): argument 'generator' must be torch.Generator, not {kind}")
        drawn = random.multinomial(self.weights._host(), self.num_samples, self.replacement, self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Yields what a sampler yields in lists of ``batch_size``.

    Args:
        sampler: a sampler, or anything to iterate over.
        batch_size: the length of the lists.
        drop_last: leave out a last list that is shorter.

    Raises:
        ValueError: ``batch_size`` is no positive integer or ``drop_last`` is no bool.

    Example:
        >>> from plugrad.utils.data import BatchSampler
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not _is_count(batch_size):
            raise _not_a_count("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise _not_a_bool(ValueError, "drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def _parts(self):
        """The lists as parts of an array or range, of a sampler that knows all its indices; it draws what ``__iter__`` draws."""
        order, finish = self.sampler._order()
        whole = len(order) - len(order) % self.batch_size
        for start in range(0, whole, self.batch_size):
            yield order[start : start + self.batch_size]
        finish()
        if whole < len(order) and not self.drop_last:
            yield order[whole:]

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        batch = [*itertools.islice(indices, self.batch_size)]
        while len(batch) == self.batch_size:
            yield batch
            batch = [*itertools.islice(indices, self.batch_size)]
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (rest > 0 and not self.drop_last)


class DistributedSampler(Sampler[int]):
    """Yields the indices of one of several processes that share the data: each ``num_replicas``-th, from ``rank`` on.

    All processes have the same order: it depends on ``seed`` and on the epoch given to :meth:`set_epoch` alone.

    Args:
        dataset: anything with a length.
        num_replicas: how many processes there are.
        rank: which of them this is, from 0 on.
        shuffle: whether the order is random.
        seed: the same for all processes.
        drop_last: leave out samples so that all get as many; otherwise the first ones are given out again.

    Raises:
        RuntimeError: num_replicas or rank is not given: torch asks torch.distributed, which plugrad does not have.
        ValueError: the rank is not one of ``num_replicas``.

    Example:
        >>> from plugrad.utils.data import DistributedSampler
        >>> [list(DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in range(2)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "Requires distributed package to be available: plugrad has none, so give DistributedSampler num_replicas and rank"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        whole, rest = divmod(len(dataset), num_replicas)
        self.num_samples = whole + (rest > 0 and not drop_last)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        generator = Generator().manual_seed(self.seed + self.epoch) if self.shuffle else None
        order = permutation(count, generator) if self.shuffle else list(range(count))
        if count:
            order *= -(-self.total_size // count)  # longer where some are given out again
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass have the order of an epoch; without it all passes have the same."""
        self.epoch = epoch
