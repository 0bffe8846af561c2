"""Optimizers, program by program as torch does it: every combination of options, state dicts, groups, hooks, errors."""

import copy
import importlib
import itertools
import pickle
from collections import OrderedDict
from functools import partial

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome
from plugrad_training import FLOAT32, combinations, label, parameters, set_gradients, train, trained

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


# --- all combinations of options ---
SGD_OPTIONS = [
    o
    for o in combinations(
        momentum=[0, 0.9], dampening=[0, 0.25], weight_decay=[0, 0.1], nesterov=[False, True], maximize=[False, True]
    )
    if not o["nesterov"] or (o["momentum"] and not o["dampening"])
]
ADAM_OPTIONS = combinations(weight_decay=[0, 0.1], amsgrad=[False, True], maximize=[False, True])


for options in SGD_OPTIONS:
    PROGRAMS[label("SGD", options)] = partial(trained, "SGD", {"lr": 0.1, **options})
for name, options in itertools.product(["Adam", "AdamW"], ADAM_OPTIONS):
    PROGRAMS[label(name, options)] = partial(trained, name, {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, **options})
for name, dtype in itertools.product(["SGD", "Adam", "AdamW"], ["float64", "complex64"]):
    PROGRAMS[f"{name}-{dtype}"] = partial(trained, name, {"weight_decay": 0.1}, dtype=dtype)
