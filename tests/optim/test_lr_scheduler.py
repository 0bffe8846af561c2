"""Learning rate schedules: the rates epoch by epoch, saving, warnings and errors as torch has them."""

import warnings
from functools import partial

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}
EPOCHS = 12


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


def weights(t, n=1):
    return [t.nn.Parameter(t.ones(2)) for _ in range(n)]


def optimizer_of(t, name="SGD", lr=0.5, **options):
    """Two groups with different rates."""
    a, b = weights(t, 2)
    return getattr(t.optim, name)([{"params": [a]}, {"params": [b], "lr": lr / 8}], lr=lr, **options)


def options_of(optimizer):
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def rates(schedule, epochs=EPOCHS):
    found = [schedule.get_last_lr()]
    for _ in range(epochs):
        schedule.optimizer.step()
        schedule.step()
        found.append(schedule.get_last_lr())
    return found


class Halving:
    """A function with state, which is saved."""

    def __init__(self):
        self.calls = 0

    def __call__(self, epoch):
        self.calls += 1
        return 0.5**epoch


SCHEDULES = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "LambdaLR-two": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.9**epoch, Halving()]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda s, o: s.StepLR(o, 3),
    "StepLR-gamma": lambda s, o: s.StepLR(o, step_size=2, gamma=0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "ConstantLR-options": lambda s, o: s.ConstantLR(o, factor=0.25, total_iters=3),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "LinearLR-down": lambda s, o: s.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=7),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=8, power=2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 4),
    "CosineAnnealingLR-minimum": lambda s, o: s.CosineAnnealingLR(o, T_max=10, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3),
    "CosineAnnealingWarmRestarts-mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.01),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 1.0, step_size_up=3),
    "CyclicLR-triangular2": lambda s, o: s.CyclicLR(o, [0.1, 0.2], [1.0, 2.0], 2, 3, mode="triangular2"),
    "CyclicLR-exp": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 2, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "CyclicLR-own": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 2, scale_fn=lambda x: 1 / x, scale_mode="cycle"),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, max_lr=1.0, total_steps=EPOCHS + 1),
    "OneCycleLR-linear": lambda s, o: s.OneCycleLR(
        o, [1.0, 2.0], epochs=5, steps_per_epoch=4, anneal_strategy="linear"
    ),
    "OneCycleLR-three": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=20, three_phase=True, cycle_momentum=False),
    "SequentialLR": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1), s.ExponentialLR(o, 0.9)], milestones=[4]),
    "SequentialLR-three": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1), s.StepLR(o, 2), s.CosineAnnealingLR(o, 4)], milestones=[3, 7]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1), s.ExponentialLR(o, 0.9)]),
}


def followed(make, t):
    optimizer = optimizer_of(t, momentum=0.8)
    schedule = make(t.optim.lr_scheduler, optimizer)
    return rates(schedule), options_of(optimizer)


def saved(make, t):
    """Stopped after 5 epochs, saved, taken up by another schedule and optimizer."""
    s = t.optim.lr_scheduler
    optimizer = optimizer_of(t, momentum=0.8)
    schedule = make(s, optimizer)
    rates(schedule, 5)
    state = schedule.state_dict()
    keys = sorted(state)
    other = optimizer_of(t, momentum=0.8)
    resumed = make(s, other)
    other.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(state)
    return keys, rates(resumed, 5)


def with_adam(make, t):
    optimizer = optimizer_of(t, "Adam")
    return rates(make(t.optim.lr_scheduler, optimizer), 4), options_of(optimizer)


def with_tensor(make, t):
    optimizer = t.optim.SGD(weights(t), lr=t.tensor(0.5), momentum=0.8)
    lr = optimizer.param_groups[0]["lr"]
    return rates(make(t.optim.lr_scheduler, optimizer), 4), optimizer.param_groups[0]["lr"] is lr


for name, make in SCHEDULES.items():
    PROGRAMS[f"{name} rates"] = partial(followed, make)
    PROGRAMS[f"{name} saved"] = partial(saved, make)
for name in ("CyclicLR", "OneCycleLR", "StepLR"):
    PROGRAMS[f"{name} with Adam"] = partial(with_adam, SCHEDULES[name])
for name in ("StepLR", "ExponentialLR", "CosineAnnealingLR", "LambdaLR", "SequentialLR"):
    PROGRAMS[f"{name} with a tensor"] = partial(with_tensor, SCHEDULES[name])


@program
def state_dict_of_step_lr(t):
    schedule = t.optim.lr_scheduler.StepLR(optimizer_of(t), 3)
    rates(schedule, 4)
    return schedule.state_dict()


@program
def lambda_with_state(t):
    halving = Halving()
    schedule = t.optim.lr_scheduler.LambdaLR(t.optim.SGD(weights(t), lr=1.0), halving)
    rates(schedule, 3)
    state = schedule.state_dict()
    other = t.optim.lr_scheduler.LambdaLR(t.optim.SGD(weights(t), lr=1.0), Halving())
    other.load_state_dict(state)
    return state["lr_lambdas"], other.lr_lambdas[0].calls, sorted(state)


