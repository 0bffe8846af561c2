"""The optimizers beside SGD and Adam, program by program as torch does it: options, dtypes, resuming, errors."""

import copy
import itertools
import pickle
from functools import partial

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_training import FLOAT32, combinations, label, parameters, set_gradients, train, trained

#: Of each optimizer the values that its options are combined from; the first ones are the defaults.
OPTIONS = {
    "Adadelta": {"weight_decay": [0, 0.1], "rho": [0.9, 0.5], "maximize": [False, True]},
    "Adafactor": {"weight_decay": [0.0, 0.1], "beta2_decay": [-0.8, -0.3], "d": [1.0, 2.0], "maximize": [False, True]},
    "Adagrad": {
        "weight_decay": [0, 0.1],
        "lr_decay": [0, 0.5],
        "initial_accumulator_value": [0, 0.25],
        "maximize": [False, True],
    },
    "Adamax": {"weight_decay": [0, 0.1], "betas": [(0.9, 0.999), (0.7, 0.6)], "maximize": [False, True]},
    "ASGD": {"weight_decay": [0, 0.1], "t0": [1e6, 1.0], "lambd": [1e-4, 0.1], "maximize": [False, True]},
    "NAdam": {
        "weight_decay": [0, 0.1],
        "decoupled_weight_decay": [False, True],
        "momentum_decay": [4e-3, 0.2],
        "maximize": [False, True],
    },
    "RAdam": {
        "weight_decay": [0, 0.1],
        "decoupled_weight_decay": [False, True],
        "betas": [(0.9, 0.999), (0.8, 0.7)],
        "maximize": [False, True],
    },
    "RMSprop": {
        "weight_decay": [0, 0.1],
        "momentum": [0, 0.5],
        "centered": [False, True],
        "maximize": [False, True],
    },
    "Rprop": {"etas": [(0.5, 1.2), (0.25, 2.0)], "step_sizes": [(1e-6, 50), (0.05, 0.125)], "maximize": [False, True]},
}
#: What takes complex parameters.
COMPLEX = sorted(set(OPTIONS) - {"Adafactor"})
#: What is left of numbers near one where they cancel.
CANCELLED = 2e-7
PROGRAMS = {}
for name, options in OPTIONS.items():
    for combined in combinations(**options):
        PROGRAMS[label(name, combined)] = partial(trained, name, {"lr": 0.1, **combined})
    PROGRAMS[f"{name}-defaults"] = partial(trained, name, {})
    PROGRAMS[f"{name}-float64"] = partial(trained, name, {}, dtype="float64")
    PROGRAMS[f"{name}-foreach"] = partial(trained, name, {"foreach": True})
    PROGRAMS[f"{name}-tensor-lr"] = lambda t, name=name: trained(name, {"lr": t.tensor(0.125)}, t)
for name, dtype in itertools.product(COMPLEX, ["complex64", "complex128"]):
    PROGRAMS[f"{name}-{dtype}"] = partial(trained, name, {}, dtype=dtype)
PROGRAMS |= {
    "Adagrad-fused": partial(trained, "Adagrad", {"fused": True}),
    "Adafactor-eps": partial(trained, "Adafactor", {"eps": (1e-2, 0.5), "lr": 0.1}),
    "RMSprop-centered-complex128": partial(trained, "RMSprop", {"centered": True, "momentum": 0.5}, dtype="complex128"),
    "Adadelta-weight_decay-complex64": partial(trained, "Adadelta", {"weight_decay": 0.1}, dtype="complex64"),
    "ASGD-averaging-complex64": partial(trained, "ASGD", {"t0": 0.0}, dtype="complex64"),
}


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


# --- Muon ---
def matrices(t, dtype=None):
    dtype = dtype or t.float32
    return [
        t.nn.Parameter(t.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.5]], dtype=dtype)),
        t.nn.Parameter(t.tensor([[-1.0, 0.125], [0.5, 2.0], [0.75, -0.25]], dtype=dtype)),
    ]


def trained_by_muon(options, t, dtype="float32"):
    params = matrices(t, getattr(t, dtype))
    optimizer = t.optim.Muon(params, **options)
    train(t, optimizer, params)
    return params, optimizer.state_dict()


for options in combinations(nesterov=[True, False], momentum=[0.95, 0.25], weight_decay=[0.1, 0]):
    PROGRAMS[label("Muon", options)] = partial(trained_by_muon, {"lr": 0.1, **options})
for adjust in ("original", "match_rms_adamw"):
    PROGRAMS[f"Muon-{adjust}"] = partial(trained_by_muon, {"adjust_lr_fn": adjust})
