"""Dropout: the masks are torch's, bit for bit; the layers' texts, modes and errors are torch's too."""

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

F = plugrad.nn.functional
PROGRAMS = {}
NAMES = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
SHAPES = {
    "dropout1d": (2, 3, 4),
    "dropout2d": (2, 3, 2, 2),
    "dropout3d": (2, 3, 1, 2, 2),
    "feature_alpha_dropout": (4, 3, 2),
}


def shape_of(name):
    return SHAPES.get(name, (5, 5))


def numbers(t, shape):
    n = int(np.prod(shape))
    return (t.arange(float(n)) + 1).reshape(shape)


def recorded(name, p, training, inplace):
    def program(t):
        t.manual_seed(11)
        leaf = numbers(t, shape_of(name)).requires_grad_()
        x = leaf * 1
        y = getattr(t.nn.functional, name)(x, p, training, inplace)
        y.sum().backward()
        return y, y is x, y.grad_fn.name(), leaf.grad, t.rand(2)

    return program


for name in NAMES:
    for p in (0.0, 0.3, 0.5, 1.0):
        PROGRAMS[f"{name}-{p}"] = recorded(name, p, True, False)
    PROGRAMS[f"{name}-evaluation"] = recorded(name, 0.5, False, False)
    PROGRAMS[f"{name}-inplace"] = recorded(name, 0.5, True, True)
    PROGRAMS[f"{name}-inplace-all"] = recorded(name, 1.0, True, True)
    for p in (-0.1, 1.2):
        PROGRAMS[f"{name}-{p}"] = lambda t, n=name, p=p: getattr(t.nn.functional, n)(t.ones(2, 2), p, True)


def case(function):
    PROGRAMS[function.__name__] = function
    return function


@case
def dtypes(t):
    t.manual_seed(0)
    return [t.nn.functional.dropout(t.ones(9, dtype=d), 0.3) for d in (t.float64, t.float32)]


@case
def memory_order(t):
    """The mask is drawn in the order of the memory, not of the indices."""
    found = []
    for permutation in ((1, 0, 2), (2, 1, 0), (0, 2, 1)):
        t.manual_seed(1)
        x = numbers(t, (2, 3, 4)).permute(permutation)
        found.append(t.nn.functional.dropout(x))
        found.append(t.nn.functional.alpha_dropout(x, 0.3, True))
    return found


@case
def empty(t):
    t.manual_seed(2)
    return t.nn.functional.dropout(t.ones(0, 3)), t.nn.functional.dropout1d(t.ones(0, 2, 3)), t.rand(1)


@case
def one_channel_each(t):
    """Without a batch dimension, and in place."""
    found = []
    for name, shape in (("dropout1d", (3, 4)), ("dropout3d", (3, 1, 2, 2))):
        t.manual_seed(3)
        x = numbers(t, shape)
        found.append(getattr(t.nn.functional, name)(x))
        t.manual_seed(3)
        found.append(getattr(t.nn.functional, name)(x, inplace=True))
        found.append(x)
    return found


OTHERS = {
    "int": lambda t: t.nn.functional.dropout(t.arange(4)),
    "bool": lambda t: t.nn.functional.dropout(t.ones(4) > 0),
    "int-nothing": lambda t: t.nn.functional.dropout(t.arange(4), 0.0),
    "dropout1d-rank": lambda t: t.nn.functional.dropout1d(t.ones(3)),
    "dropout2d-rank": lambda t: t.nn.functional.dropout2d(t.ones(3)),
    "dropout2d-matrix": lambda t: t.nn.functional.dropout2d(t.ones(3, 2), training=False),
    "dropout2d-unbatched": lambda t: t.nn.functional.dropout2d(t.ones(1, 3, 2), training=False),
    "dropout3d-rank": lambda t: t.nn.functional.dropout3d(t.ones(3, 2), training=False),
    "leaf": lambda t: t.nn.functional.dropout(t.ones(3, requires_grad=True), inplace=True),
    "layer-probability": lambda t: t.nn.Dropout(1.5),
    "layer-probability-negative": lambda t: t.nn.AlphaDropout(-1),
    "layer-probability-word": lambda t: t.nn.Dropout("a"),
}
PROGRAMS.update(OTHERS)


def layer(text, shape):
    def program(t):
        t.manual_seed(4)
        m = eval("t.nn." + text, {"t": t})
        made = [m(numbers(t, shape)), m.eval()(numbers(t, shape)), m.train()(numbers(t, shape))]
        return repr(m), made, list(m.state_dict())

    return program


for text, shape in {
    "Dropout()": (4, 4),
    "Dropout(0.2, inplace=True)": (4, 4),
    "Dropout1d(0.4)": (2, 3, 4),
    "Dropout2d(0.4)": (2, 3, 2, 2),
    "Dropout3d(0.4, True)": (2, 3, 1, 2, 2),
    "AlphaDropout(0.3)": (4, 4),
    "FeatureAlphaDropout(0.3)": (3, 3, 2),
}.items():
    PROGRAMS[f"layer-{text}"] = layer(text, shape)


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    if name == "memory_order" and plugrad.ones(2, 3).t().is_contiguous():
        pytest.skip("a library without strides has no order of its own")
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-6, absolute=1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.cpu
@pytest.mark.parametrize("seed", [0, 123])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (64, 33), (20011,)])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_plain_dropout_is_torch_bit_for_bit(shape, p, seed):
    torch = pytest.importorskip("torch")
    results = []
    for t in (torch, plugrad):
        t.manual_seed(seed)
        x = t.ones(shape) * 0.7
        results.append([t.nn.functional.dropout(x, p).numpy().tobytes() for _ in range(2)])
    assert results[0] == results[1]


@pytest.mark.device
def test_the_mean_stays():
    plugrad.manual_seed(0)
    x = on(np.ones((400, 500), np.float32))
    for p in (0.2, 0.5):
        y = F.dropout(x, p)
        assert abs(y.mean().item() - 1) < 5e-3
        assert abs((y == 0).to(plugrad.float32).mean().item() - p) < 5e-3


@pytest.mark.device
def test_alpha_dropout_keeps_mean_and_deviation():
    plugrad.manual_seed(0)
    x = on(np.random.default_rng(0).standard_normal(200000))
    y = F.alpha_dropout(x, 0.3, training=True)
    assert abs(y.mean().item()) < 2e-2
    assert abs(y.std().item() - 1) < 2e-2


@pytest.mark.device
def test_the_gradient_has_the_mask_of_the_value():
    plugrad.manual_seed(0)
    x = on(np.ones(1000), requires_grad=True)
    y = F.dropout(x, 0.4)
    y.sum().backward()
    assert_close(x.grad, y.detach())


@pytest.mark.device
def test_whole_channels_are_dropped():
    plugrad.manual_seed(0)
    y = F.dropout2d(on(np.ones((8, 16, 3, 3), np.float32)))._host()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y.reshape(8, 16, 9).std(axis=2) == 0).all()
