"""Runs the checks over the operators of the scope, in several processes, and sums them up."""

import contextlib
import json
import multiprocessing
import signal
import warnings
from collections import defaultdict
from functools import partial
from pathlib import Path

import torch

from . import checks, scope
from .compare import tolerances_of
from .translate import MissingName, find_ours
from .variants import variants

#: Samples per operator and dtype, where not all are wanted.
FORWARD, DERIVATIVE = 8, 4
SECONDS = 60  # of processor time: no check of one operator may take longer

RUN = {
    "forward": (checks.forward, FORWARD),
    "gradient": (checks.gradient, DERIVATIVE),
    "second": (checks.second, DERIVATIVE),
    "jvp": (checks.jvp, DERIVATIVE),
    "variants": (variants, DERIVATIVE),
    "errors": (checks.errors, None),
}
#: Results without values of their own: what memory holds.
EMPTY = {"empty", "empty_like", "new_empty"}
INFOS = {}  # what infos() gives, filled before processes are started


def infos():
    """``{operator: the OpInfos that say how it is called}``, torch's and our own for what torch lacks."""
    from torch.testing._internal.common_methods_invocations import op_db  # takes seconds

    from . import extra

    found = defaultdict(list)
    without = scope.left_out()
    for info in [*op_db, *extra.infos()]:
        if f"{info.name}:{info.variant_test_name}" not in without:
            found[info.name].append(info)
    return found


class TooSlow(BaseException):
    """A check took longer than it may; no Exception, so that no check takes it for an operator's error."""


@contextlib.contextmanager
def at_most(seconds):
    def stop(*_):
        raise TooSlow(f"longer than {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run_operator(name, everything=False):
    """``{kind: {"total", "failed", "reasons"}}`` of one operator."""
    section = scope.operators()[name]
    values = section.split(" (")[0] != scope.RANDOM and name not in EMPTY
    made = {}
    for kind, (check, most) in RUN.items():
        tally = checks.Tally()
        options = {"values": values} if kind in ("forward", "variants") else {}
        for info in INFOS.get(name, ()):
            with warnings.catch_warnings(), tolerances_of(section):
                warnings.simplefilter("ignore")
                run_check(tally, partial(check, tally, info, None if everything else most, **options))
        made[kind] = {
            "total": tally.total, "failed": tally.failed, "nearer": tally.nearer, "reasons": tally.reasons,
            "dtypes": tally.dtypes,
        }  # fmt: skip
    return name, made


def run_check(tally, check):
    try:
        with at_most(SECONDS):
            check()
    except TooSlow as slow:
        tally.total += 1
        tally.fail(str(slow), "all calls")


def run(names, jobs=1, everything=False):
    """``{operator: result of run_operator}``, in the order of the names."""
    INFOS.update(infos())
    torch.set_num_threads(1)
    if jobs == 1:
        return dict(run_operator(name, everything) for name in names)
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        found = dict(pool.starmap(run_operator, [(name, everything) for name in names], chunksize=4))
    return {name: found[name] for name in names}


def totals(results):
    """``{kind: (operators that pass, operators that were compared)}``."""
    compared = {kind: [found[kind] for found in results.values() if found[kind]["total"]] for kind in RUN}
    return {kind: (sum(not c["failed"] for c in found), len(found)) for kind, found in compared.items()}


def as_json(results):
    return json.dumps(results, indent=1)


# --- the state that is kept in the project ---
STATE = Path(__file__).parents[1] / "op_db_state.json"
REASONS = STATE.with_name("op_db_reasons.json")  # why what falls short does, in words


def state(results):
    """``{operator: {"dtypes": those that pass, kind: why it falls short, or an empty text}}``; under "nearer" the kinds in which
    torch's own result was farther from the exact one."""
    made = {}
    for name, found in sorted(results.items()):
        kinds = {kind: first_reason(found[kind]) for kind in RUN if found[kind]["total"]}
        nearer = [kind for kind in RUN if found[kind]["nearer"]]
        made[name] = {"dtypes": " ".join(found["forward"]["dtypes"]), **kinds}
        if nearer:
            made[name]["nearer"] = " ".join(nearer)
    return made


def first_reason(found):
    return next(iter(found["reasons"]), "")[:160]


def missing_modules():
    """The modules and optimizers of the scope that plugrad lacks."""
    return [name for name in scope.modules() if not is_there(name)]


def is_there(path):
    try:
        find_ours(path)
    except MissingName:
        return False
    return True


def write_state(results):
    """Write the state file, an operator a line."""
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in state(results).items()]
    operators = "{\n" + ",\n".join(lines) + "\n}"
    missing = json.dumps(missing_modules())
    STATE.write_text(f'{{"missing modules": {missing},\n"operators": {operators}}}\n', encoding="utf-8")


def read_state():
    return json.loads(STATE.read_text(encoding="utf-8"))["operators"]


def read_reasons():
    """``{(operator, kind): the reason in words}``."""
    stored = json.loads(REASONS.read_text(encoding="utf-8"))
    return {(name, kind): text for name, kinds in stored.items() for kind, text in kinds.items()}


def read_missing_modules():
    return json.loads(STATE.read_text(encoding="utf-8"))["missing modules"]


def falls_short(states):
    """``{(operator, kind)}`` of a state."""
    return {(name, kind) for name, found in states.items() for kind in RUN if found.get(kind)}
