"""Activation functions and their layers: values, gradients, node names, texts and errors, program by program as torch."""

import math

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}

POINTS = [-30.0, -3.5, -3.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 3.0, 3.5, 6.0, 7.0, 30.0]
FUNCTIONS = {
    "relu": lambda t, x, **o: t.nn.functional.relu(x, **o),
    "relu6": lambda t, x, **o: t.nn.functional.relu6(x, **o),
    "leaky_relu": lambda t, x, **o: t.nn.functional.leaky_relu(x, **o),
    "leaky_relu-slope": lambda t, x, **o: t.nn.functional.leaky_relu(x, 0.3, **o),
    "elu": lambda t, x, **o: t.nn.functional.elu(x, **o),
    "elu-alpha": lambda t, x, **o: t.nn.functional.elu(x, 1.7, **o),
    "selu": lambda t, x, **o: t.nn.functional.selu(x, **o),
    "celu": lambda t, x, **o: t.nn.functional.celu(x, **o),
    "celu-alpha": lambda t, x, **o: t.nn.functional.celu(x, 2.0, **o),
    "silu": lambda t, x, **o: t.nn.functional.silu(x, **o),
    "mish": lambda t, x, **o: t.nn.functional.mish(x, **o),
    "hardtanh": lambda t, x, **o: t.nn.functional.hardtanh(x, -1.0, 3.0, **o),
    "hardsigmoid": lambda t, x, **o: t.nn.functional.hardsigmoid(x, **o),
    "hardswish": lambda t, x, **o: t.nn.functional.hardswish(x, **o),
    "threshold": lambda t, x, **o: t.nn.functional.threshold(x, 0.5, -7.0, **o),
    "rrelu": lambda t, x, **o: t.nn.functional.rrelu(x, **o),
    "rrelu-training": lambda t, x, **o: t.nn.functional.rrelu(x, 0.2, 0.9, training=True, **o),
}
PURE = {
    "gelu": lambda t, x: t.nn.functional.gelu(x),
    "gelu-tanh": lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
    "tanh": lambda t, x: t.nn.functional.tanh(x),
    "sigmoid": lambda t, x: t.nn.functional.sigmoid(x),
    "logsigmoid": lambda t, x: t.nn.functional.logsigmoid(x),
    "softplus": lambda t, x: t.nn.functional.softplus(x),
    "softplus-beta": lambda t, x: t.nn.functional.softplus(x, 2, 5),
    "softsign": lambda t, x: t.nn.functional.softsign(x),
    "tanhshrink": lambda t, x: t.nn.functional.tanhshrink(x),
    "softshrink": lambda t, x: t.nn.functional.softshrink(x, 0.7),
    "hardshrink": lambda t, x: t.nn.functional.hardshrink(x, 0.7),
    "softmax": lambda t, x: t.nn.functional.softmax(x.reshape(3, 5), 1),
    "softmax-first": lambda t, x: t.nn.functional.softmax(x.reshape(3, 5), 0),
    "softmax-dtype": lambda t, x: t.nn.functional.softmax(x, 0, dtype=t.float64),
    "log_softmax": lambda t, x: t.nn.functional.log_softmax(x.reshape(3, 5), -1),
    "softmin": lambda t, x: t.nn.functional.softmin(x.reshape(3, 5), 1),
    "glu": lambda t, x: t.nn.functional.glu(x[:14].reshape(7, 2)),
    "glu-first": lambda t, x: t.nn.functional.glu(x[:12].reshape(4, 3), 0),
    "prelu": lambda t, x: t.nn.functional.prelu(x, t.tensor(0.3, dtype=x.dtype)),
}


def slopes(t, count):
    return t.linspace(0.5, 2.0, count)


def recorded(function):
    """The value, the name of the node, and the gradient of a weighted sum."""

    def program(t):
        t.manual_seed(7)
        x = t.tensor(POINTS, requires_grad=True)
        y = function(t, x)
        (y * slopes(t, y.numel()).reshape(y.shape)).sum().backward()
        return y, y.grad_fn.name(), x.grad

    return program


def in_place(function):
    def program(t):
        t.manual_seed(7)
        leaf = t.tensor(POINTS, requires_grad=True)
        x = leaf * 1
        y = function(t, x, inplace=True)
        (y * slopes(t, len(POINTS))).sum().backward()
        return y is x, x, x.grad_fn.name(), leaf.grad

    return program


