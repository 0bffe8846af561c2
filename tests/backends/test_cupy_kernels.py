"""The cupy backend's own activations, softmax and losses: against float64 numpy and the compositions."""

import math

import numpy as np
import pytest

from plugrad.backends import cupy_kernels, cupy_source
from plugrad_kernel_checks import (
    DTYPES,
    TOLERANCE,
    assert_same,
    called,
    composed,
    fused,
    rounded,
    runs_kernels,
    simcupy,
)

pytestmark = runs_kernels


@pytest.fixture(params=[cupy_kernels.MOST_BLOCKS, 2], ids=["many-blocks", "two-blocks"])
def blocks(request, monkeypatch):
    """With two blocks every thread takes several elements."""
    monkeypatch.setattr(cupy_kernels, "MOST_BLOCKS", request.param)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x, beta=1.0, threshold=20.0):
    return np.where(x * beta > threshold, x, np.log1p(np.exp(np.minimum(x * beta, threshold))) / beta)


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


erf = np.vectorize(math.erf, otypes=[float])
FORMULAS = {
    "erf": (erf, ()),
    "step": (lambda x: (x > 0) * 1.0, ()),
    "sigmoid": (sigmoid, ()),
    "log_sigmoid": (lambda x: np.log(sigmoid(x)), ()),
    "silu": (lambda x: x * sigmoid(x), ()),
    "softplus": (softplus, (2, 3)),
    "mish": (lambda x: x * np.tanh(softplus(x)), ()),
    "elu": (lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)), (0.7,)),
    "leaky_relu": (lambda x, slope: np.where(x > 0, x, slope * x), (0.1,)),
    "gelu": (lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, ()),
    "gelu_tanh": (gelu_tanh, ()),
}
GRADIENTS = {"silu_grad": "silu", "mish_grad": "mish", "gelu_grad": "gelu", "gelu_tanh_grad": "gelu_tanh"}


