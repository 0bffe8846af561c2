"""The checks of one module: each gives the cases that were compared and why some fell short."""

import copy
import re

import torch
from op_db.checks import compare_gradients, is_moving, random_like, told, torchs
from op_db.compare import Difference, host, same
from op_db.exact import is_nearer
from op_db.samples import mapped, tensors
from op_db.translate import find_ours

from .cases import cases, error_cases, refused

FLOATS = (torch.float32, torch.float64)
PHASES = {True: "train", False: "eval"}


def each(info, name, most):
    """(label, case, dtype, training) of a spread of cases, in each dtype and phase."""
    for dtype in FLOATS:
        if dtype not in info.dtypes:
            continue
        for training, phase in PHASES.items():
            for case in spread(cases(name, info, dtype, training), most):
                yield f"{str(dtype).removeprefix('torch.')} {phase} {case}", case, dtype, training


def spread(found, most):
    if most is None or len(found) <= most:
        return found
    step = (len(found) - 1) / (most - 1)
    return [found[round(i * step)] for i in range(most)]


# --- what is made ---
def made(tally, name, info, most):
    """Initial weights for a seed, the keys of the state dict, names of buffers and parameters, what is printed."""
    for label, case, dtype, training in each(info, name, most):
        expected = torchs(lambda c=case, t=training, d=dtype: c.theirs(t, d))
        if expected is not None:
            tally.compare(label, lambda e=expected, c=case, t=training, d=dtype: compare_made(e[0], c.ours(t, d)[0]))


def compare_made(theirs, ours):
    compare_states(ours, theirs)
    for names in ("named_parameters", "named_buffers", "named_modules"):
        a, b = ([key for key, _ in getattr(m, names)()] for m in (ours, theirs))
        if a != b:
            raise Difference(f"{names} {a}, torch {b}")
    flags = [[p.requires_grad for p in m.parameters()] for m in (ours, theirs)]
    if flags[0] != flags[1]:
        raise Difference("requires_grad of the parameters")
    if repr(ours) != repr(theirs):
        raise Difference(f"repr | {ours!r}, torch {theirs!r}")


def compare_states(ours, theirs, where=""):
    mine, wanted = ours.state_dict(), theirs.state_dict()
    if list(mine) != list(wanted):
        raise Difference(f"{where}state_dict keys {list(mine)}, torch {list(wanted)}")
    for key, value in wanted.items():
        if not isinstance(value, torch.Tensor):
            if str(mine[key]) != str(value):
                raise Difference(f"{where}{key}: {mine[key]}, torch {value}")
        elif not is_uninitialized(value):
            same(mine[key], value, f"{where}{key}: ")


def is_uninitialized(value):
    return isinstance(value, torch.nn.parameter.UninitializedTensorMixin)


# --- what it computes ---
def called(library, module, arguments):
    library.manual_seed(5)
    args, kwargs = arguments
    return module(*args, **kwargs)


def forward(tally, name, info, most):
    """Outputs, and the buffers afterwards."""

    def check(theirs, ours):
        same(called(find_ours(""), *ours), theirs[1])
        compare_states(ours[0], theirs[0], "afterwards ")

    compare_calls(tally, name, info, most, lambda module, given: (module, called(torch, module, given)), check)


def gradient(tally, name, info, most):
    """Gradients of the inputs and of the parameters."""

    def check(expected, ours):
        found = gradients(find_ours(""), *ours)
        if list(found[1]) != list(expected[1]):
            raise Difference(f"parameters with a gradient {list(found[1])}, torch {list(expected[1])}")
        try:
            compare_found(found, expected)
        except Difference:
            if not nearer_gradients(found, expected, *expected[2]):
                raise

    def run(module, given):
        return *gradients(torch, module, given), (module, given)

    compare_calls(tally, name, info, most, run, check)


def compare_found(found, expected):
    compare_gradients(found[0], expected[0], "input gradient")
    for key, g in expected[1].items():
        same(found[1][key], g, f"gradient of {key}: ")


def nearer_gradients(found, expected, module, given):
    """Whether ours are nearer than torch's to those that torch computes in double precision."""
    wide = mapped(lambda t: t.detach().to(torch.float64) if t.dtype is torch.float32 else t, given)
    wide = mapped(lambda t: t.requires_grad_(t.is_floating_point()), wide)
    truth = gradients(torch, copy.deepcopy(module).double(), wide)
    lists = [[*part[0], *part[1].values()] for part in (found, expected, truth)]
    kept = [[g for g, known in zip(part, lists[1], strict=True) if known is not None] for part in lists]
    return is_nearer(kept[0], kept[1], [host(g) for g in kept[2]])


def gradients(library, module, arguments):
    """(gradients of the inputs that require one, {parameter: gradient}) of a weighted sum of the outputs."""
    outputs = [t for t in tensors(called(library, module, arguments)) if is_moving(t) and t.requires_grad]
    inputs = [t for t in tensors(arguments) if t.requires_grad]
    parameters = dict(module.named_parameters())
    if not outputs:
        return [], {}
    weights = [random_like(library, i, t) for i, t in enumerate(outputs)]
    wanted = [*inputs, *parameters.values()]
    found = library.autograd.grad(outputs, wanted, weights, allow_unused=True)
    held = zip(parameters, found[len(inputs) :], strict=True)
    return found[: len(inputs)], {key: g for key, g in held if g is not None}


def compare_calls(tally, name, info, most, run, check):
    for label, case, dtype, training in each(info, name, most):
        expected = torchs(lambda c=case, t=training, d=dtype: run(*c.theirs(t, d)))
        if expected is not None:
            tally.compare(label, lambda e=expected, c=case, t=training, d=dtype: check(e, c.ours(t, d)))


# --- what it refuses ---
def errors(tally, name, info, most):
    for training, phase in PHASES.items():
        for case, only_made in error_cases(name, info, training):
            error = refused(case.theirs, only_made)
            if error is not None:
                tally.compare(f"{phase} {case}", lambda e=error, c=case, o=only_made: compare_errors(e, c, o))


def compare_errors(error, case, only_made):
    found = refused(case.ours, only_made)
    if found is None:
        raise Difference(f"no error, torch raises {told(error)}")
    if type(found).__name__ != type(error).__name__ or plain(error) not in plain(found):
        raise Difference(f"{told(found)}, torch {told(error)}")


def plain(error):
    """The text without addresses of objects, and by torch's name."""
    return re.sub(r"0x[0-9a-f]+", "", str(error)).replace("plugrad", "torch")
