"""What an op costs, counted without a clock: frames, garbage, depth."""

import contextlib
import gc
import os
import sys

import pytest

import plugrad
import plugrad_op_checks as checks
from plugrad.core.compile import materialize
from plugrad.core.rows import ROWS

pytestmark = pytest.mark.cpu


def frames_of(function):
    """The code objects of the Python frames entered while a function runs, without its own."""
    entered = []

    def profile(frame, event, _):
        if event == "call":
            entered.append(frame.f_code)

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return entered[1:]


FAST = [row for row in ROWS.values() if row.kind == "elementwise" and not row.statics and row.name != "conj"]


@pytest.mark.parametrize("row", FAST, ids=lambda r: r.name)
def test_a_recorded_elementwise_op_is_one_frame(row):
    x = plugrad.full((3,), 0.5, requires_grad=True)
    inputs = [x] * len(row.tensors)
    row.function(*inputs)  # compiles itself when first called
    seen = frames_of(lambda: row.function(*inputs))
    names = [code.co_name for code in seen]
    own = [code for code in seen if code.co_filename.startswith("<plugrad ")]
    assert len(own) == 1, names
    # What else is entered is the backend's: a function that numpy does not have in C.
    assert [
        code.co_name for code in seen if f"{os.sep}core{os.sep}" in code.co_filename and "plugrad" in code.co_filename
    ] == []


@pytest.mark.parametrize("operator", ["x * x", "x + 1.0", "x - x", "x / 2", "-x", "2 * x"])
def test_an_operator_is_one_frame(operator):
    x = plugrad.ones(3, requires_grad=True)
    run = eval(f"lambda: {operator}", {"x": x})
    run()
    assert [code.co_name for code in frames_of(run)] == [frames_of(run)[0].co_name]


def test_a_batch_of_tensors_costs_few_frames():
    data = plugrad.utils.data.TensorDataset(plugrad.rand(640, 3), plugrad.arange(640))
    loader = plugrad.utils.data.DataLoader(data, 8, shuffle=True)
    batches = iter(loader)
    next(batches)
    seen = frames_of(lambda: next(batches))
    assert len(seen) <= 15, [code.co_name for code in seen]


def test_a_pass_over_tensors_makes_one_permutation(monkeypatch):
    made = []
    original = plugrad.core.random_integers._exchanges
    monkeypatch.setattr(
        plugrad.core.random_integers, "_exchanges", lambda n, generator: made.append(n) or original(n, generator)
    )
    data = plugrad.utils.data.TensorDataset(plugrad.arange(640))
    for generator in (None, plugrad.Generator()):
        list(plugrad.utils.data.DataLoader(data, 64, shuffle=True, generator=generator))
    assert made == [640, 640]


@contextlib.contextmanager
def no_garbage():
    """Assert that what runs inside leaves nothing for the cycle collector."""
    gc.collect()
    gc.disable()
    try:
        yield
        assert gc.collect() == 0
    finally:
        gc.enable()


def training_steps(optimizer_of):
    w = plugrad.ones(4, 3, requires_grad=True)
    b = plugrad.zeros(3, requires_grad=True)
    x, labels = plugrad.ones(5, 4), plugrad.zeros(5, 1, dtype=plugrad.int64)
    optimizer = optimizer_of([w, b])

    def step():
        optimizer.zero_grad()
        loss = -(x @ w + b).tanh().log_softmax(1).gather(1, labels).mean()
        loss.backward()
        optimizer.step()

    return step


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_training_steps_leave_no_cycles(name):
    step = training_steps(lambda p: getattr(plugrad.optim, name)(p, lr=0.1))
    step()
    with no_garbage():
        for _ in range(3):
            step()


GRAPHS = {
    "forward only": lambda x: (x * x).sum(),
    "mixed dtypes": lambda x: x * (x > 0),
    "views": lambda x: x.reshape(2, 2).t()[0].sum(),
    "in place": lambda x: (x * 1).add_(1).mul_(x).sum(),
    "in place on a view": lambda x: written(x * 1).sum(),
    "several outputs": lambda x: x.sort()[0].sum(),
    "joined": lambda x: plugrad.cat([x, x * 2]).sum(),
    "backward": lambda x: (x * x).sum().backward(),
    "create_graph": lambda x: plugrad.autograd.grad((x**3).sum(), x, create_graph=True)[0].sum(),
    "second order": lambda x: plugrad.autograd.grad(
        plugrad.autograd.grad((x**3).sum(), x, create_graph=True)[0].sum(), x
    ),
    "hooks": lambda x: hooked(x * 2).sum().backward(),
    "an error": lambda x: failing(x),
    "retained": lambda x: (x * x).sum().backward(retain_graph=True),
}


def written(y):
    y[1:3] = 5.0
    return y


def hooked(y):
    y.register_hook(lambda g: g * 2)
    return y


def failing(x):
    with contextlib.suppress(RuntimeError):
        (x * x).backward()


@pytest.mark.parametrize("name", GRAPHS)
def test_a_dropped_graph_leaves_no_cycles(name):
    x = plugrad.ones(4, requires_grad=True)
    GRAPHS[name](x)
    x.grad = None
    with no_garbage():
        GRAPHS[name](x)
        x.grad = None


@pytest.mark.slow
def test_a_million_ops_forward_backward_and_dropped():
    x = plugrad.ones(1, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    y.backward()
    assert y.item() == 1_000_001.0
    assert x.grad.item() == 1.0
    del y  # no recursion in freeing either
    assert x.grad.item() == 1.0


@pytest.mark.slow
def test_a_long_chain_dropped_without_a_backward():
    x = plugrad.ones(1, requires_grad=True)
    y = x
    for _ in range(300_000):
        y = -y
    del y
    assert x.grad is None


def test_every_row_compiles():
    # Rows compile when first called; a text that is wrong must not wait for that.
    for row in checks.all_rows().values():
        materialize(row)
        assert row.compiled
