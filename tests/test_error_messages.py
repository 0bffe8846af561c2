"""Bad input is answered with torch's exception types and torch's words, as stored in errors_golden.json."""

import pytest

import plugrad
from plugrad_error_cases import CASES, assert_as_torch, golden, outcome, parameters

ANSWERS = golden()


def test_every_case_has_an_answer():
    assert sorted(ANSWERS) == sorted(CASES)


@pytest.mark.parametrize("name", parameters(CASES))
def test_error(name):
    assert_as_torch(name, outcome(name, plugrad), ANSWERS[name])
