"""Samples of strided views, of complex numbers as pairs, and of distances; the format is in plugrad_op_checks.py."""

import math

import numpy as np

from plugrad.core import dtypes

#: (source, target) geometries: sizes, strides, offset.
STRIDED = (
    (((2, 3), (3, 1), 0), ((3, 2), (1, 3), 0)),
    (((6,), (1,), 0), ((2, 3), (1, 2), 0)),
    (((4,), (1,), 0), ((3, 2), (1, 1), 0)),  # overlapping windows
    (((4,), (1,), 2), ((2,), (2,), 3)),
    (((2, 3), (1, 2), 0), ((4,), (1,), 1)),
    (((3,), (1,), 0), ((), (), 2)),
    (((3,), (1,), 0), ((2, 0), (1, 1), 0)),
    (((), (), 0), ((2,), (0,), 0)),
)
#: The same with an input that overlaps itself: what lies at a place is shared.
REPEATED = (
    (((3, 2), (0, 1), 0), ((2,), (1,), 0), ((3, 2), (0, 1), 0)),
    (((3, 2), (1, 1), 0), ((4,), (1,), 0), ((3, 2), (1, 1), 0)),
    (((2,), (1,), 0), ((3, 2), (1, 1), 0), ((2,), (1,), 0)),
    (((2, 2), (2, 1), 1), ((2, 3), (1, 1), 0), ((2, 2), (1, 1), 1)),
)


def normal(rng, shape):
    return rng.standard_normal(shape)


def complex_numbers(rng, shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


NORMS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf)


def rows(rng, of_x, of_y):
    """Rows whose differences are away from 0 and from each other."""
    steps = rng.permutation(math.prod(of_x)).reshape(of_x) * 0.7
    return [steps + 0.3, -rng.permutation(math.prod(of_y)).reshape(of_y) * 0.31]


def strided_samples():
    made = [lambda rng, g=g: ([normal(rng, g[0][0])], g) for g in STRIDED]
    return [*made, lambda rng: ([complex_numbers(rng, (4,))], STRIDED[2])]


#: Orders of the dimensions of a tensor in memory, by its shape.
ORDERS = (((2, 3), (1, 0)), ((2, 3, 4, 2), (0, 2, 3, 1)), ((2,), (0,)), ((), ()))


SAMPLES = {
    "arranged_": [lambda rng, s=s, o=o: ([normal(rng, s)], (o,)) for s, o in ORDERS],
    "converted_": [lambda rng, s=s, o=o: ([normal(rng, s)], (dtypes.float64, o)) for s, o in ORDERS],
    "as_strided_view": strided_samples(),
    "as_strided_copy": strided_samples(),
    "regather": [lambda rng, g=g: ([normal(rng, g[0][0])], g) for g in REPEATED],
    "view_as_real_": [lambda rng, s=s: ([complex_numbers(rng, s)], ()) for s in ((2, 3), ())],
    "real_pairs": [lambda rng, s=s: ([complex_numbers(rng, s)], ()) for s in ((2, 3), ())],
    "view_as_complex_": [lambda rng, s=s: ([normal(rng, s)], ()) for s in ((2, 3, 2), (2,))],
    "complex_of_pairs": [lambda rng, s=s: ([normal(rng, s)], ()) for s in ((2, 3, 2), (2,))],
    "rot90_": [lambda rng, k=k, a=a: ([normal(rng, (2, 3, 2))], (k, a)) for k in range(4) for a in ((0, 1), (2, 0))],
    "cdist_": [lambda rng, p=p: (rows(rng, (4, 3), (2, 3)), (p,)) for p in NORMS]
    + [lambda rng, p=p: (rows(rng, (2, 3, 4), (2, 5, 4)), (p,)) for p in (2.0, math.inf)],
    "euclidean_dist_": [lambda rng, s=s: (rows(rng, *s), ()) for s in (((4, 3), (2, 3)), ((2, 3, 4), (2, 5, 4)))],
}


def places(geometry):
    size, stride, offset = geometry
    grids = np.indices(size) if size else ()
    return offset + sum((g * n for g, n in zip(grids, stride, strict=True)), np.zeros(size, np.int64))


def regather(x, source, target, counted):
    memory, times = np.zeros(20, x.dtype), np.zeros(20)
    np.add.at(memory, places(source), x)
    np.add.at(times, places(counted), 1)
    return (memory / np.maximum(times, 1))[places(target)]


def pairs(x):
    return np.stack([x.real, x.imag], -1)


def joined(x):
    return x[..., 0] + 1j * x[..., 1]


def distances(x, y, p):
    size = np.abs(x[..., :, None, :] - y[..., None, :, :])
    if p == 0:
        return (size != 0).sum(-1).astype(float)
    return size.max(-1) if p == math.inf else (size**p).sum(-1) ** (1 / p)


REFERENCES = {
    "arranged_": lambda x, order: x,
    "converted_": lambda x, dtype, order: x.astype(dtype.name),
    "as_strided_view": lambda x, source, target: regather(x, source, target, source),
    "as_strided_copy": lambda x, source, target: regather(x, source, target, source),
    "regather": regather,
    "view_as_real_": pairs,
    "real_pairs": pairs,
    "view_as_complex_": joined,
    "complex_of_pairs": joined,
    "rot90_": np.rot90,
    "cdist_": distances,
    "euclidean_dist_": lambda x, y: distances(x, y, 2.0),
}

TORCH = {
    "arranged_": lambda torch, x, order: x.clone(),
    "converted_": lambda torch, x, dtype, order: x.to(getattr(torch, dtype.name)),
    "view_as_real_": lambda torch, x: torch.view_as_real(x),
    "view_as_complex_": lambda torch, x: torch.view_as_complex(x),
    "rot90_": lambda torch, x, k, axes: torch.rot90(x, k, axes),
    "cdist_": lambda torch, x, y, p: torch.cdist(x, y, p),
    "euclidean_dist_": lambda torch, x, y: torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist"),
}