for name, function in {**FUNCTIONS, **PURE}.items():
    PROGRAMS[name] = recorded(function)
    for kind in ("int64", "bool"):
        PROGRAMS[f"{name}/{kind}"] = lambda t, f=function, k=kind: f(t, t.tensor(POINTS).to(getattr(t, k)))
for name, function in FUNCTIONS.items():
    PROGRAMS[f"{name}/inplace"] = in_place(function)
for name in ("prelu", "rrelu", "rrelu-training"):
    for kind in ("int64", "bool"):  # of the gradient's kernels torch names others
        del PROGRAMS[f"{name}/{kind}"]
del PROGRAMS["softsign/bool"]  # torch has no abs of bools

for name in ("relu_", "leaky_relu_", "elu_", "selu_", "celu_", "hardtanh_", "rrelu_"):
    PROGRAMS[name] = lambda t, n=name: getattr(t.nn.functional, n)(t.tensor(POINTS))
PROGRAMS["threshold_"] = lambda t: t.nn.functional.threshold_(t.tensor(POINTS), 0.5, -7.0)
PROGRAMS["not-finite"] = lambda t: (
    [
        getattr(t.nn.functional, n)(t.tensor([float("nan"), float("inf"), -float("inf")]))
        for n in (
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "selu",
            "sigmoid",
            "tanh",
            "softplus",
            "logsigmoid",
            "hardtanh",
            "hardsigmoid",
        )
    ]
    + [
        t.nn.functional.threshold(t.tensor([float("nan")]), 0.5, 1.0),
        t.nn.functional.hardshrink(t.tensor([float("nan")])),
    ]
)
PROGRAMS["large"] = lambda t: [
    getattr(t.nn.functional, n)(t.tensor([-1e4, 1e4]))
    for n in ("elu", "selu", "celu", "silu", "mish", "softplus", "sigmoid", "logsigmoid", "gelu")
]
PROGRAMS["small-sigmoid"] = lambda t: t.nn.functional.sigmoid(t.tensor([-80.0, -50.0, -20.0, -1e-6]))


def image(t):
    return (t.arange(24.0) - 11.5).reshape(2, 3, 4)


def weighted(t, weight):
    x, w = image(t).requires_grad_(), t.tensor(weight, requires_grad=True)
    y = t.nn.functional.prelu(x, w)
    (y * slopes(t, 24).reshape(2, 3, 4)).sum().backward()
    return y, y.grad_fn.name(), [f.name() for f, _ in y.grad_fn.next_functions], x.grad, w.grad


ERRORS = {
    "prelu-channels": lambda t: weighted(t, [0.1, 0.2, 0.3]),
    "prelu-single": lambda t: weighted(t, [0.1]),
    "prelu-scalar": lambda t: weighted(t, 0.1),
    "prelu-count": lambda t: t.nn.functional.prelu(image(t), t.ones(2)),
    "prelu-matrix": lambda t: t.nn.functional.prelu(image(t), t.ones(3, 1)),
    "prelu-dtype": lambda t: t.nn.functional.prelu(image(t), t.ones(3, dtype=t.float64)),
    "prelu-zero-dim": lambda t: t.nn.functional.prelu(t.tensor(-1.0), t.ones(2)),
    "prelu-vector": lambda t: t.nn.functional.prelu(t.ones(4), t.ones(4)),
    "glu-odd": lambda t: t.nn.functional.glu(image(t), 1),
    "glu-scalar": lambda t: t.nn.functional.glu(t.tensor(1.0)),
    "glu-dim": lambda t: t.nn.functional.glu(image(t), 5),
    "gelu-word": lambda t: t.nn.functional.gelu(image(t), approximate="exact"),
    "celu-zero": lambda t: t.nn.functional.celu(image(t), 0.0),
    "hardtanh-bounds": lambda t: t.nn.functional.hardtanh(image(t), 2.0, 1.0),
    "softshrink-negative": lambda t: t.nn.functional.softshrink(image(t), -1.0),
    "softshrink-negative-float64": lambda t: t.nn.functional.softshrink(image(t).double(), -1.0),
    "rrelu-bounds": lambda t: t.nn.functional.rrelu(image(t), 0.5, 0.2),
    "relu-leaf": lambda t: t.nn.functional.relu(t.ones(2, requires_grad=True), inplace=True),
    "softmax-no-dim": lambda t: t.nn.functional.softmax(image(t)),
    "softmin-no-dim": lambda t: t.nn.functional.softmin(image(t)[0]),
    "log_softmax-no-dim": lambda t: t.nn.functional.log_softmax(image(t)[0, 0]),
    "gumbel-eps": lambda t: t.nn.functional.gumbel_softmax(image(t), eps=1e-5).shape,
}
PROGRAMS.update(ERRORS)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_draws_as_torch(hard):
    PROGRAM = gumbel(hard)
    found = differences(outcome(PROGRAM, plugrad), golden(__file__)[f"gumbel-{hard}"], 1e-5, absolute=1e-6)
    assert not found, "\n".join(found)


