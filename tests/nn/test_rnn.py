"""Recurrent layers and cells: program by program as torch."""

import copy
import itertools
import math

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad.core.ops import recurrent as rows
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

PROGRAMS = {}


def ramp(t, *shape, modulus=13, dtype=None):
    """Numbers between -1 and 1 in no order."""
    count = math.prod(shape)
    values = (t.arange(count, dtype=t.float64) * 5 % modulus - modulus // 2) / (modulus / 2)
    return values.reshape(shape).to(dtype or t.float32)


def filled(t, module):
    """The module with parameters that do not depend on random numbers."""
    with t.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(ramp(t, *parameter.shape, modulus=11 + 2 * i, dtype=parameter.dtype) * 0.7)
    return module


def flat(value):
    """The tensors of nested tuples."""
    return [t for v in value for t in flat(v)] if isinstance(value, (tuple, list)) else [value]


def with_gradients(t, made, leaves, named=None):
    """The results, the names of their nodes (of the first ``named``), and the gradients of a weighted sum of them."""
    results = flat(made)
    total = sum((y * ramp(t, *y.shape, modulus=7 + 2 * i, dtype=y.dtype)).sum() for i, y in enumerate(results))
    total.backward()
    return [y.detach() for y in results], [y.grad_fn.name() for y in results[:named]], [leaf.grad for leaf in leaves]


def layer(name, *shape, state=False, eval_mode=False, dtype="float32", **options):
    """Output, last states and gradients of a layer of 3 features and 4 hidden ones."""

    def program(t):
        d = getattr(t, dtype)
        m = filled(t, getattr(t.nn, name)(3, 4, dtype=d, **options))
        m = m.eval() if eval_mode else m
        x = ramp(t, *shape, 3, dtype=d).requires_grad_()
        leaves, given = [x, *m.parameters()], ()
        if state:
            first = states(t, m, shape, d)
            leaves += first
            given = (tuple(first) if name == "LSTM" else first[0],)
        t.manual_seed(5)
        return with_gradients(t, m(x, *given), leaves)

    return program


def states(t, m, shape, dtype):
    lead = (m.num_layers * (2 if m.bidirectional else 1), *batch_of(m, shape))
    sizes = [m.proj_size or m.hidden_size] + ([m.hidden_size] if m.mode == "LSTM" else [])
    return [(ramp(t, *lead, n, modulus=9, dtype=dtype) * 0.5).requires_grad_() for n in sizes]


def batch_of(m, shape):
    return () if len(shape) == 1 else (shape[0 if m.batch_first else 1],)


NAMES = ("RNN", "LSTM", "GRU")
FORMS = {
    "plain": ((5, 2), {}),
    "state": ((5, 2), {"state": True}),
    "no-bias": ((3, 2), {"bias": False}),
    "two-layers": ((3, 2), {"num_layers": 2, "state": True}),
    "both-directions": ((4, 2), {"bidirectional": True, "state": True}),
    "two-layers-both-directions": ((3, 2), {"num_layers": 2, "bidirectional": True}),
    "batch-first": ((2, 4), {"batch_first": True, "state": True}),
    "batch-first-both-directions": ((2, 3), {"batch_first": True, "bidirectional": True}),
    "unbatched": ((4,), {"state": True}),
    "unbatched-batch-first": ((4,), {"batch_first": True, "bidirectional": True, "num_layers": 2}),
    "one-step": ((1, 3), {"state": True}),
    "one-sequence": ((4, 1), {}),
    "float64": ((4, 2), {"dtype": "float64", "state": True}),
    "dropout": ((4, 3), {"num_layers": 3, "dropout": 0.4}),
    "dropout-both-directions": ((3, 2), {"num_layers": 2, "dropout": 0.5, "bidirectional": True}),
    "dropout-batch-first": ((3, 4), {"num_layers": 2, "dropout": 0.5, "batch_first": True}),
    "dropout-all": ((3, 2), {"num_layers": 2, "dropout": 1.0}),
    "dropout-eval": ((3, 2), {"num_layers": 2, "dropout": 0.5, "eval_mode": True}),
}
for name, (form, (shape, options)) in itertools.product(NAMES, FORMS.items()):
    PROGRAMS[f"{name}-{form}"] = layer(name, *shape, **options)
PROGRAMS["RNN-relu"] = layer("RNN", 4, 2, nonlinearity="relu", state=True)
PROGRAMS["RNN-relu-both-directions"] = layer("RNN", 4, 2, nonlinearity="relu", bidirectional=True)
# In single precision torch warns that its library for that has no projections.
PROGRAMS |= {
    f"LSTM-projection-{form}": layer("LSTM", *shape, proj_size=2, **{**options, "dtype": "float64"})
    for form, (shape, options) in FORMS.items()
}


def last_only(name):
    """A loss of the last state alone: the output gets no gradient."""

    def program(t):
        m = filled(t, getattr(t.nn, name)(3, 4))
        x = ramp(t, 4, 2, 3).requires_grad_()
        _, hidden = m(x)
        hidden = hidden[1] if name == "LSTM" else hidden
        (hidden * ramp(t, *hidden.shape, modulus=7)).sum().backward()
        return [leaf.grad for leaf in (x, *m.parameters())]

    return program


def frozen(name):
    """Only the recurrent weight takes a gradient."""

    def program(t):
        m = filled(t, getattr(t.nn, name)(3, 4))
        for n, parameter in m.named_parameters():
            parameter.requires_grad_(n.startswith("weight_hh"))
        m(ramp(t, 4, 2, 3))[0].sum().backward()
        return [parameter.grad for parameter in m.parameters()]

    return program


for name in NAMES:
    PROGRAMS[f"{name}-last-state"] = last_only(name)
    PROGRAMS[f"{name}-frozen"] = frozen(name)
    PROGRAMS[f"{name}-no-sequences"] = lambda t, n=name: flat(
        [y.detach() for y in flat(getattr(t.nn, n)(3, 4, dtype=t.float64)(t.ones(2, 0, 3, dtype=t.float64)))]
    )
    PROGRAMS[f"{name}-half"] = lambda t, n=name: [
        y.detach() for y in flat(filled(t, getattr(t.nn, n)(3, 4)).half()(ramp(t, 3, 2, 3).half()))
    ]


def gradient_of_gradient(name):
    def program(t):
        m = filled(t, getattr(t.nn, name)(2, 3, dtype=t.float64))
        x = ramp(t, 3, 2, 2, dtype=t.float64).requires_grad_()
        y = m(x)[0]
        (g,) = t.autograd.grad((y * y * y).sum(), x, create_graph=True)
        (g * g).sum().backward()
        return g.detach(), x.grad, [p.grad for p in m.parameters()]

    return program


for name in NAMES:
    PROGRAMS[f"{name}-gradient-of-gradient"] = gradient_of_gradient(name)

# --- cells ---
CELLS = ("RNNCell", "LSTMCell", "GRUCell")


def cell(name, *lead, state=False, **options):
    def program(t):
        m = filled(t, getattr(t.nn, name)(3, 4, **options))
        x = ramp(t, *lead, 3).requires_grad_()
        leaves, given = [x, *m.parameters()], ()
        if state:
            first = [(ramp(t, *lead, 4, modulus=n) * 0.5).requires_grad_() for n in (7, 9)]
            first = first[: 2 if name == "LSTMCell" else 1]
            leaves += first
            given = (tuple(first) if name == "LSTMCell" else first[0],)
        return with_gradients(t, m(x, *given), leaves, 1)  # h and c of a cell come from one node here

    return program


for name in CELLS:
    PROGRAMS |= {
        f"{name}-plain": cell(name, 2),
        f"{name}-state": cell(name, 2, state=True),
        f"{name}-unbatched": cell(name, state=True),
        f"{name}-unbatched-no-state": cell(name),
        f"{name}-no-bias": cell(name, 3, state=True, bias=False),
    }
PROGRAMS["RNNCell-relu"] = cell("RNNCell", 2, state=True, nonlinearity="relu")


# --- what can be read of a layer ---
TEXTS = [
    "RNN(3, 4)",
    "RNN(3, 4, 2, 'relu', False, True, 0.25, True)",
    "RNN(3, 4, nonlinearity='relu')",
    "LSTM(3, 4)",
    "LSTM(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True, proj_size=2)",
    "LSTM(3, 4, proj_size=3)",
    "GRU(3, 4)",
    "GRU(3, 4, 2, bidirectional=True, batch_first=True)",
    "RNNBase('GRU', 3, 4)",
    "RNNCell(3, 4)",
    "RNNCell(3, 4, bias=False, nonlinearity='relu')",
    "LSTMCell(3, 4)",
    "LSTMCell(3, 4, False)",
    "GRUCell(3, 4)",
]
READ = (
    "mode input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size nonlinearity training _all_weights "
    "_flat_weights_names"
).split()


def described(text):
    def program(t):
        t.manual_seed(3)
        m = eval("t.nn." + text, {"t": t})
        values = [[n, getattr(m, n)] for n in READ if hasattr(m, n)]
        return repr(m), values, [[k, v] for k, v in m.state_dict().items()], t.rand(2)

    return program


for text in TEXTS:
    PROGRAMS[f"text-{text}"] = described(text)


def weights(t):
    m = t.nn.GRU(3, 4, 2, bidirectional=True)
    m.flatten_parameters()
    own = [
        [w is getattr(m, n) for w, n in zip(*pair, strict=True)]
        for pair in zip(m.all_weights, m._all_weights, strict=True)
    ]
    return own, [len(m._flat_weights), m._flat_weights[1] is m.weight_hh_l0], [list(w.shape) for w in m.parameters()]


PROGRAMS["weights"] = weights


def replaced(t):
    """A tensor in the place of a parameter is what the layer computes with."""
    m = filled(t, t.nn.RNN(2, 3))
    raw = m.weight_hh_l0
    del m.weight_hh_l0
    m.weight_hh_raw = raw
    m.weight_hh_l0 = raw * 0.5
    x = ramp(t, 3, 1, 2)
    m(x)[0].sum().backward()
    return raw.grad, list(m.state_dict())


PROGRAMS["replaced-weight"] = replaced


def loaded(t):
    source, target = filled(t, t.nn.LSTM(3, 4)), t.nn.LSTM(3, 4)
    target.load_state_dict(source.state_dict())
    x = ramp(t, 3, 2, 3)
    copied = copy.deepcopy(source).double()
    return (source(x)[0] == target(x)[0]).all(), copied(x.double())[0].detach()


PROGRAMS["loaded"] = loaded
PROGRAMS["checks"] = lambda t: (
    t.nn.GRU(3, 4, 2).get_expected_hidden_size(t.ones(5, 2, 3), None),
    t.nn.LSTM(3, 4, proj_size=2, batch_first=True).get_expected_hidden_size(t.ones(5, 2, 3), None),
    t.nn.LSTM(3, 4, proj_size=2).get_expected_cell_size(t.ones(5, 3), t.tensor([3, 2])),
    t.nn.GRU(3, 4).permute_hidden(t.arange(4.0).reshape(1, 2, 2), t.tensor([1, 0])),
    t.nn.LSTM(3, 4).permute_hidden((t.arange(4.0).reshape(1, 2, 2),) * 2, t.tensor([1, 0])),
)


# --- functions ---
def function(name, gates, *settings, bias=True, states=1, options=None):
    def program(t):
        layers = settings[1] * (2 if settings[4] else 1)
        params = []
        for i in range(layers):
            width = 3 if i < layers // settings[1] else 4 * (2 if settings[4] else 1)
            params += [ramp(t, gates * 4, width, modulus=11 + i), ramp(t, gates * 4, 4, modulus=13 + i)]
            params += [ramp(t, gates * 4, modulus=15 + i), ramp(t, gates * 4, modulus=17 + i)] if bias else []
        hx = ramp(t, layers, 2, 4, modulus=7) * 0.5
        return getattr(t, name)(ramp(t, 3, 2, 3), (hx,) * states if states > 1 else hx, params, *settings)

    return program


for name, gates, count in (("lstm", 4, 2), ("gru", 3, 1), ("rnn_tanh", 1, 1), ("rnn_relu", 1, 1)):
    PROGRAMS[f"function-{name}"] = function(name, gates, True, 1, 0.0, False, False, False, states=count)
    PROGRAMS[f"function-{name}-deep"] = function(
        name, gates, False, 2, 0.5, False, True, False, bias=False, states=count
    )
for name, gates in (("lstm_cell", 4), ("gru_cell", 3), ("rnn_tanh_cell", 1), ("rnn_relu_cell", 1)):

    def step(t, name=name, gates=gates, biases=(True, True)):
        h = ramp(t, 2, 4, modulus=7)
        given = [ramp(t, gates * 4, modulus=15 + i) if wanted else None for i, wanted in enumerate(biases)]
        function = getattr(t, name)
        return function(
            ramp(t, 2, 3), (h, h) if name == "lstm_cell" else h, ramp(t, gates * 4, 3), ramp(t, gates * 4, 4), *given
        )

    PROGRAMS[f"function-{name}"] = step
    PROGRAMS[f"function-{name}-no-bias"] = lambda t, step=step: step(t, biases=())
    PROGRAMS[f"function-{name}-one-bias"] = lambda t, step=step: step(t, biases=(True, False))

# --- errors and warnings ---
ERRORS = {
    f"{name}-{what}": lambda t, n=name, a=arguments: repr(eval(f"t.nn.{n}({a})", {"t": t}))
    for name in NAMES
    for what, arguments in {
        "dropout-one-layer": "3, 4, dropout=0.5",
        "dropout-high": "3, 4, 2, dropout=1.5",
        "dropout-negative": "3, 4, dropout=-0.5",
        "dropout-bool": "3, 4, dropout=True",
        "dropout-one": "3, 4, 2, dropout=1",
        "bias-number": "3, 4, bias=1",
        "batch-first-number": "3, 4, batch_first=1",
        "input-size-float": "3.0, 4",
        "input-size-zero": "0, 4",
        "hidden-size-float": "3, 4.0",
        "hidden-size-zero": "3, 0",
        "layers-zero": "3, 4, 0",
        "projection": "3, 4, proj_size=4",
        "projection-negative": "3, 4, proj_size=-1",
        "projection-none": "3, 4, proj_size=0",
    }.items()
}
ERRORS["RNN-nonlinearity"] = lambda t: t.nn.RNN(3, 4, nonlinearity="sigmoid")
ERRORS["RNNBase-mode"] = lambda t: t.nn.RNNBase("LSTMX", 3, 4)
ERRORS["RNNCell-nonlinearity"] = lambda t: t.nn.RNNCell(3, 4, nonlinearity="elu")(t.ones(1, 3))


def refused(name, x_shape, *state_shapes, dtype="float64", **options):
    def program(t):
        m = getattr(t.nn, name)(3, 4, dtype=t.float64, **options)
        given = [t.zeros(s, dtype=t.float64) for s in state_shapes]
        hx = None if not given else tuple(given) if name.startswith("LSTM") else given[0]
        return m(t.ones(x_shape, dtype=getattr(t, dtype)), hx)

    return program


for name in NAMES:

    def given(*shape, name=name):
        return (shape,) * (2 if name == "LSTM" else 1)

    ERRORS |= {
        f"{name}-x-rank-1": refused(name, (3,)),
        f"{name}-x-rank-4": refused(name, (2, 2, 2, 3)),
        f"{name}-x-features": refused(name, (2, 2, 4)),
        f"{name}-x-dtype": refused(name, (2, 2, 3), dtype="float32"),
        f"{name}-no-steps": refused(name, (0, 2, 3)),
        f"{name}-state-rank": refused(name, (2, 2, 3), *given(2, 4)),
        f"{name}-state-rank-unbatched": refused(name, (2, 3), *given(1, 2, 4)),
        f"{name}-state-batch": refused(name, (2, 2, 3), *given(1, 3, 4)),
        f"{name}-state-batch-first": refused(name, (2, 3, 3), *given(1, 3, 4), batch_first=True),
        f"{name}-state-layers": refused(name, (2, 2, 3), *given(2, 2, 4)),
        f"{name}-state-features": refused(name, (2, 2, 3), *given(1, 2, 5)),
    }
ERRORS["LSTM-cell-features"] = refused("LSTM", (2, 2, 3), (1, 2, 4), (1, 2, 5))
ERRORS["LSTM-projected-features"] = refused("LSTM", (2, 2, 3), (1, 2, 4), (1, 2, 4), proj_size=2)
for name in CELLS:

    def given(*shape, name=name):
        return (shape,) * (2 if name == "LSTMCell" else 1)

    ERRORS |= {
        f"{name}-x-rank": refused(name, (2, 2, 3)),
        f"{name}-x-features": refused(name, (2, 4)),
        f"{name}-state-rank": refused(name, (2, 3), *given(1, 2, 4)),
        f"{name}-state-batch": refused(name, (2, 3), *given(3, 4)),
        f"{name}-state-features": refused(name, (2, 3), *given(2, 5)),
        f"{name}-x-dtype": refused(name, (2, 3), dtype="float32"),
    }


def function_error(name, **changed):
    """A function of one layer, one of whose arguments is replaced by the text of another."""

    def program(t):
        gates = {"lstm": 4, "gru": 3}.get(name, 1)
        own = {"t": t, "h": t.zeros(1, 2, 4, dtype=t.float64)}
        shapes = ((gates * 4, 3), (gates * 4, 4), (gates * 4,), (gates * 4,))
        own["w"] = [t.ones(s, dtype=t.float64) for s in shapes]
        usual = {"x": "t.ones(3, 2, 3, dtype=t.float64)", "hx": "(h, h)" if name == "lstm" else "h", "params": "w"}
        usual |= {"bias": "True", "layers": "1", "bidirectional": "False"}
        value = {k: eval(text, own) for k, text in {**usual, **changed}.items()}
        return getattr(t, name)(
            value["x"],
            value["hx"],
            value["params"],
            value["bias"],
            value["layers"],
            0.0,
            False,
            value["bidirectional"],
            False,
        )

    return program


FUNCTION_ERRORS = {
    "steps": {"x": "t.ones(0, 2, 3, dtype=t.float64)"},
    "features": {"x": "t.ones(3, 2, 2, dtype=t.float64)"},
    "layers": {"layers": "2"},
    "directions": {"bidirectional": "True"},
    "few-weights": {"params": "w[:3]"},
    "no-bias": {"bias": "False"},
}
for name, what in itertools.product(("lstm", "gru", "rnn_tanh", "rnn_relu"), FUNCTION_ERRORS):
    ERRORS[f"{name}-{what}"] = function_error(name, **FUNCTION_ERRORS[what])
ERRORS["lstm-one-state"] = function_error("lstm", hx="(h,)")
for name in ("gru", "rnn_tanh", "rnn_relu"):
    ERRORS[f"{name}-dtype"] = function_error(name, x="t.ones(3, 2, 3)")
ERRORS["lstm_cell-one-state"] = lambda t: t.lstm_cell(t.ones(2, 3), (t.ones(2, 4),), t.ones(16, 3), t.ones(16, 4))
ERRORS["lstm_cell-vector"] = lambda t: t.lstm_cell(t.ones(3), (t.ones(4),) * 2, t.ones(16, 3), t.ones(16, 4))
ERRORS["lstm_cell-c"] = lambda t: t.lstm_cell(t.ones(2, 3), (t.ones(2, 4), t.ones(2, 5)), t.ones(16, 3), t.ones(16, 4))
ERRORS["lstm_cell-not-a-tuple"] = lambda t: t.lstm_cell(t.ones(2, 3), t.ones(2, 4), t.ones(16, 3), t.ones(16, 4))
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})

