"""Bad input is answered with torch's exception types and torch's words, as stored in errors_golden.json."""

import pytest

import plugrad
from plugrad.core.device import space
from plugrad_error_cases import CASES, READS_VALUES, assert_as_torch, golden, outcome, parameters

ANSWERS = golden()


def test_every_case_has_an_answer():
    assert sorted(ANSWERS) == sorted(CASES)


@pytest.mark.parametrize("name", parameters(CASES))
def test_error(name):
    if name in READS_VALUES and not space(None).values_at_hand:
        pytest.skip("the host would have to wait for the device's values")
    assert_as_torch(name, outcome(name, plugrad), ANSWERS[name])