def gumbel(hard):
    def program(t):
        t.manual_seed(3)
        x = image(t).requires_grad_()
        y = t.nn.functional.gumbel_softmax(x, tau=2.0, hard=hard, dim=1)
        (y * slopes(t, 24).reshape(2, 3, 4)).sum().backward()
        return y, x.grad

    return program


PROGRAMS["gumbel-False"], PROGRAMS["gumbel-True"] = gumbel(False), gumbel(True)

LAYERS = (
    "ReLU() ReLU(True) ReLU6() ReLU6(True) LeakyReLU(0.2,True) LeakyReLU() ELU() ELU(2,True) SELU(True) SELU() CELU(2.0) GELU() "
    "GELU('tanh') SiLU() SiLU(True) Mish(True) Tanh() Sigmoid() Softmax(1) LogSoftmax(1) Softmin(1) Softplus() Softplus(2,3) "
    "Softsign() Hardtanh() Hardtanh(-2,2,True) Hardsigmoid() Hardsigmoid(True) Hardswish(True) LogSigmoid() GLU(2) "
    "Threshold(1,2,True) Threshold(1,2) PReLU() PReLU(3,0.1) Tanhshrink() Softshrink() Hardshrink(0.2) RReLU() RReLU(0.1,0.2,True) "
    "Softmax2d()"
).split()


def layer(text):
    """A layer's printed form, state, and what it computes in training and in evaluation."""

    def program(t):
        t.manual_seed(5)
        m = eval("nn." + text, {"nn": t.nn})
        made = [m(image(t)) for _ in (m.train(), m.eval())]
        return repr(m), list(m.state_dict().items()), [y.detach() for y in made]

    return program


for text in LAYERS:
    PROGRAMS[f"layer-{text}"] = layer(text)
PROGRAMS["layer-old-bounds"] = lambda t: repr(t.nn.Hardtanh(min_value=-3.0, max_value=4.0))
PROGRAMS["layer-wrong-bounds"] = lambda t: t.nn.Hardtanh(3, 1)
PROGRAMS["layer-softmax2d-rank"] = lambda t: t.nn.Softmax2d()(t.ones(2, 3))
PROGRAMS["layer-no-argument"] = lambda t: t.nn.Tanh(1)
PROGRAMS["layer-softmax-no-dim"] = lambda t: (repr(t.nn.Softmax()), t.nn.Softmax()(image(t)[0]))
PROGRAMS["layer-dtype"] = lambda t: t.nn.PReLU(2, dtype=t.float64).weight.detach()


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 3e-6, absolute=1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


# --- accuracy ---
def exact(function, x):
    return np.array([function(v) for v in x.reshape(-1).tolist()]).reshape(x.shape)


def ulps(found, truth):
    """The largest error in units of the last place."""
    unit = np.spacing(np.maximum(np.abs(truth), np.finfo(found.dtype).tiny).astype(found.dtype))
    return (np.abs(found.astype(np.float64) - truth) / unit).max()


@pytest.mark.device
def test_erf_is_within_4_ulp_in_float64():
    x = np.concatenate([np.linspace(-7, 7, 20001), np.geomspace(1e-300, 1, 300), [0.0, 6.5, 30.0]])
    found = on(x).erf()._host()
    assert ulps(found, exact(math.erf, x)) < 4


@pytest.mark.device
def test_erf_at_the_edges():
    x = on(np.array([0.0, -0.0, np.inf, -np.inf, np.nan]))
    assert_close(x.erf(), np.array([0.0, -0.0, 1.0, -1.0, np.nan]), rtol=0)
    assert math.copysign(1, x.erf()[1].item()) == -1


