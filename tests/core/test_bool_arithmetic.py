"""Arithmetic and order of bools: that of 0 and 1, given back as bools, also where the library knows only numbers."""

import itertools
import operator

import pytest

import plugrad

pytestmark = pytest.mark.device
BOTH = (False, True)
PAIRS = list(itertools.product(BOTH, BOTH))


@pytest.mark.parametrize(
    "name", ["add", "mul", "maximum", "minimum", "lt", "le", "gt", "ge", "eq", "ne", "bitwise_and", "bitwise_xor"]
)
def test_of_two_bools(name):
    truth = {"add": operator.or_, "mul": operator.and_, "maximum": max, "minimum": min}
    truth |= {"bitwise_and": operator.and_, "bitwise_xor": operator.xor}
    expected = [bool(truth.get(name, getattr(operator, name, None))(a, b)) for a, b in PAIRS]
    x, y = (plugrad.tensor(column) for column in zip(*PAIRS, strict=True))
    result = getattr(plugrad, name)(x, y)
    assert result.dtype is plugrad.bool
    assert result.tolist() == expected
    assert result._xp is x._xp


@pytest.mark.parametrize("other", BOTH)
def test_with_a_python_bool(other):
    x = plugrad.tensor(BOTH)
    assert (x + other).tolist() == [a or other for a in BOTH]
    assert (x * other).tolist() == [a and other for a in BOTH]
    assert (x + other).dtype is (x * other).dtype is plugrad.bool


@pytest.mark.parametrize(("name", "expected"), [("isnan", False), ("isinf", False), ("isfinite", True)])
def test_no_bool_is_special(name, expected):
    assert getattr(plugrad, name)(plugrad.tensor(BOTH)).tolist() == [expected] * 2


def test_the_sign_of_a_bool_is_itself():
    x = plugrad.tensor(BOTH)
    assert x.sign().dtype is plugrad.bool
    assert x.sign().tolist() == list(BOTH)
