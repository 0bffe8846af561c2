"""Data sets, samplers and the loader: torch's orders, batches and errors."""

import collections
import itertools
import multiprocessing
import pickle
import re

import numpy as np
import pytest

import plugrad
from plugrad.core.data import dataset as dataset_module
from plugrad.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)

pytestmark = pytest.mark.device


def seeded(seed):
    return plugrad.Generator().manual_seed(seed)


def next_number(generator=None):
    """What the stream gives next: it shows how much was drawn before."""
    return plugrad.rand(1, generator=generator).item()


class Stream(IterableDataset):
    """0, 1, 2, ... with a length that may be a lie."""

    def __init__(self, count, length=None):
        self.count = count
        self.length = length

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        if self.length is None:
            raise TypeError("no length")
        return self.length

    def __repr__(self):
        return "Stream"


# --- torch's orders for the same seed (torch 2.13) ---


def two_epochs(**options):
    loader = DataLoader(TensorDataset(plugrad.arange(7)), 3, shuffle=True, **options)
    return [[batch[0].tolist() for batch in loader] for _ in range(2)]


def test_shuffled_batches_are_torch_s():
    plugrad.manual_seed(0)
    assert two_epochs() == [[[0, 4, 1], [5, 2, 6], [3]], [[3, 1, 4], [2, 5, 0], [6]]]
    assert next_number() == 0.455627977848053


def test_shuffled_batches_with_a_generator_are_torch_s():
    plugrad.manual_seed(0)
    generator = seeded(3)
    assert two_epochs(generator=generator) == [[[3, 4, 2], [0, 1, 6], [5]], [[6, 1, 2], [3, 4, 0], [5]]]
    assert next_number(generator) == 0.12125527858734131
    assert next_number() == 0.49625658988952637  # untouched


def test_an_epoch_left_early_has_drawn_what_torch_has():
    plugrad.manual_seed(0)
    batches = iter(DataLoader(TensorDataset(plugrad.arange(7)), 3, shuffle=True))
    assert next(batches)[0].tolist() == [0, 4, 1]
    assert next_number() == 0.30742281675338745


@pytest.mark.parametrize(
    ("options", "order", "after", "order_3", "after_3"),
    [
        ({}, [0, 3, 4, 1, 5, 2], 0.40306925773620605, [4, 0, 3, 2, 1, 5], 0.45103132724761963),
        ({"num_samples": 3}, [0, 3, 4], 0.40306925773620605, [4, 0, 3], 0.06011629104614258),
        ({"num_samples": 8}, [0, 3, 4, 1, 5, 2, 0, 1], 0.40306925773620605, [4, 0, 3, 2, 1, 5, 0, 1], 0.45103132724761963),
        (
            {"replacement": True, "num_samples": 8},
            [0, 0, 2, 0, 3, 0, 4, 3], 0.40306925773620605, [4, 2, 1, 3, 4, 0, 0, 5], 0.5944212079048157,
        ),
    ],
)  # fmt: skip
def test_random_sampler(options, order, after, order_3, after_3):
    plugrad.manual_seed(1)
    assert list(RandomSampler(range(6), **options)) == order
    assert next_number() == after
    generator = seeded(3)
    assert list(RandomSampler(range(6), generator=generator, **options)) == order_3
    assert next_number(generator) == after_3


@pytest.mark.parametrize(
    ("make", "order", "after"),
    [
        (lambda: WeightedRandomSampler([0.1, 0.2, 3.0], 6), [1, 2, 2, 2, 2, 2], 0.6826140880584717),
        (lambda: WeightedRandomSampler([0.1, 0.2, 3.0], 3, False), [2, 0, 1], 0.3971373438835144),
        (lambda: SubsetRandomSampler([5, 6, 7, 9]), [6, 9, 7, 5], 0.7346844673156738),
    ],
    ids=["replacement", "weighted", "subset"],
)
def test_other_random_samplers(make, order, after):
    plugrad.manual_seed(1)
    assert list(make()) == order
    assert next_number() == after


