"""The cupy backend's own kernels over sliding windows: against loops in numpy and against the compositions."""

import itertools

import numpy as np
import pytest

from plugrad.backends import cupy_kernels
from plugrad_kernel_checks import DTYPES, assert_same, called, composed, fused, runs_kernels

pytestmark = runs_kernels

#: (spatial sizes, kernel, stride, padding, dilation)
WINDOWS = {
    "1d": ((9,), (3,), (2,), (1,), (1,)),
    "plain": ((6, 5), (2, 3), (1, 1), (0, 0), (1, 1)),
    "one tap": ((4, 5), (1, 1), (1, 1), (0, 0), (1, 1)),
    "strided": ((7, 8), (3, 2), (2, 3), (1, 0), (1, 1)),
    "dilated": ((9, 8), (3, 2), (2, 1), (1, 1), (2, 3)),
    "gaps": ((9, 9), (1, 2), (3, 4), (0, 1), (1, 1)),
}


@pytest.fixture(params=[cupy_kernels.MOST_BLOCKS, 2], ids=["many-blocks", "two-blocks"], autouse=True)
def blocks(request, monkeypatch):
    """With two blocks every thread takes several elements."""
    monkeypatch.setattr(cupy_kernels, "MOST_BLOCKS", request.param)


def taps(size, kernel, stride, padding, dilation):
    """(tap, window, position) for every meeting of a tap and an element, and the number of windows."""
    count = [
        (s + 2 * p - d * (k - 1) - 1) // t + 1
        for s, k, t, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    ]
    met = []
    for tap in np.ndindex(*kernel):
        for window in np.ndindex(*count):
            at = tuple(o * t - p + k * d for o, t, p, k, d in zip(window, stride, padding, tap, dilation, strict=True))
            if all(0 <= a < s for a, s in zip(at, size, strict=True)):
                met.append((tap, window, at))
    return met, tuple(count)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WINDOWS)
def test_columns_and_back(name, dtype):
    size, kernel, *rest = WINDOWS[name]
    met, count = taps(size, kernel, *rest)
    rng = np.random.default_rng(0)
    x, columns = rng.standard_normal((3, 4, *size)).astype(dtype), np.zeros((3, 4, *kernel, *count))
    for tap, window, at in met:
        columns[(..., *tap, *window)] = x[(..., *at)]
    found, launches = called(fused, "im2col", (x, kernel, *rest), dtype)
    assert launches == 1
    assert_same(found, [columns], dtype)
    assert_same(found, called(composed, "im2col", (x, kernel, *rest), dtype)[0], dtype)

    columns = rng.standard_normal(columns.shape).astype(dtype)
    back = np.zeros(x.shape)
    for tap, window, at in met:
        back[(..., *at)] += columns[(..., *tap, *window)]
    found, launches = called(fused, "col2im", (columns, size, *rest), dtype)
    assert launches == 1
    assert_same(found, [back], dtype, 10)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["1d", "plain", "one tap", "overlapping", "gaps"])
def test_maxima(name, dtype, ceil_mode):
    size, kernel, *rest = {**WINDOWS, "overlapping": ((8, 7), (3, 3), (2, 2), (1, 1), (1, 1))}[name]
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 3, (2, 3, *size)).astype(dtype)  # many are equal: the first counts
    args = (x, kernel, *rest, ceil_mode)
    expected, _ = called(composed, "max_pool_with_indices", args, dtype)
    found, launches = called(fused, "max_pool_with_indices", args, dtype)
    assert launches == 1
    assert_same(found, expected, dtype)
    assert found[1].dtype == np.int64
    assert_same(called(fused, "max_pool", args, dtype)[0], expected[:1], dtype)
    if not ceil_mode:
        met, count = taps(size, kernel, *rest)
        tops = np.full((2, 3, *count), -np.inf)
        for _, window, at in met:
            tops[(..., *window)] = np.maximum(tops[(..., *window)], x[(..., *at)])
        assert_same(found[:1], [tops], dtype)

    g = rng.standard_normal(found[0].shape).astype(dtype)
    args = (g, x, found[0], *args[1:])
    made, launches = called(fused, "max_pool_grad", args, dtype)
    assert launches == 2
    by_loops = np.zeros(x.shape)
    flat = by_loops.reshape(2, 3, -1)
    for place in np.ndindex(g.shape):
        flat[(*place[:2], found[1][place])] += g[place]
    assert_same(made, [by_loops], dtype, 10)


def test_nan_is_the_maximum():
    x = np.array([[1, np.nan, 3, 2, 5, 4], [0, 1, np.nan, np.nan, 2, 2]])[None]
    args = (x, (2, 2), (1, 1), (0, 0), (1, 1), False)
    found, _ = called(fused, "max_pool_with_indices", args, "float64")
    expected, _ = called(composed, "max_pool_with_indices", args, "float64")
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_more_axes_and_whole_numbers_are_composed():
    x = np.arange(2 * 4 * 4 * 4.0).reshape(1, 2, 4, 4, 4)
    three = ((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1))
    whole = (x[:, :, 0].astype("int32"), *((a[:2]) for a in three), False)
    for name, args in (("im2col", (x, *three)), ("max_pool", (x, *three, False)), ("max_pool", whole)):
        assert_same(called(fused, name, args, None)[0], called(composed, name, args, None)[0], "float64")


@pytest.mark.parametrize(("name", "more"), [("im2col", ()), ("max_pool", (False,))])
def test_windows_that_do_not_fit_raise(name, more):
    x = np.ones((1, 1, 2, 2), "float32")
    messages = []
    for xp in (fused, composed):
        with pytest.raises(ValueError, match="does not fit into") as caught:
            called(xp, name, (x, (3, 3), (1, 1), (0, 0), (1, 1), *more), None)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_sums_are_the_same_at_every_run():
    columns = np.random.default_rng(0).standard_normal((2, 3, 3, 3, 6, 6)).astype("float32")
    args = (columns, (6, 6), (1, 1), (1, 1), (1, 1))
    first, second = (called(fused, "col2im", args, "float32")[0][0] for _ in range(2))
    assert (first == second).all()


def test_every_combination_of_small_numbers():
    for kernel, stride, padding, dilation in itertools.product((1, 2, 3), (1, 2, 3), (0, 1, 2), (1, 2)):
        size = (8,)
        args = (np.arange(16.0).reshape(1, 2, 8), (kernel,), (stride,), (padding,), (dilation,))
        columns = called(fused, "im2col", args, "float64")[0]
        assert_same(columns, called(composed, "im2col", args, "float64")[0], "float64")
        back = (columns[0], size, *args[2:])
        assert_same(called(fused, "col2im", back, None)[0], called(composed, "col2im", back, None)[0], "float64")
