"""Autograd's contract: every program of tests/oracle/contract sees the same in plugrad as in torch."""

from pathlib import Path

import pytest

import plugrad
from plugrad_contract import compared, programs

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

FOLDER = Path(__file__).parent / "contract"
PROGRAMS = {
    f"{path.stem}-{name}": code for path in sorted(FOLDER.glob("*.py")) for name, code in programs(path).items()
}

#: Where plugrad does not do as torch yet, and in what.
OPEN: dict[str, str] = {
    "detach_and_data-data_assigned_after_use": "a node keeps the array, so that data set later does not reach its gradient",
    "multi_output_views-use_of_a_view_that_lost_its_history": "backward raises, the op does not",
    "views-in_place_with_a_part_of_itself": "the result is computed before it is written, so that overlap does no harm",
}


def parameter(name):
    marks = [pytest.mark.xfail(strict=True, reason=OPEN[name])] if name in OPEN else []
    return pytest.param(name, marks=marks)


@pytest.fixture(autouse=True)
def every_warning():
    """Without this torch gives many warnings once in a process."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@pytest.mark.parametrize("name", [parameter(name) for name in PROGRAMS])
def test_program(name):
    found, theirs = compared(PROGRAMS[name], torch, plugrad)
    assert not found, "\n".join(["plugrad differs from torch:", *found])
    assert theirs["end"] == "ran to its end", theirs["end"]
    assert theirs["notes"] or theirs["printed"], "the program reports nothing"


def test_open_programs_exist():
    assert set(OPEN) <= set(PROGRAMS)