@pytest.mark.parametrize(
    ("lengths", "parts"),
    [
        ([3, 7], [[5, 6, 1], [2, 0, 8, 9, 3, 7, 4]]),
        ([0.3, 0.3, 0.4], [[5, 6, 1], [2, 0, 8], [9, 3, 7, 4]]),
        ([0.25, 0.75], [[5, 6, 1], [2, 0, 8, 9, 3, 7, 4]]),  # 2 and 7: the one left over goes to the first
    ],
)
def test_random_split(lengths, parts):
    plugrad.manual_seed(1)
    assert [list(part) for part in random_split(range(10), lengths)] == parts
    assert next_number() == 0.4387779235839844


def test_random_split_warns_of_an_empty_part():
    with pytest.warns(
        UserWarning, match=r"^Length of split at index 1 is 0\. This might result in an empty dataset\.$"
    ):
        parts = random_split([7], [0.5, 0.5])
    assert [list(part) for part in parts] == [[7], []]


# --- samplers and batches ---


def test_batch_sampler():
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert list(BatchSampler(iter(range(4)), 2, False)) == [[0, 1], [2, 3]]
    assert [len(BatchSampler(range(n), 2, drop)) for n in (4, 5) for drop in (False, True)] == [2, 2, 3, 2]


def test_lengths():
    assert len(SequentialSampler("abc")) == len(RandomSampler("abc")) == len(SubsetRandomSampler([1, 2, 3])) == 3
    assert len(RandomSampler("abc", num_samples=7)) == len(WeightedRandomSampler([1, 1], 7)) == 7
    assert [len(DataLoader(range(5), 2)), len(DataLoader(range(5), 2, drop_last=True))] == [3, 2]
    assert len(DataLoader(range(5), None)) == 5
    assert len(DataLoader(range(5), batch_sampler=[[0], [1]])) == 2
    assert [len(DataLoader(Stream(5, 5), n)) for n in (None, 2)] == [5, 3]
    assert len(DataLoader(Stream(5, 5), 2, drop_last=True)) == 2
    assert len(iter(DataLoader(range(5), 2))) == 3


def test_a_loader_without_batches():
    assert list(DataLoader(range(3), batch_size=None, sampler=[2, 0])) == [2, 0]
    arrays = list(DataLoader([np.arange(2), "a"], batch_size=None))
    assert arrays[0].tolist() == [0, 1]
    assert arrays[1] == "a"


def test_own_samplers_and_collate_functions():
    assert list(DataLoader("abc", 2, sampler=[2, 0, 1], collate_fn="".join)) == ["ca", "b"]
    assert list(DataLoader("abc", batch_sampler=[[2], (0, 1)], collate_fn="".join)) == ["c", "ab"]


@pytest.mark.parametrize(
    ("options", "batches"),
    [
        ({"batch_size": 2}, [[0, 1], [2]]),
        ({"batch_size": 2, "drop_last": True}, [[0, 1]]),
        ({"batch_size": 3}, [[0, 1, 2]]),
    ],
)
def test_iterable_data(options, batches):
    assert [batch.tolist() for batch in DataLoader(Stream(3), **options)] == batches
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert list(Stream(2) + Stream(1)) == [0, 1, 0]


def test_more_data_than_their_length_says():
    loader = DataLoader(Stream(2, 1))
    assert len(list(loader)) == 2  # nobody asked for the length yet
    assert len(loader) == 1
    text = (
        "Length of IterableDataset Stream was reported to be 1(when accessing len(dataloader)), but 2 samples have been "
        "fetched. "
    )
    with pytest.warns(UserWarning, match=re.escape(text)) as caught:
        assert len(list(loader)) == 2
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_batch_is_read_at_once_where_the_data_set_can():
    class Squares(Dataset):
        def __getitems__(self, indices):
            return [i * i for i in indices]

        def __len__(self):
            return 4

    assert [batch.tolist() for batch in DataLoader(Squares(), 2)] == [[0, 1], [4, 9]]
    assert DataLoader(Subset(Squares(), [3, 1]), 2).collate_fn is default_collate
    assert next(iter(DataLoader(Subset(Squares(), [3, 1]), 2))).tolist() == [9, 1]


