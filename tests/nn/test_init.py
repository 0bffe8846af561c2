"""Initial values: torch's numbers for the same seed, its errors and its deprecated names."""

import math

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

init = plugrad.nn.init
PROGRAMS = {}


def case(function):
    PROGRAMS[function.__name__] = function
    return function


CALLS = {
    "uniform_": [((3, 4), {}), ((2, 3), {"a": -1.0, "b": 2.0}), ((), {})],
    "normal_": [((3, 4), {}), ((5, 5), {"mean": 3.0, "std": 0.1}), ((2,), {})],
    "constant_": [((2, 2), {"val": 0.3})],
    "ones_": [((2,), {})],
    "zeros_": [((2,), {})],
    "eye_": [((2, 3), {}), ((3, 2), {})],
    "dirac_": [((3, 2, 3), {}), ((2, 3, 2, 3), {}), ((4, 2, 1, 2, 3), {"groups": 2})],
    "xavier_uniform_": [((3, 4), {}), ((2, 3, 2), {"gain": 2.0})],
    "xavier_normal_": [((3, 4), {}), ((2, 3, 2), {"gain": 2.0})],
    "kaiming_uniform_": [((3, 4), {}), ((2, 3, 2), {"mode": "fan_out", "nonlinearity": "relu"}), ((3, 3), {"a": 0.5})],
    "kaiming_normal_": [((3, 4), {}), ((2, 3, 2), {"mode": "fan_out", "nonlinearity": "tanh"}), ((3, 3), {"a": 0.5})],
    "trunc_normal_": [
        ((5, 5), {}),
        ((4, 4), {"mean": 1.0, "std": 0.5, "a": 0.8, "b": 1.5}),
        ((5, 5), {"a": 1.0, "b": 1.2}),
        ((4, 4), {"a": 3.0, "b": 9.0}),
    ],
    "sparse_": [((5, 3), {"sparsity": 0.4}), ((4, 2), {"sparsity": 0.1, "std": 2.0})],
}
for name, calls in CALLS.items():
    for i, (shape, options) in enumerate(calls):

        def program(t, name=name, shape=shape, options=options):
            t.manual_seed(9)
            w = t.nn.Parameter(t.empty(shape))
            made = getattr(t.nn.init, name)(w, **options)
            return w.detach(), made is w, w.requires_grad, w.grad_fn is None, t.rand(2)

        PROGRAMS[f"{name}-{i}"] = program


@case
def double_precision(t):
    t.manual_seed(9)
    made = []
    for name in ("uniform_", "normal_", "xavier_uniform_", "kaiming_normal_", "trunc_normal_"):
        made.append(getattr(t.nn.init, name)(t.empty(4, 5, dtype=t.float64)))
    return made


@case
def own_generator(t):
    t.manual_seed(0)
    generator = t.Generator().manual_seed(5)
    made = [
        getattr(t.nn.init, name)(t.empty(3, 4), generator=generator)
        for name in (
            "uniform_",
            "normal_",
            "xavier_uniform_",
            "xavier_normal_",
            "kaiming_uniform_",
            "kaiming_normal_",
            "trunc_normal_",
        )
    ]
    return made, t.nn.init.sparse_(t.empty(4, 2), 0.5, generator=generator), t.rand(2)


@case
def in_the_order_of_the_memory(t):
    t.manual_seed(3)
    w = t.empty(3, 4).t()
    return t.nn.init.uniform_(w).clone(), t.nn.init.constant_(t.empty(2, 3).t(), 2.0), t.nn.init.eye_(t.empty(3, 2).t())


@case
def part_of_a_tensor(t):
    t.manual_seed(3)
    w = t.zeros(4, 3)
    t.nn.init.uniform_(w[1:3])
    t.nn.init.ones_(w[:, 2])
    return w


@case
def the_write_is_counted(t):
    w = t.nn.Parameter(t.zeros(3))
    y = (w * w).sum()
    t.nn.init.ones_(w)
    return w._version, y.backward()


@case
def gains(t):
    names = "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid tanh relu leaky_relu selu".split()
    return [t.nn.init.calculate_gain(n) for n in names] + [
        t.nn.init.calculate_gain("leaky_relu", p) for p in (0, 0.2, 3)
    ]