PROGRAMS |= {
    "Muon-defaults": partial(trained_by_muon, {}),
    "Muon-float64": partial(trained_by_muon, {"lr": 0.1}, dtype="float64"),
    "Muon-steps": partial(trained_by_muon, {"ns_steps": 3, "ns_coefficients": (3.0, -4.0, 2.0), "eps": 10.0}),
    "Muon-tensor-lr": lambda t: trained_by_muon({"lr": t.tensor([0.125])}, t),
}


# --- state dicts ---
def resumed(t, name, options):
    params = parameters(t)
    optimizer = getattr(t.optim, name)(params, **options)
    train(t, optimizer, params, 2)
    twins = [t.nn.Parameter(p.detach().clone()) for p in params]
    other = getattr(t.optim, name)(twins, lr=9.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(t, other, twins, 2, start=2)
    return twins, other.state_dict(), repr(other)


def loaded_into_double(t, name):
    """The dtypes of a loaded state: its numbers but the step are cast too."""
    params = parameters(t)
    optimizer = getattr(t.optim, name)(params)
    train(t, optimizer, params, 1)
    twins = parameters(t, t.float64)
    other = getattr(t.optim, name)(twins)
    other.load_state_dict(optimizer.state_dict())
    train(t, other, twins, 2)
    return twins, other.state_dict()["state"]


def loaded_from_old(t, name):
    """A state dict of the time when the options of all optimizers were few and the numbers of the state plain."""
    params = parameters(t)
    optimizer = getattr(t.optim, name)(params)
    train(t, optimizer, params, 1)
    state = copy.deepcopy(optimizer.state_dict())
    plain = {"step": int, "mu_product": float, "eta": float, "mu": float}
    for own in state["state"].values():
        own |= {key: kind(own[key]) for key, kind in plain.items() if key in own}
    new = (
        "foreach",
        "maximize",
        "differentiable",
        "capturable",
        "fused",
        "decoupled_weight_decay",
        "centered",
        "momentum",
    )
    state["param_groups"] = [{k: v for k, v in g.items() if k not in new} for g in state["param_groups"]]
    if name == "Adafactor":
        state["param_groups"][0]["maximize"] = False  # which it has had from the start
    twins = parameters(t)
    other = getattr(t.optim, name)(twins)
    other.load_state_dict(state)
    train(t, other, twins, 2)
    return twins, other.state_dict()


for name in OPTIONS:
    PROGRAMS[f"resume-{name}"] = partial(resumed, name=name, options={"lr": 0.1})
    PROGRAMS[f"load-into-double-{name}"] = partial(loaded_into_double, name=name)
    PROGRAMS[f"load-old-{name}"] = partial(loaded_from_old, name=name)


@program
def groups_of_rmsprop(t):
    a, b, c = parameters(t)
    optimizer = t.optim.RMSprop([{"params": a, "momentum": 0.5}, {"params": [b], "centered": True}], lr=0.1)
    optimizer.add_param_group({"params": [c], "alpha": 0.5})
    train(t, optimizer, [a, b, c])
    return [a, b, c], optimizer.state_dict(), repr(optimizer)


@program
def adagrad_has_a_state_from_the_start(t):
    optimizer = t.optim.Adagrad(parameters(t), initial_accumulator_value=0.5)
    before = optimizer.state_dict()["state"]
    late = t.nn.Parameter(t.ones(2))
    optimizer.add_param_group({"params": [late], "initial_accumulator_value": 7.0})
    late.grad = t.ones(2)
    optimizer.step()
    return before, optimizer.state_dict()["state"]


@program
def asgd_with_a_rate_that_changes(t):
    params = parameters(t)
    optimizer = t.optim.ASGD(params, lr=0.1, lambd=0.5)
    train(t, optimizer, params, 2)
    optimizer.param_groups[0]["lr"] = 0.5
    train(t, optimizer, params, 2, start=2)
    return params, optimizer.state_dict()


@program
def a_closure(t):
    params = parameters(t)
    optimizer = t.optim.Adamax(params, lr=0.1)

    def loss():
        optimizer.zero_grad()
        total = sum((p * p).sum() for p in params)
        total.backward()
        return total

    return [optimizer.step(loss).detach() for _ in range(3)], params


# --- swapped parameters ---
@program
def swapped_parameters(t):
    params, others = parameters(t), [t.nn.Parameter(p.detach() * 2) for p in parameters(t)]
    optimizer = t.optim.SGD(params, lr=0.1, momentum=0.5)
    train(t, optimizer, params, 1)
    state = copy.deepcopy(optimizer.state_dict())
    state["param_groups"][0]["lr"] = 0.5
    with t.optim.swap_in_optimizer_params_and_state(optimizer, dict(zip("abc", others, strict=True)), state):
        train(t, optimizer, others, 2)
        inside = optimizer.state_dict()
    return params, others, state, inside, optimizer.state_dict()


def swapped(t, change):
    params = parameters(t)
    optimizer = t.optim.SGD(params, lr=0.1, momentum=0.5)
    train(t, optimizer, params, 1)
    given = [optimizer, dict(zip("abc", params, strict=True)), copy.deepcopy(optimizer.state_dict())]
    given = change(*given) or given
    with t.optim.swap_in_optimizer_params_and_state(*given):
        return "inside"


PROGRAMS |= {
    "swap-fresh": lambda t: swapped(t, lambda o, p, s: (t.optim.SGD(parameters(t), lr=0.1), p, s)),
    "swap-no-dict": lambda t: swapped(t, lambda o, p, s: (o, p, 3)),
    "swap-no-state": lambda t: swapped(t, lambda o, p, s: (o, p, {})),
    "swap-tensor-key": lambda t: swapped(t, lambda o, p, s: s["state"].update({t.ones(1): {}})),
    "swap-number": lambda t: swapped(t, lambda o, p, s: s["state"].update({0: 1})),
    "swap-extra": lambda t: swapped(t, lambda o, p, s: s["state"].update({7: {}})),
    "swap-no-groups": lambda t: swapped(t, lambda o, p, s: s.update(param_groups=())),
    "swap-groups": lambda t: swapped(t, lambda o, p, s: s["param_groups"].append({})),
    "swap-group": lambda t: swapped(t, lambda o, p, s: s.update(param_groups=[3])),
    "swap-params": lambda t: swapped(t, lambda o, p, s: s["param_groups"][0].update(params=list(p.values()))),
    "swap-size": lambda t: swapped(t, lambda o, p, s: s["param_groups"][0]["params"].pop() and None),
    "swap-keys": lambda t: swapped(t, lambda o, p, s: s["param_groups"][0].update(more=1)),
    "swap-less": lambda t: swapped(t, lambda o, p, s: p.pop("c") and None),
}


# --- errors ---
def made(t, name, **options):
    return getattr(t.optim, name)([t.nn.Parameter(t.ones(2, 2))], **options)


def stepped(t, name, param, **changes):
    """A step of a parameter, after options of the group were changed."""
    optimizer = getattr(t.optim, name)([param])
    optimizer.param_groups[0].update(changes)
    param.grad = t.ones_like(param)
    optimizer.step()
    return param


ERRORS = {
    "Adadelta": [{"lr": -1.0}, {"rho": 1.5}, {"rho": -0.5}, {"eps": -1}, {"weight_decay": -1}],
    "Adafactor": [{"lr": -1.0}, {"beta2_decay": 0.5}, {"eps": (-1.0, 1)}, {"eps": (None, -1)}, {"d": 0.5}, {"weight_decay": -1}],
    "Adagrad": [
        {"lr": -1.0}, {"lr_decay": -1}, {"weight_decay": -1}, {"initial_accumulator_value": -1}, {"eps": -1},
        {"fused": True, "foreach": True}, {"fused": True, "differentiable": True},
    ],
    "Adamax": [{"lr": -1.0}, {"eps": -1}, {"betas": (1.0, 0.9)}, {"betas": (0.9, 1.0)}, {"weight_decay": -1}],
    "ASGD": [{"lr": -1.0}, {"weight_decay": -1}],
    "LBFGS": [{"lr": -1.0}],
    "Muon": [{"lr": -1.0}, {"momentum": -1}, {"weight_decay": -1}, {"adjust_lr_fn": "other"}],
    "NAdam": [{"lr": -1.0}, {"eps": -1}, {"betas": (-1, 0.9)}, {"weight_decay": -1}, {"momentum_decay": -1}],
    "RAdam": [{"lr": -1.0}, {"eps": -1}, {"betas": (0.9, 2)}, {"weight_decay": -1}],
    "RMSprop": [{"lr": -1.0}, {"eps": -1}, {"momentum": -1}, {"weight_decay": -1}, {"alpha": -1}],
    "Rprop": [{"lr": -1.0}, {"etas": (0.5, 1.0)}, {"etas": (0.0, 2.0)}],
}  # fmt: skip
for name, refused in ERRORS.items():
    for options in refused:
        PROGRAMS[f"refused-{label(name, options)}"] = partial(made, name=name, **options)
    PROGRAMS[f"refused-{name}-lr-vector"] = lambda t, name=name: made(t, name, lr=t.ones(2))
    PROGRAMS[f"refused-{name}-speed"] = partial(made, name=name, speed=3)
PROGRAMS |= {
    "refused-Muon-vector": lambda t: t.optim.Muon([t.nn.Parameter(t.ones(2))]),
    "refused-Muon-many-steps": lambda t: stepped(t, "Muon", t.nn.Parameter(t.ones(2, 2)), ns_steps=100),
    "refused-Muon-coefficients": lambda t: stepped(t, "Muon", t.nn.Parameter(t.ones(2, 2)), ns_coefficients=(1, 2)),
    "refused-Muon-complex": lambda t: stepped(t, "Muon", t.nn.Parameter(t.ones(2, 2, dtype=t.complex64))),
    "refused-Adafactor-complex": lambda t: stepped(t, "Adafactor", t.nn.Parameter(t.ones(2, dtype=t.complex64))),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], rel=FLOAT32, absolute=CANCELLED)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], rel=FLOAT32, absolute=CANCELLED)
    assert not found, "\n".join(found)


