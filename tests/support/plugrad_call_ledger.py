"""What the rows call of a backend: for a time the functions of its namespace are replaced by ones that note their names."""

import contextlib
import json

import plugrad_op_checks as checks
from plugrad.backends.sources import function_names, source_of


class Noted:
    """A function that notes each call; anything else of it is as it was."""

    def __init__(self, name, function, note):
        self._name, self._function, self._note = name, function, note

    def __call__(self, *arguments, **options):
        with self._note(self._name):
            return self._function(*arguments, **options)

    def __getattr__(self, name):
        return getattr(self._function, name)


class Calls:
    """The names that were called: by an op itself, or by what it called.

    Attributes:
        direct: functions that an op called itself.
        all: these, and what compositions called.
    """

    def __init__(self):
        self.direct, self.all, self.depth = set(), set(), 0

    @contextlib.contextmanager
    def note(self, name):
        self.all.add(name)
        if not self.depth:
            self.direct.add(name)
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


@contextlib.contextmanager
def calls(xp):
    """A block in which the calls of the functions of a namespace are noted."""
    seen = Calls()
    names = [n for n in function_names(type(xp)) if "." not in n]
    before = {n: vars(xp)[n] for n in names if n in vars(xp)}
    for name in names:
        setattr(xp, name, Noted(name, getattr(xp, name), seen.note))
    try:
        yield seen
    finally:
        for name in names:
            delattr(xp, name)
        vars(xp).update(before)


def calls_of_row(row, samples, xp):
    """What the samples of a row call on a namespace, forward and backward."""
    runs = []
    for sample in samples:
        case = checks.Case(row, sample, xp.device_type)
        if not case.runs_here():
            continue
        tensors = case.tensors(recording=row.is_differentiable)
        made = case.smooth(case.run(tensors))  # an op compiles itself when first called
        recorded = any(t.requires_grad for t in made)
        runs.append((case, tensors, [checks.on(u, case.device) for u in case.cotangents()] if recorded else None))
    with calls(xp) as seen:
        for case, tensors, cotangents in runs:
            if cotangents is None:
                case.run(tensors)
            else:
                case.gradients(tensors, cotangents)
    return seen


def ledger_of_rows(rows, samples, xp):
    """The ledger of what the ops use: functions they call by kind, and the ops for which the host looks at values."""
    direct, looking = set(), []
    for name in sorted(rows):
        seen = calls_of_row(rows[name], samples[name], xp)
        direct |= seen.direct
        if "to_host" in seen.all:
            looking.append(name)
    found = {kind: [] for kind in ("native", "composed", "lacking")}
    for name in sorted(direct):
        found[source_of(xp, name)].append(name)
    return found | {"looks at values": looking}


def written(found):
    """The text of the file in which a ledger is pinned: a line for each name, so that a difference is easy to read."""
    return json.dumps(found, indent=1) + "\n"
