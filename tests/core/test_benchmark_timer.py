"""utils.benchmark: with a clock of the test's own, so that every figure is known."""

import math

import pytest

import plugrad
from plugrad.utils.benchmark import Measurement, Timer, timer
from plugrad_testing import import_plugin, registered


class Clock:
    """A clock that a statement moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-9  # a look at it takes time too
        return self.now

    def work(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def test_timeit(clock):
    found = Timer("clock.work(0.5)", timer=clock, globals={"clock": clock}).timeit(4)
    assert found.times == pytest.approx([0.5])
    assert (found.number_per_run, found.raw_times) == (4, pytest.approx([2.0]))
    assert found.mean == found.median == pytest.approx(0.5)
    assert clock.now == pytest.approx(2 * 0.5 + 4 * 0.5)  # two to warm up


def test_setup_and_names(clock):
    seen = []
    text = """
        seen.append((torch.ones(2).sum().item(), plugrad is torch))
        clock.work(1)
    """
    Timer(text, "clock.now = 0", timer=clock, globals={"clock": clock, "seen": seen}).timeit(1)
    assert set(seen) == {(2.0, True)}
    found = Timer("seen.append(torch)", globals={"torch": 3, "seen": seen}).timeit(1)
    assert seen[-1] == 3
    assert found.stmt == "seen.append(torch)"


def test_blocked_autorange(clock):
    calls = []
    found = Timer("clock.work(1e-3)", timer=clock, globals={"clock": clock}).blocked_autorange(
        lambda *call: calls.append(call), min_run_time=0.25
    )
    assert found.number_per_run == 1  # a look at the clock takes less than a ten-thousandth
    assert len(found.times) == 250
    assert calls == [(1, t) for t in found.raw_times]


def test_a_short_statement_runs_in_blocks(clock):
    found = Timer("clock.work(1e-7)", timer=clock, globals={"clock": clock}).blocked_autorange(min_run_time=0.1)
    assert found.number_per_run == 1000
    assert found.median == pytest.approx(1e-7, rel=1e-4)


def test_adaptive_autorange(clock):
    steady = Timer("clock.work(0.1)", timer=clock, globals={"clock": clock}).adaptive_autorange()
    assert len(steady.times) == 4
    work = iter([0.1, *[0.1, 0.9] * 1000])
    noisy = Timer("clock.work(next(work))", timer=clock, globals={"clock": clock, "work": work})
    found = noisy.adaptive_autorange(max_run_time=5.0)
    assert 5.0 < sum(found.raw_times) < 6.1
    assert found.has_warnings


def test_figures():
    found = Measurement(2, [2.0, 4.0, 6.0, 8.0, 20.0], "f()")
    assert found.times == [1, 2, 3, 4, 10]
    assert (found.mean, found.median, found.iqr) == (4, 3, 2)
    assert Measurement(1, [1.0, 2.0], "f()").median == 1.5


@pytest.mark.oracle
def test_figures_are_torch_s():
    from torch.utils.benchmark import Measurement as Theirs
    from torch.utils.benchmark.utils.common import TaskSpec

    times = [0.3, 0.1, 0.7, 0.35, 0.2, 1.1]
    ours, theirs = Measurement(3, times, "f()"), Theirs(3, times, TaskSpec("f()", "pass"))
    for name in ("times", "mean", "median", "iqr", "has_warnings", "title"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name)), name


def test_text():
    lines = repr(Measurement(10, [2e-5, 4e-5, 3e-5, 3e-5], "f()", "x = 1", "label", "sub", "text")).splitlines()
    assert lines[0].startswith("<plugrad.utils.benchmark.Measurement object at 0x")
    assert lines[1:] == [
        "label: sub",
        "text",
        "setup: x = 1",
        "  Median: 3.00 us",
        "  IQR:    0.50 us (2.75 to 3.25)",
        "  4 measurements, 10 runs per measurement",
        "  WARNING: the interquartile range is 16.7% of the median: system fluctuation.",
    ]
    assert repr(Measurement(10, [2.0], "f()")).splitlines()[1:] == ["f()", "  200.00 ms", "  1 measurement, 10 runs"]


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"stmt": len}, ValueError, "Currently only a `str` stmt is supported."),
        ({"global_setup": "int x;"}, ValueError, "global_setup is C\\+\\+ only, got `int x;`"),
        ({"language": "c++"}, NotImplementedError, "Timer: language='c\\+\\+'"),
        ({"num_threads": 2}, NotImplementedError, "Timer: num_threads=2: numpy's threads are set before Python starts"),
    ],
)
def test_what_is_not_supported(arguments, kind, text):
    with pytest.raises(kind, match=text):
        Timer(**arguments)


def test_the_clock_waits_for_devices():
    plugin = import_plugin("plugrad_simcuda")
    with registered(*plugin.plugrad_backends()), plugin.simcupy.counting() as seen:
        assert math.isfinite(timer())
    assert seen.syncs == 2
    assert plugrad.ones(1).sum().item() == 1
