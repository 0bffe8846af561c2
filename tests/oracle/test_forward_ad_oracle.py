"""Forward mode: every program of forward_ad_programs.py sees the same in plugrad as in torch."""

import warnings
from pathlib import Path

import pytest

import plugrad
from plugrad_contract import compared, programs

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

PROGRAMS = programs(Path(__file__).parent / "forward_ad_programs.py")


@pytest.fixture(autouse=True, scope="module")
def first_dual():
    """torch loads its decompositions with the first dual, and warns of how."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.forward_ad.dual_level():
            torch.autograd.forward_ad.make_dual(torch.ones(1), torch.ones(1))


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    found, theirs = compared(PROGRAMS[name], torch, plugrad)
    assert not found, "\n".join(["plugrad differs from torch:", *found])
    assert theirs["end"] == "ran to its end", theirs["end"]