# --- where plugrad differs, or torch has no answer to compare with ---
def test_sparse_adam_says_what_to_use():
    with pytest.raises(NotImplementedError, match="SparseAdam needs sparse gradients"):
        made(plugrad, "SparseAdam")


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"Adafactor"}))
@pytest.mark.parametrize("option", ["differentiable", "capturable"])
def test_what_is_not_supported_is_named(name, option):
    if (name, option) == ("Adagrad", "capturable"):
        pytest.skip("Adagrad has no such option")
    with pytest.raises(NotImplementedError, match=f"{name}: {option}=True is not supported"):
        made(plugrad, name, **{option: True})


@pytest.mark.cpu
@pytest.mark.parametrize("name", [*OPTIONS, "Muon"])
def test_half_precision_is_stepped_in_float32(name):
    weights = [[1.0, 2.0], [-0.5, 0.25]]
    results = []
    for dtype in (plugrad.float16, plugrad.float32):
        w = plugrad.nn.Parameter(plugrad.tensor(weights, dtype=dtype))
        w.grad = plugrad.tensor([[0.5, -1.0], [0.25, 0.125]], dtype=dtype)
        optimizer = getattr(plugrad.optim, name)([w], lr=0.25)
        optimizer.step()
        results.append(w.detach())
        assert {v.dtype for v in optimizer.state[w].values() if v.ndim} == {dtype}
    assert results[0].dtype is plugrad.float16
    assert plugrad.allclose(results[0].float(), results[1], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", OPTIONS)
def test_pickle_keeps_groups_and_state(name):
    params = parameters(plugrad)
    optimizer = getattr(plugrad.optim, name)(params, lr=0.1)
    train(plugrad, optimizer, params, 2)
    twin = pickle.loads(pickle.dumps(optimizer))
    train(plugrad, optimizer, params, 1, start=2)
    train(plugrad, twin, twin.param_groups[0]["params"], 1, start=2)
    assert [p.tolist() for p in twin.param_groups[0]["params"]] == [p.tolist() for p in params]


def test_muon_makes_an_orthogonal_update():
    """With Newton's iteration for the square root of one, x ← (3·x - x·xᵀ·x)/2, that update is exact."""
    w = plugrad.nn.Parameter(plugrad.zeros(3, 5))
    w.grad = plugrad.tensor([[1.0, 0.5, 0, 0, 2], [0, 1, -1, 0.5, 0], [0.25, 0, 1, 1, -1]])
    plugrad.optim.Muon([w], lr=1.0, ns_coefficients=(1.5, -0.5, 0.0), ns_steps=20).step()
    assert plugrad.allclose(w @ w.T, plugrad.eye(3), atol=0.02)


@pytest.mark.parametrize("name", ["Adafactor", "Muon"])
def test_nothing_happens_to_nothing(name):
    w = plugrad.nn.Parameter(plugrad.zeros(0, 3))
    w.grad = plugrad.zeros(0, 3)
    getattr(plugrad.optim, name)([w]).step()
    assert w.shape == (0, 3)


@pytest.mark.parametrize("name", [*OPTIONS, "Muon"])
def test_a_step_never_waits_for_the_device(request, name):
    if request.config.getoption("--backend") != "simcuda":
        pytest.skip("only the simulated device counts how often the host waits")
    import simcupy

    params = matrices(plugrad) if name == "Muon" else parameters(plugrad)
    optimizer = getattr(plugrad.optim, name)(params, lr=0.1)
    train(plugrad, optimizer, params, 1)
    set_gradients(plugrad, params, 1)
    with simcupy.counting() as seen:
        optimizer.step()
    assert seen.launches > 0
    assert seen.syncs == 0