def test_joined_and_stacked_data():
    joined = ConcatDataset(["abc", "de"]).__add__(["f"])
    assert [joined[i] for i in range(6)] == list("abcdef")
    assert joined[-1] == "f"
    assert joined.cumulative_sizes == [5, 6]
    with pytest.warns(FutureWarning, match="^`cummulative_sizes` attribute is renamed to `cumulative_sizes`$"):
        assert joined.cummulative_sizes == [5, 6]
    stacked = StackDataset(letter="abc", number=Subset([1, 2, 3], [2, 1, 0]))
    assert stacked.__getitems__([0, 2]) == [{"letter": "a", "number": 3}, {"letter": "c", "number": 1}]
    assert StackDataset("ab", [1, 2])[1] == ("b", 2)


def test_this_process_is_no_worker():
    assert get_worker_info() is None


def test_a_pass_leaves_no_cycle():
    import gc

    loader = DataLoader(TensorDataset(plugrad.arange(4)), 2, shuffle=True)
    list(loader)
    gc.collect()
    gc.disable()
    try:
        list(loader)
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- tensors in memory: one indexing for a batch ---


def tables():
    columns = plugrad.arange(12.0).reshape(2, 6).t()
    base = TensorDataset(plugrad.arange(6), columns, plugrad.ones(6, 1) > 0)
    subset = Subset(base, np.array([3, 1, 5, -1]))
    return {"whole": base, "subset": subset, "subset of a subset": Subset(subset, [3, -2, 0])}


@pytest.mark.parametrize("name", tables())
def test_rows_are_what_collating_gives(name):
    data = tables()[name]
    for indices in ([0, 2], [1], [-1, 0, 0]):
        at_once = dataset_module.rows(data, indices)
        one_by_one = default_collate([data[i] for i in indices])
        assert type(at_once) is type(one_by_one) is list
        for a, b in zip(at_once, one_by_one, strict=True):
            assert (a.dtype, a.shape, a.stride(), a.device) == (b.dtype, b.shape, b.stride(), b.device)
            assert a.tolist() == b.tolist()


def test_the_loader_reads_rows_without_reading_samples(monkeypatch):
    data = tables()
    monkeypatch.setattr(TensorDataset, "__getitem__", lambda *_: pytest.fail("read a single sample"))
    for table in data.values():
        assert len(next(iter(DataLoader(table, 2)))) == 3


def test_a_batch_is_no_view_of_the_data():
    x = plugrad.zeros(4)
    batch = next(iter(DataLoader(TensorDataset(x), 4)))[0]
    batch += 1
    assert x.tolist() == [0, 0, 0, 0]


def test_where_the_result_might_differ_samples_are_read_one_by_one():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * x for x in super().__getitem__(index))

    data = TensorDataset(plugrad.arange(3))
    for other in ([], [3], [-4], [True], [0.5], [plugrad.tensor(1)], [slice(2)]):
        assert dataset_module.rows(data, other) is None
    assert dataset_module.rows(Doubled(plugrad.arange(3)), [0]) is None
    assert next(iter(DataLoader(Doubled(plugrad.arange(3)), 3)))[0].tolist() == [0, 2, 4]
    x = plugrad.ones(3, requires_grad=True)
    batch = next(iter(DataLoader(TensorDataset(x), 2)))[0]
    assert batch.grad_fn.name() == "StackBackward0"
    batch.sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


# --- collating ---

Point = collections.namedtuple("Point", "x y")


