"""Processes that run one function, and how they end."""

import os
import threading
import warnings

import pytest

import plugrad


def fail(index, where):
    if index == where:
        raise ValueError("x" * 200_000 + f"number {index}")
    threading.Event().wait(60)  # until it is ended, long before


def leave(index, code):
    os._exit(code)


def keep(index, folder, x):
    (folder / str(index)).write_text(str((x * index).tolist()))


def joined(context):
    while not context.join():
        pass


def start(function, *args, n=2, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's, where other threads are there
        return plugrad.multiprocessing.start_processes(function, args, n, start_method="fork", **options)


@pytest.mark.cpu
def test_processes_run_a_function(tmp_path):
    assert start(keep, tmp_path, plugrad.ones(2)) is None
    assert [(tmp_path / str(i)).read_text() for i in range(2)] == ["[0.0, 0.0]", "[1.0, 1.0]"]


@pytest.mark.cpu
def test_a_process_that_raises_ends_the_others():
    with pytest.raises(plugrad.multiprocessing.ProcessRaisedException, match=r"number 1\n$") as caught:
        start(fail, 1)
    assert caught.value.error_index == 1
    assert str(caught.value).startswith("\n\n-- Process 1 terminated with the following error:\nTraceback")


@pytest.mark.cpu
def test_a_process_that_exits_is_told_of():
    context = start(leave, 3, n=1, join=False)
    assert len(context.pids()) == 1
    with pytest.raises(plugrad.multiprocessing.ProcessExitedException, match="process 0 terminated with exit code 3"):
        joined(context)


@pytest.mark.cpu
def test_a_process_that_is_killed_is_told_of():
    context = start(fail, None, n=1, join=False)
    assert context.join(timeout=0) is False
    context.processes[0].kill()
    with pytest.raises(plugrad.multiprocessing.ProcessExitedException, match="terminated with signal SIGKILL"):
        joined(context)


@pytest.mark.cpu
@pytest.mark.slow
def test_spawn():
    with pytest.raises(plugrad.multiprocessing.ProcessRaisedException, match="TypeError"):
        plugrad.multiprocessing.spawn(len, (1,))


def test_multiprocessing_is_pythons():
    import multiprocessing

    assert plugrad.multiprocessing.Process is multiprocessing.Process
    assert plugrad.multiprocessing.get_context("spawn") is multiprocessing.get_context("spawn")
    with pytest.raises(AssertionError, match="invalid sharing strategy 'foo'"):
        plugrad.multiprocessing.set_sharing_strategy("foo")
