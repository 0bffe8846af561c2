"""Runs the checks over the modules of the scope and sums them up."""

import json
import multiprocessing
import warnings
from functools import partial
from pathlib import Path

import torch
from op_db import scope
from op_db.checks import Tally
from op_db.report import run_check

from . import cases, checks

#: Cases of a module, dtype and phase, where not all are wanted.
MOST = 12
RUN = {"made": checks.made, "forward": checks.forward, "gradient": checks.gradient, "errors": checks.errors}
STATE = Path(__file__).parents[1] / "module_db_state.json"
INFOS = {}


def modules():
    """The modules of the scope, without the optimizers."""
    return [name for name in scope.modules() if name.startswith("nn.")]


def run_module(name, everything=False):
    """``{kind: {"total", "failed", "reasons"}}`` of one module."""
    found = {}
    for kind, check in RUN.items():
        tally = Tally()
        for info in INFOS.get(name, ()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run_check(tally, partial(check, tally, name, info, None if everything else MOST))
        found[kind] = {"total": tally.total, "failed": tally.failed, "reasons": tally.reasons}
    return name, found


def run(names, jobs=1, everything=False):
    INFOS.update(cases.infos())
    torch.set_num_threads(1)
    if jobs == 1:
        return dict(run_module(name, everything) for name in names)
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        found = dict(pool.starmap(run_module, [(name, everything) for name in names], chunksize=2))
    return {name: found[name] for name in names}


def totals(results):
    """``{kind: (modules that pass, modules that were compared)}``."""
    compared = {kind: [found[kind] for found in results.values() if found[kind]["total"]] for kind in RUN}
    return {kind: (sum(not c["failed"] for c in found), len(found)) for kind, found in compared.items()}


# --- the state that is kept in the project ---
def shortfalls(results):
    """``{module: {kind: the first reason}}`` of what falls short."""
    found = {}
    for name, kinds in sorted(results.items()):
        short = {kind: next(iter(k["reasons"]))[:160] for kind, k in kinds.items() if k["failed"]}
        if not kinds["forward"]["total"]:
            short["forward"] = "nothing was compared"
        if short:
            found[name] = short
    return found


def read_state():
    """``{module: {kind: why it falls short}}`` as the project knows it."""
    return json.loads(STATE.read_text(encoding="utf-8"))


def write_state(results):
    STATE.write_text(json.dumps(shortfalls(results), indent=1) + "\n", encoding="utf-8")