def test_collate_numbers():
    for batch, dtype in (
        ([1, 2], plugrad.int64),
        ([1.5, 2], plugrad.float64),
        ([1, 2.5], plugrad.float32),
        ([True, False], plugrad.bool),
        ([np.float32(1), np.float32(2)], plugrad.float32),
        ([np.float64(1)], plugrad.float64),
        ([np.int16(1)], plugrad.int16),
        ([np.bool_(True)], plugrad.bool),
    ):
        made = default_collate(batch)
        assert made.dtype == dtype
        assert made.tolist() == batch


def test_collate_arrays_and_tensors():
    assert default_collate([np.arange(2), np.arange(2)]).tolist() == [[0, 1], [0, 1]]
    assert default_collate([plugrad.ones(1), plugrad.zeros(1)]).tolist() == [[1.0], [0.0]]


def test_collate_containers():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate(("a", "b")) == ("a", "b")
    assert default_collate([b"a"]) == [b"a"]
    numbers, letters = default_collate([(1, "a"), (2, "b")])
    assert (numbers.tolist(), letters) == ([1, 2], ("a", "b"))
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert type(point) is Point
    assert (point.x.tolist(), point.y.tolist()) == ([1, 3], [2, 4])
    ordered = default_collate([collections.OrderedDict(a=1), collections.OrderedDict(a=2)])
    assert type(ordered) is collections.OrderedDict
    assert ordered["a"].tolist() == [1, 2]
    queue = default_collate([collections.deque([1, 2]), collections.deque([3, 4])])
    assert type(queue) is collections.deque
    assert [part.tolist() for part in queue] == [[1, 3], [2, 4]]
    assert [part.tolist() for part in default_collate([range(2), range(2)])] == [[0, 0], [1, 1]]


def test_containers_that_cannot_be_copied_become_plain_ones():
    class Fixed(collections.abc.Sequence):
        def __getitem__(self, index):
            return (1, 2)[index]

        def __len__(self):
            return 2

    class FixedMapping(collections.abc.Mapping):
        def __getitem__(self, key):
            return {"a": 1}[key]

        def __iter__(self):
            return iter("a")

        def __len__(self):
            return 1

    made = default_collate([Fixed()])
    assert type(made) is list
    assert [part.tolist() for part in made] == [[1], [2]]
    made = default_collate([FixedMapping()])
    assert type(made) is dict
    assert made["a"].tolist() == [1]


def test_convert():
    made = default_convert({"x": np.arange(2), "s": "a", "t": (np.float32(1), 2), "p": Point(np.array(3), None)})
    assert made["x"].tolist() == [0, 1]
    assert made["s"] == "a"
    assert made["t"][0].dtype == plugrad.float32
    assert made["t"][1] == 2
    assert type(made["t"]) is list
    assert type(made["p"]) is Point
    assert made["p"].x.item() == 3
    assert made["p"].y is None
    names = np.array(["a"])
    assert default_convert(names) is names
    kept = plugrad.ones(1)
    assert default_convert(kept) is kept


# --- errors ---


class OwnItem(Subset):
    def __getitem__(self, index):
        return index


COLLATE = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
POSITIVE = "{0} should be a positive integer value, but got {0}={1}"
EXCLUSIVE = "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
ITERABLE = "DataLoader with IterableDataset: expected unspecified {0} option, but got {0}={1}"
FIXED = "{} attribute should not be set after DataLoader is initialized"

not_a_stream = [1]

