"""The cupy backend's own normalization: against float64 numpy and against backends/normalization.py."""

import numpy as np
import pytest

from plugrad.backends import cupy_kernels
from plugrad_kernel_checks import (
    DTYPES,
    TOLERANCE,
    assert_same,
    called,
    composed,
    fused,
    on_device,
    rounded,
    runs_kernels,
    simcupy,
    to_host,
)

pytestmark = runs_kernels


@pytest.fixture(params=[cupy_kernels.MOST_BLOCKS, 2], ids=["many-blocks", "two-blocks"])
def blocks(request, monkeypatch):
    """With two blocks every thread takes several elements."""
    monkeypatch.setattr(cupy_kernels, "MOST_BLOCKS", request.param)


def norm_cases():
    """name → (method, arguments without the arrays, shape, axes of the statistics, shape of a weight)."""
    for shape in ((6, 5), (4, 3, 35)):
        inner = (1,) * (len(shape) - 2)
        axes = tuple(i for i in range(len(shape)) if i != 1)
        yield f"batch_norm-{shape}", ("batch_norm", shape, axes, (shape[1], *inner))
    for shape, axes in (((40, 6), (1,)), ((4, 5, 6), (1, 2)), ((2, 2100), (1,)), ((5,), (0,))):
        yield f"layer_norm-{shape}-{axes}", ("layer_norm", shape, axes, shape[axes[0] :])
        yield f"rms_norm-{shape}-{axes}", ("rms_norm", shape, axes, shape[axes[0] :])
    yield "group_norm", ("group_norm", (3, 6, 10), None, (6, 1))


NORMS = dict(norm_cases())
EPS = 1e-3


def normalized(name, x, weight, bias, axes):
    """(y, mean, var) by numpy."""
    shape = x.shape
    if name == "group_norm":
        x, axes = x.reshape(3, 2, -1), (2,)
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    if name == "rms_norm":
        mean, var = 0, (x * x).mean(axes, keepdims=True)
    y = ((x - mean) / np.sqrt(var + EPS)).reshape(shape)
    return y * weight + bias, mean, var


@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", NORMS)
def test_norms(case, dtype, affine, blocks):
    name, shape, axes, weight_shape = NORMS[case]
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal(shape).astype(dtype) * 2 + 1 for _ in range(2))
    weight, bias = rng.standard_normal((2, *weight_shape)).astype(dtype)
    flat = weight_shape if name in ("layer_norm", "rms_norm") else (weight_shape[0],)
    given = (weight.reshape(flat), bias.reshape(flat)) if affine else (None, None)
    if not affine:
        weight, bias = np.ones(weight_shape), np.zeros(weight_shape)
    if name == "rms_norm":
        given, bias = given[:1], 0
    tail = {"batch_norm": (None, None, True, EPS), "group_norm": (2, EPS)}.get(name, (axes, EPS))
    found, launches = called(fused, name, (x, *given, *tail), dtype)
    casts = dtype == "float16" and affine  # weights are taken in the dtype that is computed in
    assert launches == 2 + casts * len(given)
    y, _, var = normalized(name, x.astype(float), weight.astype(float), bias, axes)
    np.testing.assert_allclose(found[0], y, rtol=20 * TOLERANCE[dtype], atol=20 * TOLERANCE[dtype])
    np.testing.assert_allclose(found[-1].ravel(), var.ravel(), rtol=1e-12 if dtype == "float64" else 1e-5)
    by_parts, _ = called(composed, name, rounded((x, *given, *tail), dtype), "float64")
    assert_same(found, by_parts, dtype, 20)
    assert found[0].dtype == dtype
    assert found[-1].dtype == ("float64" if dtype == "float64" else "float32")

    saved, wide = by_parts[1:], rounded((g, x, *given[:1]), dtype)
    rest = {"batch_norm": (True, EPS), "group_norm": (2, EPS)}.get(name, (axes, EPS))
    for needs in ((True, affine, affine), (False, True, True)):
        needs = needs[: 1 + len(given)]
        if name == "rms_norm":
            needs = needs[:2]
        # The statistics come in the dtype that is computed in.
        kept = [a.astype(found[-1].dtype) for a in saved]
        arrays = [on_device(fused, a, dtype) for a in (g, x, *given[:1])] + [on_device(fused, a) for a in kept]
        with simcupy.counting() as seen:
            made = getattr(fused, f"{name}_grad")(*arrays, *rest, needs)
        expected, _ = called(composed, f"{name}_grad", (*wide, *saved, *rest, needs), "float64")
        assert seen.launches <= {"batch_norm": 2, "rms_norm": 4}.get(name, 5) + 2 * (dtype == "float16")
        expected = [a if needed else None for a, needed in zip(expected, needs, strict=True)]
        assert_same(to_host(fused, made), expected, dtype, 100)


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_norm_with_given_statistics(dtype):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 4, 3, 5)).astype(dtype)
    weight, bias, mean, var = np.abs(rng.standard_normal((4, 3))).astype(dtype)
    args = (x, weight, bias, mean, var, False, EPS)
    found, launches = called(fused, "batch_norm", args, dtype)
    shape = (3, 1)
    y = (x - mean.reshape(shape)) / np.sqrt(var.astype(float) + EPS).reshape(shape) * weight.reshape(shape)
    assert_same(found[:1], [y + bias.reshape(shape)], dtype, 10)
    assert launches <= 7
    real = "float64" if dtype == "float64" else "float32"
    arrays = [on_device(fused, a, t) for a, t in ((g, dtype), (x, dtype), (weight, dtype), (mean, real), (var, real))]
    made = to_host(fused, fused.batch_norm_grad(*arrays, False, EPS, (True, True, True)))
    wide = rounded((g, x, weight, mean, var), dtype)
    assert_same(made, called(composed, "batch_norm_grad", (*wide, False, EPS, (True, True, True)), None)[0], dtype, 20)


