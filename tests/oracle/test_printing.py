"""Random tensors, options and classes are printed as the torch beside us prints them."""

import math
from functools import partial

import numpy as np
import pytest

from plugrad.core.printing import (
    format_tensor,
    get_printoptions,
    parameter_str,
    printoptions,
    set_printoptions,
    size_repr,
    tensor_str,
)

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

inf, nan = math.inf, math.nan

INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
SHAPES = [(), (1,), (2,), (7,), (40,), (0,), (3, 2), (0, 3), (2, 0, 3), (1, 1), (5, 5), (2, 3, 4), (1, 2, 1, 3)]
SHAPES += [(12, 12), (7, 3, 7), (30, 2), (1001,)]
CRITICAL = [0.1, 0.5, 1, 100.1, 999.99995, 1000, 1e8, 1e8 + 8, 1e-4, 9.9999e-5]
SPECIAL = [nan, inf, -inf, 0.0, -0.0, 5e-324, 1e-40, 3e38, 1.7e308]
OPTIONS = {
    "precision": [None, None, None, 0, 2, 6, 10],
    "threshold": [None, None, 0, 5, 20, math.inf],
    "edgeitems": [None, None, 0, 1, 2, 5],
    "linewidth": [None, None, 5, 20, 40, 100, 200],
    "sci_mode": [None, None, None, True, False],
    "profile": [None, "short", "full", "default"],
}


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def random_floats(rng, count):
    """Float64 values of a random scale and kind, some of them replaced by special ones."""
    values = rng.standard_normal(count) * 10.0 ** rng.integers(-9, 10)
    kinds = [
        lambda: values,
        lambda: np.abs(values),
        lambda: np.round(values),
        lambda: rng.integers(-5, 6, count).astype(np.float64),
        lambda: values * 10.0 ** rng.integers(-4, 5, count),
        lambda: rng.choice(CRITICAL, count),
    ]
    is_special = rng.random(count) < rng.choice([0, 0, 0.2, 1])
    return np.where(is_special, rng.choice(SPECIAL, count), pick(rng, kinds)())


def random_array(rng, dtype_name, shape):
    """Random values of the dtype; bfloat16 ones not yet rounded, in float32."""
    count = math.prod(shape)
    if dtype_name == "bool":
        return (rng.random(count) < 0.5).reshape(shape)
    if dtype_name in INTEGERS:
        info, bound = np.iinfo(dtype_name), pick(rng, [3, 100, 10**6, 2**62])
        low, high = max(info.min, -bound), min(info.max, bound)
        return rng.integers(low, high, shape, endpoint=True).astype(dtype_name)
    values = random_floats(rng, count)
    if dtype_name.startswith("complex"):
        values = values.astype(np.complex128)
        values.imag = random_floats(rng, count)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return values.reshape(shape).astype("float32" if dtype_name == "bfloat16" else dtype_name)


def text_of(values, **keywords):
    return tensor_str(values, **{"dtype_name": values.dtype.name, "default_dtype_name": "float32", **keywords})


@pytest.fixture
def torch_printing():
    set_printoptions(profile="default")
    yield torch._tensor_str
    torch._tensor_str.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("dtype_name", ["bool", *INTEGERS, *FLOATS, "complex64", "complex128"])
def test_random_tensors_print_as_in_torch(torch_printing, dtype_name):
    rng = np.random.default_rng(sum(dtype_name.encode()))
    for _ in range(300):
        tensor = torch.from_numpy(random_array(rng, dtype_name, pick(rng, SHAPES))).to(getattr(torch, dtype_name))
        values = tensor.float().numpy() if dtype_name == "bfloat16" else tensor.numpy()
        keywords = {"dtype_name": dtype_name, "default_dtype_name": pick(rng, FLOATS)}
        if dtype_name not in ("bool", *INTEGERS):
            history = rng.integers(3)
            tensor.requires_grad_(bool(history > 0))
            keywords["requires_grad"] = tensor.requires_grad
            if history == 2:
                tensor = tensor.clone()
                keywords["grad_fn_name"] = "CloneBackward0"
        options = {name: pick(rng, choices) for name, choices in OPTIONS.items()}
        torch.set_default_dtype(getattr(torch, keywords["default_dtype_name"]))
        with torch_printing.printoptions(**options), printoptions(**options):
            assert get_printoptions() == torch_printing.get_printoptions()
            assert text_of(values, **keywords) == repr(tensor), (values, options, keywords)


def test_device_is_printed_as_in_torch(torch_printing, monkeypatch):
    monkeypatch.setattr(torch._C, "_get_default_device", lambda: "cuda")  # so that torch prints device='cpu'
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = random_array(rng, "float64", pick(rng, SHAPES))
        options = {name: pick(rng, choices) for name, choices in OPTIONS.items()}
        with torch_printing.printoptions(**options), printoptions(**options):
            assert text_of(values, device_text="cpu") == repr(torch.from_numpy(values)), (values, options)


def outcome(function):
    """What a call returns, or the type and the text of what it raises."""
    try:
        return function()
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("spec", ["", ".3f", "8.2e", ">12", "d", "x", "+", ",", "%"])
@pytest.mark.parametrize("dtype_name", ["bool", "int64", "float32", "complex64"])
def test_format_as_in_torch(dtype_name, spec):
    rng = np.random.default_rng(0)
    for shape in [(), (), (), (1,), (2, 2), (0,)]:
        values = random_array(rng, dtype_name, shape)
        tensor = torch.from_numpy(np.asarray(values))
        ours = partial(format_tensor, values, spec, text=partial(text_of, values))
        assert outcome(ours) == outcome(partial(format, tensor, spec))


def test_classes_as_in_torch():
    class Scale(torch.nn.Parameter):
        pass

    class Masked(torch.Tensor):
        pass

    values = np.array([[1.5, 2], [3, nan]], "float32")
    tensor = torch.from_numpy(values)
    text = text_of(values, requires_grad=True)
    assert parameter_str(text) == repr(torch.nn.Parameter(tensor))
    text = text_of(values, requires_grad=True, class_prefix="Scale(")
    assert parameter_str(text, "Scale") == repr(Scale(tensor))
    assert text_of(values, class_prefix="Masked(") == repr(tensor.as_subclass(Masked))
    assert size_repr(values.shape) == repr(tensor.shape)
