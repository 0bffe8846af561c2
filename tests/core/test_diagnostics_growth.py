"""watch_graph_growth: programs whose graphs grow from step to step, and those whose do not."""

import re
import warnings

import pytest

import plugrad as torch
from plugrad.autograd.graph import GraphGrowthWarning, watch_graph_growth
from plugrad.core.recording import Lines, Watchers

pytestmark = pytest.mark.device
HERE = re.compile(r"\S*test_diagnostics_growth\.py:\d+")


class Training:
    def __init__(self):
        self.w = torch.ones(3, requires_grad=True)
        self.optimizer = torch.optim.SGD([self.w], lr=0.0)
        self.total = torch.zeros(())
        self.losses = []

    def step(self):
        self.optimizer.zero_grad()
        loss = (self.w * 2).sum()
        loss.backward()
        self.optimizer.step()
        return loss


def accumulates(training):
    loss = training.step()
    training.total = training.total + loss


def keeps(training):
    training.losses.append(training.step())


def carries_over(training):
    training.total = training.total.tanh() * training.w.sum()
    training.optimizer.step()


def detaches(training):
    loss = training.step()
    training.total += loss.detach()
    training.losses.append(loss.item())


def warned(step, count=60, **options):
    training = Training()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with watch_graph_growth(training.optimizer, **options):
            for _ in range(count):
                step(training)
    return [w for w in caught if w.category is GraphGrowthWarning]


TEXTS = {
    accumulates: (
        "the graph grows: after each step about 3 more nodes stay alive. AddBackward0 at HERE, in accumulates: "
        "training.total = training.total + loss takes a result of an earlier step: accumulate loss.item() or loss.detach(), "
        "and cut off what is carried over by .detach()."
    ),
    keeps: (
        "the graph grows: after each step about 2 more nodes stay alive. SumBackward0 at HERE, in step: "
        "loss = (self.w * 2).sum(): its results of every step are kept; keep loss.item() or loss.detach() instead."
    ),
    carries_over: (
        "the graph grows: after each step about 3 more nodes stay alive. TanhBackward0 at HERE, in carries_over: "
        "training.total = training.total.tanh() * training.w.sum() takes a result of an earlier step: accumulate loss.item() or "
        "loss.detach(), and cut off what is carried over by .detach()."
    ),
}


@pytest.mark.parametrize("step", TEXTS, ids=lambda f: f.__name__)
def test_growth_is_found(step):
    (warning,) = warned(step)
    assert HERE.sub("HERE", str(warning.message)) == TEXTS[step]
    assert warning.filename == __file__


def test_no_growth():
    assert warned(detaches) == []
    assert warned(lambda training: training.step()) == []


def test_it_takes_three_counts_that_grew():
    assert warned(accumulates, count=39) == []
    assert len(warned(accumulates, count=40)) == 1
    assert len(warned(accumulates, count=8, every=2)) == 1


def test_a_graph_that_stops_growing():
    def step(training):
        loss = training.step()
        if len(training.losses) < 25:
            training.losses.append(loss)

    assert warned(step, count=80) == []


def test_slow_growth_is_let_pass():
    def step(training):
        loss = training.step()
        if training.w._version % 5 == 0:
            training.losses.append(loss)  # two nodes every fifth step

    assert warned(step, count=80) == []


def test_a_function():
    training = Training()

    @watch_graph_growth
    def step():
        """One step."""
        accumulates(training)
        return 5

    assert (step.__name__, step.__doc__) == ("step", "One step.")
    with pytest.warns(GraphGrowthWarning, match="AddBackward0"):
        assert [step() for _ in range(40)] == [5] * 40


def test_removing_it():
    training = Training()
    handle = watch_graph_growth(training.optimizer, every=2)
    for _ in range(6):
        accumulates(training)
    assert Lines.enabled  # the second growth was seen
    handle.remove()
    assert not Lines.enabled
    assert Watchers.count == 0
    for _ in range(20):
        accumulates(training)  # a warning would be an error


def test_lines_that_the_program_records_stay_on():
    with torch.autograd.graph.record_lines():
        assert len(warned(accumulates)) == 1
        assert Lines.wanted
