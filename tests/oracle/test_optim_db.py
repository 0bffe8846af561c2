"""plugrad over the samples that torch ships for its optimizers: all pass but what optim_db_known.json gives a reason for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import plugrad

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch's optimizer samples need expecttest")
sys.path.append(str(Path(__file__).parent))  # for the runner and its modules

import run_optim_db  # noqa: E402
from op_db.compare import Difference  # noqa: E402
from op_db.scope import modules  # noqa: E402
from optim_db import cases, checks  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

NAMES = [name.removeprefix("optim.") for name in modules() if name.startswith("optim.")]


# --- everything ---
@pytest.fixture(scope="module")
def found():
    """What run_optim_db.py finds, from a process of its own."""
    runner = [sys.executable, run_optim_db.__file__, "--json"]
    return json.loads(subprocess.run(runner, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_all_calls_pass_but_the_known_ones(found):
    known = run_optim_db.known()
    for name, kinds in found.items():
        for kind, tally in kinds.items():
            most, _ = known.get(name, {}).get(kind, (0, ""))
            assert tally["failed"] <= most, (name, kind, tally["reasons"])


@pytest.mark.slow
def test_every_optimizer_is_compared_in_every_way(found):
    assert sorted(found) == sorted(NAMES)
    assert [(name, kind) for name, kinds in found.items() for kind in checks.RUN if not kinds[kind]["total"]] == []


def test_what_is_known_has_a_reason():
    for name, kinds in run_optim_db.known().items():
        assert name in NAMES
        for kind, (most, reason) in kinds.items():
            assert kind in checks.RUN
            assert most > 0
            assert reason.endswith(".")


# --- a part of it, quickly ---
def case_of(name, dtype, text="default"):
    found = [c for c in cases.cases(cases.infos()[name]) if c.dtype is dtype and c.text == text]
    return found[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"LBFGS"}))
def test_steps(name):
    checks.compare_steps(case_of(name, torch.float64))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("carry", [checks.torch_to_plugrad, checks.plugrad_to_torch])
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"LBFGS"}))
def test_checkpoints(name, carry):
    checks.compare_resumed(case_of(name, torch.float32), carry)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(NAMES))
def test_errors(name):
    tally = checks.errors(cases.infos()[name])
    assert tally.total > 10
    assert tally.reasons == {}


# --- the runner finds what is wrong ---
def test_a_wrong_step_is_found(monkeypatch):
    right = plugrad.optim.SGD
    monkeypatch.setattr(plugrad.optim, "SGD", lambda params, **options: right(params, **(options | {"momentum": 0.5})))
    with pytest.raises(Difference, match="state before step 1"):
        checks.compare_steps(case_of("SGD", torch.float64))


def test_wrong_arithmetic_is_found(monkeypatch):
    rule = plugrad.optim.Adamax.rule
    wrong = staticmethod(lambda xp, w, g, state, **options: rule(xp, w, g, state, **(options | {"eps": 1e-3})))
    monkeypatch.setattr(plugrad.optim.Adamax, "rule", wrong)
    with pytest.raises(Difference, match="weights 0 after step 1 wrong value"):
        checks.compare_steps(case_of("Adamax", torch.float64))


def test_a_missing_key_of_the_state_is_found(monkeypatch):
    made = plugrad.optim.RMSprop.new_state
    monkeypatch.setattr(plugrad.optim.RMSprop, "new_state", lambda *args: dict(reversed(made(*args).items())))
    with pytest.raises(Difference, match="has keys"):
        checks.compare_steps(case_of("RMSprop", torch.float64))


def test_another_text_of_an_error_is_found(monkeypatch):
    monkeypatch.setattr(plugrad.optim.rprop, "check_lr", lambda lr: None)
    tally = checks.errors(cases.infos()["Rprop"])
    assert tally.failed == 2
    assert all("1-element" in label for reason in tally.reasons.values() for label in reason[1:])
