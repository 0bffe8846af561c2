"""Bad input is answered with torch's exception types and torch's words, as stored in errors_golden.json."""

import pytest

import plugrad
from plugrad_error_cases import CASES, ONLY_CPU, assert_as_torch, golden, outcome

ANSWERS = golden()


def test_every_case_has_an_answer():
    assert sorted(ANSWERS) == sorted(CASES)


def marked(name):
    return pytest.param(name, marks=[pytest.mark.cpu] if name in ONLY_CPU else [])


@pytest.mark.parametrize("name", [marked(name) for name in sorted(CASES)])
def test_error(name):
    assert_as_torch(name, outcome(name, plugrad), ANSWERS[name])