def test_every_elementwise_kernel_has_a_formula():
    assert set(FORMULAS) | set(GRADIENTS) == set(cupy_source.ELEMENTWISE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_activations(name, dtype, blocks):
    formula, numbers = FORMULAS[name]
    x = np.random.default_rng(0).uniform(-5, 5, (13, 100)).astype(dtype)
    (found,), launches = called(fused, name, (x, *numbers), dtype)
    assert found.dtype == dtype
    assert launches == 1
    assert_same([found], [formula(x.astype(float), *numbers)], dtype, 10)
    (by_parts,), _ = called(composed, name, (x.astype(float), *numbers), "float64")
    assert_same([found], [by_parts], dtype, 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_activations(name, dtype):
    g, x = np.random.default_rng(0).uniform(-4, 4, (2, 700)).astype(dtype)
    (found,), launches = called(fused, name, (g, x), dtype)
    assert launches == 1
    formula, wide = FORMULAS[GRADIENTS[name]][0], x.astype(float)
    slope = (formula(wide + 1e-5) - formula(wide - 1e-5)) / 2e-5
    np.testing.assert_allclose(found, g * slope, rtol=1e-8 + TOLERANCE[dtype] * 5, atol=1e-8 + TOLERANCE[dtype] * 5)
    (by_parts,), _ = called(composed, name, (g.astype(float), x.astype(float)), "float64")
    assert_same([found], [by_parts], dtype, 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_far_out_values(name, dtype):
    x = np.array([0.0, -0.0, 30, -30, 1e4, -1e4, np.inf, -np.inf, np.nan], dtype)
    args = (x, *FORMULAS[name][1])
    (found,), _ = called(fused, name, args, dtype)
    (expected,), _ = called(composed, name, (x.astype(float), *args[1:]), "float64")
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(found, expected.astype(dtype), rtol=TOLERANCE[dtype], atol=1e-30)


def test_elements_that_do_not_lie_side_by_side():
    x = np.arange(12.0).reshape(3, 4)
    with simcupy.counting() as seen:
        made = fused.sigmoid(fused.from_host(x).T[:, ::2])
    np.testing.assert_allclose(fused.to_host(made), sigmoid(x.T[:, ::2]), rtol=1e-14)
    assert seen.launches == 2  # a copy comes before


@pytest.mark.parametrize("name", ["sigmoid", "silu", "softmax", "log_softmax"])
def test_what_no_kernel_takes_is_composed(name):
    axis = (1,) if "softmax" in name else ()
    arrays = {"complex": np.ones((2, 3), "complex64") * (1 + 2j), "empty": np.ones((0, 3), "float32")}
    arrays |= {} if axis else {"0-d complex": np.array(1 + 2j)}
    for key, x in arrays.items():
        if axis and key == "complex":
            continue
        (found,), _ = called(fused, name, (x, *axis), None)
        (expected,), _ = called(composed, name, (x, *axis), None)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


# --- softmax ---
def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [((5, 7), 1), ((5, 7), 0), ((2, 33, 3), 1), ((2, 5000), 1), ((3,), 0)])
def test_softmax(shape, axis, dtype, blocks):
    rng = np.random.default_rng(0)
    g, x = rng.standard_normal(shape).astype(dtype), (rng.standard_normal(shape) * 5).astype(dtype)
    y = softmax(x.astype(float), axis)
    log_y, wide = np.log(y), g.astype(float)
    y16, log_y16 = y.astype(dtype), log_y.astype(dtype)
    cases = {
        "softmax": ((x, axis), y),
        "log_softmax": ((x, axis), log_y),
        "softmax_grad": ((g, y16, axis), y * (wide - (wide * y).sum(axis, keepdims=True))),
        "log_softmax_grad": ((g, log_y16, axis), wide - y * wide.sum(axis, keepdims=True)),
    }
    for name, (args, expected) in cases.items():
        found, launches = called(fused, name, args, dtype)
        assert launches == 1
        assert_same(found, [expected], dtype, 20)
        assert_same(found, called(composed, name, args, "float64")[0], dtype, 20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_values_whose_exp_overflows(dtype):
    x = np.linspace(-3000, 3000, 100)[None].astype(dtype)  # the largest is the last: no thread may miss it
    wide = x.astype(float)
    assert_same(called(fused, "softmax", (x, 1), dtype)[0], [softmax(wide, 1)], dtype)
    expected = wide - 3000 - np.log(np.exp(wide - 3000).sum())
    assert_same(called(fused, "log_softmax", (x, 1), dtype)[0], [expected], dtype)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_values_that_are_not_finite(name):
    x = np.array([[0, -np.inf, 1], [-np.inf] * 3, [np.inf, 0, 1], [np.nan, 0, 1], [1, 2, np.nan], [1e30, 0, -1e30]])
    (found,), _ = called(fused, name, (x, 1), "float32")
    (expected,), _ = called(composed, name, (x, 1), "float32")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# --- negative log likelihood ---
def nll(x, target, weight, ignored):
    """(loss, weight) per sample by loops; x (N, C, places)."""
    loss, each = np.zeros(target.shape), np.zeros(target.shape)
    for n, place in np.ndindex(target.shape):
        t = target[n, place]
        if t != ignored:
            each[n, place] = weight[t]
            loss[n, place] = -weight[t] * x[n, t, place]
    return loss, each


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("shape", [(9, 4), (5, 4, 3, 7), (4,)])
def test_nll_loss(shape, reduction, weighted, dtype, blocks):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    classes = shape[0] if len(shape) == 1 else shape[1]
    target_shape = () if len(shape) == 1 else (shape[0], *shape[2:])
    target = np.asarray(rng.integers(0, classes, target_shape))
    if target.ndim:
        target.ravel()[[0, 3]] = -100
    weight = rng.uniform(0.5, 2, classes).astype(dtype) if weighted else None
    loss, each = nll(
        x.astype(float).reshape(-1 if len(shape) > 1 else 1, classes, math.prod(shape[2:])),
        target.reshape(shape[0] if len(shape) > 1 else 1, -1),
        np.ones(classes) if weight is None else weight.astype(float),
        -100,
    )
    expected = {"none": loss.reshape(target_shape), "sum": loss.sum(), "mean": loss.sum() / each.sum()}[reduction]
    args = (x, target, weight, reduction, -100)
    found, launches = called(fused, "nll_loss", args, dtype)
    assert launches == {"none": 1, "sum": 2, "mean": 4}[reduction] + (dtype == "float16")  # rounded once, at the end
    assert_same(found, [np.asarray(expected)], dtype, 10)
    assert_same(found, called(composed, "nll_loss", rounded(args, dtype), None)[0], dtype, 10)

    g = rng.standard_normal(target_shape if reduction == "none" else ()).astype(dtype) * np.ones((), dtype)
    args = (np.asarray(g), target, weight, reduction, -100, shape)
    found, launches = called(fused, "nll_loss_backward", args, dtype)
    assert launches == (3 if reduction == "mean" else 1)
    assert_same(found, called(composed, "nll_loss_backward", rounded(args, dtype), None)[0], dtype, 10)


def test_a_mean_of_half_precision_goes_by_way_of_a_large_sum():
    x = np.full((4000, 2), -50, "float16")  # their sum is beyond float16
    (found,), _ = called(fused, "nll_loss", (x, np.zeros(4000, int), None, "mean", -100), "float16")
    assert (found, found.dtype) == (50, np.float16)


def test_classes_out_of_range_wrap_as_indices_do():
    x, target = np.arange(12.0).reshape(3, 4), np.array([5, -1, 2])
    args = (x, target, None, "none", -100)
    assert_same(called(fused, "nll_loss", args, None)[0], called(composed, "nll_loss", args, None)[0], "float64")


def test_targets_of_other_integer_dtypes():
    x, target = np.arange(12.0).reshape(3, 4), np.array([1, 0, 3], "uint8")
    assert called(fused, "nll_loss", (x, target, None, "none", -100), None)[0][0].tolist() == [-1, -4, -11]
