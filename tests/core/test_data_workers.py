"""Batches that worker processes read: the same as without workers and as torch's, and what happens when a worker fails."""

import functools
import itertools
import os
import signal
import time

import pytest

import plugrad
from plugrad.utils.data import DataLoader, IterableDataset, TensorDataset, get_worker_info
from plugrad_worker_data import Draws, Squares, die_at, fail_at, wait_for_others

pytestmark = pytest.mark.cpu


def plain(value):
    if hasattr(value, "tolist"):
        return str(value.dtype), value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return {key: plain(v) for key, v in value.items()} if isinstance(value, dict) else value


def counted(t, lengths):
    """An iterable data set of which each worker reads its own share."""

    class Counted(t.utils.data.IterableDataset):
        def __iter__(self):
            info = t.utils.data.get_worker_info()
            mine = range(len(lengths)) if info is None else [info.id]
            return iter([100 * w + i for w in mine for i in range(lengths[w])])

    return Counted()


def read(loader, stop=None):
    return [plain(batch) for batch in itertools.islice(loader, stop)]


@pytest.mark.parametrize("options", [
    {}, {"shuffle": True}, {"batch_size": None}, {"drop_last": True, "batch_size": 3}, {"prefetch_factor": 1},
    {"persistent_workers": True, "shuffle": True}, {"multiprocessing_context": "forkserver"},
], ids=str)  # fmt: skip
def test_batches_are_those_without_workers(options):
    def run(**workers):
        plugrad.manual_seed(3)
        loader = DataLoader(Squares(plugrad, 10), **{"batch_size": 4, **workers})
        return read(loader), read(loader), plugrad.rand(2).tolist()

    alone = {k: v for k, v in options.items() if k in ("shuffle", "batch_size", "drop_last")}
    first, second, drawn = run(num_workers=2, **options)
    expected = run(**alone)
    assert first == expected[0]
    if not options.get("persistent_workers"):  # a second pass then draws no seed for its workers
        assert (second, drawn) == expected[1:]


def test_a_tensor_data_set_is_read_at_once_by_a_worker_too():
    data = TensorDataset(plugrad.arange(7), plugrad.arange(14.0).reshape(7, 2))
    assert read(DataLoader(data, 3, num_workers=1)) == read(DataLoader(data, 3))


def test_what_comes_from_a_worker_can_be_written():
    (batch,) = DataLoader(TensorDataset(plugrad.arange(4.0)), 4, num_workers=1)
    batch[0].add_(1.0)
    assert batch[0].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_pass_that_is_broken_off_leaves_nothing_to_the_next():
    loader = DataLoader(Squares(plugrad, 20), 2, num_workers=2, persistent_workers=True)
    assert read(loader, 1) == read(loader)[:1]
    assert read(loader, 3) == read(loader)[:3]
    pids = [worker.process.pid for worker in loader._iterator._workers]
    read(loader)
    assert pids == [worker.process.pid for worker in loader._iterator._workers]


def test_workers_end_with_their_pass():
    loader = DataLoader(Squares(plugrad, 4), num_workers=2)
    iterator = iter(loader)
    processes = [worker.process for worker in iterator._workers]
    list(iterator)
    assert [p.exitcode for p in processes] == [0, 0]
    iterator = iter(loader)
    processes = [worker.process for worker in iterator._workers]
    del iterator
    assert not any(p.is_alive() for p in processes)


def test_batches_in_the_order_of_their_arrival():
    data = Squares(plugrad, 6, functools.partial(wait_for_others, 0))
    loader = DataLoader(data, 1, num_workers=2, in_order=False)
    found = [batch["square"].item() for batch in loader]
    assert sorted(found) == [0, 1, 4, 9, 16, 25]
    assert found[0] != 0


def test_each_worker_reads_its_share_of_a_stream():
    loader = DataLoader(counted(plugrad, [5, 1]), 2, num_workers=2, multiprocessing_context="fork")
    assert sorted(v for batch in loader for v in batch.tolist()) == [0, 1, 2, 3, 4, 100]


def test_beginning_of_a_worker():
    def begin(worker):
        plugrad.manual_seed(worker)

    loader = DataLoader(Draws(plugrad), 1, num_workers=2, worker_init_fn=begin, multiprocessing_context="fork")
    numbers = [batch[0][0].tolist() for batch in loader]
    plugrad.manual_seed(1)
    assert numbers[1] == plugrad.rand(2).tolist()


# --- failures ---
def test_an_error_is_raised_with_its_traceback_and_the_loader_goes_on():
    data = Squares(plugrad, 6, functools.partial(fail_at, 2, ValueError("no sample")))
    iterator = iter(DataLoader(data, 1, num_workers=2))
    assert next(iterator)["square"].item() == 0
    next(iterator)
    with pytest.raises(
        ValueError, match=r"(?s)^Caught ValueError in DataLoader worker process 0\.\nOriginal Traceback.*no sample"
    ):
        next(iterator)
    assert next(iterator)["square"].item() == 9