#: name → (function of torch or plugrad, the error, its text); compared with torch below.
ERRORS = {
    "batch size 0": (lambda t: loader(t, batch_size=0), ValueError, POSITIVE.format("batch_size", 0)),
    "batch size True": (lambda t: loader(t, batch_size=True), ValueError, POSITIVE.format("batch_size", True)),
    "batch size 2.5": (lambda t: loader(t, batch_size=2.5), ValueError, POSITIVE.format("batch_size", 2.5)),
    "drop_last 1": (
        lambda t: loader(t, drop_last=1), ValueError, "drop_last should be a boolean value, but got drop_last=1",
    ),
    "shuffle and sampler": (
        lambda t: loader(t, shuffle=True, sampler=[0]), ValueError, "sampler option is mutually exclusive with shuffle",
    ),
    "batch_sampler and batch_size": (lambda t: loader(t, batch_sampler=[[0]], batch_size=2), ValueError, EXCLUSIVE),
    "batch_sampler and None": (lambda t: loader(t, batch_sampler=[[0]], batch_size=None), ValueError, EXCLUSIVE),
    "batch_sampler and shuffle": (lambda t: loader(t, batch_sampler=[[0]], shuffle=True), ValueError, EXCLUSIVE),
    "batch_sampler and drop_last": (lambda t: loader(t, batch_sampler=[[0]], drop_last=True), ValueError, EXCLUSIVE),
    "batch_sampler and sampler": (lambda t: loader(t, batch_sampler=[[0]], sampler=[0]), ValueError, EXCLUSIVE),
    "no batches and drop_last": (
        lambda t: loader(t, batch_size=None, drop_last=True), ValueError,
        "batch_size=None option disables auto-batching and is mutually exclusive with drop_last",
    ),
    "workers -1": (
        lambda t: loader(t, num_workers=-1), ValueError,
        "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.",
    ),
    "timeout -1": (lambda t: loader(t, timeout=-1), ValueError, "timeout option should be non-negative"),
    "timeout without workers": (
        lambda t: iter(loader(t, timeout=1)), AssertionError, "_SingleProcessDataLoaderIter requires timeout == 0",
    ),
    "prefetch without workers": (
        lambda t: loader(t, prefetch_factor=2), ValueError,
        "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise "
        "set prefetch_factor to None.",
    ),
    "prefetch -1": (
        lambda t: loader(t, num_workers=1, prefetch_factor=-1), ValueError,
        "prefetch_factor option should be non-negative",
    ),
    "persistent without workers": (
        lambda t: loader(t, persistent_workers=True), ValueError, "persistent_workers option needs num_workers > 0",
    ),
    "context without workers": (
        lambda t: loader(t, multiprocessing_context="fork"), ValueError,
        "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers=0",
    ),
    "context of no kind": (
        lambda t: loader(t, num_workers=1, multiprocessing_context=3), TypeError,
        "multiprocessing_context option should be a valid context object or a string specifying the start method, but got "
        "multiprocessing_context=3",
    ),
    "unknown context": (
        lambda t: loader(t, num_workers=1, multiprocessing_context="x"), ValueError,
        f"multiprocessing_context option should specify a valid start method in {multiprocessing.get_all_start_methods()!r}, but got "
        "multiprocessing_context='x'",
    ),
    "iterable and shuffle": (
        lambda t: loader(t, stream(t), shuffle=True), ValueError, ITERABLE.format("shuffle", True),
    ),
    "iterable and sampler": (lambda t: loader(t, stream(t), sampler=[0]), ValueError, ITERABLE.format("sampler", [0])),
    "iterable and batch_sampler": (
        lambda t: loader(t, stream(t), batch_sampler=[[0]]), ValueError, ITERABLE.format("batch_sampler", [[0]]),
    ),
    "no data": (lambda t: loader(t, [], shuffle=True), ValueError, POSITIVE.format("num_samples", 0)),
    "batch_size set": (lambda t: setattr(loader(t), "batch_size", 2), ValueError, FIXED.format("batch_size")),
    "dataset set": (lambda t: setattr(loader(t), "dataset", []), ValueError, FIXED.format("dataset")),
    "length of the indices": (
        lambda t: len(iter(loader(t, stream(t)))), TypeError, "object of type '_InfiniteConstantSampler' has no len()",
    ),
    "index past the end": (
        lambda t: list(t.utils.data.DataLoader(t.utils.data.TensorDataset(t.arange(3)), batch_sampler=[[7]])),
        IndexError, "index 7 is out of bounds for dimension 0 with size 3",
    ),
    "replacement 1": (
        lambda t: t.utils.data.RandomSampler([1], replacement=1), TypeError,
        "replacement should be a boolean value, but got replacement=1",
    ),
    "num_samples 2.0": (
        lambda t: t.utils.data.RandomSampler([1], num_samples=2.0), ValueError, POSITIVE.format("num_samples", 2.0),
    ),
    "weighted True": (
        lambda t: t.utils.data.WeightedRandomSampler([1.0], True), ValueError, POSITIVE.format("num_samples", True),
    ),
    "weighted replacement": (
        lambda t: t.utils.data.WeightedRandomSampler([1.0], 1, 1), ValueError,
        "replacement should be a boolean value, but got replacement=1",
    ),
    "weighted shape": (
        lambda t: t.utils.data.WeightedRandomSampler([[1.0]], 1), ValueError,
        "weights should be a 1d sequence but given weights have shape (1, 1)",
    ),
    "weighted generator": (
        lambda t: list(t.utils.data.WeightedRandomSampler([1.0], 1, generator=3)), TypeError,
        "multinomial(): argument 'generator' must be torch.Generator, not int",
    ),
    "sampler without iter": (lambda t: iter(t.utils.data.Sampler()), NotImplementedError, ""),
    "sizes": (
        lambda t: t.utils.data.TensorDataset(t.ones(2), t.ones(3)), AssertionError, "Size mismatch between tensors",
    ),
    "no item": (
        lambda t: t.utils.data.Dataset()[0], NotImplementedError, "Subclasses of Dataset should implement __getitem__.",
    ),
    "concat nothing": (
        lambda t: t.utils.data.ConcatDataset([]), AssertionError, "datasets should not be an empty iterable",
    ),
    "concat iterable": (
        lambda t: t.utils.data.ConcatDataset([stream(t)]), AssertionError,
        "ConcatDataset does not support IterableDataset",
    ),
    "concat index": (
        lambda t: t.utils.data.ConcatDataset(["a"])[-2], ValueError,
        "absolute value of index should not exceed dataset length",
    ),
    "chain": (lambda t: list(stream(t) + not_a_stream), AssertionError, "ChainDataset only supports IterableDataset"),
    "chain length": (lambda t: len(stream(t) + not_a_stream), AssertionError, "ChainDataset only supports IterableDataset"),
    "stack nothing": (lambda t: t.utils.data.StackDataset(), ValueError, "At least one dataset should be passed"),
    "stack both": (
        lambda t: t.utils.data.StackDataset([1], a=[1]), ValueError,
        "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both types are "
        "given.",
    ),
    "stack sizes": (lambda t: t.utils.data.StackDataset([1], []), ValueError, "Size mismatch between datasets"),
    "split lengths": (
        lambda t: t.utils.data.random_split([1, 2], [3]), ValueError,
        "Sum of input lengths does not equal the length of the input dataset!",
    ),
    "split fractions": (
        lambda t: t.utils.data.random_split([1], [1.5, -0.5]), ValueError, "Fraction at index 0 is not between 0 and 1",
    ),
    "collate object": (lambda t: list(loader(t, [object()])), TypeError, COLLATE + "<class 'object'>"),
    "collate strings": (lambda t: t.utils.data.default_collate([np.array(["a"])]), TypeError, COLLATE + "<U1"),
    "collate lengths": (
        lambda t: t.utils.data.default_collate([[1], [1, 2]]), RuntimeError,
        "each element in list of batch should be of equal size",
    ),
    "collate shapes": (
        lambda t: t.utils.data.default_collate([t.ones(2), t.ones(3)]), RuntimeError,
        "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at entry 1",
    ),
    "pickled": (
        lambda t: pickle.dumps(iter(loader(t))), NotImplementedError,
        "('{} cannot be pickled', '_SingleProcessDataLoaderIter')",
    ),
}  # fmt: skip