PROGRAMS |= {
    "SGD-defaults": partial(trained, "SGD", {}),
    "Adam-defaults": partial(trained, "Adam", {}),
    "AdamW-defaults": partial(trained, "AdamW", {}),
    "SGD-momentum-complex128": partial(trained, "SGD", {"momentum": 0.9}, dtype="complex128"),
    "Adam-amsgrad-complex128": partial(trained, "Adam", {"amsgrad": True}, dtype="complex128"),
    "Adam-decoupled": partial(trained, "Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    "SGD-foreach": partial(trained, "SGD", {"momentum": 0.9, "foreach": True}),
    "SGD-not-foreach": partial(trained, "SGD", {"momentum": 0.9, "foreach": False}),
    "Adam-foreach": partial(trained, "Adam", {"foreach": True}),
    "AdamW-fused": partial(trained, "AdamW", {"fused": True}),
}


# --- groups ---
def group_options(optimizer):
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


@program
def groups(t):
    a, b, c = parameters(t)
    optimizer = t.optim.SGD([{"params": a, "lr": 0.5}, {"params": [b], "momentum": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": iter([c]), "weight_decay": 0.1})
    train(t, optimizer, [a, b, c])
    return [a, b, c], group_options(optimizer), optimizer.state_dict()["state"], repr(optimizer)


@program
def option_changed_in_a_group(t):
    params = parameters(t)
    optimizer = t.optim.Adam(params, lr=0.1)
    train(t, optimizer, params, 2)
    optimizer.param_groups[0]["lr"] = 0.01
    train(t, optimizer, params, 2, start=2)
    return params


@program
def named_parameters(t):
    layer = t.nn.ParameterDict({"a": parameters(t)[0], "b": parameters(t)[1]})
    optimizer = t.optim.SGD(layer.named_parameters(), lr=0.1)
    state = optimizer.state_dict()
    other = t.optim.SGD([("x", t.nn.Parameter(t.ones(1))), ("y", t.nn.Parameter(t.ones(1)))], lr=1.0)
    other.load_state_dict(state)
    unnamed = t.optim.SGD([t.nn.Parameter(t.ones(1)), t.nn.Parameter(t.ones(1))], lr=1.0)
    unnamed.load_state_dict(state)
    return state, other.state_dict(), unnamed.state_dict()


@program
def learning_rate_as_a_tensor(t):
    params = parameters(t)
    lr = t.tensor(0.1)
    optimizers = [t.optim.SGD(params[:1], lr=lr), t.optim.Adam(params[1:], lr=t.tensor([0.1]))]
    for optimizer in optimizers:
        train(t, optimizer, optimizer.param_groups[0]["params"], 2)
    lr.fill_(0.0)
    before = params[0].tolist()
    train(t, optimizers[0], params[:1], 1)
    return params, params[0].tolist() == before, repr(optimizers[0])


@program
def betas_as_tensors(t):
    params = parameters(t)
    optimizer = t.optim.Adam(params, lr=0.1, betas=(t.tensor(0.75), t.tensor([0.5])))
    train(t, optimizer, params)
    return params, [b.shape for b in optimizer.param_groups[0]["betas"]]


@program
def missing_gradients(t):
    params = parameters(t)
    optimizer = t.optim.Adam(params, lr=0.1)
    set_gradients(t, params[:1], 0)
    optimizer.step()
    early = list(optimizer.state_dict()["state"])
    set_gradients(t, params, 1)
    optimizer.step()
    return params, early, {k: v["step"] for k, v in optimizer.state_dict()["state"].items()}


@program
def frozen_parameter_with_a_gradient(t):
    params = parameters(t)
    optimizer = t.optim.SGD(params, lr=0.1)
    set_gradients(t, params, 0)
    params[0].requires_grad_(False)
    optimizer.step()
    return params


@program
def parameters_changed_in_place_and_recast(t):
    params = parameters(t)
    optimizer = t.optim.SGD(params, lr=0.1, momentum=0.5)
    train(t, optimizer, params, 2)
    with t.no_grad():
        params[0].fill_(1.0)
    params[1].data = t.tensor([5.0, 7.0])
    train(t, optimizer, params, 1)
    return params


# --- closures and gradients ---
@program
def closure(t):
    params, seen = parameters(t), []
    optimizer = t.optim.SGD(params, lr=0.1)

    def loss():
        optimizer.zero_grad()
        total = sum((p * p).sum() for p in params)
        total.backward()
        seen.append(t.is_grad_enabled())
        return total

    with t.no_grad():
        first, second = optimizer.step(loss), optimizer.step(closure=loss)
    return first.detach(), second.detach(), seen, params, optimizer.step() is None


@program
def zero_grad(t):
    params = parameters(t)
    optimizer = t.optim.SGD(params, lr=0.1)
    set_gradients(t, params[:2], 0)
    grad = params[0].grad
    optimizer.zero_grad(set_to_none=False)
    zeros = [p.grad for p in params]
    optimizer.zero_grad()
    return zeros, grad, [p.grad for p in params]


@program
def zero_grad_cuts_history(t):
    w = t.nn.Parameter(t.ones(2))
    (w.grad,) = t.autograd.grad((w**3).sum(), [w], create_graph=True)
    optimizer = t.optim.SGD([w], lr=0.1)
    had = w.grad.requires_grad
    optimizer.zero_grad(set_to_none=False)
    return had, w.grad.requires_grad, w.grad


@program
def version_of_a_stepped_parameter(t):
    w = t.nn.Parameter(t.ones(2))
    product = (w * w).sum()
    w.grad = t.ones(2)
    t.optim.SGD([w], lr=0.1).step()
    try:
        product.backward()
    except RuntimeError as error:
        return w._version, "modified by an inplace operation" in str(error)


# --- state dicts ---
@program
def state_dict_before_the_first_step(t):
    return [getattr(t.optim, name)(parameters(t), lr=0.1).state_dict() for name in ("SGD", "Adam", "AdamW")]


def resumed(t, name, options):
    params = parameters(t)
    optimizer = getattr(t.optim, name)(params, **options)
    train(t, optimizer, params, 2)
    twins = [t.nn.Parameter(p.detach().clone()) for p in params]
    other = getattr(t.optim, name)(twins, lr=9.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(t, other, twins, 2, start=2)
    return twins, other.state_dict()


PROGRAMS |= {
    "resume-SGD": lambda t: resumed(t, "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "resume-Adam": lambda t: resumed(t, "Adam", {"lr": 0.1, "amsgrad": True}),
    "resume-AdamW": lambda t: resumed(t, "AdamW", {"lr": 0.1}),
}


@program
def load_casts_to_the_parameter(t):
    params = parameters(t)
    optimizer = t.optim.Adam(params, lr=0.1)
    train(t, optimizer, params, 1)
    other = t.optim.Adam(parameters(t, t.float64), lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    return [{k: v.dtype for k, v in s.items()} for s in other.state_dict()["state"].values()]


@program
def load_an_old_state_dict(t):
    params = parameters(t)[1:2]
    state = {
        "state": {0: {"step": 3, "exp_avg": t.ones(2), "exp_avg_sq": t.ones(2)}, "note": "kept"},
        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0, "params": [0]}],
    }
    optimizer = t.optim.Adam(params)
    optimizer.load_state_dict(state)
    train(t, optimizer, params, 1)
    return params, optimizer.state_dict(), group_options(optimizer)


@program
def load_leaves_the_state_dict_alone(t):
    optimizer = t.optim.SGD(parameters(t), lr=0.1)
    state = optimizer.state_dict()
    state["param_groups"][0]["lr"] = 0.5
    optimizer.load_state_dict(state)
    optimizer.param_groups[0]["lr"] = 0.7
    return state, optimizer.state_dict()["param_groups"][0]["lr"]


@program
def deep_copy(t):
    params = parameters(t)
    optimizer = t.optim.SGD(params, lr=0.1, momentum=0.9)
    train(t, optimizer, params, 1)
    twin = copy.deepcopy(optimizer)
    train(t, twin, twin.param_groups[0]["params"], 1, start=1)
    return params, twin.param_groups[0]["params"], repr(twin)


# --- hooks ---
@program
def step_hooks(t):
    params, seen = parameters(t), []
    optimizer = t.optim.SGD(params, lr=0.1)
    everywhere = importlib.import_module(f"{t.__name__}.optim.optimizer")

    def skip_closure(optimizer, args, kwargs):
        seen.append(["pre", len(args), sorted(kwargs)])
        return (args[0], lambda: "another"), {}

    handles = [
        everywhere.register_optimizer_step_pre_hook(lambda *args: seen.append("global pre")),
        everywhere.register_optimizer_step_post_hook(lambda *args: seen.append("global post")),
        optimizer.register_step_pre_hook(skip_closure),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(["post", len(args)])),
    ]
    result = optimizer.step(closure=lambda: "first")
    for handle in handles:
        handle.remove()
    return result, optimizer.step(lambda: "plain"), seen


@program
def step_hook_returns_nonsense(t):
    optimizer = t.optim.SGD(parameters(t), lr=0.1)
    optimizer.register_step_pre_hook(lambda *args: 3)
    try:
        optimizer.step()
    except RuntimeError as error:
        return str(error).partition("must return")[1:]


@program
def state_dict_hooks(t):
    optimizer, seen = t.optim.SGD(parameters(t), lr=0.1), []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("pre"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "more"})
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    return sorted(state), seen


@program
def own_optimizer(t):
    """A subclass as users write it: its own step, options and state."""

    class Sign(t.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    self.state[p].setdefault("count", 0)
                    self.state[p]["count"] += 1
                    with t.no_grad():
                        p.add_(p.grad.sign(), alpha=-group["lr"])
            return 7

    class Louder(Sign):
        def step(self, closure=None):
            return super().step(closure) + 1

    params, seen = parameters(t), []
    optimizer = Louder(params, 0.25)
    optimizer.register_step_post_hook(lambda *args: seen.append("post"))
    set_gradients(t, params, 0)
    return optimizer.step(), params, optimizer.state_dict(), repr(optimizer), seen


# --- errors ---
def weights(t, n=1):
    return [t.nn.Parameter(t.ones(2)) for _ in range(n)]


def add_group(t, group, **options):
    t.optim.SGD(weights(t), lr=0.1, **options).add_param_group(group)


PROGRAMS |= {
    "empty": lambda t: t.optim.SGD([], lr=0.1),
    "tensor": lambda t: t.optim.SGD(t.ones(2), lr=0.1),
    "numbers": lambda t: t.optim.SGD([1.0], lr=0.1),
    "modules": lambda t: t.optim.SGD([t.nn.Module()], lr=0.1),
    "non_leaf": lambda t: t.optim.SGD([weights(t)[0] * 2], lr=0.1),
    "set": lambda t: t.optim.SGD([{"params": set(weights(t))}], lr=0.1),
    "group_without_params": lambda t: t.optim.SGD([{"lr": 0.1}], lr=0.1),
    "group_number": lambda t: add_group(t, 3),
    "two_groups": lambda t: t.optim.SGD([{"params": w} for w in weights(t) * 2], lr=0.1),
    "duplicate": lambda t: len(t.optim.SGD(weights(t) * 2, lr=0.1).param_groups[0]["params"]),
    "some_names": lambda t: t.optim.SGD([("a", weights(t)[0]), weights(t)[0]], lr=0.1),
    "names_added": lambda t: add_group(t, {"params": [("a", weights(t)[0])]}),
    "names_left_out": lambda t: t.optim.SGD([("a", weights(t)[0])], lr=0.1).add_param_group({"params": weights(t)}),
    "sgd_lr": lambda t: t.optim.SGD(weights(t), lr=-0.1),
    "sgd_lr_vector": lambda t: t.optim.SGD(weights(t), lr=t.ones(2)),
    "sgd_momentum": lambda t: t.optim.SGD(weights(t), momentum=-1),
    "sgd_weight_decay": lambda t: t.optim.SGD(weights(t), weight_decay=-1),
    "sgd_nesterov": lambda t: t.optim.SGD(weights(t), nesterov=True),
    "sgd_nesterov_dampening": lambda t: t.optim.SGD(weights(t), momentum=0.9, dampening=0.1, nesterov=True),
    "sgd_fused_foreach": lambda t: t.optim.SGD(weights(t), fused=True, foreach=True),
    "sgd_fused_differentiable": lambda t: t.optim.SGD(weights(t), fused=True, differentiable=True),
    "adam_lr": lambda t: t.optim.Adam(weights(t), lr=-0.1),
    "adam_lr_vector": lambda t: t.optim.Adam(weights(t), lr=t.ones(2)),
    "adam_lr_tensor_foreach": lambda t: t.optim.Adam(weights(t), lr=t.tensor(0.1), foreach=True),
    "adam_eps": lambda t: t.optim.Adam(weights(t), eps=-1),
    "adam_beta1": lambda t: t.optim.Adam(weights(t), betas=(1.0, 0.9)),
    "adam_beta2": lambda t: t.optim.AdamW(weights(t), betas=(0.9, -0.1)),
    "adam_betas_mixed": lambda t: t.optim.Adam(weights(t), betas=(0.9, t.tensor(0.9))),
    "adam_betas_integer": lambda t: t.optim.Adam(weights(t), betas=(0, 0.9)),
    "adam_betas_foreach": lambda t: t.optim.Adam(weights(t), betas=(t.tensor(0.9), t.tensor(0.9)), foreach=True),
    "adam_betas_vector": lambda t: t.optim.Adam(weights(t), betas=(t.tensor(0.9), t.tensor([0.9, 0.8]))),
    "adam_weight_decay": lambda t: t.optim.Adam(weights(t), weight_decay=-1),
    "adam_fused_foreach": lambda t: t.optim.AdamW(weights(t), fused=True, foreach=True),
    "load_groups": lambda t: t.optim.SGD(weights(t)).load_state_dict(
        t.optim.SGD([{"params": w} for w in weights(t, 2)]).state_dict()
    ),
    "load_sizes": lambda t: t.optim.SGD(weights(t)).load_state_dict(t.optim.SGD(weights(t, 2)).state_dict()),
    "base_class": lambda t: t.optim.Optimizer(weights(t), {}).step(),
    "unknown_option": lambda t: t.optim.SGD(weights(t), speed=3),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], rel=FLOAT32)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], rel=FLOAT32)
    assert not found, "\n".join(found)


# --- where plugrad differs, or torch has no answer to compare with ---
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_what_is_not_supported_is_named(name):
    with pytest.raises(NotImplementedError, match=f"{name}: differentiable=True is not supported"):
        getattr(plugrad.optim, name)(weights(plugrad), differentiable=True)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_capturable_is_not_supported(name):
    with pytest.raises(NotImplementedError, match=f"{name}: capturable=True is not supported"):
        getattr(plugrad.optim, name)(weights(plugrad), capturable=True)


@pytest.mark.cpu
def test_half_precision_is_stepped_in_float32():
    """Adam's eps and 1 - β₂ vanish in float16; torch's unfused step turns such weights into nan."""
    w = plugrad.nn.Parameter(plugrad.tensor([1.0, 2.0], dtype=plugrad.float16))
    w.grad = plugrad.tensor([0.0, 1e-3], dtype=plugrad.float16)
    optimizer = plugrad.optim.Adam([w], lr=0.25)
    optimizer.step()
    assert w.tolist() == [1.0, 1.75]
    assert {str(v.dtype) for k, v in optimizer.state[w].items() if k != "step"} == {"torch.float16"}


def test_the_step_counter_is_in_float64_where_that_is_the_default():
    plugrad.set_default_dtype(plugrad.float64)
    try:
        w = weights(plugrad)[0]
        w.grad = plugrad.ones(2)
        optimizer = plugrad.optim.Adam([w])
        optimizer.step()
        assert optimizer.state[w]["step"].dtype is plugrad.float64
    finally:
        plugrad.set_default_dtype(plugrad.float32)


def test_pickle_keeps_groups_and_state():
    params = parameters(plugrad)
    optimizer = plugrad.optim.AdamW(params, lr=0.1)
    train(plugrad, optimizer, params, 2)
    twin = pickle.loads(pickle.dumps(optimizer))
    train(plugrad, optimizer, params, 1, start=2)
    train(plugrad, twin, twin.param_groups[0]["params"], 1, start=2)
    assert [p.tolist() for p in twin.param_groups[0]["params"]] == [p.tolist() for p in params]


def test_state_moved_by_hand_is_used():
    w = weights(plugrad)[0]
    optimizer = plugrad.optim.SGD([w], lr=1.0, momentum=0.5)
    w.grad = plugrad.ones(2)
    optimizer.step()
    for state in optimizer.state.values():
        for key, value in state.items():
            state[key] = value.clone() * 4
    optimizer.step()
    assert w.tolist() == [-3.0, -3.0]


def test_a_step_counter_on_another_memory_still_counts():
    w = weights(plugrad)[0]
    optimizer = plugrad.optim.Adam([w], lr=0.1)
    w.grad = plugrad.ones(2)
    optimizer.step()
    twin = copy.deepcopy(optimizer.state_dict())
    optimizer.step()
    assert [optimizer.state[w]["step"].item(), twin["state"][0]["step"].item()] == [2.0, 1.0]


def test_order_of_groups_in_an_ordered_dict_is_kept():
    named = OrderedDict(b=weights(plugrad)[0], a=weights(plugrad)[0])
    optimizer = plugrad.optim.SGD(named.items(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["b", "a"]


@pytest.mark.parametrize(("name", "options"), [("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {})])
def test_a_step_never_waits_for_the_device(request, name, options):
    if request.config.getoption("--backend") != "simcuda":
        pytest.skip("only the simulated device counts how often the host waits")
    import simcupy

    params = parameters(plugrad)
    optimizer = getattr(plugrad.optim, name)(params, lr=0.1, **options)
    train(plugrad, optimizer, params, 1)
    set_gradients(plugrad, params, 1)
    with simcupy.counting() as seen:
        optimizer.step()
    assert seen.launches > 0
    assert seen.syncs == 0
