"""Pruning: masks, hooks, random choices and errors, program by program as torch."""

import importlib

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


def pruning(t):
    return importlib.import_module(f"{t.__name__}.nn.utils.prune")


def wave(t, *shape):
    return ((t.arange(float(np.prod(shape))) * 2.3).sin() * 2).reshape(shape)


def layer(t, kind="Linear", *args):
    t.manual_seed(0)
    return getattr(t.nn, kind)(*(args or (4, 3)))


def described(m):
    hooks = [type(h).__name__ for h in m._forward_pre_hooks.values()]
    return {k: v.detach() for k, v in m.state_dict().items()}, [n for n, _ in m.named_parameters()], hooks


def trained(t, m, x=None):
    y = m(wave(t, 2, 4) if x is None else x)
    y.sum().backward()
    return y.detach(), {k: p.grad for k, p in m.named_parameters()}, described(m), m.weight.detach()


FUNCTIONS = {
    "identity": ("identity", ("weight",), {}),
    "random": ("random_unstructured", ("weight", 0.4), {}),
    "random-count": ("random_unstructured", ("weight", 5), {}),
    "random-none": ("random_unstructured", ("weight", 0), {}),
    "random-all": ("random_unstructured", ("weight", 1.0), {}),
    "l1": ("l1_unstructured", ("weight",), {"amount": 0.5}),
    "l1-bias": ("l1_unstructured", ("bias", 1), {}),
    "random-structured": ("random_structured", ("weight", 0.5), {"dim": 1}),
    "random-structured-count": ("random_structured", ("weight", 2, 0), {}),
    "random-structured-none": ("random_structured", ("weight", 0, 0), {}),
    "ln": ("ln_structured", ("weight", 0.3), {"n": 2, "dim": 0}),
    "ln-1-last": ("ln_structured", ("weight", 2, 1, -1), {}),
    "ln-inf": ("ln_structured", ("weight", 1, float("inf"), 1), {}),
}
for name, (function, args, options) in FUNCTIONS.items():

    def pruned(t, function=function, args=args, options=options):
        m = layer(t)
        answer = getattr(pruning(t), function)(m, *args, **options)
        found = trained(t, m)
        before = pruning(t).is_pruned(m)
        pruning(t).remove(m, args[0])
        return answer is m, found, before, described(m), pruning(t).is_pruned(m), m(wave(t, 1, 4)).detach(), t.rand(1)

    PROGRAMS[name] = pruned


@program
def from_mask(t):
    m = layer(t)
    mask = t.tensor([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1]])
    return trained(t, pruning(t).custom_from_mask(m, "weight", mask))


@program
def scores(t):
    m = layer(t)
    pruning(t).l1_unstructured(m, "weight", 5, importance_scores=wave(t, 3, 4))
    other = pruning(t).ln_structured(layer(t), "weight", 1, 1, 0, importance_scores=wave(t, 3, 4))
    return described(m), described(other)


@program
def conv(t):
    m = layer(t, "Conv2d", 2, 3, 2)
    pruning(t).ln_structured(m, "weight", 0.34, n=2, dim=0)
    pruning(t).l1_unstructured(m, "weight", 4)
    return trained(t, m, wave(t, 1, 2, 4, 4))


@program
def again_and_again(t):
    m, prune = layer(t), pruning(t)
    prune.l1_unstructured(m, "weight", 3)
    prune.random_unstructured(m, "weight", 0.5)
    prune.random_structured(m, "weight", 1, dim=1)
    prune.ln_structured(m, "weight", 1, n=2, dim=0)
    prune.custom_from_mask(m, "weight", t.ones(3, 4).tril())
    prune.identity(m, "weight")
    prune.identity(m, "bias")
    container = next(iter(m._forward_pre_hooks.values()))
    return trained(t, m), len(container), [type(method).__name__ for method in container], type(container[1]).__name__


@program
def after_a_step(t):
    m = layer(t)
    pruning(t).l1_unstructured(m, "weight", 0.5)
    optimizer = t.optim.SGD(m.parameters(), 0.5)
    m(wave(t, 2, 4)).square().sum().backward()
    optimizer.step()
    return m(wave(t, 2, 4)).detach(), described(m)