def loader(t, dataset=(1, 2, 3), **options):
    return t.utils.data.DataLoader(dataset, **options)


def stream(t):
    class Short(t.utils.data.IterableDataset):
        def __iter__(self):
            return iter([1])

        def __len__(self):
            return 1

    return Short()


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    function, kind, text = ERRORS[name]
    with pytest.raises(kind) as caught:
        function(plugrad)
    assert str(caught.value) == text


def test_an_own_getitem_needs_an_own_getitems():
    with pytest.raises(NotImplementedError, match=r"^OwnItem overrides __getitem__ but not __getitems__"):
        OwnItem([1], [0])


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: iter(DataLoader([1], generator=g)),
        lambda g: list(RandomSampler([1], generator=g)),
        lambda g: list(RandomSampler([1], replacement=True, generator=g)),
        lambda g: list(SubsetRandomSampler([1], g)),
        lambda g: random_split([1], [1], g),
    ],
    ids=["loader", "permutation", "replacement", "subset", "split"],
)
def test_a_generator_must_be_one(draw):
    with pytest.raises(TypeError, match=r"\(\) received an invalid combination of arguments - got \(.*generator=int"):
        draw(3)


def test_lengths_must_be_whole():
    with pytest.raises(TypeError, match=r"^randperm\(\) received an invalid combination of arguments - got \(float"):
        random_split([1, 2], [1.0, 1.0])


