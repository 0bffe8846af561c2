"""dtype promotion: every pair of dtypes, each dimensioned or 0-dimensional, and Python numbers, as torch does it.

What torch answers is kept in test_promotion.json; ``python tests/core/test_promotion.py`` writes it anew.
"""

import json
import operator
import warnings
from pathlib import Path

import pytest

import plugrad

pytestmark = [pytest.mark.device, pytest.mark.cpu]

GOLDEN = Path(__file__).with_suffix(".json")
DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
#: How the golden file calls the results.
CODES = dict(zip(DTYPES, "b u1 i1 i2 i4 i8 f2 bf f4 f8 c8 c16".split(), strict=True))
CODES |= {"RuntimeError": "R", "TypeError": "T", "NotImplementedError": "N"}
NUMBERS = {"True": True, "1": 1, "1.0": 1.0, "1j": 1j}
OPERANDS = [f"{d} {rank}" for rank in ("dimensioned", "0-dim") for d in DTYPES] + list(NUMBERS)
OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "pow": operator.pow,
    "eq": operator.eq,
    "lt": operator.lt,
    "bitwise_and": operator.and_,
    "lshift": operator.lshift,
}
FUNCTIONS = ("maximum", "atan2", "fmod", "logical_and", "result_type", "promote_types", "where", "in place")


def operand(t, name):
    if name in NUMBERS:
        return NUMBERS[name]
    d, rank = name.split()
    dtype = getattr(t, d)
    return t.ones(1, dtype=dtype) if rank == "dimensioned" else t.ones((), dtype=dtype)


def call(t, op, left, right):
    if op in OPERATORS:
        return OPERATORS[op](left, right).dtype
    if op == "promote_types":
        return t.promote_types(left.dtype, right.dtype)
    if op == "where":
        return t.where(t.ones(1, dtype=t.bool), left, right).dtype
    if op == "in place":
        left *= right
        return left.dtype
    found = getattr(t, op)(left, right)
    return found if op == "result_type" else found.dtype


def answer(t, op, left, right):
    """The code of the result's dtype, or of the error; "-" where there is nothing to compare."""
    tensors_only = op in ("maximum", "atan2", "fmod", "logical_and", "promote_types")
    if (left in NUMBERS and right in NUMBERS) or (tensors_only and (left in NUMBERS or right in NUMBERS)):
        return "-"
    if op == "in place" and left in NUMBERS:
        return "-"
    if is_half_complex(left, right):
        return "-"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return CODES[str(call(t, op, operand(t, left), operand(t, right))).removeprefix("torch.")]
        except (RuntimeError, TypeError) as error:  # NotImplementedError is a RuntimeError
            return CODES[type(error).__name__]


def is_half_complex(left, right):
    """Whether torch answers with complex32, which plugrad does not have."""
    pair = {left, right}
    return ("float16 dimensioned" in pair and bool(pair & {"1j", "complex64 0-dim", "complex128 0-dim"})) or pair == {
        "float16 0-dim",
        "1j",
    }


def table(t, op):
    return {left: " ".join(answer(t, op, left, right) for right in OPERANDS) for left in OPERANDS}


def differences(ours, theirs):
    """Where two tables differ, in words."""
    return [
        f"{left} with {right}: {a}, expected {b}"
        for left in OPERANDS
        for right, a, b in zip(OPERANDS, ours[left].split(), theirs[left].split(), strict=True)
        if a != b
    ]


@pytest.fixture(scope="module")
def golden():
    pytest.importorskip("ml_dtypes")
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("op", [*OPERATORS, *FUNCTIONS])
def test_table(op, golden):
    found = differences(table(plugrad, op), golden[op])
    assert found == [], f"{len(found)} pairs differ"


@pytest.mark.oracle
@pytest.mark.parametrize("op", [*OPERATORS, *FUNCTIONS])
def test_golden_file_is_of_this_torch(op, golden):
    torch = pytest.importorskip("torch")
    assert differences(table(torch, op), golden[op]) == []


def test_default_dtype_decides_what_floats_and_divisions_become():
    plugrad.set_default_dtype(plugrad.float64)
    try:
        whole = plugrad.ones(1, dtype=plugrad.int64)
        assert (whole + 1.0).dtype is plugrad.float64
        assert (whole / whole).dtype is plugrad.float64
        assert (whole * 1j).dtype is plugrad.complex128
        assert (plugrad.ones(1, dtype=plugrad.float32) + 1.0).dtype is plugrad.float32
        assert whole.exp().dtype is plugrad.float64
    finally:
        plugrad.set_default_dtype(plugrad.float32)


def test_gradients_come_back_in_the_dtype_of_each_leaf():
    leaves = [plugrad.ones(2, dtype=getattr(plugrad, d), requires_grad=True) for d in ("float16", "float32", "float64")]
    loss = sum((x * (i + 1)).sum() for i, x in enumerate(leaves)) + (leaves[0] * leaves[1] * leaves[2]).sum()
    loss.backward()
    for i, x in enumerate(leaves):
        assert x.grad.dtype is x.dtype
        assert x.grad.tolist() == [i + 2.0, i + 2.0]


if __name__ == "__main__":
    import torch

    tables = {op: table(torch, op) for op in [*OPERATORS, *FUNCTIONS]}
    lines = [f"{json.dumps(op)}: {json.dumps(rows, indent=1)}" for op, rows in tables.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