@pytest.mark.device
def test_gelu_in_float32_is_exact_to_rounding():
    x = np.linspace(-9, 9, 20001).astype(np.float32)
    wide = x.astype(np.float64)
    truth = wide * 0.5 * exact(math.erfc, -wide / math.sqrt(2))
    found = F.gelu(on(x))._host().astype(np.float64)
    # In the left tail 1 + erf cancels: what counts is the error next to x.
    assert (np.abs(found - truth) / np.spacing(np.abs(x) + 1e-30)).max() < 2.5


@pytest.mark.device
def test_sigmoid_keeps_its_relative_precision_in_the_tail():
    x = np.linspace(-80, 20, 4001).astype(np.float32)
    truth = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert_values(F.sigmoid(on(x))._host(), truth, rtol=3e-7)


@pytest.mark.device
def test_softmax_of_large_numbers_sums_to_one():
    x = on(np.array([[1e4, 1e4 - 1, -1e4], [-1e30, -1e30, -1e30]], np.float32))
    assert_close(F.softmax(x, 1).sum(1), np.ones(2, np.float32), rtol=1e-6)
    assert np.isfinite(F.log_softmax(x, 1)._host()).all()


@pytest.mark.device
@pytest.mark.parametrize("shape", [(0,), (), (1,), (70001,), (3, 40001), (300, 7, 11)])
@pytest.mark.parametrize("name", ["gelu", "sigmoid", "silu", "softmax", "log_softmax", "mish", "elu", "hardswish"])
def test_large_empty_and_scalar_arrays(name, shape):
    """Block by block must be the same as one element at a time."""
    rng = np.random.default_rng(0)
    x = np.asarray(rng.standard_normal(shape) * 3)
    g = np.asarray(rng.standard_normal(shape))
    if "softmax" in name:
        if not shape:
            return
        function, axes = (lambda x: getattr(F, name)(x, 0)), (0,)
    else:
        function, axes = getattr(F, name), None
    wide, narrow = on(x, requires_grad=True), on(x.astype(np.float32), requires_grad=True)
    y = function(wide)
    y.backward(on(g))
    z = function(narrow)
    z.backward(on(g.astype(np.float32)))
    assert y.shape == wide.shape == z.shape
    if axes and x.size:
        sums = (y if name == "softmax" else y.exp()).sum(axes)
        assert_values(sums.detach()._host(), np.ones(shape[1:]), rtol=1e-12)
    assert_values(z.detach()._host(), y.detach()._host(), rtol=2e-5, atol=2e-6)
    assert_values(narrow.grad._host(), wide.grad._host(), rtol=2e-4, atol=2e-5)
    if x.size > 1 and "softmax" not in name:
        picked = rng.integers(0, x.size, 5)
        one_by_one = [function(on(np.asarray(v))).item() for v in x.reshape(-1)[picked]]
        assert_values(y.detach()._host().reshape(-1)[picked], one_by_one, rtol=1e-14, atol=1e-300)


# --- derivatives ---
@pytest.mark.device
@pytest.mark.parametrize("name", sorted({**FUNCTIONS, **PURE}))
def test_derivatives_of_order_1_and_2(name):
    if name == "rrelu-training":
        pytest.skip("another slope is drawn at every call")
    function = {**FUNCTIONS, **PURE}[name]
    x = on(np.array(POINTS)[1:-1].repeat(2)[:15] + 0.013, requires_grad=True)
    assert gradcheck(lambda x: function(plugrad, x), (x,))
    assert gradgradcheck(lambda x: function(plugrad, x), (x,))


@pytest.mark.device
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_in_place_has_the_same_gradient(name):
    x = on(np.array(POINTS) + 0.013, requires_grad=True)
    gradients = []
    for inplace in (False, True):
        plugrad.manual_seed(1)
        y = FUNCTIONS[name](plugrad, x * 1, inplace=inplace)
        gradients.append(plugrad.autograd.grad((y * y).sum(), x)[0])
    assert_close(gradients[0], gradients[1], rtol=1e-12, atol=1e-14)


@pytest.mark.device
@pytest.mark.parametrize("call", ["leaky_relu", "elu", "celu"])
def test_a_negative_slope_in_place_has_the_right_gradient(call):
    """torch refuses it in backward, or is wrong: there the sign of the result does not tell that of the argument."""
    x = on(np.array([-2.0, -0.5, 0.5]), requires_grad=True)
    function = getattr(F, call)
    expected = plugrad.autograd.grad(function(x * 1, -0.8).sum(), x)[0]
    assert_close(plugrad.autograd.grad(function(x * 1, -0.8, inplace=True).sum(), x)[0], expected, rtol=1e-12)
