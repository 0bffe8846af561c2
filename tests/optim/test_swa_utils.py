"""Averaged models and SWALR, program by program as torch does it."""

import copy
import itertools

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}
FLOAT32 = 2e-6


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def utils(t):
    return t.optim.swa_utils


def model_of(t):
    model = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.BatchNorm1d(2))
    set_weights(t, model, 0)
    return model


def set_weights(t, model, step):
    """Weights and buffers that change with the step."""
    with t.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(t.arange(p.numel(), dtype=t.float32).reshape(p.shape) * 0.5 + i - step**2)
    for buffer in model.buffers():
        buffer.copy_(t.full(buffer.shape, 3 * step + 1).to(buffer.dtype))


def updated(t, steps=4, **options):
    model = model_of(t)
    averaged = utils(t).AveragedModel(model, **options)
    for step in range(1, steps):
        set_weights(t, model, step)
        averaged.update_parameters(model)
    return averaged.state_dict(), averaged.n_averaged


def keep_sum(mean, w, n):
    return mean + w * n


PROGRAMS |= {
    "swa": updated,
    "swa-once": lambda t: updated(t, 2),
    "swa-buffers": lambda t: updated(t, use_buffers=True),
    "swa-device": lambda t: updated(t, device=t.empty(0).device),
    "own-function": lambda t: updated(t, avg_fn=keep_sum),
    "ema": lambda t: updated(t, avg_fn=utils(t).get_ema_avg_fn(0.75)),
    "ema-default": lambda t: updated(t, avg_fn=utils(t).get_ema_avg_fn()),
    "ema-multi": lambda t: updated(t, multi_avg_fn=utils(t).get_ema_multi_avg_fn(0.75)),
    "ema-multi-default": lambda t: updated(t, multi_avg_fn=utils(t).get_ema_multi_avg_fn()),
    "ema-multi-buffers": lambda t: updated(t, multi_avg_fn=utils(t).get_ema_multi_avg_fn(0.75), use_buffers=True),
    "swa-function": lambda t: updated(t, avg_fn=utils(t).get_swa_avg_fn()),
    "swa-multi": lambda t: updated(t, multi_avg_fn=utils(t).get_swa_multi_avg_fn()),
    "swa-multi-buffers": lambda t: updated(t, multi_avg_fn=utils(t).get_swa_multi_avg_fn(), use_buffers=True),
    "both": lambda t: updated(t, avg_fn=keep_sum, multi_avg_fn=keep_sum),
    "ema-below": lambda t: utils(t).get_ema_avg_fn(-0.5),
    "ema-above": lambda t: utils(t).get_ema_multi_avg_fn(1.5),
}


@program
def functions_alone(t):
    mean, w = t.tensor([1.0, 2.0]), t.tensor([3.0, 5.0])
    results = [utils(t).get_ema_avg_fn(0.5)(mean, w, 3), utils(t).get_swa_avg_fn()(mean, w, t.tensor(3))]
    whole = [t.tensor([1, 2]), t.tensor([9, 5])]
    for make in (lambda: utils(t).get_ema_multi_avg_fn(0.5), utils(t).get_swa_multi_avg_fn):
        means = [mean.clone(), mean.clone() * 2]
        make()(means, [w, w], 3)
        results.append(means)
    utils(t).get_ema_multi_avg_fn(0.5)(whole[:1], whole[1:], 3)
    return results, whole


@program
def groups_of_one_dtype(t):
    model = t.nn.ParameterList([t.nn.Parameter(t.ones(2)), t.nn.Parameter(t.ones(1, dtype=t.float64))])
    seen = []
    averaged = utils(t).AveragedModel(model, multi_avg_fn=lambda *args: seen.append([str(args[0][0].dtype), *args]))
    for _ in range(2):
        averaged.update_parameters(model)
    return sorted(seen, key=lambda given: given[0])  # torch's order is that of hashes