# --- torch as the oracle ---


def plain(value):
    """A batch as comparable Python values."""
    if hasattr(value, "tolist"):
        return str(value.dtype), list(value.shape), value.tolist()
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(plain, value)]
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value


@pytest.mark.oracle
@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_torch_s(name):
    torch = pytest.importorskip("torch")
    function, kind, text = ERRORS[name]
    with pytest.raises(kind) as caught:
        function(torch)
    assert (type(caught.value), str(caught.value)) == (kind, text)


@pytest.mark.oracle
@pytest.mark.parametrize("samples", [1, 4, 7, 1000])
@pytest.mark.parametrize("own_generator", [False, True])
def test_epochs_and_what_is_drawn_after_them_are_torch_s(samples, own_generator):
    torch = pytest.importorskip("torch")

    def run(t, size, drop_last, stop):
        t.manual_seed(samples)
        generator = t.Generator().manual_seed(5) if own_generator else None
        data = t.utils.data.TensorDataset(t.arange(samples), t.arange(samples * 2.0).reshape(samples, 2))
        batches = t.utils.data.DataLoader(data, size, shuffle=True, drop_last=drop_last, generator=generator)
        read = [plain(batch) for batch in itertools.islice(batches, stop)]
        return read, t.rand(2).tolist(), t.rand(2, generator=generator).tolist()

    for size, drop_last, stop in itertools.product([3, 4, None], [False, True], [0, 1, 2, None]):
        if size is not None or not drop_last:
            assert run(plugrad, size, drop_last, stop) == run(torch, size, drop_last, stop)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "options", [{}, {"num_samples": 25}, {"replacement": True}, {"replacement": True, "num_samples": 70}]
)
def test_random_samplers_are_torch_s(options):
    torch = pytest.importorskip("torch")

    def run(t, own_generator, stop):
        t.manual_seed(2)
        generator = t.Generator().manual_seed(5) if own_generator else None
        sampler = t.utils.data.RandomSampler(range(10), generator=generator, **options)
        return list(itertools.islice(sampler, stop)), t.rand(2).tolist(), t.rand(2, generator=generator).tolist()

    for own_generator, stop in itertools.product([False, True], [1, 10, 40, None]):
        assert run(plugrad, own_generator, stop) == run(torch, own_generator, stop)


@pytest.mark.oracle
@pytest.mark.parametrize("size", [None, 2])
def test_samplers_that_draw_when_asked_for_an_iterator_meet_torch_s_stream(size):
    torch = pytest.importorskip("torch")

    def run(t):
        class Eager(t.utils.data.Sampler):
            def __iter__(self):
                return iter(t.randperm(6).tolist())

            def __len__(self):
                return 6

        class Drawn(t.utils.data.IterableDataset):
            def __iter__(self):
                return iter(t.rand(5).tolist())

        t.manual_seed(1)
        read = list(t.utils.data.DataLoader(range(6), size, sampler=Eager())) + list(
            t.utils.data.DataLoader(Drawn(), size)
        )
        return [plain(batch) for batch in read], t.rand(1).item()

    assert run(plugrad) == run(torch)