@pytest.mark.parametrize(
    "error", [KeyError("name"), UnicodeDecodeError("utf-8", b"", 0, 1, "bad"), StopIteration("early")]
)
def test_errors_of_other_kinds(error):
    data = Squares(plugrad, 2, functools.partial(fail_at, 0, error))
    kind = RuntimeError if isinstance(error, UnicodeDecodeError) else type(error)
    with pytest.raises(kind) as caught:
        next(iter(DataLoader(data, 1, num_workers=1)))
    assert "in DataLoader worker process 0" in str(caught.value)


def test_an_error_of_the_beginning():
    def begin(worker):
        raise OSError("no file")

    with pytest.raises(OSError, match="Caught OSError in DataLoader worker process 0"):
        list(DataLoader([1, 2], num_workers=1, worker_init_fn=begin, multiprocessing_context="fork"))


def test_what_cannot_be_sent_is_told():
    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        list(DataLoader([1, 2], num_workers=1, collate_fn=lambda batch: lambda: batch, multiprocessing_context="fork"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_dies_is_told_at_once(how):
    data = Squares(plugrad, 8, functools.partial(die_at, 1, how))
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"^DataLoader worker \(pid\(s\) \d+\) exited unexpectedly") as caught:
        list(DataLoader(data, 1, num_workers=2))
    assert time.monotonic() - start < 4
    assert how.name in caught.value.__notes__[0]


def test_a_worker_that_takes_too_long():
    data = Squares(plugrad, 3, functools.partial(wait_for_others, 0))
    with pytest.raises(RuntimeError, match=r"^DataLoader timed out after 0\.05 seconds$"):
        list(DataLoader(data, 1, num_workers=1, timeout=0.05))


def test_large_tasks_and_large_batches_at_once():
    """Both directions of the pipe are full at the same time."""
    data = TensorDataset(plugrad.zeros(30_000, 20))
    assert sum(len(batch[0]) for batch in DataLoader(data, 15_000, num_workers=1, prefetch_factor=8)) == 30_000


# --- warnings ---
def test_more_workers_than_cores():
    many = len(os.sched_getaffinity(0)) + 1
    with pytest.warns(
        UserWarning, match=f"^This DataLoader will create {many} worker processes in total. Our suggested max"
    ):
        DataLoader([1], num_workers=many)


def test_pinned_memory(monkeypatch):
    monkeypatch.setattr("plugrad.core.data.loader._has_accelerator", lambda: False)  # simcuda may be installed
    with pytest.warns(UserWarning, match="^'pin_memory' argument is set as true but no accelerator is found"):
        assert read(DataLoader([1], pin_memory=True)) == [("torch.int64", [1])]


def test_a_stream_longer_than_it_said():
    class Longer(IterableDataset):
        def __iter__(self):
            return iter(range(3))

        def __len__(self):
            return 2

    for workers in (0, 1):
        loader = DataLoader(
            Longer(), 1, num_workers=workers, **({"multiprocessing_context": "fork"} if workers else {})
        )
        len(loader)
        with pytest.warns(UserWarning, match="was reported to be 2.*but 3 samples have been fetched"):
            assert len(list(loader)) == 3


# --- torch as the oracle ---
@pytest.mark.oracle
@pytest.mark.parametrize("options", [
    {}, {"shuffle": True}, {"shuffle": True, "persistent_workers": True}, {"batch_size": None, "shuffle": True}, {"drop_last": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_torchs(workers, options):
    torch = pytest.importorskip("torch")
    if options.get("persistent_workers") and not workers:
        options = {"shuffle": True}

    def run(t):
        t.manual_seed(11)
        loader = t.utils.data.DataLoader(Squares(t, 11), **{"batch_size": 3, "num_workers": workers, **options})
        return read(loader), read(loader, 1), read(loader), t.rand(3).tolist()

    assert run(plugrad) == run(torch)


@pytest.mark.oracle
def test_workers_draw_torchs_numbers():
    torch = pytest.importorskip("torch")

    def run(t):
        t.manual_seed(4)
        return read(t.utils.data.DataLoader(Draws(t), 2, num_workers=2))

    assert run(plugrad) == run(torch)


@pytest.mark.oracle
@pytest.mark.parametrize("size", [1, 2, None])
def test_streams_are_torchs(size):
    torch = pytest.importorskip("torch")

    def run(t):
        loader = t.utils.data.DataLoader(counted(t, [5, 2]), size, num_workers=2, multiprocessing_context="fork")
        return read(loader)

    assert run(plugrad) == run(torch)


def test_the_information_is_a_workers_own():
    assert get_worker_info() is None