NEEDS_ALL = (True, True, True)
TURNED = {
    "batch_norm": ((None, None, True, EPS), (True, EPS, NEEDS_ALL), (4,)),
    "layer_norm": (((1, 2), EPS), ((1, 2), EPS, NEEDS_ALL), (4, 5)),
    "group_norm": ((2, EPS), (2, EPS, NEEDS_ALL), (4,)),
}


@pytest.mark.parametrize("name", TURNED)
def test_arrays_that_do_not_lie_in_order(name):
    forward, backward, weight_shape = TURNED[name]
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 5, 4, 3))
    weight, bias = rng.standard_normal((2, *weight_shape[::-1]))

    def both(order):
        turned = [order(a) for a in (g, x, weight, bias)]
        made = getattr(fused, name)(*turned[1:], *forward)
        return to_host(fused, made) + to_host(
            fused, getattr(fused, f"{name}_grad")(*turned[:3], *made[1:], *backward)
        )  # fmt: skip

    expected = both(lambda a: fused.from_host(np.ascontiguousarray(a.T)))
    assert_same(both(lambda a: fused.from_host(a).T), expected, "float64")


def test_statistics_that_are_kept_do_not_follow_the_running_ones():
    x, running = fused.ones((4, 3), fused.float32), fused.ones((3,), fused.float32)
    _, mean, _ = fused.batch_norm(x, None, None, running, running, False, EPS)
    fused.running_update(running, fused.zeros((3,), fused.float32), 0.5)
    assert fused.to_host(mean).tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_running_update(dtype):
    real = "float64" if dtype == "float64" else "float32"
    running, value = np.linspace(-1, 2, 300).astype(dtype), np.linspace(3, 1, 300).astype(real)
    there = fused.from_host(running.copy())
    with simcupy.counting() as seen:
        fused.running_update(there, fused.from_host(value), 0.3)
    assert seen.launches == 1
    assert_same([fused.to_host(there)], [0.7 * running.astype(float) + 0.3 * value.astype(float)], dtype)
    other = fused.from_host(running.copy())
    fused.running_update(other, fused.from_host(np.ones(300, "float16")), 0.25)  # no kernel for these two dtypes
    assert_same([fused.to_host(other)], [0.75 * running.astype(float) + 0.25], dtype)
