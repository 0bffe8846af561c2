"""docs/ops.md is what tests/support/make_ops_doc.py writes, and says what is so."""

import json

import pytest

import make_ops_doc
import plugrad

pytestmark = pytest.mark.cpu


def test_the_page_is_current():
    told = "run python tests/support/make_ops_doc.py"
    assert make_ops_doc.PAGE.read_text(encoding="utf-8").splitlines() == make_ops_doc.text().splitlines(), told


def test_every_operator_has_a_line():
    lines = make_ops_doc.PAGE.read_text(encoding="utf-8").splitlines()
    names = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert names == list(make_ops_doc.scope.operators())


def test_forms_are_those_that_are_there(monkeypatch):
    assert make_ops_doc.forms("add") == "f m i o `+`"
    assert make_ops_doc.forms("float") == "m"
    monkeypatch.delattr(plugrad.Tensor, "add_")
    assert make_ops_doc.forms("add") == "f m o `+`"
    assert make_ops_doc.forms("no_such") == "-"


def test_backends_are_told_apart():
    assert make_ops_doc.backends("add") == ("native", "native", "native")
    assert make_ops_doc.backends("block_diag") == ("composed", "composed", "composed")
    assert make_ops_doc.backends("no_such") == ("", "", "")


def test_what_falls_short_is_told_once():
    found = {"dtypes": "float64", "forward": "", "gradient": "no a|b", "second": "no a|b", "jvp": "other"}
    assert make_ops_doc.difference(found) == "gradient, second: `no a\\|b`; jvp: `other`"
    assert make_ops_doc.derivatives(found) == "none"
    assert make_ops_doc.derivatives({**found, "gradient": "", "jvp": ""}) == "1 jvp"
    assert make_ops_doc.dtypes(found) == "float"


def test_totals_are_those_of_the_state():
    state = json.loads(make_ops_doc.STATE.read_text(encoding="utf-8"))["operators"]
    passed = sum(found["forward"] == "" for found in state.values())
    assert f"| forward | {passed} | {len(state)} |" in make_ops_doc.totals(state)
