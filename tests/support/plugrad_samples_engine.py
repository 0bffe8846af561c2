"""Samples of shifts, windows, order statistics and norms; the format is in plugrad_op_checks.py."""

import math

import numpy as np

SHAPE = (3, 4)


def numbers(rng, shape=SHAPE):
    """Apart from each other and from zero, so that orders and signs do not change under small moves."""
    values = np.linspace(0.3, 2.0, int(np.prod(shape)))
    return (rng.permutation(values) * rng.choice([-1.0, 1.0], values.size)).reshape(shape)


def whole(rng, low, high, shape=SHAPE):
    return rng.integers(low, high, shape)


def shifts():
    return [
        lambda rng: ([whole(rng, -9, 9), whole(rng, 0, 5)], ()),
        lambda rng: ([whole(rng, -9, 9), whole(rng, 0, 5, (4,))], ()),
        lambda rng: ([whole(rng, -9, 9, ()), whole(rng, 0, 5, ())], ()),
        lambda rng: ([whole(rng, -9, 9), 2], ()),
    ]


WINDOWS = ((0, 2, 1), (1, 3, 1), (1, 2, 2), (1, 1, 3), (0, 3, 1))
PLACES = ((1, 0, False), (2, 1, False), (4, 1, True), (3, 0, True))
NORMS = (
    (1.0, (1,), False),
    (1.5, (0,), True),
    (3.0, None, False),
    (math.inf, (1,), False),
    (-math.inf, (0,), True),
    (-1.0, (1,), False),
)

SAMPLES = {
    "bitwise_left_shift": shifts(),
    "bitwise_right_shift": shifts(),
    "unfold_": [lambda rng, w=w: ([numbers(rng)], w) for w in WINDOWS],
    "unfold_copy_": [lambda rng, w=w: ([numbers(rng)], w) for w in WINDOWS],
    "kth_": [lambda rng, p=p: ([numbers(rng)], p) for p in PLACES] + [lambda rng: ([numbers(rng, ())], (1, 0, False))],
    "power_norm_": [lambda rng, n=n: ([numbers(rng)], n) for n in NORMS],
}


def windows(x, axis, size, step):
    found = np.lib.stride_tricks.sliding_window_view(x, size, axis)
    return found[(slice(None),) * axis + (slice(None, None, step),)]


def kth(x, k, axis, keepdims):
    if not x.ndim:
        return x, np.zeros((), np.int64)
    at = np.take(np.argsort(x, axis, kind="stable"), [k - 1], axis)
    values = np.take_along_axis(x, at, axis)
    return (values, at) if keepdims else (values.squeeze(axis), at.squeeze(axis))


def power_norm(x, p, axes, keepdims):
    size = np.abs(x)
    if math.isinf(p):
        return (np.max if p > 0 else np.min)(size, axes, keepdims=keepdims)
    return np.sum(size**p, axes, keepdims=keepdims) ** (1 / p)


REFERENCES = {
    "bitwise_left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift,
    "unfold_": windows,
    "unfold_copy_": windows,
    "kth_": kth,
    "power_norm_": power_norm,
}

TORCH = {
    "bitwise_left_shift": lambda torch, x, y: torch.bitwise_left_shift(x, y),
    "bitwise_right_shift": lambda torch, x, y: torch.bitwise_right_shift(x, y),
    "unfold_": lambda torch, x, axis, size, step: x.unfold(axis, size, step),
    "unfold_copy_": lambda torch, x, axis, size, step: x.unfold(axis, size, step),
    "kth_": lambda torch, x, k, axis, keepdims: tuple(torch.kthvalue(x, k, axis, keepdims)),
    "power_norm_": lambda torch, x, p, axes, keepdims: torch.linalg.vector_norm(x, p, axes, keepdims),
}
