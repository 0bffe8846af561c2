"""What the property tests share: their settings, shapes and keys drawn at random, values both ways."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from plugrad_testing import on


def fixed(max_examples):
    """Settings for so many examples, the same ones in every run: no clock, no seed of the day, no database."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def leaf(array):
    """A tensor with a copy of a numpy array, which takes a gradient."""
    return on(array, requires_grad=True)


def constant(array):
    """A tensor with a copy of a numpy array."""
    return on(array)


def host(t):
    """The values as numpy has them."""
    return t.detach().cpu().numpy()


def uniform(seed, shape):
    """float64 values in [-1, 1), the same for the same seed."""
    return np.asarray(np.random.default_rng(seed).uniform(-1, 1, shape))


def shapes(min_size=1, max_rank=4, max_size=4, min_rank=0):
    """Tuples of sizes."""
    return st.lists(st.integers(min_size, max_size), min_size=min_rank, max_size=max_rank).map(tuple)


def summed_to(array, shape):
    """The transpose of broadcasting from ``shape``: the sum over what was repeated."""
    array = array.sum(tuple(range(array.ndim - len(shape))))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
    return array.sum(repeated, keepdims=True) if repeated else array


seeds = st.integers(0, 2**16)
