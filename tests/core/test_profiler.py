"""The profiler: which events, how they nest, what their times add up to."""

import json

import pytest

import plugrad
from plugrad.autograd import profiler
from plugrad.core.compile import _texts


@pytest.fixture
def taken(device):
    x = plugrad.ones(3, requires_grad=True)
    with profiler.profile(record_shapes=True) as taken:
        with profiler.record_function("mine"):
            y = x.exp() * x
        y.exp().sum().backward()
    return taken


def names(events):
    return [event.name for event in events]


def test_events_of_forward_and_backward(taken):
    assert names(taken.function_events) == [
        *("mine", "exp", "mul", "exp", "sum_all"),
        *("SumBackward0", "ExpBackward0", "MulBackward0", "ExpBackward0"),
    ]
    assert taken.function_events[1].input_shapes == [[3]]
    assert taken.function_events[2].input_shapes == [[3], [3]]


def test_events_nest_and_their_times_add_up(taken):
    mine = taken.function_events[0]
    assert names(mine.cpu_children) == ["exp", "mul"]
    assert mine.cpu_children[0].cpu_parent is mine
    inner = sum(child.cpu_time_total for child in mine.cpu_children)
    assert 0 < inner <= mine.cpu_time_total
    assert mine.self_cpu_time_total == pytest.approx(mine.cpu_time_total - inner)
    assert taken.self_cpu_time_total == pytest.approx(
        sum(e.cpu_time_total for e in taken.function_events if e.cpu_parent is None)
    )
    starts = [e.time_range.start for e in taken.function_events]
    assert starts == sorted(starts)


def test_averages(taken):
    averages = {average.key: average for average in taken.key_averages()}
    assert averages["exp"].count == 2
    assert averages["exp"].cpu_time == pytest.approx(averages["exp"].cpu_time_total / 2)
    assert taken.total_average().count == 9
    assert len(taken.key_averages(group_by_input_shape=True)) >= len(averages)
    assert "key=exp" in repr(averages["exp"])


def test_table(taken):
    lines = taken.key_averages().table(sort_by="count", row_limit=1, header="Mine").splitlines()
    assert lines[1] == "Mine"
    assert lines[3].split()[0] == "Name"
    assert lines[5].split()[0] in ("exp", "ExpBackward0")
    assert lines[5].split()[-1] == "2"
    assert len({len(line) for line in lines[2:7]}) == 1
    assert lines[-1].startswith("Self CPU time total: ")
    assert "MulBackward0" in repr(taken)
    with pytest.raises(ValueError, match="sort_by should be one of"):
        taken.table(sort_by="name")


def test_trace(taken, tmp_path):
    taken.export_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert [entry["name"] for entry in trace] == names(taken.function_events)
    assert all(entry["ph"] == "X" and entry["dur"] > 0 for entry in trace)


def test_nothing_is_left_behind(device):
    before = _texts.used
    x = plugrad.ones(3, requires_grad=True)
    taken = profiler.profile()
    with pytest.raises(RuntimeError, match="implicitly"), taken:
        (x * 2).backward()
    assert _texts.used == before
    (x * 2).sum().backward()
    assert names(taken.function_events) == ["mul"]
    with profiler.profile(enabled=False):
        x.exp()
        assert _texts.used == before


def test_decorated_function(device):
    @profiler.record_function("named")
    def function():
        return plugrad.ones(2).exp()

    function()
    with profiler.profile() as taken:
        function()
        function()
    assert names(taken.function_events) == ["named", "exp"] * 2


def test_refused(device):
    with pytest.raises(NotImplementedError, match="profile: with_stack is not supported"):
        profiler.profile(with_stack=True)
    with pytest.raises(NotImplementedError, match="use_cpu=False is not supported"):
        profiler.profile(use_cpu=False)
    taken = profiler.profile()
    with pytest.raises(RuntimeError, match="didn't finish running"):
        _ = taken.function_events
    assert repr(taken) == "<unfinished torch.autograd.profile>"
    with taken, pytest.raises(RuntimeError, match="Profiler is already enabled"), profiler.profile():
        pass
    with pytest.raises(RuntimeError, match="not reentrant"), taken:
        pass


def test_kinds():
    assert plugrad.autograd.DeviceType.CPU.value == 0
    assert profiler.profile.activities == {plugrad.autograd.ProfilerActivity.CPU}
    assert profiler.profile.profiler_kind is plugrad.autograd.ProfilerState.CPU
    assert not plugrad.autograd.kineto_available()
    event = plugrad.autograd.ProfilerEvent("a", 1.0, 2, [], None)
    assert (event.name, event.start_us, event.thread_id) == ("a", 1.0, 2)
    assert plugrad.autograd.profiler_util.Interval(1.0, 3.5).elapsed_us() == 2.5
