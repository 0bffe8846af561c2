"""Sums of what is scattered to the same place: right for every key, and large ones never by the slow way."""

import numpy as np
import pytest

import plugrad
from plugrad.backends import numpy_scatter
from plugrad_testing import assert_close, assert_values, on

pytestmark = pytest.mark.cpu

N, ROWS, WIDTH = 600, 50, 24
RNG = np.random.default_rng(0)
INDEX = RNG.integers(-ROWS, ROWS, N)
MASK = RNG.uniform(-1, 1, (ROWS, WIDTH)) > 0
KEYS = {
    "rows": (INDEX,),
    "rows, the rest named": (INDEX, slice(None)),
    "a matrix of rows": (INDEX.reshape(30, 20), ...),
    "columns": (slice(None), INDEX % WIDTH),
    "some columns of some rows": (slice(1, None, 2), INDEX % WIDTH),
    "pairs": (INDEX, INDEX % WIDTH),
    "a grid": (INDEX[:, None], np.arange(0, WIDTH, 2)),
    "a mask": (MASK,),
    "rows beside none": (None, INDEX),
    "no arrays": (slice(None, None, 2), ...),
}


@pytest.fixture
def without_the_slow_way(monkeypatch):
    def refuse(a, key, value):
        raise AssertionError(f"add.at of {value.size} elements by {len(key)} index arrays")

    monkeypatch.setattr(numpy_scatter, "by_any_key", refuse)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "complex64"])
@pytest.mark.parametrize("name", KEYS)
def test_add_at(xp, name, dtype, without_the_slow_way):
    a = RNG.integers(-4, 5, (ROWS, WIDTH)).astype(dtype)
    value = RNG.integers(-4, 5, a[KEYS[name]].shape).astype(dtype)
    expected = a.astype("complex128" if dtype == "complex64" else "float64")
    np.add.at(expected, KEYS[name], value)
    xp.add_at(a, KEYS[name], value)
    assert_values(a, expected.astype(dtype), rtol=0)


@pytest.mark.parametrize("few", [3, N])
def test_memory_that_lies_apart_and_values_that_broadcast(xp, few):
    memory = np.zeros((WIDTH, ROWS))
    a, key = memory.T, (INDEX[:few],)
    xp.add_at(a, key, np.ones(WIDTH))
    assert_values(memory.sum(1), np.full(WIDTH, float(few)), rtol=0)
    b = np.zeros((ROWS, WIDTH))
    xp.add_at(b, key, np.ones((1, WIDTH)))
    assert_values(b, memory.T, rtol=0)


def test_most_rows_met_once_or_often(xp):
    for index in (RNG.permutation(5000)[:400], np.zeros(400, int), np.concatenate((np.arange(399), [7]))):
        a, y = np.ones((5000, 9)), RNG.uniform(-1, 1, (400, 9))
        expected = a.copy()
        np.add.at(expected, index, y)
        xp.add_at(a, (index,), y)
        assert_values(a, expected, rtol=1e-14)


def backward(function, *shapes):
    """The gradients of the weighted sum of a function, as float64 tensors."""
    inputs = [on(RNG.uniform(-1, 1, shape), requires_grad=True) for shape in shapes]
    made = function(*inputs)
    weights = RNG.uniform(-1, 1, tuple(made.shape))
    return inputs, made, plugrad.autograd.grad(made, inputs, on(weights)), weights


def test_large_ops_take_the_fast_way(without_the_slow_way):
    index, columns = on(INDEX % ROWS), on(RNG.integers(0, WIDTH, (ROWS, N)))
    (x, s), made, _, _ = backward(lambda x, s: x.index_add(0, index, s), (ROWS, WIDTH), (N, WIDTH))
    expected = x._host().copy()
    np.add.at(expected, INDEX % ROWS, s._host())
    assert_close(made.detach(), expected, rtol=1e-12, atol=1e-13)
    (x, s), made, _, _ = backward(lambda x, s: x.scatter_add(1, columns, s), (ROWS, WIDTH), (ROWS, N))
    expected = x._host().copy()
    np.add.at(expected, (np.arange(ROWS)[:, None], columns._host()), s._host())
    assert_close(made.detach(), expected, rtol=1e-12, atol=1e-12)
    (x, v), made, _, _ = backward(lambda x, v: x.index_put((index, index % WIDTH), v, True), (ROWS, WIDTH), (N,))
    expected = x._host().copy()
    np.add.at(expected, (INDEX % ROWS, INDEX % ROWS % WIDTH), v._host())
    assert_close(made.detach(), expected, rtol=1e-12, atol=1e-13)
    gathers = {
        "getitem": (lambda x: x[index], (INDEX % ROWS,)),
        "gather": (lambda x: x.gather(1, columns), (np.arange(ROWS)[:, None], columns._host())),
        "embedding": (lambda x: plugrad.nn.functional.embedding(index, x), (INDEX % ROWS,)),
    }
    for function, key in gathers.values():
        _, _, (g,), weights = backward(function, (ROWS, WIDTH))
        expected = np.zeros((ROWS, WIDTH))
        np.add.at(expected, key, weights)
        assert_close(g, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reduce", ["prod", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce(xp, reduce, include_self):
    x, y, index = RNG.uniform(0.5, 1.5, (4, 9)), RNG.uniform(0.5, 1.5, (3, 40)), RNG.integers(0, 9, (3, 40))
    found = xp.scatter_reduce(np.asfortranarray(x), y, index, 1, reduce, include_self)
    function, expected = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce], x.copy()
    for i in range(3):
        for place in range(9):
            brought = [*([x[i, place]] if include_self else []), *y[i, index[i] == place]]
            if brought:
                expected[i, place] = function.reduce(brought)
    assert_values(found, expected, rtol=1e-13)
