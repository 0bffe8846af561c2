"""plugrad's modules beside torch's over torch's own module_db: what passes keeps passing, what falls short is listed.

``module_db_state.json`` holds what falls short. A test fails where another module does, and where a listed one passes: then
``python tests/oracle/run_module_db.py --write`` writes the shorter list.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import plugrad

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch's module samples need expecttest")
sys.path.append(str(Path(__file__).parent))  # for the runner's own modules

from module_db import report  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

RUNNER = Path(__file__).with_name("run_module_db.py")


@pytest.mark.slow
def test_what_falls_short_is_listed():
    made = subprocess.run([sys.executable, str(RUNNER), "--json"], capture_output=True, text=True, check=True)
    assert report.shortfalls(json.loads(made.stdout)) == report.read_state()


# --- the runner finds what is wrong ---
def short(monkeypatch, name, wrong):
    """The kinds that fall short when plugrad's class is another one."""
    monkeypatch.setattr(plugrad.nn, name, wrong)
    if not report.INFOS:
        report.INFOS.update(report.cases.infos())
    _, found = report.run_module(f"nn.{name}")
    return {kind for kind, result in found.items() if result["failed"]}


def test_wrong_weights_are_found(monkeypatch):
    class Linear(plugrad.nn.Linear):
        def reset_parameters(self):
            super().reset_parameters()
            plugrad.nn.init.zeros_(self.bias)

    assert "made" in short(monkeypatch, "Linear", Linear)


def test_a_wrong_gradient_is_found(monkeypatch):
    class Linear(plugrad.nn.Linear):
        def forward(self, input):
            return super().forward(input.detach()) + 0 * input.sum()

    assert short(monkeypatch, "Linear", Linear) == {"gradient"}


def test_a_forgotten_buffer_is_found(monkeypatch):
    class BatchNorm1d(plugrad.nn.BatchNorm1d):
        def forward(self, input):
            before = None if self.running_mean is None else self.running_mean.clone()
            made = super().forward(input)
            if before is not None:
                self.running_mean.copy_(before)
            return made

    assert "forward" in short(monkeypatch, "BatchNorm1d", BatchNorm1d)


def test_another_name_of_a_parameter_is_found(monkeypatch):
    class PReLU(plugrad.nn.PReLU):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.slope = self.weight

    assert "made" in short(monkeypatch, "PReLU", PReLU)


def test_a_missing_error_is_found(monkeypatch):
    class Dropout(plugrad.nn.Dropout):
        def __init__(self, p=0.5, inplace=False):
            super().__init__(min(max(p, 0.0), 1.0), inplace)

    assert "errors" in short(monkeypatch, "Dropout", Dropout)


def test_every_module_of_the_scope_has_cases():
    assert sorted(set(report.modules()) - set(report.cases.infos())) == []