CLOSED_FORMS = ("StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR")


def jumped(make, t):
    """``step(epoch)``, deprecated but there."""
    schedule = make(t.optim.lr_scheduler, optimizer_of(t))
    found = []
    for epoch in (7, 2, 2, 4):
        schedule.optimizer.step()
        schedule.step(epoch)
        found.append([schedule.last_epoch, *schedule.get_last_lr()])
    return found


for name in (*CLOSED_FORMS, "MultiplicativeLR", "LambdaLR"):
    PROGRAMS[f"{name} jumps"] = partial(jumped, SCHEDULES[name])


@program
def warm_restarts_at_fractions(t):
    schedule = t.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer_of(t), 2, T_mult=2)
    found = []
    for epoch in (0.5, 1.75, 2.5, 9.25, 1.0):
        schedule.step(epoch)
        found.append([schedule.last_epoch, schedule.T_cur, schedule.T_i, *schedule.get_last_lr()])
    return found


@program
def resumed_by_last_epoch(t):
    optimizer = optimizer_of(t)
    for group in optimizer.param_groups:
        group["initial_lr"] = 1.0
    s = t.optim.lr_scheduler
    return [rates(make(optimizer), 3) for make in (
        lambda o: s.StepLR(o, 2, last_epoch=3), lambda o: s.CosineAnnealingLR(o, 5, last_epoch=2)
    )]  # fmt: skip


# --- ReduceLROnPlateau ---
METRICS = [3.0, 2.0, 2.0, 1.99999, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0, float("nan"), 1.0, 0.5]


def plateau(options, t):
    optimizer = optimizer_of(t)
    schedule = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    found = []
    for metric in METRICS:
        schedule.step(metric)
        found.append([schedule.num_bad_epochs, schedule.in_cooldown, *schedule.get_last_lr()])
    twin = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(t), **options)
    twin.load_state_dict(schedule.state_dict())
    twin.step(t.tensor(0.1))
    return found, sorted(schedule.state_dict()), twin.best, twin.last_epoch


for i, options in enumerate([
    {},
    {"patience": 1},
    {"mode": "max", "patience": 1, "factor": 0.5},
    {"patience": 0, "threshold": 0.5, "threshold_mode": "abs", "min_lr": 0.01},
    {"mode": "max", "patience": 0, "threshold_mode": "abs", "cooldown": 2, "min_lr": [0.2, 0.0]},
    {"patience": 0, "eps": 0.2},
]):  # fmt: skip
    PROGRAMS[f"ReduceLROnPlateau {i}"] = partial(plateau, options)


@program
def plateau_with_a_new_group(t):
    optimizer = t.optim.SGD(weights(t), lr=1.0)
    schedule = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    optimizer.add_param_group({"params": weights(t)})
    schedule.step(1.0)
    schedule.step(1.0)
    return schedule.get_last_lr(), schedule.min_lrs


@program
def plateau_with_a_new_group_and_a_list_of_minima(t):
    optimizer = t.optim.SGD(weights(t), lr=1.0)
    schedule = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1])
    optimizer.add_param_group({"params": weights(t)})
    schedule.step(1.0)
    schedule.step(1.0)


@program
def plateau_with_an_epoch(t):
    schedule = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(t))
    schedule.step(1.0, epoch=5)
    return schedule.last_epoch


# --- warnings ---
@program
def wrong_order(t):
    schedule = t.optim.lr_scheduler.StepLR(optimizer_of(t), 3)
    schedule.step()


@program
def right_order(t):
    optimizer = optimizer_of(t)
    schedule = t.optim.lr_scheduler.StepLR(optimizer, 3)
    optimizer.step()
    schedule.step()
    second = t.optim.lr_scheduler.StepLR(optimizer, 3)
    second.step()


@program
def stepped_before_the_schedule_was_made(t):
    optimizer = optimizer_of(t)
    optimizer.step()
    t.optim.lr_scheduler.StepLR(optimizer, 3).step()


@program
def state_dict_of_cyclic_lr(t):
    schedule = t.optim.lr_scheduler.CyclicLR(optimizer_of(t, momentum=0.9), 0.1, 1.0, scale_fn=lambda x: 1 / x)
    return schedule.state_dict()


@program
def step_overridden(t):
    optimizer = optimizer_of(t)
    schedule = t.optim.lr_scheduler.StepLR(optimizer, 3)
    optimizer.step = lambda: None
    optimizer.step()
    schedule.step()


@program
def get_lr_outside_of_step(t):
    return t.optim.lr_scheduler.ExponentialLR(optimizer_of(t), 0.5).get_lr()