ERRORS = {
    "gain-name": lambda t: t.nn.init.calculate_gain("nothing"),
    "gain-slope-word": lambda t: t.nn.init.calculate_gain("leaky_relu", "steep"),
    "gain-slope-bool": lambda t: t.nn.init.calculate_gain("leaky_relu", True),
    "fan-vector": lambda t: t.nn.init.xavier_uniform_(t.ones(3)),
    "fan-vector-kaiming": lambda t: t.nn.init.kaiming_normal_(t.ones(3)),
    "mode": lambda t: t.nn.init.kaiming_uniform_(t.ones(3, 3), mode="fan"),
    "mode-case": lambda t: t.nn.init.kaiming_uniform_(t.zeros(0, 3), mode="FAN_IN"),
    "nonlinearity": lambda t: t.nn.init.kaiming_uniform_(t.ones(3, 3), nonlinearity="nothing"),
    "empty-uniform": lambda t: t.nn.init.kaiming_uniform_(t.ones(0, 3)),
    "empty-normal": lambda t: t.nn.init.kaiming_normal_(t.ones(3, 0)),
    "empty-orthogonal": lambda t: t.nn.init.orthogonal_(t.ones(3, 0)),
    "eye-rank": lambda t: t.nn.init.eye_(t.ones(3)),
    "dirac-rank": lambda t: t.nn.init.dirac_(t.ones(3, 3)),
    "dirac-groups": lambda t: t.nn.init.dirac_(t.ones(3, 3, 3), groups=2),
    "orthogonal-rank": lambda t: t.nn.init.orthogonal_(t.ones(3)),
    "sparse-rank": lambda t: t.nn.init.sparse_(t.ones(3), 0.1),
    "uniform-bounds": lambda t: t.nn.init.uniform_(t.ones(3), 2.0, 1.0),
    "normal-std": lambda t: t.nn.init.normal_(t.ones(3), 0.0, -1.0),
    "trunc-normal-far": lambda t: t.nn.init.trunc_normal_(t.empty(3), mean=5.0, a=-1.0, b=1.0).abs() <= 1,
}
for name, function in ERRORS.items():
    PROGRAMS[f"error-{name}"] = function
OLD = {
    "uniform": ((2, 2), {}),
    "normal": ((2, 2), {}),
    "constant": ((2, 2), {"val": 3.0}),
    "eye": ((2, 2), {}),
    "dirac": ((2, 2, 1), {}),
    "xavier_uniform": ((2, 2), {}),
    "xavier_normal": ((2, 2), {}),
    "kaiming_uniform": ((2, 2), {}),
    "kaiming_normal": ((2, 2), {}),
    "sparse": ((2, 2), {"sparsity": 0.5}),
}
for name, (shape, options) in OLD.items():

    def program(t, name=name, shape=shape, options=options):
        t.manual_seed(1)
        return getattr(t.nn.init, name)(t.empty(shape), **options), getattr(t.nn.init, name).__name__

    PROGRAMS[f"old-{name}"] = program


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    if name == "in_the_order_of_the_memory" and plugrad.ones(2, 3).t().is_contiguous():
        pytest.skip("a library without strides has no order of its own")
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-6, absolute=8e-7)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=8e-7)
    assert not found, "\n".join(found)


UNIFORM = ("uniform_", "xavier_uniform_", "kaiming_uniform_", "eye_", "ones_", "dirac_")


@pytest.mark.oracle
@pytest.mark.cpu
@pytest.mark.parametrize("name", UNIFORM)
@pytest.mark.parametrize("shape", [(3, 4, 5), (65, 130, 3)])
def test_bit_for_bit(name, shape):
    torch = pytest.importorskip("torch")
    shape = shape[:2] if name == "eye_" else shape
    found = []
    for t in (torch, plugrad):
        t.manual_seed(17)
        found.append(getattr(t.nn.init, name)(t.empty(shape)).numpy().tobytes())
    assert found[0] == found[1]


@pytest.mark.oracle
@pytest.mark.cpu
@pytest.mark.parametrize("name", ["normal_", "xavier_normal_", "kaiming_normal_", "trunc_normal_", "orthogonal_"])
@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (33, 20, 3), (7, 33)])
def test_within_rounding_of_torch(name, shape):
    torch = pytest.importorskip("torch")
    found = []
    for t in (torch, plugrad):
        t.manual_seed(17)
        found.append(getattr(t.nn.init, name)(t.empty(shape)).numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=2e-6 if name == "orthogonal_" else 8e-7)


@pytest.mark.device
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 3, 2), (4, 4)])
def test_orthogonal(shape):
    plugrad.manual_seed(0)
    w = init.orthogonal_(plugrad.empty(shape, dtype=plugrad.float64), gain=2.0)._host().reshape(shape[0], -1)
    gram = w @ w.T if shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


@pytest.mark.device
@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"])
def test_deviation(name):
    plugrad.manual_seed(0)
    w = getattr(init, name)(plugrad.empty(300, 200))._host()
    expected = math.sqrt(2 / 500) if name.startswith("xavier") else math.sqrt(2 / 200 / (1 + 0))
    assert abs(w.std() / expected - 1) < 0.02
    assert abs(w.mean()) < 0.01


@pytest.mark.device
@pytest.mark.parametrize("bounds", [(-2.0, 2.0), (0.5, 3.0), (1.6, 1.8)])
def test_truncated_normal_stays_within_its_bounds(bounds):
    plugrad.manual_seed(0)
    w = init.trunc_normal_(plugrad.empty(2000), a=bounds[0], b=bounds[1])._host()
    assert (w >= np.float32(bounds[0])).all()
    assert (w <= np.float32(bounds[1])).all()


@pytest.mark.device
def test_sparse_sets_a_part_of_each_column_to_zero():
    plugrad.manual_seed(0)
    w = init.sparse_(plugrad.empty(10, 7), 0.25)._host()
    assert ((w == 0).sum(axis=0) == 3).all()


@pytest.mark.parametrize("name", ["uniform_", "normal_", "xavier_uniform_", "kaiming_normal_", "trunc_normal_"])
def test_signatures(name):
    torch = pytest.importorskip("torch")
    import inspect

    ours, theirs = (inspect.signature(getattr(t.nn.init, name)).parameters for t in (plugrad, torch))
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]
