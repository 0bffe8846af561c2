"""The linear layer and the cross entropy in one: values, gradients, texts and errors, program by program as torch."""

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import on

PROGRAMS = {}


def wave(t, *shape):
    """Numbers without pattern that need no random stream."""
    n = int(np.prod(shape))
    return ((t.arange(float(n)) * 2.3).sin() * 2 + (t.arange(float(n)) * 0.7).cos()).reshape(shape)


def classes(t, *shape):
    n = int(np.prod(shape))
    return (t.arange(n) * 7 % 5).reshape(shape)


OPTIONS = {
    "plain": {},
    "sum": {"reduction": "sum", "ignore_index": 2},
    "none": {"reduction": "none"},
    "smooth": {"label_smoothing": 0.2, "ignore_index": 0},
}
for name, options in OPTIONS.items():
    for rows in ((5,), (5, 2), (5, 2, 3)):
        for bias in (True, False):

            def program(t, options=options, rows=rows, bias=bias):
                x, w = wave(t, 4, 3).requires_grad_(), wave(t, *rows, 3).requires_grad_()
                b = wave(t, *rows).requires_grad_() if bias else None
                factors = wave(t, 5).abs()
                target = classes(t, 4, *rows[1:])
                y = t.nn.functional.linear_cross_entropy(x, w, target, linear_bias=b, weight=factors, **options)
                (y * wave(t, *y.shape)).sum().backward() if y.dim() else y.backward()
                return y, x.grad, w.grad, b.grad if bias else None

            PROGRAMS[f"{name}-{rows}-{bias}"] = program


def case(function):
    PROGRAMS[function.__name__] = function
    return function


@case
def unbatched(t):
    f = t.nn.functional.linear_cross_entropy
    x, w = wave(t, 3), wave(t, 5, 3)
    return f(x, w, t.tensor(2)), f(x, w, wave(t, 5).softmax(0)), f(x, w, t.tensor(2), reduction="none")


@case
def probabilities(t):
    f = t.nn.functional.linear_cross_entropy
    x, w = wave(t, 4, 3), wave(t, 5, 2, 3).requires_grad_()
    y = f(x, w, wave(t, 4, 5, 2).softmax(1), label_smoothing=0.1)
    y.backward()
    return y, w.grad, f(x, w[:, 0], wave(t, 4, 5).softmax(1), reduction="sum")


ERRORS = {
    "rank": lambda f, x, w, y: f(x[None], w, y),
    "weight rank": lambda f, x, w, y: f(x, w[0], y),
    "features": lambda f, x, w, y: f(x[:, :2], w, y),
    "bias": lambda f, x, w, y: f(x, w, y, linear_bias=x[0]),
    "unbatched with more": lambda f, x, w, y: f(x[0], w[:, None], y),
    "ignored probabilities": lambda f, x, w, y: f(x, w, (x @ w.T).softmax(1), ignore_index=1),
    "target size": lambda f, x, w, y: f(x, w, y[:3]),
    "target value": lambda f, x, w, y: f(x, w, y + 9),
    "reduction": lambda f, x, w, y: f(x, w, y, reduction="max"),
    "smoothing": lambda f, x, w, y: f(x, w, y, label_smoothing=2.0),
}
for name, error in ERRORS.items():
    PROGRAMS[f"error-{name}"] = lambda t, error=error: error(
        t.nn.functional.linear_cross_entropy, wave(t, 4, 3), wave(t, 5, 3), classes(t, 4)
    )


LAYERS = (
    "3, 5",
    "3, 5, bias=True, reduction='sum', ignore_index=2",
    "3, 5, out_features=(2, 2), bias=True, label_smoothing=0.1, dtype=t.float64",
    "3, 5, weight=t.tensor([1.0, 2.0, 0.5, 1.0, 3.0]), reduction='none'",
)
for text in LAYERS:

    def program(t, text=text):
        t.manual_seed(3)
        m = eval(f"t.nn.LinearCrossEntropyLoss({text})", {"t": t})
        x = wave(t, 4, 3).to(m.linear.weight.dtype)
        y = m(x, classes(t, 4, *m.out_features))
        y.sum().backward()
        return repr(m), list(m.state_dict().items()), y, [p.grad for p in m.parameters()]

    PROGRAMS[f"layer-{text}"] = program
PROGRAMS["layer error-weight"] = lambda t: t.nn.LinearCrossEntropyLoss(3, 5, weight=t.ones(4))
PROGRAMS["layer error-smoothing"] = lambda t: t.nn.LinearCrossEntropyLoss(3, 5, label_smoothing=1.5)


#: A kernel does not look whether a target is a class.
ONLY_NUMPY = {"error-target value"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-5, absolute=5e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


@pytest.mark.device
def test_gradients():
    f = plugrad.nn.functional.linear_cross_entropy
    rng = np.random.default_rng(0)
    x, w, b = (on(rng.standard_normal(shape), requires_grad=True) for shape in ((2, 3), (4, 3), (4,)))
    target = plugrad.tensor([3, 0])
    assert gradcheck(lambda x, w, b: f(x, w, target, linear_bias=b), (x, w, b))


def test_torch_s_options_are_refused():
    with pytest.raises(
        NotImplementedError, match="linear_cross_entropy: options: the losses are computed in one piece"
    ):
        plugrad.nn.LinearCrossEntropyLoss(3, 5, options=object())
    with pytest.raises(NotImplementedError, match="linear_cross_entropy: options"):
        plugrad.nn.functional.linear_cross_entropy(
            plugrad.ones(2, 3), plugrad.ones(5, 3), plugrad.tensor([0, 1]), options={}
        )
