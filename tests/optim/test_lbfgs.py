"""LBFGS, program by program as torch does it, in double precision: in single precision rounding errors grow in it."""

import copy

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}
#: Errors grow from iteration to iteration; the numbers of evaluations are compared exactly.
TOLERANCE = 1e-6


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def closure_of(optimizer, loss):
    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return closure


def minimized(t, steps=6, start=(-1.5, 2.0, 0.3), **options):
    """Rosenbrock's valley: the losses, where it ends, and all that the optimizer remembers."""
    x = t.nn.Parameter(t.tensor(list(start), dtype=t.float64))
    optimizer = t.optim.LBFGS([x], **options)
    losses = [optimizer.step(closure_of(optimizer, lambda: rosenbrock(x))).detach() for _ in range(steps)]
    state = optimizer.state_dict()["state"][0]
    sizes = {key: len(value) for key, value in state.items() if isinstance(value, list)}
    return losses, x, sizes, {key: value for key, value in state.items() if not isinstance(value, list)}


PROGRAMS |= {
    "line-search": lambda t: minimized(t, line_search_fn="strong_wolfe"),
    "line-search-far": lambda t: minimized(t, start=(-30.0, 40.0, 7.0, 2.0), line_search_fn="strong_wolfe"),
    "line-search-short-history": lambda t: minimized(t, 1, line_search_fn="strong_wolfe", history_size=2),
    "line-search-few-evaluations": lambda t: minimized(t, line_search_fn="strong_wolfe", max_eval=3),
    "line-search-from-a-large-width": lambda t: minimized(t, lr=50, line_search_fn="strong_wolfe"),
    "line-search-from-a-small-width": lambda t: minimized(t, 3, lr=1e-6, line_search_fn="strong_wolfe"),
    "fixed-width": lambda t: minimized(t, lr=0.05),
    "fixed-width-short-history": lambda t: minimized(t, lr=0.05, history_size=3, max_iter=10),
    "one-iteration": lambda t: minimized(t, lr=0.01, max_iter=1),
    "coarse": lambda t: minimized(t, line_search_fn="strong_wolfe", tolerance_grad=1.0, tolerance_change=0.1),
    "tensor-lr": lambda t: minimized(t, lr=t.tensor([0.5], dtype=t.float64), line_search_fn="strong_wolfe"),
    "from-the-minimum": lambda t: minimized(t, start=(1.0, 1.0)),
}


@program
def several_parameters(t):
    """A matrix, a number without a gradient, and complex numbers."""
    w = t.nn.Parameter(t.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=t.float64))
    idle = t.nn.Parameter(t.tensor(7.0, dtype=t.float64))
    z = t.nn.Parameter(t.tensor([1 + 2j, -1j], dtype=t.complex128))
    optimizer = t.optim.LBFGS([w, idle, z], line_search_fn="strong_wolfe", max_iter=5)

    def loss():
        return (w**2 * 3).sum() + ((z - (2 - 1j)).abs() ** 2).sum() + (w[0] * z.real).sum()

    losses = [optimizer.step(closure_of(optimizer, loss)).detach() for _ in range(2)]
    return losses, w, idle, z, optimizer.state_dict()["state"][0]["func_evals"]


@program
def resumed(t):
    x = t.nn.Parameter(t.tensor([-1.5, 2.0], dtype=t.float64))
    optimizer = t.optim.LBFGS([x], line_search_fn="strong_wolfe", max_iter=3)
    optimizer.step(closure_of(optimizer, lambda: rosenbrock(x)))
    y = t.nn.Parameter(x.detach().clone())
    other = t.optim.LBFGS([y], lr=7.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return other.step(closure_of(other, lambda: rosenbrock(y))).detach(), y, other.state_dict(), repr(other)


@program
def a_closure_is_called_with_grad_mode_on(t):
    x, seen = t.nn.Parameter(t.ones(2)), []
    optimizer = t.optim.LBFGS([x], max_iter=2)

    def closure():
        seen.append(t.is_grad_enabled())
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss.item()

    with t.no_grad():
        return optimizer.step(closure), seen, x


@program
def hooks_see_the_closure(t):
    x, seen = t.nn.Parameter(t.ones(2)), []
    optimizer = t.optim.LBFGS([x], max_iter=2)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append([len(args), sorted(kwargs)]))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    optimizer.step(closure_of(optimizer, lambda: (x * x).sum()))
    return seen


PROGRAMS |= {
    "no_closure": lambda t: t.optim.LBFGS([t.nn.Parameter(t.ones(2))]).step(),
    "another_line_search": lambda t: minimized(t, line_search_fn="golden"),
    "two_groups": lambda t: t.optim.LBFGS([{"params": t.nn.Parameter(t.ones(2))} for _ in range(2)]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], rel=TOLERANCE, absolute=TOLERANCE)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], rel=TOLERANCE, absolute=TOLERANCE)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_valley_is_walked_to_its_end(dtype):
    x = plugrad.nn.Parameter(plugrad.tensor([-1.2, 1.0], dtype=getattr(plugrad, dtype)))
    optimizer = plugrad.optim.LBFGS([x], line_search_fn="strong_wolfe", max_iter=100)
    for _ in range(3):
        optimizer.step(closure_of(optimizer, lambda: rosenbrock(x)))
    assert x.tolist() == pytest.approx([1.0, 1.0], abs=1e-3)
