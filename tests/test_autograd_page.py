"""docs/autograd.md is true: torch's names and no others, what is there can be imported, the tests exist and speak of it."""

import importlib
import re
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "autograd.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (there|refused) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"^`(tests/[\w/]+\.py)::(\w+)`$")


def tables():
    """{module: {name: (there or refused, test or reason)}}"""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        module = section.partition("\n")[0]
        rows = ROW.findall(section)
        assert len(rows) == section.count("\n| `"), f"{module}: a row is not of the form that this test reads"
        found[module] = {name: (state, text) for name, state, text in rows}
        assert len(found[module]) == len(rows), f"{module}: a name stands there twice"
    return found


TABLES = tables()
THERE = [(m, name, text) for m, rows in TABLES.items() for name, (state, text) in rows.items() if state == "there"]


def belongs(module, name):
    """Whether a name that a module of torch shows is its own, and no import of it."""
    value = getattr(module, name)
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith(module.__name__ + ".")
    home = getattr(value, "__module__", None) or ""
    return home == module.__name__ or home.startswith((module.__name__ + ".", "torch._C"))


def names_of(module):
    return set(module.__all__) | {n for n in dir(module) if not n.startswith("_") and belongs(module, n)}


@pytest.mark.oracle
@pytest.mark.cpu
@pytest.mark.parametrize("name", TABLES)
def test_the_names_are_torchs(name):
    pytest.importorskip("torch")
    assert sorted(TABLES[name]) == sorted(names_of(importlib.import_module(name)))


def test_all_modules_are_on_the_page():
    parts = ["autograd", *(f"autograd.{n}" for n in ("graph", "function", "functional", "forward_ad"))]
    assert list(TABLES) == [f"torch.{n}" for n in (*parts, "func", "utils.checkpoint")]


@pytest.mark.parametrize(("module", "name", "text"), THERE, ids=[f"{m}.{name}" for m, name, _ in THERE])
def test_what_is_there_can_be_imported_and_is_tested(module, name, text):
    assert hasattr(importlib.import_module(module.replace("torch", "plugrad", 1)), name)
    path, test = TEST.match(text).groups()
    source = (ROOT / path).read_text(encoding="utf-8")
    # A test, a program that a test runs, or one of a file of programs.
    found = re.search(rf"^(def {test}\(|# --- {test}$)", source, re.MULTILINE)
    assert found is not None, f"{path} has no test or program {test}"
    assert re.search(rf"\b{name}\b", source), f"{path} does not speak of {name}"


def test_little_is_refused_and_each_with_a_reason():
    refused = [text for rows in TABLES.values() for state, text in rows.values() if state == "refused"]
    assert all(len(text) > 20 for text in refused)
    assert len(refused) <= 0.05 * sum(map(len, TABLES.values()))


def test_what_is_refused_is_not_there():
    for module, rows in TABLES.items():
        ours = importlib.import_module(module.replace("torch", "plugrad", 1))
        assert [name for name, (state, _) in rows.items() if state == "refused" and hasattr(ours, name)] == []


def test_the_index_has_the_page():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert "\nautograd\n" in index
