"""Checkpointing as torch does it: the same gradients, runs, random numbers, warnings and errors."""

import pytest

import plugrad
import plugrad.utils.checkpoint
from plugrad_outcome import differences, outcome

torch = pytest.importorskip("torch")
pytest.importorskip("torch.utils.checkpoint")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def both_ways(t, run):
    return {way: run(way) for way in (True, False)}


def leaf(t, *shape):
    t.manual_seed(0)
    return t.rand(*shape, requires_grad=True)


@program
def dropout(t):
    def run(way):
        x, w = leaf(t, 3, 4), t.rand(4, 4, requires_grad=True)
        f = lambda x: t.nn.functional.dropout(x @ w, 0.5) * x  # noqa: E731
        y = t.utils.checkpoint.checkpoint(f, x, use_reentrant=way)
        y.sum().backward()
        return x.grad, w.grad, t.rand(2)

    return both_ways(t, run)


@program
def runs(t):
    def run(way):
        log = []

        def f(x):
            log.append("start")
            y = x.exp() * 2
            log.append(f"end {t.is_grad_enabled()}")
            return y

        x = leaf(t, 3)
        y = t.utils.checkpoint.checkpoint(f, x, use_reentrant=way)
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        return log, x.grad

    return both_ways(t, run)


@program
def nested_runs(t):
    log = []

    def named(name, inner):
        def f(x):
            log.append(name)
            return inner(x.sin())

        return lambda x: t.utils.checkpoint.checkpoint(f, x, use_reentrant=False)

    x = leaf(t, 3)
    y = named("a", named("b", named("c", lambda x: x.cos().exp())))(x)
    log.append("backward")
    y.sum().backward()
    return log, x.grad


@program
def grad_fn_name(t):
    y = t.utils.checkpoint.checkpoint(lambda x: x.exp(), leaf(t, 2), use_reentrant=True)
    return y.grad_fn.name()


@program
def non_tensor_arguments(t):
    def run(way):
        x = leaf(t, 3)
        f = lambda n, x, flag, more: (x * n, flag, more, (x + n).sum())  # noqa: E731
        a, flag, more, b = t.utils.checkpoint.checkpoint(f, 2, x, True, [1], use_reentrant=way)
        (a.sum() + b).backward()
        return flag, more, x.grad

    return both_ways(t, run)


@program
def default_way(t):
    x = leaf(t, 3)
    y = t.utils.checkpoint.checkpoint(lambda x: x * 2, x)
    return y.grad_fn.name()


@program
def default_way_of_sequential(t):
    return t.utils.checkpoint.checkpoint_sequential([t.sin, t.cos], 2, leaf(t, 3))


@program
def no_input_requires_grad(t):
    return t.utils.checkpoint.checkpoint(lambda x: x * 2, leaf(t, 3).detach(), use_reentrant=True).requires_grad


@program
def reentrant_with_grad(t):
    x = leaf(t, 3)
    return t.autograd.grad(t.utils.checkpoint.checkpoint(t.sin, x, use_reentrant=True).sum(), x)


@program
def reentrant_with_inputs(t):
    x = leaf(t, 3)
    t.utils.checkpoint.checkpoint(t.sin, x, use_reentrant=True).sum().backward(inputs=[x])


@program
def reentrant_without_gradient(t):
    t.utils.checkpoint.checkpoint(lambda x: x.detach(), leaf(t, 3), use_reentrant=True).sum().backward()


@program
def reentrant_keywords(t):
    t.utils.checkpoint.checkpoint(t.sin, leaf(t, 3), use_reentrant=True, a=1, b=2)


@program
def reentrant_context(t):
    t.utils.checkpoint.checkpoint(t.sin, leaf(t, 3), use_reentrant=True, context_fn=lambda: None)


@program
def unknown_check(t):
    t.utils.checkpoint.checkpoint(t.sin, leaf(t, 3), use_reentrant=False, determinism_check="x")


@program
def debug_with_context(t):
    t.utils.checkpoint.checkpoint(t.sin, leaf(t, 3), use_reentrant=False, debug=True, context_fn=lambda: None)


@program
def sequential_keywords(t):
    t.utils.checkpoint.checkpoint_sequential([t.sin], 1, leaf(t, 3), use_reentrant=False, a=1)


@program
def detach_of_a_list(t):
    t.utils.checkpoint.detach_variable([leaf(t, 3)])


@program
def changed_argument(t):
    x = leaf(t, 3) * 1
    y = t.utils.checkpoint.checkpoint(t.sin, x, use_reentrant=False)
    x.add_(1)
    y.sum().backward()


@program
def second_backward(t):
    y = t.utils.checkpoint.checkpoint(t.sin, leaf(t, 3), use_reentrant=False)
    y.sum().backward()
    y.sum().backward()


@program
def group_twice(t):
    x = leaf(t, 3)
    y = t.utils.checkpoint.checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False)
    with t.utils.checkpoint.GraphExecGroup():
        y.sum().backward(retain_graph=True)
        y.sum().backward()


@program
def policies(t):
    return [(p.name, p.value) for p in t.utils.checkpoint.CheckpointPolicy]


@program
def selective_neither(t):
    t.utils.checkpoint.create_selective_checkpoint_contexts(3)


@program
def selective_again(t):
    every = lambda: t.utils.checkpoint.create_selective_checkpoint_contexts(lambda c, op, *a, **k: True)  # noqa: E731
    y = t.utils.checkpoint.checkpoint(lambda x: x.sin().exp(), leaf(t, 3), use_reentrant=False, context_fn=every)
    y.sum().backward(retain_graph=True)
    y.sum().backward()


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    ours, theirs = outcome(PROGRAMS[name], plugrad), outcome(PROGRAMS[name], torch)
    assert differences(ours, theirs, rel=1e-5, absolute=1e-6) == []


def first_line(program, t):
    return program(t)["result"]["text"].splitlines()[0]


class Changing:
    """Does something else each time it runs."""

    def __init__(self, *functions):
        self.functions = iter(functions)

    def __call__(self, x):
        return next(self.functions)(x)


@pytest.mark.parametrize(
    ("functions", "early_stop"),
    [
        ((lambda x: x.sin().cos().exp(), lambda x: x.exp()), True),
        ((lambda x: x.exp(), lambda x: x.sin().cos().exp()), False),
        ((lambda x: x.exp(), lambda x: x[0].exp()), True),
    ],
    ids=["fewer", "more", "others"],
)
def test_a_function_that_changes(functions, early_stop):
    """The same error; torch's tip goes on about its compiler, so that the text's end is not compared."""

    def run(t):
        f = Changing(*functions)
        t.utils.checkpoint.checkpoint(f, leaf(t, 2, 3), use_reentrant=False, early_stop=early_stop).sum().backward()

    ours, theirs = outcome(run, plugrad)["result"], outcome(run, torch)["result"]
    assert ours["error"] == theirs["error"] == "CheckpointError"
    assert ours["text"].partition("\nTip:")[0] == theirs["text"].partition("\nTip:")[0]


def test_the_names_are_torchs():
    assert sorted(plugrad.utils.checkpoint.__all__) == sorted(torch.utils.checkpoint.__all__)
