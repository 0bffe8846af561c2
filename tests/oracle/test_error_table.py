"""Bad input is answered as the torch beside us answers it, and the stored answers are still its own."""

import pytest

import plugrad
from plugrad_error_cases import CASES, assert_as_torch, golden, outcome, parameters, torch_answers

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]


@pytest.fixture(scope="module")
def answers():
    return torch_answers(torch)


def test_stored_answers_are_torchs(answers):
    assert golden() == answers


@pytest.mark.parametrize("name", parameters(CASES))
def test_error(name, answers):
    assert_as_torch(name, outcome(name, plugrad), answers[name])
