"""Python values as tensors: the dtype that they show together, and what a given dtype makes of them."""

import math

import numpy as np
import pytest

import plugrad

pytestmark = pytest.mark.device
NAN = float("nan")


def need(xp, dtype):
    if getattr(xp, dtype) is None:
        pytest.skip(f"backend {xp.name} has no {dtype}")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([], "float32"),
        ([True, False], "bool"),
        ([True, 2], "int64"),
        ([1, 2.5], "float32"),
        ([1, 1j], "complex64"),
        ([np.int8(1)], "int8"),
        ([np.int8(1), np.uint8(2)], "int16"),
        ([np.float16(1), 1], "float16"),
        ([np.float64(1), 1.0], "float64"),
        ([np.float64(1), 1j], "complex128"),
        ([np.array(3, np.int16)], "int16"),
        ([[np.float64(1)], [2]], "float64"),
    ],
)
def test_the_dtype_that_values_show(values, dtype, xp):
    need(xp, dtype)
    made = plugrad.tensor(values)
    assert made.dtype is getattr(plugrad, dtype)
    assert made.tolist() == np.array(values, dtype).tolist()


def test_tensors_among_the_values():
    made = plugrad.tensor([plugrad.tensor([1.5]), plugrad.tensor(2), 3])
    assert made.dtype is plugrad.float32
    assert made.tolist() == [1.5, 2.0, 3.0]


@pytest.mark.parametrize("name", ["uint16", "uint32", "uint64"])
@pytest.mark.parametrize(
    "wrap", [lambda v: v, lambda v: [v], lambda v: [[v], [v]], np.array], ids=["one", "list", "rows", "array"]
)
def test_integers_that_plugrad_does_not_have(name, wrap):
    value = wrap(getattr(np, name)(3))
    for make in (plugrad.tensor, plugrad.as_tensor):
        with pytest.raises(TypeError, match=f"can't convert np.ndarray of type numpy.{name}"):
            make(value)


@pytest.mark.parametrize(
    ("value", "dtype", "stored"),
    [
        (1.7, "int64", 1),
        (-1.7, "int8", -1),
        (-1, "uint8", 255),
        (-255, "uint8", 1),
        (255.9, "uint8", 255),
        (300, "float16", 300.0),
        (NAN, "bool", True),
        (0.0, "bool", False),
        (2**70, "bool", True),
        (1j, "bool", True),
        (2**70, "float32", 2.0**70),
        (1e300, "float32", math.inf),
        (-(2**63), "int64", -(2**63)),
        (True, "complex64", 1 + 0j),
    ],
)
def test_what_a_dtype_makes_of_a_value(value, dtype, stored, xp):
    need(xp, dtype)
    made = plugrad.tensor([value], dtype=getattr(plugrad, dtype))
    assert made.dtype is getattr(plugrad, dtype)
    assert made.tolist() == [stored]


def test_a_long_list():
    values = [i / 7 for i in range(100_000)]
    made = plugrad.tensor(values, dtype=plugrad.float64)
    assert made.tolist() == values