@program
def over_the_model(t):
    m = t.nn.Sequential(layer(t), t.nn.ReLU(), t.nn.Linear(3, 2))
    pairs = [(m[0], "weight"), (m[2], "weight"), (m[0], "bias")]
    pruning(t).global_unstructured(pairs, pruning(t).L1Unstructured, amount=0.4)
    first = [described(part) for part in (m[0], m[2])]
    pruning(t).global_unstructured(
        tuple(pairs[:2]), pruning(t).RandomUnstructured, {(m[0], "weight"): wave(t, 3, 4)}, amount=3
    )
    return first, [described(part) for part in (m[0], m[2])], pruning(t).is_pruned(m), m(wave(t, 1, 4)).detach()


@program
def of_a_tensor(t):
    prune = pruning(t)
    x = wave(t, 3, 4)
    return (
        prune.L1Unstructured(4).prune(x),
        prune.LnStructured(1, 2, 1).prune(x, default_mask=t.ones(3, 4).tril()),
        prune.L1Unstructured(0.5).prune(x, importance_scores=-x.cos()),
        prune.CustomFromMask(x > 0).prune(x),
    )


@program
def own_method(t):
    class Positive(pruning(t).BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            return default_mask * (t > 0)

    m = layer(t)
    Positive.apply(m, "weight")
    return trained(t, m)


@program
def loaded(t):
    m = pruning(t).l1_unstructured(layer(t), "weight", 0.5)
    other = pruning(t).identity(t.nn.Linear(4, 3), "weight")
    return repr(other.load_state_dict(m.state_dict())), other(wave(t, 1, 4)).detach()


@program
def failed(t):
    """What cannot be pruned stays as it was."""
    m = layer(t)
    try:
        pruning(t).l1_unstructured(m, "weight", 100)
    except ValueError as error:
        return str(error), described(m)


def strange(t, kind):
    class Strange(pruning(t).BasePruningMethod):
        PRUNING_TYPE = kind

        def compute_mask(self, t, default_mask):
            return default_mask

    m = pruning(t).identity(layer(t), "weight")
    Strange.apply(m, "weight")


ERRORS = {
    "amount-text": lambda t: pruning(t).l1_unstructured(layer(t), "weight", "a"),
    "amount-high": lambda t: pruning(t).l1_unstructured(layer(t), "weight", 1.5),
    "amount-low": lambda t: pruning(t).random_unstructured(layer(t), "weight", -0.5),
    "amount-negative": lambda t: pruning(t).random_structured(layer(t), "weight", -5, 0),
    "amount-count": lambda t: pruning(t).ln_structured(layer(t), "weight", 9, 2, 0),
    "vector": lambda t: pruning(t).ln_structured(layer(t), "bias", 1, 2, 0),
    "dim": lambda t: pruning(t).random_structured(layer(t), "weight", 1, 2),
    "mask": lambda t: pruning(t).custom_from_mask(layer(t), "weight", t.ones(2)),
    "scores": lambda t: pruning(t).L1Unstructured(1).prune(t.ones(2), importance_scores=t.ones(3)),
    "remove": lambda t: pruning(t).remove(layer(t), "weight"),
    "global-number": lambda t: pruning(t).global_unstructured(3, pruning(t).L1Unstructured, amount=1),
    "global-scores": lambda t: pruning(t).global_unstructured([], pruning(t).L1Unstructured, [1], amount=1),
    "no-dim": lambda t: strange(t, "structured"),
    "no-type": lambda t: strange(t, "x"),
    "no-method": lambda t: (
        pruning(t).PruningContainer(pruning(t).Identity.apply(layer(t), "bias")).add_pruning_method(3)
    ),
}
PROGRAMS.update({f"error-{name}": function for name, function in ERRORS.items()})


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


def test_scores_of_another_shape_name_the_parameter():
    prune = pruning(plugrad)
    with pytest.raises(AssertionError, match="the same shape as parameter weight of Linear"):
        prune.l1_unstructured(plugrad.nn.Linear(2, 2), "weight", 1, importance_scores=plugrad.ones(3))


def test_a_container_takes_methods_of_its_own_parameter_only():
    prune = pruning(plugrad)
    m = plugrad.nn.Linear(2, 2)
    container = prune.PruningContainer(prune.Identity.apply(m, "bias"))
    with pytest.raises(ValueError, match=r"parameter named 'bias'.*Found 'weight'"):
        container.add_pruning_method(prune.Identity.apply(m, "weight"))


@pytest.mark.device
def test_the_gradient_reaches_what_is_left():
    m = plugrad.nn.Module()
    m.w = plugrad.nn.Parameter(on(np.array([3.0, -1.0, 2.0])))
    m.forward = lambda: m.w.sum()
    pruning(plugrad).l1_unstructured(m, "w", 1)
    m().backward()
    assert_close(m.w_orig.grad, np.array([1.0, 0.0, 1.0]))