COLLATED = {
    "numbers": lambda t: [1, 2**40],
    "mixed": lambda t: [1, 2.5],
    "nested": lambda t: [{"a": (1, [2.0, "x"])}, {"a": (3, [4.0, "y"])}],
    "named": lambda t: [Point(1, {"b": t.ones(2)}), Point(2, {"b": t.zeros(2)})],
    "empty": lambda t: [(), ()],
    "numpy": lambda t: [np.ones(2), np.zeros(2)],
    "numpy and tensor": lambda t: [np.ones(2), t.ones(2)],
    "float and integer tensor": lambda t: [t.ones(2), t.ones(2, dtype=t.int64)],
    "text": lambda t: ["a", 1],
    "numpy text": lambda t: [np.str_("a")],
    "complex": lambda t: [np.complex64(1j)],
    "counter": lambda t: [collections.Counter(a=1)],  # update() adds
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", COLLATED)
def test_collated_is_torch_s(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (plain(t.utils.data.default_collate(COLLATED[name](t))) for t in (plugrad, torch))
    assert ours == theirs


def test_the_sampler_base_needs_nothing():
    class Twice(Sampler[int]):
        def __iter__(self):
            return iter([0, 0])

    assert list(DataLoader("a", sampler=Twice())) == [["a"], ["a"]]


# --- shared between processes ---
DISTRIBUTED = [
    (count, replicas, drop_last, shuffle)
    for count, replicas in ((10, 3), (9, 3), (2, 5), (1, 3), (7, 1))
    for drop_last in (True, False)
    for shuffle in (True, False)
]


def parts(sampler_class, count, replicas, drop_last, shuffle):
    """The lengths and indices of every process, in the epochs 0 and 4."""
    found = []
    for rank in range(replicas):
        sampler = sampler_class(range(count), replicas, rank, shuffle=shuffle, seed=3, drop_last=drop_last)
        found.append((len(sampler), sampler.total_size, list(sampler)))
        sampler.set_epoch(4)
        found.append(list(sampler))
    return found


@pytest.mark.parametrize("case", DISTRIBUTED)
def test_processes_share_the_data(case):
    count, replicas, drop_last, shuffle = case
    found = parts(plugrad.utils.data.distributed.DistributedSampler, *case)
    each = count // replicas if drop_last else -(-count // replicas)
    assert [length for length, _, _ in found[::2]] == [each] * replicas
    seen = [index for _, _, indices in found[::2] for index in indices]
    assert len(seen) == each * replicas
    assert len(set(seen)) == min(count, len(seen))
    if not shuffle:
        assert found[0][2] == [i * replicas % count for i in range(each)]


@pytest.mark.oracle
@pytest.mark.parametrize("case", DISTRIBUTED)
def test_processes_share_the_data_as_torch(case):
    from torch.utils.data import DistributedSampler

    assert parts(plugrad.utils.data.DistributedSampler, *case) == parts(DistributedSampler, *case)


def test_a_distributed_sampler_is_told_who_it_is():
    sampler = plugrad.utils.data.DistributedSampler
    with pytest.raises(ValueError, match=r"^Invalid rank 2, rank should be in the interval \[0, 1\]$"):
        sampler(range(4), 2, 2)
    for arguments in ((), (2,)):
        with pytest.raises(RuntimeError, match="Requires distributed package to be available: plugrad has none"):
            sampler(range(4), *arguments)
    batches = [batch.tolist() for batch in DataLoader(range(5), 2, sampler=sampler(range(5), 2, 1, shuffle=False))]
    assert batches == [[1, 3], [0]]