@program
def own_schedule(t):
    class Down(t.optim.lr_scheduler._LRScheduler):
        def get_lr(self):
            return [lr / (1 + self.last_epoch) for lr in self.base_lrs]

    schedule = Down(optimizer_of(t))
    return rates(schedule, 3), schedule.base_lrs, isinstance(schedule, t.optim.lr_scheduler.LRScheduler)


# --- errors ---
def error(make):
    return lambda t: make(t.optim.lr_scheduler, optimizer_of(t))


PROGRAMS |= {
    "not an optimizer": lambda t: t.optim.lr_scheduler.StepLR("optimizer", 3),
    "not an optimizer (plateau)": lambda t: t.optim.lr_scheduler.ReduceLROnPlateau("optimizer"),
    "not an optimizer (cycle)": lambda t: t.optim.lr_scheduler.CyclicLR("optimizer", 0.1, 1.0),
    "no get_lr": lambda t: t.optim.lr_scheduler.LRScheduler(optimizer_of(t)),
    "no initial_lr": error(lambda s, o: s.StepLR(o, 3, last_epoch=5)),
    "lambda count": error(lambda s, o: s.LambdaLR(o, [lambda epoch: 1.0])),
    "multiplicative number": error(lambda s, o: s.MultiplicativeLR(o, 3)),
    "constant factor": error(lambda s, o: s.ConstantLR(o, factor=1.5)),
    "linear start": error(lambda s, o: s.LinearLR(o, start_factor=0)),
    "linear end": error(lambda s, o: s.LinearLR(o, end_factor=2)),
    "restart period": error(lambda s, o: s.CosineAnnealingWarmRestarts(o, 0)),
    "restart factor": error(lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, T_mult=1.5)),
    "restart minimum": error(lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, eta_min="0")),
    "restart epoch": error(lambda s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1)),
    "cycle mode": error(lambda s, o: s.CyclicLR(o, 0.1, 1.0, mode="round")),
    "cycle lengths": error(lambda s, o: s.CyclicLR(o, [0.1], 1.0)),
    "cycle momentum": lambda t: t.optim.lr_scheduler.CyclicLR(t.optim.Optimizer(weights(t), {"lr": 1.0}), 0.1, 1.0),
    "one cycle steps": error(lambda s, o: s.OneCycleLR(o, 1.0)),
    "one cycle total": error(lambda s, o: s.OneCycleLR(o, 1.0, total_steps=0)),
    "one cycle epochs": error(lambda s, o: s.OneCycleLR(o, 1.0, epochs=-1, steps_per_epoch=2)),
    "one cycle steps per epoch": error(lambda s, o: s.OneCycleLR(o, 1.0, epochs=1, steps_per_epoch=0)),
    "one cycle share": error(lambda s, o: s.OneCycleLR(o, 1.0, total_steps=5, pct_start=2.0)),
    "one cycle strategy": error(lambda s, o: s.OneCycleLR(o, 1.0, total_steps=5, anneal_strategy="sin")),
    "one cycle over": error(lambda s, o: rates(s.OneCycleLR(o, 1.0, total_steps=3), 5)),
    "sequence empty": error(lambda s, o: s.SequentialLR(o, [], [])),
    "sequence milestones": error(lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3])),
    "sequence number": error(lambda s, o: s.SequentialLR(o, [3], [])),
    "sequence plateau": error(lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], [])),
    "chain empty": error(lambda s, o: s.ChainedScheduler([])),
    "chain plateau": error(lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)])),
    "plateau factor": error(lambda s, o: s.ReduceLROnPlateau(o, factor=1.0)),
    "plateau mode": error(lambda s, o: s.ReduceLROnPlateau(o, mode="low")),
    "plateau threshold mode": error(lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="low")),
    "plateau minima": error(lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1])),
}


@program
def sequence_of_another_optimizer(t):
    s = t.optim.lr_scheduler
    s.SequentialLR(optimizer_of(t), [s.StepLR(optimizer_of(t), 1)], [])


@program
def chain_of_another_optimizer(t):
    s = t.optim.lr_scheduler
    s.ChainedScheduler([s.StepLR(optimizer_of(t), 1), s.StepLR(optimizer_of(t), 1)])


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], rel=1e-12)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], rel=1e-12)
    assert not found, "\n".join(found)


def test_a_schedule_holds_its_optimizer_but_not_the_other_way_round():
    """torch replaces ``optimizer.step`` to see its calls; here the optimizer notes them itself and stays picklable."""
    optimizer = optimizer_of(plugrad)
    plugrad.optim.lr_scheduler.StepLR(optimizer, 3)
    assert "step" not in vars(optimizer)


def test_the_right_order_gives_no_warning_with_a_users_own_optimizer():
    class Own(plugrad.optim.Optimizer):
        def step(self, closure=None):
            return closure

    optimizer = Own(weights(plugrad), {"lr": 1.0})
    schedule = plugrad.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        schedule.step()
    assert schedule.get_last_lr() == [0.5]
