"""The example of a third-party backend: everything stays on its arrays, and its indexing is numpy's."""

import numpy as np
import pytest

import plugrad
from plugrad.backends import registry
from plugrad.core.device import space
from plugrad_testing import assert_close, assert_values, import_plugin, on, raw, registered

array_api_strict = pytest.importorskip("array_api_strict")


@pytest.fixture(scope="module", autouse=True)
def strict():
    """The namespace, whether or not the plugin is installed."""
    (spec,) = import_plugin("plugrad_strict").plugrad_backends()
    if "strict" in registry.available_backends():
        yield space("strict")
        return
    with registered(spec):
        yield space("strict")


# --- no way round it ---
def test_numpy_cannot_read_the_arrays(strict):
    t = plugrad.ones(3, device="strict")
    assert type(t._a) is strict.array_type
    for read in (np.asarray, np.sin, lambda a: np.ones(3) + a):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            read(t._a)
    with pytest.raises(TypeError, match="can't convert strict:0 device type tensor to numpy"):
        t.numpy()


def test_host_conversion_copies_both_ways(strict):
    source = np.arange(3.0)
    t = on(source, "strict")
    source[0] = 9
    host = t._host()
    host[1] = 9
    assert t.tolist() == [0.0, 1.0, 2.0]


def test_dtypes_and_devices(strict):
    for name in "bool uint8 int8 int16 int32 int64 float32 float64 complex64 complex128".split():
        a = np.ones(2, name)
        assert_close(on(a, "strict"), a, device="strict")
    with pytest.raises(NotImplementedError, match="backend 'strict' has no dtype float16"):
        plugrad.ones(2, dtype=plugrad.float16, device="strict")
    with pytest.raises(RuntimeError, match="at least two devices, strict:0 and cpu"):
        plugrad.ones(2, device="strict") + plugrad.ones(2, device="cpu")


# --- indexing ---
def random_key(rng, shape):
    """A random key of numpy's kind, basic or advanced."""
    key, axis, picked = [], 0, rng.choice([0, 1, 2])
    batch = [(), (2,), (2, 3)][rng.integers(3)]
    while axis < len(shape):
        n = shape[axis]
        kind = rng.integers(6)
        if kind == 0:
            key.append(None)
            continue
        if kind == 1 and Ellipsis not in [k for k in key if not isinstance(k, np.ndarray)]:
            key.append(...)
            axis += rng.integers(len(shape) - axis + 1)
            continue
        if kind == 2:
            key.append(int(rng.integers(-n, n)))
        elif kind == 3 and picked:
            key.append(rng.integers(-n, n, batch))
        else:
            start, stop = rng.integers(-5, 6, 2)
            key.append(slice(int(start), int(stop), [1, 2, -1][rng.integers(3)]) if kind == 4 else slice(None))
        axis += 1
    return tuple(key)


@pytest.mark.parametrize("seed", range(150))
def test_indexing_is_numpys(strict, seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
    a, key = rng.standard_normal(shape), random_key(rng, shape)
    expected = a[key]
    ours = strict.from_host(a)
    assert_values(strict.to_host(strict.getitem(ours, raw(strict, key))), expected, rtol=0)
    values = rng.standard_normal(expected.shape)
    stored, added = a.copy(), a.copy()
    stored[key] = values
    strict.setitem(ours, raw(strict, key), strict.from_host(values))
    assert_values(strict.to_host(ours), stored, rtol=0)
    np.add.at(added, key, values)
    ours = strict.from_host(a)
    strict.add_at(ours, raw(strict, key), strict.from_host(values))
    assert_values(strict.to_host(ours), added, rtol=1e-14)


def test_bool_arrays_as_keys(strict):
    a, mask = np.arange(6.0).reshape(2, 3), np.array([[True, False, True], [False, False, True]])
    ours = strict.from_host(a)
    assert_values(strict.to_host(strict.getitem(ours, strict.from_host(mask))), a[mask], rtol=0)
    strict.setitem(ours, strict.from_host(mask), -1.0)
    a[mask] = -1
    assert_values(strict.to_host(ours), a, rtol=0)


def test_a_basic_key_gives_a_view(strict):
    ours = strict.from_host(np.zeros((2, 3)))
    for key in ((0, 1), (slice(None), slice(5, 0, -1)), (..., 0), (None, 1)):
        strict.assign(strict.getitem(ours, key), strict.full((), 1.0, strict.float64))
    assert_values(strict.to_host(ours), np.array([[1, 1, 1], [1, 1, 1]]), rtol=0)


def test_out_of_range_is_an_error(strict):
    ours = strict.from_host(np.zeros(3))
    for key in (3, -4, (strict.from_host(np.array([0, 3])),)):
        with pytest.raises(IndexError, match="out of bounds"):
            strict.getitem(ours, key)


# --- the whole stack on it ---
def test_training_stays_on_the_backend(strict):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((8, 3))
    x, y = on(inputs, "strict"), on(inputs @ rng.standard_normal((3, 1)), "strict")
    w = on(rng.standard_normal((3, 1)), "strict", requires_grad=True)
    optimizer = plugrad.optim.SGD([w], lr=0.1, momentum=0.9)
    losses = []
    for _ in range(20):
        loss = ((x @ w - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        for t in (loss, w, w.grad):
            assert type(t._a) is strict.array_type
            assert t._a.device == array_api_strict.Device("device1")
    assert losses[-1] < losses[0] / 2