#: Not every backend has half precision.
ONLY_NUMPY = {name for name in PROGRAMS if name.endswith("-half")}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    tolerance = (2e-2, 4e-3) if name in ONLY_NUMPY else (1e-5, 2e-6)
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], tolerance[0], absolute=tolerance[1])
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-5, absolute=1e-6)
    assert not found, "\n".join(found)


# --- one node over time ---
@pytest.mark.device
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_and_direction_is_one_node(name):
    """However long the sequence: the graph has as many nodes."""

    def nodes(steps):
        y = getattr(plugrad.nn, name)(3, 4, bidirectional=True)(plugrad.ones(steps, 2, 3))[0]
        seen, waiting = set(), [y.grad_fn]
        while waiting:
            node = waiting.pop()
            if node is not None and node not in seen:
                seen.add(node)
                waiting.extend(edge for edge, _ in node.next_functions)
        return len(seen)

    assert nodes(2) == nodes(17)


@pytest.mark.cpu
@pytest.mark.parametrize("sizes", [None, (4, 3, 3, 1)], ids=["steps", "packed"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numpys_own_way_is_the_composition(sizes, reverse, dtype):
    """numpy's buffers give what the functions every backend inherits give, in the gradients too."""
    from plugrad.backends.common import Backend

    xp, rng = plugrad.ones(1)._xp, np.random.default_rng(0)

    def drawn(*shape):
        return rng.uniform(-1, 1, shape).astype(dtype)

    lead = (5, 4) if sizes is None else (sum(sizes),)
    tolerance = {"rtol": 1e-10, "atol": 1e-12} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-5}
    calls = {
        "lstm": (
            [drawn(*lead, 3), drawn(4, 2), drawn(4, 6), drawn(24, 3), drawn(24, 2), drawn(24), None, drawn(2, 6)],
            (),
        ),
        "gru": ([drawn(*lead, 3), drawn(4, 6), drawn(18, 3), drawn(18, 6), None, drawn(18)], ()),
        "rnn": ([drawn(*lead, 3), drawn(4, 6), drawn(6, 3), drawn(6, 6), drawn(6), drawn(6)], (True,)),
    }
    for name, (arrays, first) in calls.items():
        statics = (*first, sizes, reverse)
        ours, theirs = getattr(xp, name)(*arrays, *statics), getattr(Backend, name)(xp, *arrays, *statics)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, **tolerance)
        smooth = ours[:-2]
        given = [*(drawn(*a.shape) for a in smooth), *arrays, *ours[-2:], *statics]
        needs = tuple(a is not None for a in arrays)
        ours, theirs = getattr(xp, f"{name}_grad")(*given, needs), getattr(Backend, f"{name}_grad")(xp, *given, needs)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) is (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.cpu
def test_long_sequences_are_taken_in_chunks():
    """Gradients do not depend on how many steps numpy's backward takes together."""
    m = plugrad.nn.LSTM(5, 64, dtype=plugrad.float64)
    x = plugrad.randn(40, 20, 5, dtype=plugrad.float64)
    m(x)[0].square().sum().backward()
    whole = [p.grad.clone() for p in m.parameters()]
    m.zero_grad()
    for i in range(20):
        m(x[:, i : i + 1])[0].square().sum().backward()
    for p, expected in zip(m.parameters(), whole, strict=True):
        assert_close(p.grad, expected, rtol=1e-9, atol=1e-10)


# --- derivatives ---
@pytest.mark.device
@pytest.mark.parametrize("name", NAMES)
def test_derivatives_of_order_1_and_2(name):
    m = getattr(plugrad.nn, name)(2, 2, num_layers=2, bidirectional=True, dtype=plugrad.float64)
    x = on(np.random.default_rng(0).standard_normal((2, 2, 2)), requires_grad=True)
    inputs = (x, *m.parameters())
    names = [n for n, _ in m.named_parameters()]

    def function(x, *parameters):
        made = plugrad.func.functional_call(m, dict(zip(names, parameters, strict=True)), (x,))
        return tuple(flat(made))

    assert gradcheck(function, inputs, fast_mode=True)
    assert gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.device
def test_saved_weights_must_not_change():
    m = plugrad.nn.GRU(2, 3)
    y = m(plugrad.ones(2, 1, 2))[0].sum()
    with plugrad.no_grad():
        m.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_rows_are_chosen_by_form():
    """What the names of the nodes stand on: each row has its own."""
    names = {row.row.node_name for row in (rows.lstm_layer, rows.lstm_stack, rows.lstm_packed, rows.lstm_cell)}
    assert len(names) == 4


@pytest.mark.cpu
@pytest.mark.parametrize("name", NAMES)
def test_complex_numbers_have_their_gradients(name):
    m = getattr(plugrad.nn, name)(2, 3, dtype=plugrad.complex128)
    x = plugrad.randn(2, 2, 2, dtype=plugrad.complex128, requires_grad=True)
    assert gradcheck(lambda x: m(x)[0], (x,))
