"""plugrad.testing.assert_close: what it lets pass, what it refuses, and its words."""

import math
import re
from collections import OrderedDict

import numpy as np
import pytest

import plugrad as torch
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def refusal(*args, kind=AssertionError, **options):
    """The text of the error that assert_close raises."""
    with pytest.raises(kind) as caught:
        assert_close(*args, **options)
    assert caught.type is kind
    return str(caught.value)


# --- what passes ---
@pytest.mark.parametrize(
    ("dtype", "rtol"),
    [
        pytest.param("float16", 1e-3, marks=pytest.mark.cpu),  # not every backend has it
        ("float32", 1.3e-6),
        ("float64", 1e-7),
        ("complex128", 1e-7),
    ],
)
def test_default_tolerance(dtype, rtol):
    d = getattr(torch, dtype)
    expected = torch.tensor([1000.0, 2000.0], dtype=torch.float64).to(d)
    near = torch.tensor([1000.0, 2000.0 * (1 + 0.5 * rtol)], dtype=torch.float64).to(d)
    assert_close(near, expected)
    far = torch.tensor([1000.0, 2000.0 * (1 + 4 * rtol)], dtype=torch.float64).to(d)
    assert f"(up to {rtol} allowed)" in refusal(far, expected)


def test_absolute_tolerance_near_zero():
    assert_close(torch.tensor([9e-6]), torch.tensor([0.0]))
    refusal(torch.tensor([2e-5]), torch.tensor([0.0]))


def test_whole_numbers_and_bools_must_be_equal():
    assert_close(torch.tensor([1, 2]), torch.tensor([1, 2]))
    assert_close(torch.tensor([True]), torch.tensor([True]))
    assert refusal(torch.tensor([1, 2]), torch.tensor([1, 3])) == (
        "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\nGreatest absolute difference: 1 at index (1,)\n"
        "Greatest relative difference: 0.3333333432674408 at index (1,)"
    )
    assert "Mismatched elements: 2 / 2 (100.0%)" in refusal(torch.tensor([True, False]), torch.tensor([False, True]))


def test_numbers():
    assert_close(1, 1)
    assert_close(1.0, 1.0 + 5e-8)
    assert_close(1j, 1j + 5e-8)
    assert_close(np.float32(1.0), np.float32(1.0))
    assert_close(True, True)
    assert_close(np.bool_(True), True)
    assert_close(None, None)
    assert_close(math.inf, math.inf)


@pytest.mark.cpu
def test_numpy_arrays():
    assert_close(np.ones(2), np.ones(2))
    assert "Mismatched elements: 1 / 2 (50.0%)" in refusal(np.ones(2), np.array([1.0, 2.0]))


def test_nested():
    inputs = {"a": [torch.ones(2), 1.0], "b": (torch.zeros(1), None)}
    again = OrderedDict(b=(torch.zeros(1), None), a=(torch.ones(2), 1.0))
    assert_close(inputs, again)


def test_nan_and_infinity():
    nan, inf = torch.tensor([1.0, math.nan]), torch.tensor([math.inf, -math.inf])
    assert_close(nan, nan.clone(), equal_nan=True)
    assert_close(math.nan, math.nan, equal_nan=True)
    assert_close(inf, inf.clone())
    assert refusal(nan, nan.clone()) == (
        "Tensor-likes are not close!\n\nMismatched elements: 1 / 2 (50.0%)\n"
        "Greatest absolute difference: nan at index (1,) (up to 1e-05 allowed)\n"
        "Greatest relative difference: nan at index (1,) (up to 1.3e-06 allowed)"
    )
    refusal(inf, -inf)


def test_empty():
    assert_close(torch.empty(0, 3), torch.empty(0, 3))
    assert_close([], ())
    assert_close({}, {})


def test_history_does_not_matter():
    assert_close(torch.ones(2, requires_grad=True) * 2, torch.tensor([2.0, 2.0]))


# --- what is refused ---
def test_message_names_the_greatest_differences():
    actual = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    expected = torch.tensor([[1.0, 2.5, 3.0], [0.5, 5.0, 7.0]])
    assert refusal(actual, expected) == (
        "Tensor-likes are not close!\n\nMismatched elements: 3 / 6 (50.0%)\n"
        "Greatest absolute difference: 3.5 at index (1, 0) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 7.0 at index (1, 0) (up to 1.3e-06 allowed)"
    )


def test_matching_elements_do_not_count_as_greatest():
    actual, expected = torch.tensor([1000.0, 1.0]), torch.tensor([1100.0, 2.0])
    text = refusal(actual, expected, rtol=0.2, atol=0.0)
    assert "Greatest absolute difference: 1.0 at index (1,) (up to 0.0 allowed)" in text
    assert "Greatest relative difference: 0.5 at index (1,) (up to 0.2 allowed)" in text


def test_division_by_zero_in_the_relative_difference():
    text = refusal(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 2.0]))
    assert "Greatest relative difference: inf at index (0,)" in text


def test_scalars():
    wide = "Absolute difference: 1.0 (up to 1e-07 allowed)\nRelative difference: 1.0 (up to 1e-07 allowed)"
    assert refusal(2.0, 1.0) == f"Scalars are not close!\n\nExpected 1.0 but got 2.0.\n{wide}"
    zero = "Absolute difference: 1 (up to 0.0 allowed)\nRelative difference: inf (up to 0.0 allowed)"
    assert refusal(1, 0).startswith("Scalars are not equal!\n\nExpected 0 but got 1.\nAbsolute difference: 1")
    assert zero.splitlines()[1].partition(" (")[0] in refusal(1, 0)
    assert refusal(torch.tensor(2.0), torch.tensor(1.0)).startswith(
        "Scalars are not close!\n\nExpected 1.0 but got 2.0.\n"
    )


