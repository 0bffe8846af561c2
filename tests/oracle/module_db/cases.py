"""How each module of the scope is made and called: torch's own module_db, and extra.py for what it lacks."""

from collections import defaultdict

import torch
from op_db.samples import short
from op_db.translate import Translation, find_ours

__all__ = ["Case", "cases", "error_cases", "infos", "refused"]

SEED = 11


class Case:
    """One way to make a module and to call it, as torch's or as plugrad's."""

    def __init__(self, path, constructor, forward, label=""):
        self.path = path
        self.constructor = constructor
        self.forward = forward
        self.label = label

    def __str__(self):
        (args, kwargs), (inputs, options) = self.constructor, self.forward
        return f"{self.path.removeprefix('nn.')}{told(args, kwargs)}{told(inputs, options)}"

    def theirs(self, training, dtype=None):
        """(torch's module, its arguments), made with the seed."""
        args, kwargs = self.constructor
        cls = getattr(torch.nn, self.path.removeprefix("nn."))
        return prepared(torch, cls, args, kwargs, training, dtype), self.forward

    def ours(self, training, dtype=None):
        translation = Translation(requires_grad=True)
        args, kwargs = (translation.value(part) for part in self.constructor)
        dtype = None if dtype is None else translation.value(dtype)
        module = prepared(find_ours(""), find_ours(self.path), args, kwargs, training, dtype)
        return module, tuple(translation.value(part) for part in self.forward)


def prepared(library, cls, args, kwargs, training, dtype):
    library.manual_seed(SEED)
    module = cls(*args, **kwargs)
    if dtype is not None:
        module.to(dtype)
    module.train(training)
    return module


def told(args, kwargs):
    return f"({', '.join([name_of(a) for a in args] + [f'{k}={name_of(v)}' for k, v in kwargs.items()])})"


def name_of(value):
    return type(value).__name__ if isinstance(value, torch.nn.Module) else short(value)


def infos():
    """``{nn.Name: what says how it is made and called}``."""
    from torch.testing._internal.common_modules import module_db  # takes seconds

    from . import extra

    found = defaultdict(list)
    for info in [*module_db, *extra.infos()]:
        found[f"nn.{info.module_cls.__name__}"].append(info)
    return found


def cases(name, info, dtype, training):
    """The cases of one module, with inputs of one dtype."""
    torch.manual_seed(0)
    made = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    return [case_of(name, given) for given in made]


def case_of(name, given):
    constructor, forward = (
        (part.args, part.kwargs) for part in (given.constructor_input, given.forward_input or NOTHING)
    )
    return Case(name, constructor, forward, given.desc)


class NOTHING:
    args, kwargs = (), {}


def error_cases(name, info, training):
    """(case, whether the constructor refuses it) for what torch says it refuses."""
    if info.module_error_inputs_func is None:
        return
    torch.manual_seed(0)
    made = info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=training
    )
    for given in made:
        yield case_of(name, given.module_error_input), "CONSTRUCTION" in str(given.error_on)


def refused(make, only_made):
    """The error of making and calling a module, None if there is none."""
    try:
        module, (args, kwargs) = make(True)
        if not only_made:
            module(*args, **kwargs)
    except Exception as error:
        return error
    return None
