"""What is compared of an optimizer: steps, checkpoints in both directions, schedules, errors."""

import io
import warnings

import torch
from op_db.checks import Tally, raised, told
from op_db.compare import Difference, same
from op_db.translate import Translation, function
from torch.testing._internal.common_optimizers import OptimizerErrorEnum

import plugrad

from .cases import Case, cases, ours_of

STEPS = 20
#: The steps before a checkpoint, and after it.
BEFORE, AFTER = 5, 10


# --- steps ---
def steps(info):
    tally = Tally()
    for case in cases(info):
        tally.compare(case.label, lambda case=case: compare_steps(case))
    return tally


def compare_steps(case):
    pair = case.pair()
    pair.compare("before step 1")
    same(repr(pair.ours.optimizer), repr(pair.theirs.optimizer), "repr: ")
    for number in range(1, STEPS + 1):
        pair.step()
        pair.compare(f"after step {number}")


# --- checkpoints ---
def resume(info):
    """A checkpoint of torch goes on in plugrad, and the reverse, as if nothing had been."""
    tally = Tally()
    for case in cases(info):
        if "&" in case.text or case.is_unstable:  # one implementation is enough, and double precision says more
            continue
        tally.compare(f"{case.label}, torch to plugrad", lambda case=case: compare_resumed(case, torch_to_plugrad))
        tally.compare(f"{case.label}, plugrad to torch", lambda case=case: compare_resumed(case, plugrad_to_torch))
    return tally


def compare_resumed(case, carry):
    pair = case.pair()
    for _ in range(BEFORE):
        pair.step()
    fresh = case.pair()
    carry(pair, fresh)
    fresh.generator = pair.generator
    fresh.compare("after loading")
    for number in range(1, AFTER + 1):
        fresh.step()
        fresh.compare(f"{number} steps after loading")


def torch_to_plugrad(pair, fresh):
    """Write torch's side; read it on both fresh sides."""
    saved = written(torch, pair.theirs)
    read(torch, fresh.theirs, saved)
    read(plugrad, fresh.ours, saved)


def plugrad_to_torch(pair, fresh):
    saved = written(plugrad, pair.ours)
    read(torch, fresh.theirs, saved)
    read(plugrad, fresh.ours, saved)


def written(t, side):
    file = io.BytesIO()
    weights = [p.detach() for p in side.params]
    t.save({"weights": weights, "optimizer": side.optimizer.state_dict()}, file)
    return file.getvalue()


def read(t, side, saved):
    checkpoint = t.load(io.BytesIO(saved))
    with t.no_grad():
        for p, value in zip(side.params, checkpoint["weights"], strict=True):
            p.copy_(value)
    side.optimizer.load_state_dict(checkpoint["optimizer"])


# --- schedules ---
def schedules(info):
    tally = Tally()
    for i, makers in enumerate(info.scheduler_inputs):
        case = Case(info, torch.float32, {}, f"schedules {i}")
        tally.compare(case.label, lambda case=case, makers=makers: compare_schedules(case, makers))
    return tally


def compare_schedules(case, makers):
    pair = case.pair()
    theirs = [make(pair.theirs.optimizer) for make in makers]
    ours = [function(make)(pair.ours.optimizer) for make in makers]
    for number in range(1, STEPS + 1):
        pair.step()
        for mine, its in zip(ours, theirs, strict=True):
            for schedule in (mine, its):
                schedule.step(*[number % 3] * type(schedule).__name__.endswith("Plateau"))
            same(mine.get_last_lr(), its.get_last_lr(), f"rates after step {number} ")
        pair.compare(f"after step {number}")


# --- errors ---
def errors(info):
    tally = Tally()
    for dtype in (torch.float32, torch.float64):
        for case in info.optim_error_inputs_func("cpu", dtype):
            label = f"{info.name}: {dtype}: {case.optimizer_error_input.desc}"
            tally.compare(label, lambda case=case: compare_error(info, case))
    return tally


def compare_error(info, case):
    given = case.optimizer_error_input
    params = [torch.nn.Parameter(torch.zeros(2, 2))] if given.params is None else given.params
    steps = case.error_on is OptimizerErrorEnum.STEP_ERROR
    if steps:
        params = with_gradients(params)
    translation = Translation(requires_grad=True)
    ours, our_options = translation.value(params), translation.value(given.kwargs)
    for p, q in zip(params, ours, strict=True) if steps else ():
        q.grad = Translation().value(p.grad)
    error = attempted(info.optim_cls, params, given.kwargs, steps)
    found = attempted(ours_of(info.name), ours, our_options, steps)
    if error is None:
        raise Difference("torch raises nothing")
    if found is None:
        raise Difference(f"no error, torch raises {told(error)}")
    if (type(found).__name__, str(found)) != (type(error).__name__, str(error)):
        raise Difference(f"{told(found)}, torch {told(error)}")


def with_gradients(params):
    """Leaves of the values and gradients that a sample brings along."""
    made = [p.detach().clone() for p in params]
    for p, q in zip(params, made, strict=True):
        q.grad = p.grad
    return made


def attempted(cls, params, options, steps):
    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            optimizer = cls(params, **options)
            if steps:
                optimizer.step()

    return raised(run)


RUN = {"steps": steps, "resume": resume, "schedules": schedules, "errors": errors}