def test_equality_asked_for():
    text = refusal(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]), rtol=0, atol=0)
    assert text.startswith("Tensor-likes are not equal!")
    assert "allowed" not in text


@pytest.mark.parametrize(
    ("actual", "expected", "options", "text"),
    [
        (
            lambda: torch.ones(2),
            lambda: torch.ones(3),
            {},
            "The values for attribute 'shape' do not match: torch.Size([2]) != torch.Size([3]).",
        ),
        (
            lambda: torch.ones(2),
            lambda: torch.ones(2, dtype=torch.float64),
            {},
            "The values for attribute 'dtype' do not match: torch.float32 != torch.float64.",
        ),
        (
            lambda: torch.ones(2, 3),
            lambda: torch.ones(3, 2).t(),
            {"check_stride": True},
            "The values for attribute 'stride()' do not match: (3, 1) != (1, 2).",
        ),
        (lambda: 1, lambda: 1.0, {}, "The (d)types do not match: <class 'int'> != <class 'float'>."),
        (lambda: None, lambda: 1, {}, "None mismatch: None is not 1"),
        (lambda: True, lambda: False, {}, "Booleans mismatch: True is not False"),
        (lambda: [1], lambda: [1, 2], {}, "The length of the sequences mismatch: 1 != 2"),
        (
            lambda: {"a": 1, "b": 2},
            lambda: {"a": 1, "c": 2},
            {},
            "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['c']\n"
            "Additional keys in the actual mapping: ['b']",
        ),
    ],
)
@pytest.mark.cpu
def test_attributes(actual, expected, options, text):
    assert refusal(actual(), expected(), **options) == text


def test_dtype_not_checked():
    assert_close(torch.ones(2), torch.ones(2, dtype=torch.float64), check_dtype=False)
    assert_close(torch.ones(2), torch.ones(2, dtype=torch.int64), check_dtype=False)
    assert_close(1, 1.0, check_dtype=False)
    # The looser of the two tolerances, in the wider dtype.
    assert "(up to 1.3e-06 allowed)" in refusal(
        torch.ones(2), torch.full((2,), 2.0, dtype=torch.float64), check_dtype=False
    )


def test_place_in_nested_inputs():
    actual = {"layers": [{"weight": torch.ones(2)}, {"weight": torch.ones(2)}]}
    expected = {"layers": [{"weight": torch.ones(2)}, {"weight": torch.zeros(2)}]}
    assert refusal(actual, expected).endswith("\n\nThe failure occurred for item ['layers'][1]['weight']")
    assert refusal([[1], [1, 2]], [[1], [1]]) == (
        "The length of the sequences mismatch: 2 != 1\n\nThe failure occurred for item [1]"
    )


def test_first_failure_is_reported():
    assert "item [1]" in refusal([1.0, 2.0, 3.0], [1.0, 3.0, 4.0])


def test_what_cannot_be_compared():
    for actual, expected in [("a", "a"), (torch.ones(1), 1.0), (torch.ones(1), [1.0]), (object(), object())]:
        assert refusal(actual, expected, kind=TypeError) == (
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
        )


def test_what_cannot_be_compared_comes_before_differences():
    refusal([1.0, "a"], [2.0, "a"], kind=TypeError)


def test_one_tolerance_alone():
    text = "Both 'rtol' and 'atol' must be either specified or omitted, but got no {}."
    assert refusal(1.0, 1.0, rtol=1e-3, kind=ValueError) == text.format("atol")
    assert refusal(torch.ones(1), torch.ones(1), atol=1e-3, kind=ValueError) == text.format("rtol")


def test_given_tolerances():
    assert_close(torch.tensor([1.0]), torch.tensor([1.5]), rtol=0.0, atol=0.5)
    assert_close(torch.tensor([1.0]), torch.tensor([1.5]), rtol=0.4, atol=0.0)
    refusal(torch.tensor([1.0]), torch.tensor([1.5]), rtol=0.3, atol=0.0)


def test_own_message():
    assert refusal(1.0, 2.0, msg="the loss moved") == "the loss moved"
    text = refusal(torch.ones(2), torch.zeros(2), msg=lambda generated: f"loss:\n{generated}")
    assert text.startswith("loss:\nTensor-likes are not close!")


def test_own_message_is_not_for_inputs_that_do_not_fit():
    assert refusal([1], [1, 2], msg="mine") == "The length of the sequences mismatch: 1 != 2"


def test_subclasses():
    class Mine(torch.Tensor):
        pass

    mine = torch.ones(2).as_subclass(Mine) if hasattr(torch.ones(2), "as_subclass") else Mine([1.0, 1.0])
    assert_close(mine, torch.ones(2))
    assert_close(torch.ones(2), mine)
    found = refusal(mine, torch.ones(2), allow_subclasses=False, kind=TypeError)
    assert re.match(
        r"No comparison pair was able to handle inputs of type <class '.*Mine'> and <class '.*Tensor'>\.", found
    )


def test_complex_differences_are_absolute_values():
    text = refusal(torch.tensor([3 + 4j]), torch.tensor([0j]))
    assert "Greatest absolute difference: 5.0 at index (0,)" in text
