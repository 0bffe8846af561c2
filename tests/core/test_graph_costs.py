"""What a graph costs, counted instead of timed: depth, memory, reference cycles, and Python frames per op."""

import gc
import sys
import time
import tracemalloc
import weakref

import pytest

import plugrad as torch
from plugrad.autograd import Function, grad
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


class Double(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


# --- depth ---
def chain(x, n):
    y = x
    for _ in range(n):
        y = y * 1.0
    return y


def test_deep_graph():
    x = leaf(2.0)
    chain(x, 100_000).backward()
    assert x.grad.item() == 1.0


def test_deep_graph_is_dropped_without_backward():
    x = leaf(2.0)
    y = chain(x, 100_000)
    del y
    assert x.grad is None


def test_deep_graph_of_custom_functions():
    x = leaf(2.0)
    y = x
    for _ in range(20_000):
        y = Double.apply(y) * 0.5
    y.backward()
    assert x.grad.item() == 1.0


def test_deep_graph_of_in_place_ops():
    x = leaf(2.0)
    y = x * 1
    for _ in range(20_000):
        y.mul_(1.0)
    y.backward()
    assert x.grad.item() == 1.0


def test_deep_graph_with_create_graph():
    x = leaf(2.0)
    (g,) = grad(chain(x * x, 5_000), x, create_graph=True)
    (second,) = grad(g, x)
    assert second.item() == 2.0


def test_deep_graph_of_branches():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = (y + y) * 0.5
    y.backward()
    assert x.grad.item() == 1.0


@pytest.mark.slow
@pytest.mark.cpu
def test_chain_of_a_million_nodes():
    """Forward, backward and release in less than 20 s of the processor."""
    start = time.process_time()
    x = leaf(2.0)
    y = chain(x, 1_000_000)
    y.backward()
    del y
    assert time.process_time() - start < 20
    assert x.grad.item() == 1.0


# --- reference cycles and memory ---
def collected(function):
    """How many objects the cycle collector finds after running ``function`` twice (the first run fills caches)."""
    function()
    gc.collect()
    gc.disable()
    try:
        function()
        return gc.collect()
    finally:
        gc.enable()


def plain_graph():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    ((x * w).exp() + x).sum().backward()


def graph_with_views():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[:2].mul_(3)
    a, b, c = y.unbind()
    (a * b + c + y.view(3, 1).sum()).backward()


def graph_with_hooks():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    y.grad_fn.register_hook(lambda *_: None)
    x.register_post_accumulate_grad_hook(lambda p: None)
    y.sum().backward()


def graph_with_custom_functions():
    x = leaf(1.0, 2.0)
    Double.apply(Double.apply(x)).sum().backward()


def graph_of_second_order():
    x = leaf(1.0, 2.0)
    (g,) = grad((x**3).sum(), x, create_graph=True)
    g.sum().backward()


def graph_never_used():
    x = leaf(1.0, 2.0)
    (x.exp() * x)[0].sin()


def graph_that_fails():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    try:
        y.sum().backward()
    except RuntimeError:
        return


GRAPHS = [
    plain_graph,
    graph_with_views,
    graph_with_hooks,
    graph_with_custom_functions,
    graph_of_second_order,
    graph_never_used,
    graph_that_fails,
]


@pytest.mark.parametrize("function", GRAPHS, ids=lambda f: f.__name__)
def test_no_reference_cycles(function):
    assert collected(function) == 0


def train(parameters, steps):
    w, b = parameters
    x = torch.ones(4, 3)
    for _ in range(steps):
        y = (x @ w + b).tanh()
        loss = (y * y).mean()
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= 0.01 * p.grad
                p.grad = None


@pytest.mark.cpu
def test_memory_is_flat_over_training_steps():
    """Twice 1,500 steps: what a step leaves behind grows in both windows, what the process allocates once does not."""
    parameters = [torch.ones(3, 2, requires_grad=True), torch.zeros(2, requires_grad=True)]
    tracemalloc.start()
    try:
        train(parameters, 200)  # fills the version's list of recent writes
        gc.collect()  # also empties the interpreter's stock of unused tuples
        levels, peaks = [tracemalloc.get_traced_memory()[0]], []
        for _ in range(2):
            tracemalloc.reset_peak()
            train(parameters, 1_500)
            peaks.append(tracemalloc.get_traced_memory()[1] - levels[-1])
            gc.collect()
            levels.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    grown = min(levels[1] - levels[0], levels[2] - levels[1])
    assert grown < 1_500 * 16  # less than any object a step
    assert max(peaks) < 200_000


def test_arrays_are_freed_during_backward():
    """At each hook, what the nodes above have saved is gone."""
    alive = []
    x = leaf(1.0, 2.0)
    first = x.exp()
    second = first.exp()
    seen = weakref.ref(second)
    first.register_hook(lambda g: alive.append(seen() is not None))
    y = second.exp().sum()
    del first, second
    y.backward()
    assert alive == [False]


def test_intermediate_values_live_only_in_the_graph():
    x = leaf(1.0, 2.0)
    hidden = x * 2
    gone = weakref.ref(hidden)
    y = (hidden + 1).sum()
    del hidden
    assert gone() is None
    y.backward()
    assert_close(x.grad, torch.tensor([2.0, 2.0], dtype=torch.float64))


# --- frames ---
def frames(function):
    """How many Python frames a call enters, its own left out."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count - 1


ONE_FRAME = {
    "x + y": lambda x, y: x + y,
    "x * y": lambda x, y: x * y,
    "x - y": lambda x, y: x - y,
    "x / y": lambda x, y: x / y,
    "x * 2.0": lambda x, y: x * 2.0,
    "x + 1": lambda x, y: x + 1,
    "x.exp()": lambda x, y: x.exp(),
    "x.tanh()": lambda x, y: x.tanh(),
    "x.sin()": lambda x, y: x.sin(),
    "x.sqrt()": lambda x, y: x.sqrt(),
    "-x": lambda x, y: -x,
    "x > y": lambda x, y: x > y,
}


@pytest.mark.cpu
@pytest.mark.parametrize("name", ONE_FRAME)
def test_one_frame_per_recorded_elementwise_op(name):
    if torch.__name__ == "torch":
        pytest.skip("torch's ops have no Python frames")
    function = ONE_FRAME[name]
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    function(x, y)  # compiles the op
    assert frames(lambda: function(x, y)) - 1 == 1  # besides the lambda's own


@pytest.mark.cpu
def test_frames_per_node_in_backward(monkeypatch):
    if torch.__name__ == "torch":
        pytest.skip("torch's engine has no Python frames")
    from plugrad.core.walk import Walk

    monkeypatch.setattr(Walk, "scoped", False)  # another test may have used a device that must be made current
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)

    def passed(n):
        z = x
        for _ in range(n):
            z = z * y
        z.backward(torch.ones(2, dtype=torch.float64))

    passed(5)
    few, many = frames(lambda: passed(10)), frames(lambda: passed(110))
    # Per op: one frame forward; backward the node, a rule for each of the two arguments, and the release.
    assert (many - few) / 100 <= 5
