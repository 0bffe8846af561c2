"""One op in several threads: results, errors, and BLAS's number of threads afterwards."""

import os
import threading

import pytest

from plugrad.backends import numpy_threads
from plugrad.backends.numpy_threads import cores, in_parallel

pytestmark = pytest.mark.cpu


def test_results_come_in_the_order_of_the_parts():
    assert in_parallel(lambda part: part * part, list(range(7))) == [0, 1, 4, 9, 16, 25, 36]


def test_one_part_runs_here():
    assert in_parallel(lambda part: threading.current_thread(), [0]) == [threading.current_thread()]


needs_hold = pytest.mark.skipif(numpy_threads._blas() is None, reason="numpy's BLAS does not tell its threads")


@needs_hold
def test_inside_blas_has_one_core_and_no_op_takes_more_threads():
    before = cores()
    get = numpy_threads._blas()[0]
    assert in_parallel(lambda part: (get(), cores()), [0, 1]) == [(1, 1), (1, 1)]
    assert cores() == before


@needs_hold
@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_comes_out_after_all_parts_have_ended(bad):
    before, ended = cores(), []

    def work(part):
        if part == bad:
            raise ValueError(f"part {part}")
        ended.append(part)

    with pytest.raises(ValueError, match=f"part {bad}"):
        in_parallel(work, [0, 1, 2])
    assert sorted(ended) == sorted({0, 1, 2} - {bad})
    assert cores() == before


def test_without_a_hold_on_blas_there_is_one_core(monkeypatch):
    monkeypatch.setattr(numpy_threads, "_blas", lambda: None)
    assert cores() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_child_process_gets_threads_of_its_own():
    in_parallel(lambda part: part, [0, 1])
    child = os.fork()
    if child == 0:
        os._exit(0 if in_parallel(lambda part: part, [1, 2]) == [1, 2] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
