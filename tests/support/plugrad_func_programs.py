"""Programs of function transforms, run with plugrad and with torch."""

import collections
import importlib

import numpy as np

import plugrad
from plugrad.core.pytree import flatten


def both_libraries():
    return plugrad, importlib.import_module("torch")


def func_of(library):
    return plugrad.func if library is plugrad else importlib.import_module("torch.func")


def to(library, value):
    """Arrays inside a nest as tensors of a library."""
    if isinstance(value, np.ndarray):
        return library.tensor(
            value.tolist(), dtype=getattr(library, value.dtype.name if value.dtype != bool else "bool")
        )
    if isinstance(value, (tuple, list)):
        return type(value)(to(library, v) for v in value)
    if isinstance(value, dict):
        return {k: to(library, v) for k, v in value.items()}
    return value


def leaves_of(tree):
    """(structure as text, leaves); torch's named results count as tuples."""
    if isinstance(tree, tuple) and type(tree) is not tuple and not hasattr(tree, "_fields"):
        tree = tuple(tree)
    leaves, structure = flatten(tree)
    return repr(structure), leaves


def assert_same(ours, theirs):
    ours, theirs = leaves_of(ours), leaves_of(theirs)
    assert ours[0] == theirs[0]
    for a, b in zip(ours[1], theirs[1], strict=True):
        if not hasattr(b, "dtype"):
            assert a == b
            continue
        assert str(a.dtype) == str(b.dtype)
        assert tuple(a.shape) == tuple(b.shape)
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10)


def both(program, *arrays):
    """Run a program of (library, its func module, tensors) with either library and compare what it returns."""
    results = [program(library, func_of(library), *to(library, arrays)) for library in both_libraries()]
    assert_same(*results)


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, shape)


def ints(high, *shape):
    return np.random.default_rng(shape).integers(0, high, shape)


X, Y, W, M = draw(4, 3), draw(4, 3, seed=1), draw(3, 5), draw(4, 3, 3)


def outcome(call):
    try:
        return call()
    except Exception as error:  # whatever it is, it is compared
        return type(error).__name__, str(error)


def same_outcome(ours, theirs):
    if isinstance(theirs, tuple) and isinstance(theirs[0], str):
        assert ours == theirs
    else:
        assert_same(ours, theirs)


Point = collections.namedtuple("Point", "a b")


def written(target, a):
    target[0] = a[1]
    target[1:] = a[1:] * 2
    return target