@program
def the_copy_is_a_module(t):
    model = model_of(t)
    averaged = utils(t).AveragedModel(model)
    x = t.tensor([[1.0, 2.0], [3.0, 5.0]])
    return (
        averaged(x).detach(),
        [name for name, _ in averaged.named_parameters()],
        list(averaged.state_dict()),
        averaged.module is model,
        repr(averaged),
    )


@program
def loaded(t):
    model = model_of(t)
    averaged = utils(t).AveragedModel(model)
    averaged.update_parameters(model)
    twin = utils(t).AveragedModel(model_of(t))
    twin.load_state_dict(copy.deepcopy(averaged.state_dict()))
    set_weights(t, model, 2)
    twin.update_parameters(model)
    return twin.state_dict()


# --- update_bn ---
def batches(t):
    return [t.arange(6, dtype=t.float32).reshape(3, 2) * (i + 1) for i in range(3)]


@program
def statistics(t):
    model = model_of(t)
    model[1].momentum = 0.25
    model.eval()
    utils(t).update_bn(batches(t), model)
    return model.state_dict(), model.training, model[1].training, model[1].momentum


@program
def statistics_of_pairs(t):
    model = model_of(t)
    utils(t).update_bn([(batch, "label") for batch in batches(t)], model, device=t.empty(0).device)
    return model.state_dict(), model.training


@program
def nothing_to_normalize(t):
    model = t.nn.Linear(2, 2)
    return utils(t).update_bn([None], model.eval()), model.training


# --- SWALR ---
def optimizer_of(t, lr=1.0, groups=1):
    return t.optim.SGD([{"params": [t.nn.Parameter(t.ones(1))], "lr": lr / (i + 1)} for i in range(groups)])


def rates(t, steps=6, lr=1.0, groups=1, **options):
    optimizer = optimizer_of(t, lr, groups)
    schedule = utils(t).SWALR(optimizer, **options)
    seen = [schedule.get_last_lr()]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        seen.append(schedule.get_last_lr())
    return seen, schedule.state_dict(), {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}


for strategy, epochs in itertools.product(["cos", "linear"], [0, 1, 4]):
    PROGRAMS[f"swalr-{strategy}-{epochs}"] = lambda t, strategy=strategy, epochs=epochs: rates(
        t, swa_lr=0.25, anneal_epochs=epochs, anneal_strategy=strategy
    )
PROGRAMS |= {
    "swalr-defaults": lambda t: rates(t, steps=12, swa_lr=0.5),
    "swalr-groups": lambda t: rates(t, groups=2, swa_lr=[0.5, 0.125], anneal_epochs=3),
    "swalr-tensor": lambda t: rates(t, lr=t.tensor(1.0), swa_lr=0.25, anneal_epochs=3),
    "swalr-groups-wrong": lambda t: rates(t, swa_lr=[0.5, 0.125]),
    "swalr-strategy": lambda t: rates(t, swa_lr=0.5, anneal_strategy="exp"),
    "swalr-epochs": lambda t: rates(t, swa_lr=0.5, anneal_epochs=-1),
    "swalr-epochs-float": lambda t: rates(t, swa_lr=0.5, anneal_epochs=1.5),
    "swalr-resumed-without": lambda t: utils(t).SWALR(optimizer_of(t), 0.5, last_epoch=3),
}


@program
def swalr_loaded(t):
    optimizer = optimizer_of(t)
    schedule = utils(t).SWALR(optimizer, 0.25, anneal_epochs=4, anneal_strategy="linear")
    for _ in range(2):
        optimizer.step()
        schedule.step()
    twin = utils(t).SWALR(optimizer, 0.5, anneal_epochs=2)
    twin.load_state_dict(schedule.state_dict())
    seen = []
    for _ in range(3):
        optimizer.step()
        twin.step()
        seen.append(twin.get_last_lr())
    return seen, twin.state_dict()


@program
def swalr_asked_between_steps(t):
    schedule = utils(t).SWALR(optimizer_of(t), 0.25)
    return schedule.get_lr()


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], rel=FLOAT32, absolute=1e-7)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], rel=FLOAT32, absolute=1e-7)
    assert not found, "\n".join(found)
