"""The adaptive softmax: initial values, losses, gradients, predictions and errors, program by program as torch."""

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

PROGRAMS = {}


def add(name, function):
    PROGRAMS[name] = function


def wave(t, *shape):
    n = int(np.prod(shape))
    return ((t.arange(float(n)) * 2.3).sin() * 2).reshape(shape)


def model(t, **options):
    t.manual_seed(0)
    return t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10, 15], div_value=2.0, **options)


def trained(targets, **options):
    def program(t):
        m = model(t, **options)
        x = wave(t, len(targets), 8).requires_grad_()
        output, loss = m(x, t.tensor(targets))
        loss.backward()
        return output.detach(), loss.detach(), x.grad, [p.grad for p in m.parameters()]

    return program


add("all-clusters", trained([0, 4, 5, 9, 12, 19, 19]))
add("head-bias", trained([0, 4, 5, 9, 12, 19, 19], head_bias=True))
add("head-only", trained([0, 4, 1]))
add("one-cluster", trained([12, 13]))
add("state", lambda t: (repr(m := model(t)), {k: v.shape for k, v in m.state_dict().items()}, m.cutoffs, m.head_size))
add("initial", lambda t: [p.detach() for p in model(t).parameters()])
add("vector", lambda t: [v.detach() for v in model(t)(wave(t, 8), t.tensor(11))])
add("names", lambda t: [v.grad_fn.name() for v in model(t)(wave(t, 2, 8), t.tensor([1, 11]))])
add("log_prob", lambda t: model(t).log_prob(wave(t, 3, 8)).detach())
add("predict", lambda t: [model(t).predict(wave(t, 40, 8) * k) for k in (0.1, 1.0, 10.0)])
add("predict-head", lambda t: model(t).predict(wave(t, 40, 8)[model(t).predict(wave(t, 40, 8)) < 5]))
add("int32", lambda t: model(t)(wave(t, 2, 8), t.tensor([1, 11], dtype=t.int32)).output.detach())


def reset(t):
    m = model(t)
    t.manual_seed(3)
    m.reset_parameters()
    return [p.detach() for p in m.parameters()]


add("reset", reset)
ERRORS = {
    **{
        f"cutoffs-{c}": lambda t, c=c: t.nn.AdaptiveLogSoftmaxWithLoss(4, 5, c)
        for c in ([], [5], [3, 2], [0, 2], [2, 2], [1.5], 2)
    },
    "scalar-target": lambda t: model(t)(wave(t, 2, 8), t.tensor(1)),
    "sizes": lambda t: model(t)(wave(t, 2, 8), t.tensor([1, 2, 3])),
    "matrix-target": lambda t: model(t)(wave(t, 2, 8), t.tensor([[1], [2]])),
    "above": lambda t: model(t)(wave(t, 2, 8), t.tensor([1, 20])),
    "below": lambda t: model(t)(wave(t, 2, 8), t.tensor([-1, 2])),
    "features": lambda t: model(t)(wave(t, 2, 3), t.tensor([1, 2])),
}
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-5, absolute=2e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


@pytest.mark.device
def test_the_probabilities_sum_to_one_and_the_output_is_one_of_them():
    m = plugrad.nn.AdaptiveLogSoftmaxWithLoss(6, 12, [3, 7], 2.0, dtype=plugrad.float64, device=on(np.zeros(1)).device)
    x = on(np.random.default_rng(0).standard_normal((5, 6)))
    logs = m.log_prob(x).detach()
    assert_close(logs.exp().sum(1), np.ones(5), rtol=1e-12)
    target = np.array([0, 3, 6, 7, 11])
    assert_close(m(x, on(target)).output.detach(), logs._host()[np.arange(5), target], rtol=1e-12)
